"""The Dagster project: a module for each asset; partitions, automation, checks; a sync of it all.

Nobody but the command line may import it. May import snapshot, library and all below.
"""
