"""Published snapshots: catalogue, full text, vectors and their index; publish, read, mirror.

What the pipeline hands to those who search. May import library and what is below it.
"""
