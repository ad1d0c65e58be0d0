"""The stages: for each table with one file an album, what its rows are made from, and how.

A stage knows nothing of Dagster: the asset of the same name calls ``refresh``; ``albumscope
status`` and ``sync`` ask ``plan``. May import what library may.
"""
