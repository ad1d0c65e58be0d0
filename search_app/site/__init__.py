"""A web site of files alone: photos to look at, filter and search, for any web host.

Python writes the pictures and what is told of them; the page's own scripts draw it, and one of the
site answers them in the browser what a server would. May import page and what is below it.
"""
