"""Table ``memory.affected``: the photos whose words publishing has to take apart anew."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb


@contextmanager
def affecting(connection: duckdb.DuckDBPyConnection, rows: str) -> Iterator[None]:
    """Add the photos of which a query has other rows after what is done inside.

    ``rows`` is SQL with a column ``image_id``.
    """
    connection.execute(f"CREATE OR REPLACE TABLE memory.before AS {rows}")
    yield
    connection.execute(
        f"""
        INSERT INTO memory.affected
        SELECT DISTINCT image_id FROM (
            (FROM memory.before EXCEPT ({rows})) UNION ALL (({rows}) EXCEPT FROM memory.before)
        ) ANTI JOIN memory.affected USING (image_id);
        DROP TABLE memory.before
        """
    )
