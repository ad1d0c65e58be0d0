"""The library on disk: one Parquet file for each table and album, each replaced as a whole.

::

    DATA_DIR/tables/<table>/<album id>.parquet
    DATA_DIR/tables/<table>/<producer>/<album id>.parquet   vectors, kept for every model
    DATA_DIR/folders/<registration>.json     the folders that were added
    DATA_DIR/events.toml                     which events albums belong to
    DATA_DIR/flickr/albums/<album id>.json   the photos of an album as Flickr listed them
    DATA_DIR/photos/<album id>/<photo id>.jpg
    DATA_DIR/snapshots/                      see snapshot.py
    DATA_DIR/complete.json                   which albums were found complete; may be deleted
    DATA_DIR/files.json                      what the files were found to hold; may be deleted
    DATA_DIR/dagster/                        Dagster's own storage

No file is ever changed in place, so readers need no lock and a killed writer leaves the old file.
With LIBRARY_URL all but Dagster's storage lies in an object store: see remote_store.py.
"""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import AlbumscopeError
from pipeline.library.tables import ADDED_LATER, ALBUM_TABLES, SCHEMAS
from pipeline.storage.disk import (
    TEMPORARY,
    YOURS,
    explain_disk_errors,
    first_line,
    keep_text,
    located,
    replace_file,
)

_LEFTOVER_AGE = 24 * 3600.0  # seconds; no writer works on one file that long


class Contents(NamedTuple):
    """What a file of a table holds: how many rows, how many of them photos that failed.

    ``pictures`` are of ``raw_images`` alone: the beginnings of the sha256.
    """

    version: str
    rows: int
    failed: int
    pictures: Sequence[str]


