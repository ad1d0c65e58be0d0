"""One module for each asset of the graph."""
