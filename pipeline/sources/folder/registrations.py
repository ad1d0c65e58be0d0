"""The folders that were added: one small file for each, ``folders/<album id>.json``."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.errors import AlbumscopeError, DamagedFileError
from pipeline.photos.files import printable
from pipeline.sources.folder.exclusions import Exclusions
from pipeline.sources.folder.walking import FolderOfPhotos, Walk, folders_with_photos
from pipeline.storage import DAMAGED, Storage, sealed

_FOLDER = "folders"


@dataclass(frozen=True)
class Registration:
    """A folder that the user added; empty fields are derived from the folders' names."""

    folder: str
    recursive: bool = False
    title: str | None = None
    event_name: str | None = None
    event_year: int | None = None
    event_type: str | None = None
    exclude: Sequence[str] = ()
    """Patterns, as in a .gitignore, of what to leave out."""

    @property
    def exclusions(self) -> Exclusions:
        """What is left out below it. Raises AlbumscopeError for a pattern that is none."""
        return Exclusions(Path(self.folder), self.exclude)

    def folders(self, walk: Walk | None = None) -> Iterator[FolderOfPhotos]:
        """The folders of photos in it; what is left out is noted in ``walk``."""
        return folders_with_photos(
            Path(self.folder), recursive=self.recursive, exclusions=self.exclusions, walk=walk
        )


def register(storage: Storage, registration: Registration) -> None:
    """Remember a folder, so that every sync looks for albums in it.

    Raises AlbumscopeError if it is no folder, cannot be read or holds no photos.
    """
    folder = Path(registration.folder)
    if not folder.is_dir():
        raise AlbumscopeError(f"{printable(folder)} is not a folder: give the path of one")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise AlbumscopeError(f"{printable(folder)} cannot be read: check its permissions")
    if not any(registration.folders()):
        hint = "" if registration.recursive else "; with -r the folders below it are searched too"
        raise AlbumscopeError(f"{printable(folder)} holds no photos{hint}")
    storage.write_text(_key(folder), sealed.to_json(asdict(registration), indent=2))
    storage.delete(_key(folder) + DAMAGED)


def unregister(storage: Storage, folder: str) -> None:
    """Forget a folder; the next sync drops its albums. Raises AlbumscopeError if unknown."""
    key = _key(Path(folder))
    if not storage.exists(key) and not is_set_aside(storage, folder):
        known = ", ".join(printable(each.folder) for each in registrations(storage)) or "none"
        raise AlbumscopeError(f"{printable(folder)} was not added; added folders: {known}")
    storage.delete(key, key + DAMAGED)


def is_set_aside(storage: Storage, folder: str) -> bool:
    """Whether a folder was added, and what was remembered of it is damaged and set aside."""
    return storage.exists(_key(Path(folder)) + DAMAGED)


def registrations(storage: Storage) -> list[Registration]:
    """The folders that were added, recursive ones first, so that single ones can overrule them.

    Raises DamagedFileError if a file is damaged.
    """
    names = (name for name in sorted(storage.names(_FOLDER)) if name.endswith(".json"))
    added = [_read(storage, f"{_FOLDER}/{name}") for name in names]
    return sorted(added, key=lambda each: (not each.recursive, each.folder))


def registration(storage: Storage, folder: Path) -> Registration | None:
    """The one of a folder; None if it was not added. Raises DamagedFileError."""
    try:
        return _read(storage, _key(folder))
    except FileNotFoundError:
        return None


def _read(storage: Storage, key: str) -> Registration:
    try:
        return Registration(**sealed.from_json(storage.read(key)))
    except (ValueError, TypeError) as error:
        raise DamagedFileError(
            f"{storage.where(key)} is damaged: run `albumscope sync`, which sets it aside"
        ) from error


def album_id(folder: Path) -> str:
    """The id of the album in a folder: readable, and unlike that of any other folder."""
    plain = unicodedata.normalize("NFKD", folder.name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:40] or "album"
    return f"{slug}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}"


def _key(folder: Path) -> str:
    return f"{_FOLDER}/{album_id(folder)}.json"
