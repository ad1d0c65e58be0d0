"""Folders of photos as albums: registering folders, finding albums and photos in them.

Photos are read where they lie; nothing in a registered folder is ever written.
"""

import hashlib
import json
import os
import re
import stat
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.errors import AlbumError, AlbumscopeError, PhotoError
from pipeline.library.schemas import SCHEMAS
from pipeline.library.tables import Tables
from pipeline.photos.decoding import read_header
from pipeline.photos.files import is_photo_name, sha256_of
from pipeline.photos.look_ahead import map_ahead
from pipeline.rows import Row, utc_now
from pipeline.sources import Found
from pipeline.sources.events import overrides, with_event
from pipeline.storage import Storage

CATALOGUE = "folder"
"""The partition of table ``albums`` that holds the folder albums."""
_REGISTRATIONS = "folders"


@dataclass(frozen=True)
class Registration:
    """A folder that the user added; empty fields are derived from the folders' names."""

    folder: str
    recursive: bool = False
    title: str | None = None
    event_name: str | None = None
    event_year: int | None = None
    event_type: str | None = None


@dataclass(frozen=True)
class FolderPhoto:
    """A photo file as listed, not yet opened. ``path`` may hold surrogates (os.fsdecode)."""

    image_id: int
    path: str
    relative_path: str
    size: int
    mtime_ns: int
    ctime_ns: int

    def origin(self) -> Row:
        """What a row of ``raw_images`` is made from: a change of any of it makes a new row.

        The change time is there because it moves when a file is swapped or its permissions are
        mended, also where its size and modification time do not.
        """
        return {
            "relative_path": self.relative_path,
            "file_size_bytes": self.size,
            "mtime_ns": self.mtime_ns,
            "ctime_ns": self.ctime_ns,
        }


def register(storage: Storage, registration: Registration) -> None:
    """Remember a folder, so that every sync looks for albums in it.

    Raises AlbumscopeError if it is no folder, cannot be read or holds no photos.
    """
    folder = Path(registration.folder)
    if not folder.is_dir():
        raise AlbumscopeError(f"{printable(folder)} is not a folder: give the path of one")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise AlbumscopeError(f"{printable(folder)} cannot be read: check its permissions")
    if not any(_folders_with_photos(folder, recursive=registration.recursive)):
        hint = "" if registration.recursive else "; with -r the folders below it are searched too"
        raise AlbumscopeError(f"{printable(folder)} holds no photos{hint}")
    storage.write_text(_registration_key(folder), json.dumps(asdict(registration), indent=2))


def unregister(storage: Storage, folder: str) -> None:
    """Forget a folder; the next sync drops its albums. Raises AlbumscopeError if unknown."""
    key = _registration_key(Path(folder))
    if not storage.exists(key):
        known = ", ".join(printable(each.folder) for each in registrations(storage)) or "none"
        raise AlbumscopeError(f"{printable(folder)} was not added; added folders: {known}")
    storage.delete(key)


def registrations(storage: Storage) -> list[Registration]:
    """The folders that were added, recursive ones first, so that single ones can overrule them."""
    found = []
    for name in sorted(storage.names(_REGISTRATIONS)):
        if not name.endswith(".json"):
            continue
        key = f"{_REGISTRATIONS}/{name}"
        try:
            found.append(Registration(**json.loads(storage.read(key))))
        except (ValueError, TypeError) as error:
            raise AlbumscopeError(
                f"{storage.where(key)} is damaged: delete it and add the folder again"
            ) from error
    return sorted(found, key=lambda each: (not each.recursive, each.folder))


def find_albums(tables: Tables) -> Found:
    """Look for albums in the registered folders.

    A registered folder that is missing or holds no photo at all may be a disk that is not mounted:
    its albums are kept as they were, with a warning.
    """
    before = {row["album_id"]: row for row in tables.read("albums", CATALOGUE).to_pylist()}
    albums: dict[str, dict[str, Any]] = {}
    warnings: list[str] = []
    said = overrides(tables.storage)
    for registration in registrations(tables.storage):
        root = Path(registration.folder)
        found = dict(_folders_with_photos(root, recursive=registration.recursive))
        known = {key: row for key, row in before.items() if row["root"] == os.fsencode(root)}
        if not found:
            albums |= known
            warnings.append(
                f"{printable(root)} is missing or empty; its {len(known)} albums are kept as they"
                " were. Is its disk mounted? `albumscope remove-folder` takes them out."
            )
        for album_id, row in known.items():
            path = os.fsdecode(row["folder"])
            if _is_shut(path):
                albums[album_id] = row
                warnings.append(f"{printable(path)} cannot be read; its album is kept as it was")
        for folder, names in found.items():
            row = with_event(_album_row(registration, root, folder, names), said)
            if row["album_id"] in before:
                row["created_at"] = before[row["album_id"]]["created_at"]
            albums[row["album_id"]] = row
    rows = sorted(albums.values(), key=lambda row: (row["created_at"], row["folder"]))
    table = pa.Table.from_pylist(rows, schema=SCHEMAS["albums"])
    return Found(CATALOGUE, table, warnings)


