"""Searching one snapshot: the query language, filters, facets, evidence, provenance.

Knows nothing of the page. May import snapshot, models and what is below them.
"""
