"""All tables of the current snapshot as files that any program reads: Parquet, CSV or JSON."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import duckdb

from pipeline.library.library import Library
from pipeline.library.marks import JOURNALS
from pipeline.snapshot.marks import last_words
from pipeline.snapshot.reading import Snapshot
from pipeline.storage.disk import replace_file

Format = Literal["parquet", "csv", "json"]

_OPTIONS = {
    "parquet": "FORMAT parquet, COMPRESSION zstd",
    "csv": "FORMAT csv, HEADER",
    "json": "FORMAT json, ARRAY true",
}
_NOT_OF_PEOPLE = {"search_words"}  # an index
MARKS = "marks"
_MARKS = """
    CREATE TEMP TABLE marks (
        image_id BIGINT, sha256 VARCHAR, kind VARCHAR, "user" VARCHAR, "at" TIMESTAMP
    )
"""


def export(
    library: Library,
    snapshot: Snapshot,
    folder: Path,
    format: Format,
    progress: Callable[[str], object] = lambda table: None,
) -> dict[str, int]:
    """Write ``<table>.<format>`` of each table; returns how many rows each has.

    Lists and structures are JSON in CSV. The paths of photos are texts. Beside the snapshot's
    tables there is ``marks``: favourites and hidden photos. Raises AlbumscopeError.
    """
    counts = {}
    with snapshot.cursor() as cursor:
        _add_marks(library, cursor)
        tables = cursor.execute(
            "SELECT DISTINCT table_name FROM information_schema.tables"
            " WHERE table_schema = 'main' ORDER BY ALL"
        ).fetchall()
        for (table,) in tables:
            if table in _NOT_OF_PEOPLE:
                continue
            progress(table)
            rows = f'SELECT {_columns(cursor, table, format)} FROM "{table}"'

            def copy(path: Path, rows: str = rows) -> None:
                target = str(path).replace("'", "''")
                cursor.execute(f"COPY ({rows}) TO '{target}' ({_OPTIONS[format]})")

            replace_file(folder / f"{table}.{format}", copy)
            counts[table] = cursor.execute(f'SELECT count(*) FROM "{table}"').fetchall()[0][0]
    return counts


def _columns(cursor: duckdb.DuckDBPyConnection, table: str, format: Format) -> str:
    """The columns of a table as the format can have them."""
    found = cursor.execute(f'DESCRIBE "{table}"').fetchall()
    return ", ".join(_column(name, kind, format) for name, kind, *_ in found)


def _column(name: str, kind: str, format: Format) -> str:
    if kind == "BLOB":
        return f'coalesce(try(decode("{name}")), "{name}"::VARCHAR) AS "{name}"'
    if format == "csv" and ("[" in kind or "STRUCT" in kind):
        return f'to_json("{name}") AS "{name}"'
    return f'"{name}"'


def _add_marks(library: Library, cursor: duckdb.DuckDBPyConnection) -> None:
    """Create table ``marks``: the marks that are on."""
    cursor.execute(_MARKS)
    for kind in ("favourite", "hidden"):
        marks = JOURNALS[kind].entries(library.storage)
        keys = [mark.user if kind == "favourite" else "" for mark in marks]
        words = last_words(cursor, marks, keys)
        rows = [
            (image_id, kind, marks[mark].user, marks[mark].at)
            for image_id, mark in zip(words.image_ids.tolist(), words.marks.tolist(), strict=True)
            if marks[mark].is_on
        ]
        if rows:
            cursor.executemany(
                "INSERT INTO marks SELECT image_id, sha256, ?, ?, ? FROM images WHERE image_id = ?",
                [(kind, user, at, image_id) for image_id, kind, user, at in rows],
            )
