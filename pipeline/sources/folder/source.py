"""The albums in the folders that were added, and the photos in them."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from pipeline.errors import AlbumError, PhotoError
from pipeline.photos.files import is_photo_name, printable
from pipeline.rows import utc_now
from pipeline.sources import Album, AlbumListing, KnownRows, PhotoRow, Source
from pipeline.sources.events import overrides, with_event
from pipeline.sources.folder.files import PhotoFile, read_photos
from pipeline.sources.folder.registrations import (
    Registration,
    album_id,
    is_set_aside,
    registrations,
)
from pipeline.sources.folder.walking import folders_with_photos, is_shut


class Folder(Source[PhotoFile]):
    """The albums in the folders that `albumscope add-folder` registered."""

    name: ClassVar[str] = "folder"

    @override
    def find_albums(self, known: Sequence[Album]) -> AlbumListing:
        """Look for albums in the registered folders.

        A registered folder that is missing or holds no photo at all may be a disk that is not
        mounted: its albums are kept as they were, with a warning.
        """
        before = {album["album_id"]: album for album in known}
        albums: dict[str, Album] = {}
        warnings: list[str] = []
        events = overrides(self.storage)
        for registration in registrations(self.storage):
            root = Path(registration.folder)
            folders = dict(folders_with_photos(root, recursive=registration.recursive))
            below = {key: each for key, each in before.items() if each["root"] == os.fsencode(root)}
            if not folders:
                albums |= below
                warnings.append(
                    f"{printable(root)} is missing or empty; its {len(below)} albums are kept as"
                    " they were. Is its disk mounted? `albumscope remove-folder` takes them out."
                )
            for key, album in below.items():
                path = os.fsdecode(album["folder"])
                if is_shut(path):
                    albums[key] = album
                    warnings.append(
                        f"{printable(path)} cannot be read; its album is kept as it was"
                    )
            for folder, names in folders.items():
                album = with_event(_album(registration, root, folder, names), events)
                if album["album_id"] in before:
                    album["created_at"] = before[album["album_id"]]["created_at"]
                albums[album["album_id"]] = album
        for added in sorted({album["root"] for album in before.values()}):
            if is_set_aside(self.storage, os.fsdecode(added)):
                kept = {key: each for key, each in before.items() if each["root"] == added}
                albums = kept | albums
                warnings.append(
                    f"What was said of {printable(os.fsdecode(added))} when it was added is lost;"
                    f" its {len(kept)} albums are kept as they were: run `albumscope add-folder`"
                    " again"
                )
        in_order = sorted(albums.values(), key=lambda each: (each["created_at"], each["folder"]))
        return AlbumListing(self.name, in_order, warnings)

    @override
    def photos(self, album: Album) -> list[PhotoFile]:
        """List the photos of an album, by name. Raises AlbumError if the folder is gone."""
        folder = os.fsdecode(album["folder"])
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            photos = [(entry, status) for entry in entries if (status := _stat_of_photo(entry))]
        except OSError as error:
            raise AlbumError(
                f"The folder {printable(folder)} of album {album['title']!r} cannot be read"
                f" ({error.strerror}): is its disk mounted?"
            ) from error
        below = os.path.normpath(Path(folder).relative_to(os.fsdecode(album["root"])))
        prefix = "" if below == "." else f"{below}/"
        return [
            PhotoFile(
                image_id=_image_id(album["album_id"], entry.name),
                path=entry.path,
                relative_path=printable(prefix + entry.name),
                size=status.st_size,
                mtime_ns=status.st_mtime_ns,
                ctime_ns=status.st_ctime_ns,
            )
            for entry, status in photos
        ]

    @override
    def fetch(
        self, album: Album, photos: Sequence[PhotoFile], known: KnownRows
    ) -> Iterator[tuple[PhotoFile, PhotoRow | PhotoError]]:
        return read_photos(photos)


def _album(registration: Registration, root: Path, folder: Path, names: Sequence[str]) -> Album:
    newest = max(_modified(f"{folder}/{name}") for name in names)
    return {
        "album_id": album_id(folder),
        "source": Folder.name,
        "title": registration.title or printable(folder.name),
        "description": "",
        "url": None,
        "photo_count": len(names),
        "event_name": registration.event_name,
        "event_year": registration.event_year,
        "event_type": registration.event_type,
        "created_at": utc_now(),
        "updated_at": datetime.fromtimestamp(newest, UTC).replace(tzinfo=None),
        "folder": os.fsencode(folder),
        "root": os.fsencode(root),
    }


def _image_id(album_id: str, name: str) -> int:
    """A 62-bit hash of album and file name: it fits a BIGINT, and never meets a Flickr id."""
    digest = hashlib.sha256(album_id.encode() + b"\0" + os.fsencode(name)).digest()
    return int.from_bytes(digest[:8]) >> 2


def _stat_of_photo(entry: os.DirEntry[str]) -> os.stat_result | None:
    if not is_photo_name(entry.name):
        return None
    try:
        status = entry.stat()
    except OSError:  # it vanished between listing and looking, or is a loop of links
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _modified(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:  # it vanished since it was listed
        return 0.0