class Store:
    """Reads and writes the tables, and all other files of the library, under ``root``.

    Of a table named in ``producers`` every producer has files of its own, so that another model
    leaves them alone and going back to the first costs nothing; those of the one named are used.
    """

    def __init__(self, root: Path, producers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.root = root
        folders = {table: root / "tables" / table for table in SCHEMAS}
        # Where the files of a table are written, and where they lay before producers had folders:
        # these are read as long as the former are not there, and never changed.
        self._places = {
            table: (
                folder / _folder_name(producers[table]) if table in producers else folder,
                folder,
            )
            for table, folder in folders.items()
        }

    def path(self, table: str, part: str) -> Path:
        """Where the file of one album (for ``albums``: of one source) lies."""
        own, earlier = self._places[table]
        path = Path(f"{own}/{part}.parquet")
        if own == earlier or self.has(path):
            return path
        before = Path(f"{earlier}/{part}.parquet")
        return before if self.has(before) else path

    def parts(self, table: str) -> list[str]:
        """The albums (for ``albums``: the sources) that have a file, sorted."""
        names = {name for folder in set(self._places[table]) for name in self.names(folder)}
        return sorted(name.removesuffix(".parquet") for name in names if name.endswith(".parquet"))

    def read(self, table: str, part: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read one file, or some of its columns; without a file, an empty table."""
        schema = _selected(SCHEMAS[table], columns)
        try:
            # One handle for all of it: the file may be replaced while it is read.
            with self._parquet(self.path(table, part)) as parquet:
                rows = parquet.read(schema.names, use_threads=False)
                for name in ADDED_LATER.difference(rows.column_names):
                    rows = rows.append_column(name, pa.nulls(rows.num_rows))
                return rows.select(schema.names).cast(schema)
        except FileNotFoundError:
            return schema.empty_table()

    def contents(self, table: str, part: str) -> Contents:
        """What a file holds, which is looked at once for each version of it."""
        path = self.path(table, part)
        version = self.version(path)
        key = f"{table}/{part}"
        found = self._contents.get(key)
        if found is None or found.version != version:
            rows, failed = self._counts(path)
            pictures: list[str] = []
            if table == "raw_images":
                hashes = self.read(table, part, ["sha256"])["sha256"].drop_null()
                pictures = list(map(_beginning, hashes.to_pylist()))
            found = self._contents[key] = Contents(version, rows, failed, pictures)
        return found

    def parts_with(self, hashes: Iterable[str]) -> list[str]:
        """The albums that have a photo with one of these sha256, and perhaps a few that do not."""
        beginnings = set(map(_beginning, hashes))
        return [
            part
            for part in self.parts("raw_images")
            if not beginnings.isdisjoint(self.contents("raw_images", part).pictures)
        ]

    def remember_contents(self) -> None:
        """Keep for other processes what the files were found to hold."""
        known = {
            key: self._contents[key]
            for table in ALBUM_TABLES
            for part in self.parts(table)
            if (key := f"{table}/{part}") in self._contents
        }
        keep_text(self._remembered, json.dumps(known))

    @cached_property
    def _contents(self) -> dict[str, Contents]:
        try:
            known = json.loads(self._remembered.read_text())
            return {key: Contents(*fields) for key, fields in known.items()}
        except (OSError, ValueError, TypeError, AttributeError):  # nothing is lost: files are read
            return {}

    @property
    def _remembered(self) -> Path:
        return self.root / "files.json"

    def _counts(self, path: Path) -> tuple[int, int]:
        """How many rows a file has and how many of them failed, from the file's own statistics."""
        rows = fine = 0
        with suppress(FileNotFoundError), self._parquet(path) as parquet:
            rows = parquet.metadata.num_rows
            at = parquet.schema.names.index("error")
            groups = map(parquet.metadata.row_group, range(parquet.num_row_groups))
            known = [group.column(at).statistics for group in groups]
            if all(known):
                fine = sum(statistics.null_count for statistics in known)
            else:  # an empty group has none
                fine = parquet.read(["error"])["error"].null_count
        return rows, rows - fine

    def read_all(self, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read all files of a table as one, in the order of ``parts``."""
        tables = [self.read(table, part, columns) for part in self.parts(table)]
        return pa.concat_tables([_selected(SCHEMAS[table], columns).empty_table(), *tables])

    def stream(
        self,
        table: str,
        parts: Iterable[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.RecordBatchReader:
        """Read the files of a table, or some of them, one after the other, for DuckDB to scan once.

        Two columns are added: ``album_id`` (the part) and ``position`` (the row in its file).
        """
        schema = _selected(SCHEMAS[table], columns)
        if "album_id" not in schema.names:
            schema = schema.append(pa.field("album_id", pa.string()))
        schema = schema.append(pa.field("position", pa.int32()))

        def batches() -> Iterator[pa.RecordBatch]:
            for part in self.parts(table) if parts is None else parts:
                rows = self.read(table, part, columns)
                if "album_id" not in rows.column_names:
                    rows = rows.append_column(
                        "album_id", pa.array([part] * rows.num_rows, pa.string())
                    )
                rows = rows.append_column("position", pa.array(range(rows.num_rows), pa.int32()))
                yield from rows.to_batches()

        return pa.RecordBatchReader.from_batches(schema, batches())

    def write(self, table: str, part: str, rows: pa.Table) -> None:
        """Replace one file with these rows. Raises AlbumscopeError if the disk does not let it."""
        rows = rows.select(SCHEMAS[table].names).cast(SCHEMAS[table])
        # no two vectors have a value in common
        repeated = [name for name in rows.column_names if name != "embedding"]
        folder, _ = self._places[table]
        self.replace(
            folder / f"{part}.parquet",
            lambda path: pq.write_table(
                rows, path, compression="zstd", use_dictionary=repeated, write_page_checksum=True
            ),
        )

    @contextmanager
    def _parquet(self, path: Path) -> Iterator[pq.ParquetFile]:
        """Open a file. Raises FileNotFoundError, and AlbumscopeError if it cannot be read."""
        try:
            with self.open(path) as file:
                yield pq.ParquetFile(file, page_checksum_verification=True)
        except FileNotFoundError:
            raise
        except PermissionError as error:
            raise AlbumscopeError(f"No permission to read {self.where(path)}: {YOURS}") from error
        except (pa.ArrowException, KeyError, OSError, ValueError) as error:
            raise AlbumscopeError(
                f"{self.where(path)} cannot be read ({first_line(error)});"
                " delete it and run `albumscope sync`"
            ) from error

    def photos(self, album_id: str) -> Path:
        """The folder of an album's pictures; those of folder albums lie elsewhere."""
        return self.root / "photos" / album_id

    def listing(self, album_id: str) -> Path:
        """The file with the photos of a Flickr album as they were last listed."""
        return self.root / "flickr" / "albums" / f"{album_id}.json"

    def drop_album(self, album_id: str) -> None:
        """Delete what the library holds of an album; photos in folders are left alone."""
        tables = [
            file
            for table in ALBUM_TABLES
            for file in self.below(self.root / "tables" / table)
            if file.name == f"{album_id}.parquet"
        ]
        self.remove(*tables, self.listing(album_id), *self.below(self.photos(album_id)))
        shutil.rmtree(self.photos(album_id), ignore_errors=True)

    def sweep(self) -> None:
        """Delete the temporary files that killed writers left behind."""
        for folder in ("tables", "photos", "flickr"):
            for file in (self.root / folder).rglob(f".*{TEMPORARY}"):
                with suppress(FileNotFoundError):
                    if time.time() - file.stat().st_ctime > _LEFTOVER_AGE:
                        file.unlink()

    # What a path under ``root`` stands for, wherever its file lies:

    def open(self, path: Path) -> BinaryIO:
        """Open a file for reading. Raises FileNotFoundError."""
        return path.open("rb")

    def has(self, path: Path) -> bool:
        """Whether there is such a file."""
        return path.exists()

    def names(self, folder: Path) -> list[str]:
        """The names of what lies in a folder, those of temporary files left out."""
        try:
            return [entry.name for entry in os.scandir(folder) if not entry.name.startswith(".")]
        except FileNotFoundError:
            return []

    def below(self, folder: Path) -> Iterator[Path]:
        """The files in a folder and all folders below it."""
        for parent, _, names in os.walk(folder):
            yield from (Path(parent, name) for name in names)

    def version(self, path: Path) -> str:
        """What changes whenever the file is replaced; empty without one."""
        try:
            stat = path.stat()
        except FileNotFoundError:
            return ""
        return f"{stat.st_size} {stat.st_mtime_ns}"

    def replace(self, path: Path, write: Callable[[Path], object]) -> None:
        """Write a file as ``replace_file`` does: readers see the old one or the new one."""
        replace_file(path, write)

    def remove(self, *paths: Path) -> None:
        """Delete these files, if they are there."""
        for path in paths:
            with explain_disk_errors(path):
                path.unlink(missing_ok=True)

    def where(self, path: Path) -> str:
        """Where a file lies, for a person who wants to look at it."""
        return str(path)

    def recorded(self, picture: Path) -> bytes:
        """What tables say of where a picture lies; ``located`` makes a path of it again."""
        return os.fsencode(picture)

    def located(self, recorded: bytes) -> str:
        """The path of a photo that tables have a record of."""
        return located(self.root, recorded)

    def photo_file(self, path: str, sha256: str) -> str:
        """The file of a photo on this disk. Raises PhotoError if it cannot be brought here."""
        return path

    def look_again(self) -> None:
        """Take up what other machines have written meanwhile."""


def _beginning(sha256: str) -> str:
    """Enough of a hash to tell pictures apart, short enough to be kept of all."""
    return sha256[:12]


def _folder_name(producer: str) -> str:
    """A name that any file system takes, unlike that of any other producer, for people to read."""
    readable = re.sub(r"[^\w.-]+", "-", producer)[-40:].lstrip(".-")
    return f"{readable}-{hashlib.sha256(os.fsencode(producer)).hexdigest()[:8]}"


def _selected(schema: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    return schema if columns is None else pa.schema([schema.field(name) for name in columns])
