"""What programs read of a library: over HTTP, as an assistant's tools, from Python.

``rows`` says what they get, ``answers`` makes it from a searcher. May import search and what is
below it; which snapshot is searched, and who may ask, is told by whoever opens it.
"""
