"""Where in a list of photos another album begins, or another day, month or year."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.snapshot.reading import Snapshot
from search_app.search.filters import in_albums

_MANY = 8  # photos under a heading, on average: with fewer, headings are of longer times


class Section(NamedTuple):
    """Photos with one heading; ``at`` is the place of the first of them.

    It is the ``title`` of an album, or a time: ``begins`` on a day, and is known to the
    ``precision`` of a "day", "month", "year" or "circa" (a year). None of both: time not known.
    """

    at: int
    title: str | None = None
    begins: datetime | None = None
    precision: str | None = None


def by_album(
    snapshot: Snapshot, rows: NDArray[np.int64], albums: Sequence[str] | None, album_order: str
) -> list[Section]:
    """The albums of photos, rows of table ``images`` in order, that lie album by album.

    Of the ``albums`` that may be shown a photo is in that which ``album_order`` (SQL) puts first.
    """
    condition, values = in_albums(albums)
    cursor = snapshot.cursor()
    cursor.register("shown", _shown(rows))
    cursor.execute(
        f"""
        WITH each AS (
            SELECT place, albums.rowid AS album, albums.title
            FROM shown JOIN images ON images.rowid = shown.row
                 JOIN album_images USING (image_id) JOIN albums USING (album_id)
            WHERE {condition}
            QUALIFY row_number() OVER (PARTITION BY place ORDER BY {album_order}) = 1
        )
        SELECT place, title FROM each
        QUALIFY album IS DISTINCT FROM lag(album) OVER (ORDER BY place) ORDER BY place
        """,
        values,
    )
    return [Section(*row) for row in cursor.fetchall()]


def by_time(snapshot: Snapshot, rows: NDArray[np.int64]) -> list[Section]:
    """The days, months or years of photos, rows of table ``images`` in the order of time.

    A photo whose time is known less exactly than that is under a heading of its own month or year.
    """
    cursor = snapshot.cursor()
    cursor.register("shown", _shown(rows))
    cursor.execute(
        """
        CREATE TEMP TABLE timed AS
        SELECT place, taken_at, if(taken_precision IN ('month', 'year', 'circa'),
                                   taken_precision, 'day') AS known
        FROM shown JOIN images ON images.rowid = shown.row LEFT JOIN exif USING (image_id)
        """
    )
    counts = cursor.execute(
        "SELECT count(*), count(DISTINCT date_trunc('day', taken_at)),"
        " count(DISTINCT date_trunc('month', taken_at)) FROM timed WHERE taken_at IS NOT NULL"
    ).fetchone()
    assert counts
    photos, days, months = counts
    period = "day" if photos >= _MANY * days else "month" if photos >= _MANY * months else "year"
    coarser = {"day": "'month', 'year', 'circa'", "month": "'year', 'circa'", "year": "'circa'"}
    cursor.execute(
        f"""
        WITH each AS (
            SELECT place, if(known IN ({coarser[period]}), known, '{period}') AS precision, taken_at
            FROM timed
        ), begun AS (
            SELECT place, precision,
                   date_trunc(if(precision = 'circa', 'year', precision), taken_at) AS begins
            FROM each
        )
        SELECT place, NULL, begins, if(begins IS NULL, NULL, precision) FROM begun
        QUALIFY place = min(place) OVER ()
             OR begins IS DISTINCT FROM lag(begins) OVER (ORDER BY place)
             OR (begins IS NOT NULL AND precision <> lag(precision) OVER (ORDER BY place))
        ORDER BY place
        """
    )
    return [Section(*row) for row in cursor.fetchall()]


def _shown(rows: NDArray[np.int64]) -> pa.Table:
    return pa.table({"place": np.arange(len(rows)), "row": rows})
