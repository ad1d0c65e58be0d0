"""Asking the databases of other programs."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from pipeline.errors import AlbumscopeError
from pipeline.photos.files import printable
from pipeline.storage.disk import first_line


def ask_duckdb(file: Path, query: str, values: Sequence[object] = ()) -> pa.Table:
    """The answer of a DuckDB file, which is open no longer than that. Raises AlbumscopeError."""
    with explained(file), duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(query, values).to_arrow_table()


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Put what a database says that goes wrong into an AlbumscopeError that says what to do."""
    try:
        yield
    except (duckdb.Error, sqlite3.Error) as error:
        reason = first_line(error)
        if "lock" in reason.lower():
            reason = "another program has it open: close that, and run the command again"
        raise AlbumscopeError(
            "{file} cannot be read: {reason}", file=printable(file), reason=reason
        ) from error
