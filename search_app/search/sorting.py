"""The orders that photos can be shown in, other than by how well they match."""

from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.snapshot.reading import Snapshot
from search_app.search.filters import Scope, in_albums, in_rows

Sort = Literal["relevance", "newest", "oldest", "album"]
"""By the instant taken, newest or oldest first, or by the album's title and the place in it."""

# Which of its albums a photo is shown in: found, and before any search.
FIRST_ALBUM, NEWEST_ALBUM = "albums.rowid", "albums.created_at DESC, albums.rowid"
_ORDER: dict[Sort, str] = {
    "relevance": f"{NEWEST_ALBUM}, position",
    "newest": "taken_instant DESC NULLS LAST, albums.rowid, position",
    "oldest": "taken_instant NULLS LAST, albums.rowid, position",
    "album": "albums.title, albums.rowid, position",
}


def album_order(sort: Sort) -> str:
    """SQL for the order in which the first of a photo's albums is the one that it is shown in."""
    return NEWEST_ALBUM if sort == "relevance" else FIRST_ALBUM


def listed(
    snapshot: Snapshot, scope: Scope, sort: Sort, most: int | None = None
) -> NDArray[np.int64]:
    """The first rows of ``images`` that may be found, in an order; ``most`` of them at the most."""
    condition, values = in_albums(scope.albums)
    cursor = snapshot.cursor()
    if scope.rows is not None:
        cursor.register("allowed", pa.table({"row": np.flatnonzero(scope.rows)}))
        condition += " AND images.rowid IN (SELECT row FROM allowed)"
    cursor.execute(_ordered(condition, sort) + ("" if most is None else f" LIMIT {most}"), values)
    return cursor.fetchnumpy()["row"].astype(np.int64)


def places(snapshot: Snapshot, rows: NDArray[np.int64], scope: Scope, sort: Sort) -> dict[int, int]:
    """The place of each of these rows in an order."""
    condition, values = in_albums(scope.albums)
    condition += f" AND images.rowid {in_rows(rows)}"
    ordered = snapshot.cursor().execute(_ordered(condition, sort), values)
    return {int(row): place for place, row in enumerate(ordered.fetchnumpy()["row"])}


def _ordered(condition: str, sort: Sort) -> str:
    """SQL for the rows of ``images`` in an order, each once, and only if the condition holds."""
    return f"""
        SELECT images.rowid AS row
        FROM albums JOIN album_images USING (album_id) JOIN images USING (image_id)
             LEFT JOIN exif USING (image_id)
        WHERE {condition}
        QUALIFY row_number() OVER (PARTITION BY images.rowid ORDER BY {album_order(sort)}) = 1
        ORDER BY {_ORDER[sort]}
    """
