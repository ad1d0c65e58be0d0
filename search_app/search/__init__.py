"""Searching one snapshot, and lending out the current one: queries, filters, facets, provenance.

Knows nothing of the page. May import snapshot, models and what is below them.
"""
