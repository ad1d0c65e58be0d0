"""The tables of the library: one Parquet file for each table and album, replaced as a whole."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import AlbumscopeError, DamagedFileError
from pipeline.library.schemas import ALBUM_TABLES, LATER, SCHEMAS
from pipeline.storage import Storage, sealed
from pipeline.storage.disk import YOURS, first_line, keep_text

FORMAT = 1
"""Goes up when a release writes tables that earlier ones would misread; each file has its own."""

_SUFFIX = ".parquet"


class Contents(NamedTuple):
    """What a file of a table holds: how many rows, how many of them photos that failed.

    ``pictures`` is of ``raw_images`` alone: the beginnings of the sha256. ``flawed`` is how many of
    the photos that did not fail lack something all the same, see ``FLAWS``.
    """

    version: str
    rows: int
    failed: int
    pictures: Sequence[str] = ()
    flawed: int = 0


FLAWS = {"raw_images": "is_cut", "exif_metadata": "unread"}
"""By table the column that tells of what a photo lacks: a part of it, what a sidecar says."""


class Tables:
    """Reads and writes the tables, whose files lie in ``storage``.

    A file is a partition of its table: an album, or of table ``albums`` a source. Of a table named
    in ``producers`` every producer has files of its own, so that another model leaves them alone
    and going back to the first costs nothing; those of the one named are used. What files were
    found to hold is kept in the file ``remembered`` of this machine, if one is given.
    """

    def __init__(
        self,
        storage: Storage,
        producers: Mapping[str, str] = MappingProxyType({}),
        remembered: Path | None = None,
    ) -> None:
        self.storage = storage
        self._remembered = remembered
        self.damage_met: DamagedFileError | None = None
        self._albums_by_picture: dict[str, set[str]] | None = None
        self._folders = {
            table: f"tables/{table}/{_folder_name(producers[table])}"
            if table in producers
            else f"tables/{table}"
            for table in SCHEMAS
        }

    def key(self, table: str, partition: str) -> str:
        """The key of a file."""
        return f"{self._folders[table]}/{partition}{_SUFFIX}"

    def version(self, table: str, partition: str) -> str:
        """What changes whenever the file is replaced; empty without one."""
        return self.storage.version(self.key(table, partition))

    def partitions(self, table: str) -> list[str]:
        """The albums (of table ``albums``: the sources) that have a file, sorted."""
        names = self.storage.names(self._folders[table])
        return sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))

    def read(self, table: str, partition: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read one file, or some of its columns; without a file, an empty table."""
        schema = _selected(SCHEMAS[table], columns)
        try:
            with self._parquet(self.key(table, partition)) as parquet:
                rows = parquet.read(schema.names, use_threads=False)
                for name in LATER.intersection(schema.names).difference(rows.column_names):
                    missing = pa.nulls(rows.num_rows, schema.field(name).type)
                    rows = rows.append_column(name, missing)
                return rows.select(schema.names).cast(schema)
        except FileNotFoundError:
            return _empty(schema)

    def contents(self, table: str, partition: str) -> Contents:
        """What a file holds, which is looked at once for each version of it.

        Raises DamagedFileError if it is not as it was written.
        """
        version = self.version(table, partition)
        name = f"{table}/{partition}"
        found = self._contents.get(name)
        if found is None or found.version != version:
            self._require_whole(self.key(table, partition))
            rows, failed = self._counts(self.key(table, partition))
            found = Contents(version, rows, failed)
            if table in FLAWS:
                photos = self.read(table, partition, ["sha256", FLAWS[table]])
                found = found._replace(flawed=sum(map(bool, photos[FLAWS[table]].to_pylist())))
                if table == "raw_images":
                    pictures = map(_beginning, photos["sha256"].drop_null().to_pylist())
                    found = found._replace(pictures=list(pictures))
            self._contents[name] = found
        return found

    def albums_with(self, hashes: Iterable[str]) -> list[str]:
        """The albums that have a photo with one of these sha256, and perhaps a few that do not.

        What other processes have written since the first time is not seen: a row that might have
        been copied from there is then made.
        """
        if self._albums_by_picture is None:
            self._albums_by_picture = {}
            for album_id in self.partitions("raw_images"):
                self._note_pictures(album_id)
        known = self._albums_by_picture
        return sorted({album for each in hashes for album in known.get(_beginning(each), ())})

    def _note_pictures(self, album_id: str) -> None:
        if self._albums_by_picture is not None:
            for picture in self.contents("raw_images", album_id).pictures:
                self._albums_by_picture.setdefault(picture, set()).add(album_id)

    def remember_contents(self) -> None:
        """Keep for other processes what the files were found to hold."""
        if self._remembered is None:
            return
        known = {
            f"{table}/{partition}": self.contents(table, partition)
            for table in SCHEMAS
            for partition in self.partitions(table)
        }
        keep_text(self._remembered, sealed.to_json(known))

    @cached_property
    def _contents(self) -> dict[str, Contents]:
        if self._remembered is None:
            return {}
        try:
            known = sealed.from_json(self._remembered.read_bytes())
            return {name: Contents(*fields) for name, fields in known.items()}
        except (OSError, ValueError, TypeError):  # nothing is lost: files are read
            return {}

    def set_aside_damaged(self) -> list[str]:
        """Set aside the files that are not as they were written; returns their keys.

        Files whose version is remembered are not read once more.
        """
        damaged = []
        for table in SCHEMAS:
            for partition in self.partitions(table):
                try:
                    self.contents(table, partition)
                except DamagedFileError:
                    damaged.append(self.key(table, partition))
                    self.storage.set_aside(damaged[-1])
        return damaged

    def missing(self) -> list[str]:
        """The keys of the files that were there when their contents were last remembered."""
        names = [name.partition("/") for name in self._contents]
        keys = [self.key(table, partition) for table, _, partition in names]
        return [key for key in keys if not self.storage.exists(key)]

    def forget_contents(self) -> None:
        """Have all files looked at once more, by whoever comes next too."""
        if self._remembered is not None:
            self._remembered.unlink(missing_ok=True)
        self._contents.clear()

    def _require_whole(self, key: str) -> None:
        """Raise DamagedFileError if there is a file and it is not as it was written."""
        with suppress(FileNotFoundError):
            if not sealed.is_as_written(self.storage.local(key)):
                raise self._damaged(key, "its checksum is another")

    def _damaged(self, key: str, reason: str) -> DamagedFileError:
        """What to raise for a file; all of them are looked at by the next sync."""
        self.forget_contents()
        return DamagedFileError(
            "{file} is damaged ({reason}): run `albumscope sync`, which sets it aside and"
            " makes what was in it anew",
            file=self.storage.where(key),
            reason=reason,
        )

    def _counts(self, key: str) -> tuple[int, int]:
        """How many rows a file has and how many of them failed, from the file's own statistics."""
        rows = fine = 0
        with suppress(FileNotFoundError), self._parquet(key) as parquet:
            rows = parquet.metadata.num_rows
            if "error" not in parquet.schema.names:  # albums never fail
                return rows, 0
            at = parquet.schema.names.index("error")
            groups = map(parquet.metadata.row_group, range(parquet.num_row_groups))
            known = [group.column(at).statistics for group in groups]
            if all(known):
                fine = sum(statistics.null_count for statistics in known)
            else:  # an empty group has none
                fine = parquet.read(["error"])["error"].null_count
        return rows, rows - fine

    def read_all(self, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read all files of a table as one, in the order of ``partitions``."""
        tables = [self.read(table, partition, columns) for partition in self.partitions(table)]
        return pa.concat_tables([_empty(_selected(SCHEMAS[table], columns)), *tables])

    def stream(
        self,
        table: str,
        partitions: Iterable[str] | None = None,
        columns: Sequence[str] | None = None,
    ) -> pa.RecordBatchReader:
        """Read the files of a table, or some of them, one after the other, for DuckDB to scan once.

        Two columns are added: ``album_id`` (the partition) and ``position`` (the row in its file).
        Of a damaged file DuckDB raises an error of its own; ``damage_met`` is what to tell people.
        """
        schema = _selected(SCHEMAS[table], columns)
        if "album_id" not in schema.names:
            schema = schema.append(pa.field("album_id", pa.string()))
        schema = schema.append(pa.field("position", pa.int32()))

        def batches() -> Iterator[pa.RecordBatch]:
            for partition in self.partitions(table) if partitions is None else partitions:
                try:
                    rows = self.read(table, partition, columns)
                except DamagedFileError as error:
                    self.damage_met = error
                    raise
                if "album_id" not in rows.column_names:
                    rows = rows.append_column(
                        "album_id", pa.array([partition] * rows.num_rows, pa.string())
                    )
                rows = rows.append_column("position", pa.array(range(rows.num_rows), pa.int32()))
                yield from rows.to_batches()

        return pa.RecordBatchReader.from_batches(schema, batches())

    def write(self, table: str, partition: str, rows: pa.Table) -> None:
        """Replace one file with these rows. Raises AlbumscopeError if the disk does not let it."""
        rows = rows.select(SCHEMAS[table].names).cast(SCHEMAS[table])
        rows = rows.replace_schema_metadata({"format": str(FORMAT), "checksum": sealed.UNSEALED})
        # no two vectors have a value in common
        repeated = [name for name in rows.column_names if name != "embedding"]

        def write(path: Path) -> None:
            pq.write_table(
                rows, path, compression="zstd", use_dictionary=repeated, write_page_checksum=True
            )
            sealed.seal(path)

        self.storage.replace(self.key(table, partition), write)
        if table == "raw_images":
            self._note_pictures(partition)

    def drop_album(self, album_id: str) -> None:
        """Delete the files of an album, those of all producers."""
        files = [
            key
            for table in ALBUM_TABLES
            for key in self.storage.walk(f"tables/{table}")
            if key.endswith(f"/{album_id}{_SUFFIX}")
        ]
        self.storage.delete(*files)

    @contextmanager
    def _parquet(self, key: str) -> Iterator[pq.ParquetFile]:
        """Open a file. Raises FileNotFoundError, and AlbumscopeError if it may not be read, is
        damaged or was written by a newer version.

        One handle serves all reading, as the file may be replaced meanwhile.
        """
        try:
            # By Arrow itself: a thread of its own that still held a Python file when the
            # interpreter ends would abort (https://github.com/apache/arrow/issues/45017).
            with (
                self._opened(key) as file,
                pq.ParquetFile(file, pre_buffer=False, page_checksum_verification=True) as parquet,
            ):
                if int((parquet.metadata.metadata or {}).get(b"format", 0)) > FORMAT:
                    raise AlbumscopeError(
                        "{file} was written by a newer version of Albumscope: install that one",
                        file=self.storage.where(key),
                    )
                yield parquet
        except FileNotFoundError:
            raise
        except PermissionError as error:
            where = self.storage.where(key)
            raise AlbumscopeError(
                "No permission to read {where}: {advice}", where=where, advice=YOURS
            ) from error
        except (pa.ArrowException, KeyError, OSError, ValueError) as error:
            raise self._damaged(key, first_line(error)) from error

    def _opened(self, key: str) -> pa.OSFile:
        while True:
            path = self.storage.local(key)
            try:
                return pa.OSFile(str(path))
            except FileNotFoundError:  # replaced just now: ask where it is once more
                continue


def _beginning(sha256: str) -> str:
    """Enough of a hash to tell pictures apart, short enough to be kept of all."""
    return sha256[:12]


def _folder_name(producer: str) -> str:
    """A name that any file system takes, unlike that of any other producer, for people to read."""
    readable = re.sub(r"[^\w.-]+", "-", producer)[-40:].lstrip(".-")
    return f"{readable}-{hashlib.sha256(os.fsencode(producer)).hexdigest()[:8]}"


def _selected(schema: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    return schema if columns is None else pa.schema([schema.field(name) for name in columns])


def _empty(schema: pa.Schema) -> pa.Table:
    """Unlike ``schema.empty_table()`` this does not import pandas, which takes half a second."""
    return pa.Table.from_batches([], schema)
