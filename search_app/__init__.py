"""The search page and the search engine behind it; reads published snapshots."""
