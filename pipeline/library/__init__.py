"""The library: its tables, what in them is fresh and what is work, and the stages that do it.

Knows nothing of Dagster. May import sources, models, photos, storage, settings and errors.
"""
