"""The snapshots under LIBRARY_URL, and the copies of them that this machine opens.

::

    LIBRARY_URL/snapshots/<name>/…       as in reading.py; manifest.json is put last
    LIBRARY_URL/snapshots/current        the name of the one to open

A snapshot is copied under a temporary name, held against the checksums of its manifest and renamed;
then the name of the current one is taken over. What opens snapshots sees nothing of this. A file
that another snapshot has too is neither uploaded nor downloaded again.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock

from pipeline.errors import AlbumscopeError
from pipeline.settings import Settings
from pipeline.storage import sealed
from pipeline.storage.bucket import Bucket, ConflictError, NoSuchObjectError, open_bucket
from pipeline.storage.disk import explain_disk_errors, replace_file

_INCOMPLETE = ".incomplete-"
_CURRENT = "snapshots/current"
_MANIFEST = "manifest.json"


def remote_snapshots(settings: Settings) -> "RemoteSnapshots | None":
    """Those under LIBRARY_URL; None without one. Raises AlbumscopeError if it cannot be used."""
    if settings.library_url is None:
        return None
    return RemoteSnapshots(open_bucket(settings.library_url), settings.library_dir / "snapshots")


class RemoteSnapshots:
    """The snapshots under the URL of ``bucket``, with copies in ``folder``.

    All methods raise AlbumscopeError if the store cannot be reached or the disk is full.
    """

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        self._bucket = bucket
        self._folder = folder
        self._lock = FileLock(folder / f"{_INCOMPLETE}lock")
        self._current: str | None = None  # the ETag of what named the current one

    def names(self) -> list[str]:
        """The snapshots that are whole, oldest first."""
        keys = self._bucket.list("snapshots/")
        return sorted(key.split("/")[1] for key in keys if key.endswith(f"/{_MANIFEST}"))

    def manifest(self, name: str) -> dict[str, Any]:
        """The manifest of a snapshot. Raises AlbumscopeError if there is none."""
        try:
            content, _ = self._bucket.read(f"snapshots/{name}/{_MANIFEST}")
        except NoSuchObjectError:
            raise self._unknown(name) from None
        return _manifest(content, name)

    def current_name(self) -> str | None:
        """The name of the current snapshot; None if nothing was published yet."""
        try:
            name, self._current = self._bucket.read(_CURRENT)
        except NoSuchObjectError:
            self._current = None
            return None
        return name.decode(errors="replace").strip()

    def follow(self) -> None:
        """Bring the current snapshot here, unless it is, and make it current here."""
        name = self.current_name()
        if name is None:
            return
        self.fetch(name)
        current = self._folder / "current"
        if not current.exists() or current.read_bytes() != f"{name}\n".encode():
            replace_file(current, lambda path: path.write_text(f"{name}\n"))
            self._drop_copies(self.names())

    def mirror(self) -> None:
        """Do so with the newest one too, which what is published next is compared with."""
        self.follow()
        names = self.names()
        for name in names[-1:]:
            self.fetch(name)
        self._drop_copies(names)

    def fetch(self, name: str) -> None:
        """Bring a snapshot here, unless it is. Raises AlbumscopeError if there is none."""
        place = self._folder / name
        if place.is_dir():
            return
        with explain_disk_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._lock:
                if place.is_dir():  # by now
                    return
                incomplete = self._folder / f"{_INCOMPLETE}{name}"
                shutil.rmtree(incomplete, ignore_errors=True)
                incomplete.mkdir()
                try:
                    self._download(name, incomplete)
                    incomplete.rename(place)
                finally:
                    shutil.rmtree(incomplete, ignore_errors=True)

    def _download(self, name: str, folder: Path) -> None:
        try:
            self._bucket.download(f"snapshots/{name}/{_MANIFEST}", folder / _MANIFEST)
            here = self._copies()
            for file, expected in _files(folder).items():
                if same := here.get(expected["sha256"]):
                    with suppress(OSError):  # no such links on this file system, or it went away
                        os.link(self._folder / same, folder / file)
                        continue
                self._bucket.download(f"snapshots/{name}/{file}", folder / file)
                with (folder / file).open("rb") as content:
                    if hashlib.file_digest(content, "sha256").hexdigest() != expected["sha256"]:
                        raise AlbumscopeError(
                            "{url}/snapshots/{name}/{file} is not what was written:"
                            " `albumscope snapshots --publish NAME` goes back to an older one",
                            url=self._bucket.url,
                            name=name,
                            file=file,
                        )
        except NoSuchObjectError:
            raise self._unknown(name) from None

    def push(self, written: Path, name: str, keep: int) -> None:
        """Put the snapshot in a folder into the store, make it current, and keep the last few.

        The folder gets its name here too. Raises AlbumscopeError if another snapshot was made
        current since ``mirror``; that one then stays.
        """
        there = self._copies(self.names())
        for file, expected in _files(written).items():
            if same := there.get(expected["sha256"]):
                with suppress(NoSuchObjectError):  # another machine dropped it just now
                    self._bucket.copy(f"snapshots/{same}", f"snapshots/{name}/{file}")
                    continue
            self._bucket.upload(written / file, f"snapshots/{name}/{file}")
        self._bucket.upload(written / _MANIFEST, f"snapshots/{name}/{_MANIFEST}")
        with self._lock:  # so that no reader here starts to download it
            try:
                self._bucket.write_instead(_CURRENT, f"{name}\n".encode(), self._current)
            except ConflictError as error:
                self._drop(name)
                raise AlbumscopeError(
                    "Another machine published at the same time: run `albumscope sync` again"
                ) from error
            written.rename(self._folder / name)
        for old in self.names()[:-keep]:
            self._drop(old)

    def make_current(self, name: str) -> None:
        """Let readers open this snapshot from now on."""
        self._bucket.write(_CURRENT, f"{name}\n".encode())

    def _unknown(self, name: str) -> AlbumscopeError:
        known = ", ".join(self.names()) or "none"
        return AlbumscopeError(
            "No snapshot {name!r} in {url}; there are: {known}",
            name=name,
            url=self._bucket.url,
            known=known,
        )

    def _drop(self, name: str) -> None:
        keys = list(self._bucket.list(f"snapshots/{name}/"))
        # Without its manifest it counts as gone, should this be interrupted.
        self._bucket.delete(sorted(keys, key=lambda key: not key.endswith(_MANIFEST)))

    def _copies(self, among: Sequence[str] | None = None) -> dict[str, str]:
        """By sha256, the files ``<snapshot>/<file>`` that are here, of these snapshots or all.

        A snapshot takes the large files of vectors over from the one before.
        """
        copies = {}
        for place in [path.parent for path in self._folder.glob(f"*/{_MANIFEST}")]:
            if not place.name.startswith(".") and (among is None or place.name in among):
                with suppress(AlbumscopeError):  # a damaged one has nothing to give
                    for file, expected in _files(place).items():
                        copies[expected["sha256"]] = f"{place.name}/{file}"
        return copies

    def _drop_copies(self, names: Sequence[str]) -> None:
        """Delete the copies of all others than these."""
        for copy in self._folder.glob("*"):
            if copy.is_dir() and not copy.name.startswith(".") and copy.name not in names:
                shutil.rmtree(copy, ignore_errors=True)


def _files(snapshot: Path) -> dict[str, dict[str, Any]]:
    """The files of a snapshot with what its manifest says of each. Raises AlbumscopeError."""
    manifest = _manifest((snapshot / _MANIFEST).read_bytes(), snapshot.name)
    return dict(manifest["files"])


def _manifest(content: bytes, name: str) -> dict[str, Any]:
    try:
        return sealed.from_json(content)
    except ValueError as error:
        raise AlbumscopeError(
            "Snapshot {name} is damaged ({file}: {reason})", name=name, file=_MANIFEST, reason=error
        ) from error
