"""Published snapshots: what the pipeline hands to those who search.

::

    DATA_DIR/snapshots/<name>/catalog.duckdb   the tables and the full-text index
    DATA_DIR/snapshots/<name>/images*          the photos' vectors and their index: vectors.py
    DATA_DIR/snapshots/<name>/captions*        likewise, of the captions
    DATA_DIR/snapshots/<name>/manifest.json    counts, models, versions, run id, checksums
    DATA_DIR/snapshots/current                 the name of the one to open

With LIBRARY_URL these are copies: see mirror.py.

A snapshot never changes once it has its name. ``current`` is replaced atomically, so a reader sees
the old snapshot or the new one, and needs no lock.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from pipeline.errors import AlbumscopeError
from pipeline.photos.files import located
from pipeline.settings import Settings
from pipeline.snapshot.mirror import remote_snapshots
from pipeline.storage import sealed

FORMAT = 7
"""Goes up when the files of a snapshot change in a way that readers must know."""

CATALOG, MANIFEST = "catalog.duckdb", "manifest.json"
_HASHED_UP_TO = 32_000_000  # bytes; opening must stay fast, so larger files are only measured


class Snapshot:
    """One snapshot, opened for reading. May be used from several threads by way of ``cursor``."""

    def __init__(self, folder: Path) -> None:
        """Open the snapshot in ``folder``. Raises AlbumscopeError if it is damaged or missing."""
        # Slow to import, and not needed to ask which snapshots there are.
        from pipeline.snapshot import fulltext, vectors

        self.name = folder.name
        self._library_dir = folder.parents[1]
        try:
            self.manifest = checked_manifest(folder)
            if self.manifest["format"] > FORMAT:
                raise AlbumscopeError(
                    "Snapshot {name} was published by a newer version of Albumscope: install that"
                    " one",
                    name=self.name,
                )
            if self.manifest["format"] != FORMAT:
                raise ValueError("it was published by another version of Albumscope")
            self._connection = duckdb.connect(
                str(folder / CATALOG),
                read_only=True,
                config={"file_search_path": str(folder), **fulltext.QUICK_TO_LOAD},
            )
            fulltext.load_extension(self._connection)
            photos: int = self.manifest["tables"]["images"]
            self.images, self.captions = (
                vectors.read(kind, self._connection, folder, photos) for kind in vectors.KINDS
            )
        except (duckdb.Error, RuntimeError, OSError, ValueError, KeyError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise AlbumscopeError(
                "Snapshot {name} is damaged ({reason}): run `albumscope sync` to publish it anew,"
                " or `albumscope snapshots --publish NAME` to go back to an older one",
                name=self.name,
                reason=reason,
            ) from error

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection to the catalogue for the calling thread."""
        return self._connection.cursor()

    def located(self, recorded: bytes) -> str:
        """The path of a photo, given column ``path`` of table ``images``."""
        return located(self._library_dir, recorded)

    def close(self) -> None:
        """Close the catalogue and the indexes: nothing may be asked any more."""
        self._connection.close()
        self.images.close()
        self.captions.close()

    def answer_a_query(self) -> int:
        """Check that the parts fit together: a photo is found by its own vector.

        Returns the number of photos. Raises AlbumscopeError if something does not fit.
        """
        photos: int = self.manifest["tables"]["images"]
        if not len(self.images) == len(self.captions) == photos:
            raise AlbumscopeError(
                "Snapshot {name}: its indexes do not fit its tables", name=self.name
            )
        first = self.cursor().execute("SELECT embedding FROM image_embeddings LIMIT 1")
        for (embedding,) in first.fetchall():
            _, cosines = self.images.search(np.asarray(embedding, np.float32), 1)
            if not len(cosines) or cosines[0] < 0.99:
                raise AlbumscopeError(
                    "Snapshot {name}: its index does not find a photo by its own vector",
                    name=self.name,
                )
        return photos


def snapshots_folder(data_dir: Path) -> Path:
    """Where the snapshots of a library lie."""
    return data_dir / "snapshots"


