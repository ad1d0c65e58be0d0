"""The command line: a module for each group of commands, and the terminal that they print to.

May import everything; what is slow to import only inside the commands that need it.
"""
