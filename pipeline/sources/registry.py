"""The sources there are: the one place where another is added."""

from typing import Any

from pipeline.settings import Settings
from pipeline.sources import Source
from pipeline.sources.flickr.source import Flickr
from pipeline.sources.folder.source import Folder
from pipeline.storage import Storage

SOURCES: dict[str, type[Source[Any]]] = {kind.name: kind for kind in (Folder, Flickr)}
"""By what column ``source`` says of their albums and photos."""


def open_sources(storage: Storage, settings: Settings) -> dict[str, Source[Any]]:
    """All sources, for one library. Nothing is asked yet."""
    return {name: kind(storage, settings) for name, kind in SOURCES.items()}