def names(data_dir: Path) -> list[str]:
    """The snapshots that are kept, oldest first."""
    folder = snapshots_folder(data_dir)
    return sorted(
        path.name for path in folder.glob("*") if path.is_dir() and not path.name.startswith(".")
    )


def current_name(data_dir: Path) -> str | None:
    """The name of the current snapshot; None if nothing was published yet.

    Where the file that says so is lost or damaged it is the newest.
    """
    named, known = named_current(data_dir), names(data_dir)
    return known[-1] if known and named not in known else named


def named_current(data_dir: Path) -> str | None:
    """What the file says that names the current snapshot, even if there is no such snapshot."""
    try:
        text = (snapshots_folder(data_dir) / "current").read_text(errors="replace")
    except FileNotFoundError:
        return None
    return text.strip() or None


def published_name(settings: Settings) -> str | None:
    """The name of the snapshot that everyone is to open, here or not; None without any."""
    remote = remote_snapshots(settings)
    return remote.current_name() if remote else current_name(settings.library_dir)


def open_current(data_dir: Path, place: str | None = None) -> Snapshot:
    """Open the current snapshot. Raises AlbumscopeError that says what to do without one.

    ``place`` is what a person calls ``data_dir``, if not by its path.
    """
    name = current_name(data_dir)
    if name is None:
        raise AlbumscopeError(
            "Nothing is published in {place} yet: add photos with `albumscope add-folder DIR`"
            " and run `albumscope sync`",
            place=place or data_dir,
        )
    return Snapshot(snapshots_folder(data_dir) / name)


def kept(settings: Settings) -> list[str]:
    """The names of the snapshots that can be made current, here or not, oldest first."""
    remote = remote_snapshots(settings)
    return remote.names() if remote else names(settings.library_dir)


def manifest_of(settings: Settings, name: str) -> dict[str, Any]:
    """The manifest of one of them. Raises AlbumscopeError for an unknown or damaged one."""
    remote = remote_snapshots(settings)
    if remote and name not in names(settings.library_dir):
        return remote.manifest(name)
    return read_manifest(settings.library_dir, name)


def read_manifest(data_dir: Path, name: str) -> dict[str, Any]:
    """The manifest of a snapshot. Raises AlbumscopeError for an unknown or damaged one."""
    folder = snapshots_folder(data_dir) / name
    if name not in names(data_dir):
        known = ", ".join(names(data_dir)) or "none"
        raise AlbumscopeError("No snapshot {name!r}; there are: {known}", name=name, known=known)
    try:
        return checked_manifest(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AlbumscopeError(
            "Snapshot {name} is damaged ({reason})", name=name, reason=error
        ) from error


def checked_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest and hold the files against it.

    Raises OSError, ValueError, KeyError or TypeError if something is not as it was written.
    """
    manifest = sealed.from_json((folder / MANIFEST).read_bytes())
    for name, expected in manifest["files"].items():
        _check(folder / name, expected, hashed_up_to=_HASHED_UP_TO)
    return manifest


def damaged_files(data_dir: Path) -> Iterator[tuple[Path, str]]:
    """Look at every byte of all snapshots: the files that are not as written, and what is wrong."""
    for name in names(data_dir):
        folder = snapshots_folder(data_dir) / name
        try:
            manifest = sealed.from_json((folder / MANIFEST).read_bytes())
        except (OSError, ValueError) as error:
            yield folder / MANIFEST, str(error)
            continue
        for file, expected in manifest["files"].items():
            try:
                _check(folder / file, expected, hashed_up_to=math.inf)
            except (OSError, ValueError) as error:
                yield folder / file, str(error)
    if named_current(data_dir) != current_name(data_dir):
        yield snapshots_folder(data_dir) / "current", "it names no snapshot that there is"


def _check(path: Path, expected: Mapping[str, Any], *, hashed_up_to: float) -> None:
    size = path.stat().st_size
    if size != expected["bytes"]:
        raise ValueError(f"{path.name} has {size} bytes, not {expected['bytes']}")
    if size <= hashed_up_to and sha256(path) != expected["sha256"]:
        raise ValueError(f"{path.name} is not what was written")


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