def list_photos(album: Row) -> list[FolderPhoto]:
    """List the photos of a folder album, by name. Raises AlbumError if the folder is gone."""
    folder, root = os.fsdecode(album["folder"]), os.fsdecode(album["root"])
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        found = [(entry, status) for entry in entries if (status := _stat_of_photo(entry))]
    except OSError as error:
        raise AlbumError(
            f"The folder {printable(folder)} of album {album['title']!r} cannot be read"
            f" ({error.strerror}): is its disk mounted?"
        ) from error
    below = os.path.normpath(Path(folder).relative_to(root))
    place = "" if below == "." else f"{below}/"
    photos = []
    for entry, status in found:
        photos.append(
            FolderPhoto(
                image_id=_image_id(album["album_id"], entry.name),
                path=entry.path,
                relative_path=printable(place + entry.name),
                size=status.st_size,
                mtime_ns=status.st_mtime_ns,
                ctime_ns=status.st_ctime_ns,
            )
        )
    return photos


def read_photos(photos: Iterable[FolderPhoto]) -> Iterator[tuple[FolderPhoto, Row | PhotoError]]:
    """Read each photo's header and hash its bytes, on threads."""
    return map_ahead(_read_photo, photos, threads=4, look_ahead=64)


def title_of_file(name: str) -> str:
    """A photo's title from its file name: ``two-dogs.jpg`` is "two dogs"."""
    stem = Path(name).stem
    return " ".join(re.split(r"[\s_-]+", stem)).strip() or stem


def printable(path: str | os.PathLike[str]) -> str:
    """A path as text that can be printed and stored: bytes that are no text become ``\\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _read_photo(photo: FolderPhoto) -> Row:
    name = Path(photo.relative_path).name
    row = {
        "path": os.fsencode(photo.path),
        "local_filename": name,
        "source": "folder",
        "title": title_of_file(name),
        "tags": [],
    }
    try:
        if photo.size == 0:
            raise PhotoError("the file is empty")
        header = read_header(photo.path)
        row["sha256"] = sha256_of(photo.path)
    except PhotoError as error:
        return row | {"error": str(error), "retryable": error.transient}
    return row | {
        "image_format": header.image_format,
        "width": header.width,
        "height": header.height,
    }


def _album_row(
    registration: Registration, root: Path, folder: Path, names: list[str]
) -> dict[str, Any]:
    title = registration.title or printable(folder.name)
    newest = max(_modified(f"{folder}/{name}") for name in names)
    return {
        "album_id": _album_id(folder),
        "source": "folder",
        "title": title,
        "description": "",
        "photo_count": len(names),
        "event_name": registration.event_name,
        "event_year": registration.event_year,
        "event_type": registration.event_type,
        "created_at": utc_now(),
        "updated_at": datetime.fromtimestamp(newest, UTC).replace(tzinfo=None),
        "folder": os.fsencode(folder),
        "root": os.fsencode(root),
    }


def _folders_with_photos(root: Path, *, recursive: bool) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder that holds photos with their names; a folder is visited only once.

    Links to folders are followed after all else, so that a folder inside ``root`` goes by its own
    name rather than a link's, and a loop of links ends.
    """
    waiting = deque([root])
    links: deque[Path] = deque()
    seen: set[tuple[int, int]] = set()
    while waiting or links:
        folder = waiting.popleft() if waiting else links.popleft()
        try:
            stat = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:  # gone, or not ours to read: not an album
            continue
        if (stat.st_dev, stat.st_ino) in seen:
            continue
        seen.add((stat.st_dev, stat.st_ino))
        names = [entry.name for entry in entries if _is_photo(entry)]
        if names:
            yield folder, names
        if recursive:
            for entry in entries:
                if not entry.name.startswith(".") and _is_folder(entry):
                    (links if entry.is_symlink() else waiting).append(Path(entry.path))


def _is_photo(entry: os.DirEntry[str]) -> bool:
    try:
        return is_photo_name(entry.name) and entry.is_file()
    except OSError:  # a loop of links
        return False


def _stat_of_photo(entry: os.DirEntry[str]) -> os.stat_result | None:
    if not is_photo_name(entry.name):
        return None
    try:
        found = entry.stat()
    except OSError:  # it vanished between listing and looking, or is a loop of links
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _is_shut(folder: str) -> bool:
    """Whether permissions keep us out of a folder, or even from seeing whether it is there."""
    try:
        return Path(folder).is_dir() and not os.access(folder, os.R_OK | os.X_OK)
    except PermissionError:
        return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _modified(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:  # it vanished since it was listed
        return 0.0


def _album_id(folder: Path) -> str:
    plain = unicodedata.normalize("NFKD", folder.name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:40] or "album"
    return f"{slug}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}"


def _image_id(album_id: str, name: str) -> int:
    """A 62-bit hash of album and file name: it fits a BIGINT, and never meets a Flickr id."""
    digest = hashlib.sha256(album_id.encode() + b"\0" + os.fsencode(name)).digest()
    return int.from_bytes(digest[:8]) >> 2


def _registration_key(folder: Path) -> str:
    return f"{_REGISTRATIONS}/{_album_id(folder)}.json"
