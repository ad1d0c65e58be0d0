"""The library in an object store, under LIBRARY_URL, with copies of its files on this disk.

::

    LIBRARY_URL/tables/… folders/… events.toml flickr/… photos/… snapshots/…   as in store.py
    DATA_DIR/copies/<bucket and prefix>/photos/<album id>/<photo id>.jpg
    DATA_DIR/copies/<bucket and prefix>/tables/<table>/<album id>.parquet/<ETag>   likewise the rest

A file is written here and put into the store as one object, which is atomic there. What is read is
taken from the copy if that is of the version which the store lists, so that an unchanged library is
listed and nothing of it is downloaded. Pictures are fetched when they are opened, and held against
the photo's sha256. The copies may be deleted at any time.
"""

import shutil
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO
from urllib.parse import quote

from typing_extensions import override

from pipeline.library.store import Store
from pipeline.photos.files import sha256_of, unreadable
from pipeline.settings import Settings
from pipeline.storage.bucket import Bucket, NoSuchObjectError, open_bucket
from pipeline.storage.disk import TEMPORARY, explain_disk_errors, flush_to_disk

_Listing = dict[str, dict[str, str]]  # by folder and name, the ETag


def open_store(settings: Settings, producers: Mapping[str, str] = MappingProxyType({})) -> Store:
    """The files of the library that the settings name. Raises AlbumscopeError."""
    if settings.library_url is None:
        return Store(settings.library_dir, producers)
    return RemoteStore(settings.library_dir, producers, open_bucket(settings.library_url))


class RemoteStore(Store):
    """The files under the URL of ``bucket``; paths under ``root`` stand for them.

    What lies there is listed when it is first asked for, with one listing for all tables, say, and
    not again before ``look_again``.
    """

    def __init__(self, root: Path, producers: Mapping[str, str], bucket: Bucket) -> None:
        super().__init__(root, producers)
        self._bucket = bucket
        self._listed: dict[str, _Listing] = {}  # by the first part of the keys
        self._listing = threading.Lock()

    @override
    def look_again(self) -> None:
        with self._listing:
            self._listed.clear()

    @override
    def has(self, path: Path) -> bool:
        return self._version(path) is not None

    @override
    def names(self, folder: Path) -> list[str]:
        key = self._key(folder)
        return list(self._listing_for(key).get(key, ()))

    @override
    def below(self, folder: Path) -> Iterator[Path]:
        key = self._key(folder)
        listing = self._listing_for(key)
        for parent in [name for name in listing if f"{name}/".startswith(f"{key}/")]:
            yield from [self.root / parent / name for name in listing[parent]]

    @override
    def version(self, path: Path) -> str:
        return str(self._version(path))

    @override
    def open(self, path: Path) -> BinaryIO:
        version = self._version(path)
        if version is None:
            raise FileNotFoundError(self.where(path))
        try:
            return self._copy(path, version).open("rb")
        except FileNotFoundError:
            return self._fetch(path)

    @override
    def replace(self, path: Path, write: Callable[[Path], object]) -> None:
        """Write a file and put it into the store; if that fails, the old one is still there."""
        with explain_disk_errors(path), self._temporary(path) as temporary:
            write(temporary)
            flush_to_disk(temporary)
            version = self._bucket.put(temporary, self._key(path))
            # Only now: a picture that is here under its name is in the store.
            self._take_up(temporary, path, version)

    @override
    def remove(self, *paths: Path) -> None:
        self._bucket.delete([self._key(path) for path in paths])
        for path in paths:
            self._note(path, None)
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    @override
    def where(self, path: Path) -> str:
        return f"{self._bucket.url}/{self._key(path)}"

    @override
    def recorded(self, picture: Path) -> bytes:
        return self._key(picture).encode()

    @override
    def photo_file(self, path: str, sha256: str) -> str:
        picture = Path(path)
        if not self._is_picture(picture):  # but a photo of a folder album, which lies where it lay
            return path
        if not (picture.exists() and sha256_of(path) == sha256):
            try:
                self._fetch(picture).close()
            except FileNotFoundError as error:
                raise unreadable(error) from error
        return path

    def _fetch(self, path: Path) -> BinaryIO:
        """Download what lies at a path now, and open it. Raises FileNotFoundError."""
        try:
            with explain_disk_errors(path), self._temporary(path) as temporary:
                version = self._bucket.get(self._key(path), temporary)
                file = temporary.open("rb")  # under its name another process may replace it
                self._take_up(temporary, path, version)
                return file
        except NoSuchObjectError as error:
            raise FileNotFoundError(self.where(path)) from error

    def _take_up(self, temporary: Path, path: Path, version: str) -> None:
        """Make a file the copy of this version, and the only one."""
        copy = self._copy(path, version)
        temporary.replace(copy)
        self._note(path, version)
        if copy != path:
            for other in path.iterdir():
                if other != copy and not other.name.endswith(TEMPORARY):
                    other.unlink(missing_ok=True)

    @contextmanager
    def _temporary(self, path: Path) -> Iterator[Path]:
        folder = self._copy(path, "version").parent
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{uuid.uuid4().hex}{TEMPORARY}"
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _copy(self, path: Path, version: str) -> Path:
        """Where a version of a file is kept here: a picture under its own name."""
        return path if self._is_picture(path) else path / quote(version, safe="")

    def _is_picture(self, path: Path) -> bool:
        return path.is_relative_to(self.root / "photos")

    def _key(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _version(self, path: Path) -> str | None:
        """The ETag of a file; None if there is none."""
        listing = self._listing_for(self._key(path))
        return listing.get(self._key(path.parent), {}).get(path.name)

    def _note(self, path: Path, version: str | None) -> None:
        """Keep what is listed true after a change of one's own."""
        with self._listing:
            listing = self._listed.get(_first_part(self._key(path)))
            if listing is not None:
                names = listing.setdefault(self._key(path.parent), {})
                if version is None:
                    names.pop(path.name, None)
                else:
                    names[path.name] = version

    def _listing_for(self, key: str) -> _Listing:
        """All that has the first part of a key in common with it."""
        first = _first_part(key)
        with self._listing:
            if first not in self._listed:
                listing: _Listing = {}
                for found, version in self._bucket.list(first).items():
                    folder, _, name = found.rpartition("/")
                    listing.setdefault(folder or ".", {})[name] = version
                self._listed[first] = listing
            return self._listed[first]


def _first_part(key: str) -> str:
    return key.partition("/")[0]
