"""Folders of photos as albums: photos are read where they lie, and no source writes there.

- ``walking``: which folders hold photos, and the ids of albums
- ``registrations``: the folders that were added
- ``files``: photos that are files on this machine
- ``source``: all of it, for the library
"""

from pipeline.sources.folder.registrations import Registration, register, registrations, unregister

__all__ = ["Registration", "register", "registrations", "unregister"]
