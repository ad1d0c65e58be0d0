"""A third source: albums that a JSON file lists. As a module, it runs commands with that source.

::

    {"Summer": ["/photos/beach.jpg", "/photos/boat.jpg"]}

It is given the folder of Dagster's empty databases, and the commands, of which ``list FILE`` names
the file, and all others are Albumscope's.
"""

import json
import os
import shlex
import sys
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from pipeline.errors import PhotoError
from pipeline.sources import Album, AlbumListing, KnownRows, PhotoRow, Source
from pipeline.sources.events import overrides, with_event
from pipeline.sources.folder.files import PhotoFile, read_photos
from pipeline.sources.registry import SOURCES


class JsonList(Source[PhotoFile]):
    """The albums in the file that `JSON_LIST` names."""

    name: ClassVar[str] = "list"

    def find_albums(self, known: Sequence[Album]) -> AlbumListing:
        events = overrides(self.storage)
        return AlbumListing(self.name, [with_event(_album(title), events) for title in _listed()])

    def photos(self, album: Album) -> list[PhotoFile]:
        return [_photo(Path(path)) for path in _listed()[album["title"]]]

    def fetch(
        self, album: Album, photos: Sequence[PhotoFile], known: KnownRows
    ) -> Iterator[tuple[PhotoFile, PhotoRow | PhotoError]]:
        return read_photos(photos)


def _listed() -> dict[str, list[str]]:
    listed: dict[str, list[str]] = json.loads(Path(os.environ["JSON_LIST"]).read_text())
    return listed


def _album(title: str) -> Album:
    return {
        "album_id": f"list-{title.lower()}",
        "source": JsonList.name,
        "title": title,
        "description": "",
        "url": None,
        "photo_count": len(_listed()[title]),
        "event_name": None,
        "event_year": None,
        "event_type": None,
        "created_at": datetime(2024, 1, 1),
        "updated_at": datetime(2024, 1, 1),
    }


def _photo(path: Path) -> PhotoFile:
    status = path.stat()
    image_id, times = zlib.crc32(bytes(path)), (status.st_mtime_ns, status.st_ctime_ns)
    return PhotoFile(image_id, str(path), path.name, status.st_size, *times)


SOURCES[JsonList.name] = JsonList

if __name__ == "__main__":
    from pipeline.cli.main import main
    from tests.quick_dagster import quick_dagster

    with quick_dagster(Path(sys.argv[1])):
        for command in map(shlex.split, sys.argv[2:]):
            if command[0] == "list":
                os.environ["JSON_LIST"] = command[1]
                continue
            sys.argv = ["albumscope", *command]
            try:
                main()
            except SystemExit as end:
                if end.code:
                    raise
