"""Models: encoders that embed photos and texts, captioners that describe photos, readers of text,
finders of faces.

Each is behind a protocol and chosen by its name. May import photos, storage, settings and errors.
"""
