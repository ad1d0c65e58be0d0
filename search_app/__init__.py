"""The search page and the searches behind it; reads published snapshots."""
