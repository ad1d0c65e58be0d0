"""Photo files: which files are photos, decoding them, and what a photo says of itself.

Knows nothing of albums, tables or models. May import storage, settings and errors.
"""
