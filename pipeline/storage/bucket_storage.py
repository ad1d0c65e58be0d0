"""Files in an object store, with copies of them on this disk.

::

    <root>/photos/<album id>/<photo id>.jpg              the copy of a picture, under its own name
    <root>/tables/<table>/<album id>.parquet/<ETag>      of any other file, under its version

A file is written here and put into the store as one object, which is atomic there. What is read is
taken from the copy if that is of the version which the store lists, so that an unchanged library is
listed and nothing of it is downloaded. Pictures are asked for by their sha256, and need no listing.
The copies may be deleted at any time.
"""

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from pipeline.storage import DAMAGED
from pipeline.storage.bucket import Bucket, NoSuchObjectError
from pipeline.storage.disk import (
    TEMPORARY,
    explain_disk_errors,
    flush_to_disk,
    temporary_name,
)

_NAMED = "photos/"
"""How the keys start of files that people open: their copies keep the names."""

_Listing = dict[str, dict[str, str]]  # by folder and name, the ETag


class BucketStorage:
    """The files under the URL of ``bucket``, with copies below ``root``: a ``Storage``.

    What lies there is listed when it is first asked for, with one listing for all tables, say, and
    not again before ``refresh``.
    """

    def __init__(self, bucket: Bucket, root: Path) -> None:
        self._bucket = bucket
        self._root = root
        self._listed: dict[str, _Listing] = {}  # by the first folder of the keys
        self._listing = threading.Lock()

    def read(self, key: str) -> bytes:
        """The content of a file. Raises FileNotFoundError."""
        while True:
            path = self.local(key)
            try:
                return path.read_bytes()
            except FileNotFoundError:  # another process took up a newer version
                continue

    def local(self, key: str, sha256: str | None = None) -> Path:
        """The copy of the version that was listed, or with this sha256; else that of the newest.

        Raises FileNotFoundError.
        """
        if sha256 and key.startswith(_NAMED):
            copy = self._copy(key)
            return copy if _has_sha256(copy, sha256) else self._fetch(key)
        version = self.version(key)
        if not version:
            raise FileNotFoundError(self.where(key))
        copy = self._copy(key, version)
        return copy if copy.exists() else self._fetch(key)

    def exists(self, key: str) -> bool:
        """Whether there is such a file."""
        return self.version(key) != ""

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder."""
        return list(self._listing_for(folder).get(folder, ()))

    def walk(self, folder: str) -> Iterator[str]:
        """The keys of the files in a folder and all folders below it."""
        listing = self._listing_for(folder)
        for parent in [name for name in listing if f"{name}/".startswith(f"{folder}/")]:
            yield from [f"{parent}/{name}" for name in listing[parent]]

    def version(self, key: str) -> str:
        """The ETag of a file; empty if there is none."""
        folder, _, name = key.rpartition("/")
        return self._listing_for(key).get(folder, {}).get(name, "")

    def replace(self, key: str, write: Callable[[Path], object]) -> None:
        """Write a file and put it into the store; if that fails, the old one is still there."""
        with explain_disk_errors(self._root / key), self._temporary(key) as temporary:
            write(temporary)
            flush_to_disk(temporary)
            version = self._bucket.put(temporary, key)
            # Only now: a picture that is here under its name is in the store.
            self._take_up(temporary, key, version)

    def write_text(self, key: str, text: str) -> None:
        """Write a text as ``replace`` does."""
        self.replace(key, lambda path: path.write_text(text))

    def delete(self, *keys: str) -> None:
        """Delete these files and their copies, if they are there."""
        self._bucket.delete(keys)
        for key in keys:
            self._note(key, "")
            if key.startswith(_NAMED):
                self._copy(key).unlink(missing_ok=True)
            else:
                shutil.rmtree(self._root / key, ignore_errors=True)

    def set_aside(self, key: str) -> None:
        """Rename a damaged file, unless only the copy here is damaged, which is replaced."""
        damaged = self.read(key)
        if self._fetch(key).read_bytes() == damaged:
            self._bucket.copy(key, key + DAMAGED)
            self.delete(key)

    def delete_folder(self, folder: str) -> None:
        """Delete what lies in a folder, and the copies."""
        self.delete(*self.walk(folder))
        shutil.rmtree(self._root / folder, ignore_errors=True)

    def where(self, key: str) -> str:
        """The URL of a file."""
        return f"{self._bucket.url}/{key}"

    def refresh(self) -> None:
        """List what lies there once more when it is next asked for."""
        with self._listing:
            self._listed.clear()

    def _fetch(self, key: str) -> Path:
        """Download what lies under a key now. Raises FileNotFoundError."""
        try:
            with explain_disk_errors(self._root / key), self._temporary(key) as temporary:
                version = self._bucket.get(key, temporary)
                return self._take_up(temporary, key, version)
        except NoSuchObjectError as error:
            raise FileNotFoundError(self.where(key)) from error

    def _take_up(self, temporary: Path, key: str, version: str) -> Path:
        """Make a file the copy of this version, and the only one."""
        copy = self._copy(key, version)
        temporary.replace(copy)
        self._note(key, version)
        if not key.startswith(_NAMED):
            for other in copy.parent.iterdir():
                if other != copy and not other.name.endswith(TEMPORARY):
                    other.unlink(missing_ok=True)
        return copy

    @contextmanager
    def _temporary(self, key: str) -> Iterator[Path]:
        folder = self._copy(key).parent
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / temporary_name()
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _copy(self, key: str, version: str = "version") -> Path:
        """Where a version of a file is kept here."""
        path = self._root / key
        return path if key.startswith(_NAMED) else path / quote(version, safe="")

    def _note(self, key: str, version: str) -> None:
        """Keep what is listed true after a change of one's own."""
        folder, _, name = key.rpartition("/")
        with self._listing:
            listing = self._listed.get(_first_folder(key))
            if listing is not None:
                names = listing.setdefault(folder, {})
                if version:
                    names[name] = version
                else:
                    names.pop(name, None)

    def _listing_for(self, key: str) -> _Listing:
        """All that has the first folder of a key in common with it."""
        first = _first_folder(key)
        with self._listing:
            if first not in self._listed:
                listing: _Listing = {}
                for found, version in self._bucket.list(first).items():
                    folder, _, name = found.rpartition("/")
                    listing.setdefault(folder, {})[name] = version
                self._listed[first] = listing
            return self._listed[first]


def _first_folder(key: str) -> str:
    return key.partition("/")[0]


def _has_sha256(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False
