"""Where bytes lie: on a disk, or in a bucket of an object store.

Knows nothing of what they mean. May import settings and errors.
"""
