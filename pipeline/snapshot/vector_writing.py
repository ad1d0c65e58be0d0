"""Writing the vectors of a snapshot, and their indexes: vectors.py says which files these are."""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.library.tables import Tables
from pipeline.snapshot import index_building, index_file
from pipeline.snapshot.index_building import IndexReport
from pipeline.snapshot.vectors import Kind

MOST_CHANGES = 0.05
"""How much of the vectors may be new or out of date before the index is built anew."""
_BLOCK = 8192  # vectors read at a time


def write(
    kind: Kind,
    connection: duckdb.DuckDBPyConnection,
    tables: Tables,
    folder: Path,
    before: Path | None,
    exact_up_to: int,
) -> IndexReport | None:
    """Write the files of a kind, and the table and view in the catalogue, the database in use.

    ``before`` is the snapshot that the catalogue was copied from, if any. Returns what was built;
    None if the index of ``before`` was taken over.
    """
    places = kind.places
    connection.execute(
        f"""
        CREATE TABLE IF NOT EXISTS {places} (image_id BIGINT, created_at TIMESTAMP, place BIGINT);
        CREATE OR REPLACE TABLE memory.wanted AS
        SELECT image_id, album_id, created_at FROM provenance WHERE asset = '{kind.table}';
        CREATE OR REPLACE TABLE {places} AS
        FROM {places} SEMI JOIN memory.wanted USING (image_id, created_at)
        """
    )
    built = pq.read_metadata(before / f"{kind.name}.parquet").num_rows if before else 0
    kept, new = (
        connection.execute(query).fetchall()[0][0]
        for query in (
            f"SELECT count(*) FROM {places} WHERE place < {built}",
            f"SELECT count(*) FROM memory.wanted ANTI JOIN (FROM {places} WHERE place < {built})"
            " USING (image_id, created_at)",
        )
    )
    report = None
    if before and built - kept + new <= MOST_CHANGES * built:
        for name in (f"{kind.name}.parquet", f"{kind.name}.faiss"):
            _link_or_copy(before / name, folder / name)
        connection.execute(f"DELETE FROM {places} WHERE place >= {built}")
    else:
        connection.execute(f"DELETE FROM {places}")
        report = _write_files(kind.name, kind, connection, tables, folder, exact_up_to, 0)
        built = report.vectors
    _write_files(f"{kind.name}-new", kind, connection, tables, folder, exact_up_to, built)
    connection.execute("DROP TABLE memory.wanted")
    dimension = _dimension(folder / f"{kind.name}.parquet")
    connection.execute(
        f"""
        CREATE OR REPLACE VIEW {kind.view} AS
        SELECT image_id, model_name, embedding::FLOAT[{dimension}] AS embedding, created_at
        FROM read_parquet(['{kind.name}.parquet', '{kind.name}-new.parquet'])
        SEMI JOIN {places} USING (image_id, created_at)
        """
    )
    return report


def _write_files(
    name: str,
    kind: Kind,
    connection: duckdb.DuckDBPyConnection,
    tables: Tables,
    folder: Path,
    exact_up_to: int,
    start: int,
) -> IndexReport:
    """Write the wanted vectors that have no place yet; their places count from ``start``."""
    missing = connection.execute(
        f"""
        SELECT album_id, list(image_id) FROM (
            FROM memory.wanted ANTI JOIN {kind.places} USING (image_id, created_at)
        ) GROUP BY album_id ORDER BY album_id
        """
    ).fetchall()
    path = folder / f"{name}.parquet"
    written = _write_parquet(path, _rows(tables, kind.table, missing))
    places = written.append_column("place", pa.array(range(start, start + written.num_rows)))
    connection.register("places", places)
    connection.execute(f"INSERT INTO {kind.places} SELECT image_id, created_at, place FROM places")
    connection.unregister("places")
    index, report = index_building.build(
        lambda: _blocks(path), _dimension(path), written.num_rows, exact_up_to=exact_up_to
    )
    index_file.write(index, folder / f"{name}.faiss")
    return report


def _rows(
    tables: Tables, table: str, wanted: Iterable[tuple[str, list[int]]]
) -> Iterator[pa.Table]:
    columns = ["image_id", "model_name", "embedding", "created_at"]
    for album_id, image_ids in wanted:
        rows = tables.read(table, album_id, columns)
        yield rows.filter(pc.is_in(rows["image_id"], pa.array(image_ids, pa.int64())))


def _write_parquet(path: Path, tables: Iterator[pa.Table]) -> pa.Table:
    """Write tables to one file; returns their columns image_id and created_at."""
    written = []
    writer = None
    try:
        for rows in _at_least(_BLOCK, tables):
            if writer is None:
                writer = _writer(path, len(rows["embedding"][0]))
            writer.write_table(rows.cast(writer.schema))
            written.append(rows.select(["image_id", "created_at"]))
        if writer is None:
            writer = _writer(path, 1)
    finally:
        if writer:
            writer.close()
    schema = pa.schema([("image_id", pa.int64()), ("created_at", pa.timestamp("us"))])
    return pa.concat_tables([schema.empty_table(), *written])


def _at_least(count: int, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Put small tables together: Parquet is slow to read in small groups."""
    small: list[pa.Table] = []
    for table in tables:
        small.append(table)
        if sum(each.num_rows for each in small) >= count:
            yield pa.concat_tables(small)
            small = []
    if small:
        yield pa.concat_tables(small)


def _writer(path: Path, dimension: int) -> pq.ParquetWriter:
    schema = pa.schema(
        [
            ("image_id", pa.int64()),
            ("model_name", pa.string()),
            ("embedding", pa.list_(pa.float32(), dimension)),
            ("created_at", pa.timestamp("us")),
        ]
    )
    # vectors do not get smaller by any of what Parquet knows
    return pq.ParquetWriter(
        path, schema, compression="none", use_dictionary=["model_name"], write_statistics=False
    )


def _dimension(path: Path) -> int:
    return int(pq.read_schema(path).field("embedding").type.list_size)


def _blocks(path: Path) -> Iterator[NDArray[np.float32]]:
    with pq.ParquetFile(path, memory_map=True) as file:
        for batch in file.iter_batches(_BLOCK, columns=["embedding"]):
            flat = batch["embedding"].flatten().to_numpy()
            yield flat.reshape(batch.num_rows, -1)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # this file system has no hard links
        shutil.copyfile(source, target)
