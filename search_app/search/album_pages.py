"""What the photos of an album, or of an event, have in common: what their page tells of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.snapshot.reading import Snapshot
from search_app.search import positions
from search_app.search.filters import in_albums
from search_app.search.photos import in_columns
from search_app.search.starting import COVER

_MOST_SPOTS = 300
_TO = 3  # decimals of a degree, 100 m


class Taken(NamedTuple):
    """When a photo was taken, and how exactly that is known."""

    at: datetime
    precision: str | None


class AlbumPage(NamedTuple):
    """Photos in ``albums``, rows of that table with the number of their ``photos`` among these.

    The ``cover`` has the columns of ``images`` that an address of its picture is made of; ``first``
    and ``last`` are of those photos of which it is known. ``spots`` are the longitudes and
    latitudes in degrees where some were taken, each once.
    """

    albums: Sequence[Mapping[str, Any]]
    cover: Mapping[str, Any]
    first: Taken | None
    last: Taken | None
    spots: Sequence[tuple[float, float]]


def albums(snapshot: Snapshot, hidden: Collection[int]) -> list[dict[str, Any]]:
    """The rows of table ``albums``, with the number of photos whose ids are not in ``hidden``."""
    return in_columns(
        snapshot.cursor().execute(
            """
            SELECT albums.* EXCLUDE (photo_count), shown.photo_count FROM albums JOIN (
                SELECT album_id, count(*) AS photo_count FROM album_images
                WHERE NOT list_contains(?::BIGINT[], image_id) GROUP BY album_id
            ) shown USING (album_id) ORDER BY albums.rowid
            """,
            [list(hidden)],
        )
    )


def album_page(
    snapshot: Snapshot, rows: NDArray[np.int64], albums: Sequence[str] | None
) -> AlbumPage:
    """Of photos in these rows of table ``images``, at least one, and of the albums of these ids."""
    condition, values = in_albums(albums)
    cursor = snapshot.cursor()
    cursor.register("shown", pa.table({"row": rows}))
    found = cursor.execute(
        f"""
        WITH shown_albums AS (
            SELECT album_id, count(*) AS photos, arg_min({COVER}, position) AS cover
            FROM shown JOIN images ON images.rowid = shown.row JOIN album_images USING (image_id)
            WHERE {condition} GROUP BY album_id
        )
        SELECT albums.*, photos, cover FROM albums JOIN shown_albums USING (album_id)
        ORDER BY albums.rowid
        """,
        values,
    )
    listed = in_columns(found)
    taken = cursor.execute(
        """
        SELECT min((taken_at, taken_precision)), max((taken_at, taken_precision))
        FROM shown JOIN images ON images.rowid = shown.row JOIN exif USING (image_id)
        WHERE taken_at IS NOT NULL
        """
    ).fetchone()
    first, last = taken or (None, None)
    return AlbumPage(
        albums=listed,
        cover=listed[0]["cover"],
        first=first and Taken(*first),
        last=last and Taken(*last),
        spots=_spots(snapshot, rows),
    )


def _spots(snapshot: Snapshot, rows: NDArray[np.int64]) -> list[tuple[float, float]]:
    latitudes, longitudes = (each[rows] for each in positions.positions(snapshot))
    spots = np.column_stack([longitudes, latitudes])[np.isfinite(latitudes)]
    return [(x, y) for x, y in np.unique(spots.round(_TO), axis=0)[:_MOST_SPOTS].tolist()]
