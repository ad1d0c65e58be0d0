"""The pipeline: brings albums in, derives what a search needs, publishes snapshots."""
