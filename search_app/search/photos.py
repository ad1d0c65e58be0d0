"""What the catalogue of a snapshot tells of photos, as rows of columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection
from numpy.typing import NDArray

from pipeline.errors import NotInLibraryError
from pipeline.models.encoders import Vectors
from pipeline.snapshot.reading import Snapshot
from search_app.search.filters import in_albums, in_rows
from search_app.search.marks import Marks
from search_app.search.people import Who

Columns = dict[str, Any]
"""The values of one row by the names of their columns."""


def photo(snapshot: Snapshot, image_id: int) -> Columns:
    """The columns of ``images`` for one photo. Raises NotInLibraryError for an unknown id."""
    found = _rows(snapshot.cursor(), "SELECT * FROM images WHERE image_id = ?", image_id)
    if not found:
        raise _unknown(image_id)
    return _located(snapshot, found[0])


def recorded_path(snapshot: Snapshot, image_id: int) -> bytes:
    """Where a photo lies, as it is recorded. Raises NotInLibraryError for an unknown id."""
    query = "SELECT path FROM images WHERE image_id = ?"
    found = snapshot.cursor().execute(query, [image_id]).fetchone()
    if found is None:
        raise _unknown(image_id)
    path: bytes = found[0]
    return path


def vector(snapshot: Snapshot, image_id: int) -> Vectors:
    """The stored vector of a photo, shape (dimension,). Raises NotInLibraryError if it has none."""
    row = rows_of(snapshot, [image_id]).get(image_id)
    if row is None or not snapshot.images.present[row]:
        raise NotInLibraryError(
            "Photo {photo} is not in the library or has no vector: `albumscope status` says why",
            photo=image_id,
        )
    stored: Vectors = snapshot.images.vectors(np.array([row]))[0]
    return stored


def details(snapshot: Snapshot, who: Who, image_id: int) -> Columns:
    """Like ``photo``, with ``exif``, ``place``, ``caption``, ``lines`` of text and ``albums``.

    ``seen`` are the names of those whose faces are on it.
    """
    cursor = snapshot.cursor()
    exif = _rows(cursor, "SELECT * EXCLUDE (image_id) FROM exif WHERE image_id = ?", image_id)
    caption = _rows(
        cursor, "SELECT * EXCLUDE (image_id) FROM captions WHERE image_id = ?", image_id
    )
    text = _rows(cursor, "SELECT lines FROM visible_text WHERE image_id = ?", image_id)
    albums = _rows(
        cursor,
        "SELECT albums.* FROM albums SEMI JOIN (FROM album_images WHERE image_id = ?)"
        " USING (album_id) ORDER BY albums.rowid",
        image_id,
    )
    place = _rows(
        cursor,
        "SELECT places.* EXCLUDE (words) FROM places SEMI JOIN (FROM exif WHERE image_id = ?)"
        " USING (place_id)",
        image_id,
    )
    return photo(snapshot, image_id) | {
        "exif": exif[0] if exif else {},
        "place": place[0] if place else {},
        "caption": caption[0] if caption else {},
        "seen": sorted({*who.names_on(image_id).values()}),
        "lines": text[0]["lines"] if text else [],
        "albums": albums,
    }


def to_take_along(snapshot: Snapshot, image_ids: Sequence[int]) -> list[Columns]:
    """The columns of ``images``, with ``albums`` (titles), ``caption``, when taken and by whom.

    They are in the order of the ids; unknown ones are left out.
    """
    found = _rows(
        snapshot.cursor(),
        """
        SELECT images.*, taken_at, taken_precision, creator, caption,
               (SELECT string_agg(albums.title, ', ' ORDER BY albums.rowid)
                FROM album_images JOIN albums USING (album_id)
                WHERE album_images.image_id = images.image_id) AS albums
        FROM images LEFT JOIN exif USING (image_id) LEFT JOIN captions USING (image_id)
        WHERE list_contains(?::BIGINT[], image_id)
        """,
        list(image_ids),
    )
    by_id = {row["image_id"]: _located(snapshot, row) for row in found}
    return [by_id[image_id] for image_id in image_ids if image_id in by_id]


def of_albums(
    snapshot: Snapshot,
    albums: Sequence[str] | None,
    marks: Marks,
    first: int = 0,
    most: int | None = None,
) -> list[Columns]:
    """The photos of these albums, of all for None, one row for each album that a photo is in.

    Those that are hidden are left out. There are ``most`` at the most, from place ``first`` on.
    """
    condition, values = in_albums(albums)
    page = "" if most is None else f"LIMIT {most} OFFSET {first}"
    found = _rows(
        snapshot.cursor(),
        f"""
        SELECT images.*, album_id, albums.title AS album_title, event_name, event_year, event_type,
               taken_at, taken_precision, taken_at_offset, people, rating, favourite, creator,
               rights, place_names, country, region, town
        FROM albums JOIN album_images USING (album_id) JOIN images USING (image_id)
             LEFT JOIN exif USING (image_id) LEFT JOIN places USING (place_id)
        WHERE {condition} AND NOT list_contains(?::BIGINT[], image_id)
        ORDER BY albums.rowid, position {page}
        """,
        *values,
        list(marks.hidden_ids),
    )
    return [_located(snapshot, marks.with_tags(row)) for row in found]


def count_in_albums(snapshot: Snapshot, albums: Sequence[str] | None, marks: Marks) -> int:
    """How many rows ``of_albums`` has in all."""
    condition, values = in_albums(albums)
    ((count,),) = (
        snapshot.cursor()
        .execute(
            f"""
            SELECT count(*) FROM album_images
            WHERE {condition} AND NOT list_contains(?::BIGINT[], image_id)
            """,
            [*values, list(marks.hidden_ids)],
        )
        .fetchall()
    )
    return int(count)


def of_rows(
    snapshot: Snapshot, rows: NDArray[np.int64], albums: Sequence[str] | None, album_order: str
) -> dict[int, Columns]:
    """By row of ``images``, the columns that a hit has of the catalogue.

    Of the ``albums`` that may be shown, each photo is in that which ``album_order`` (SQL) puts
    first.
    """
    cursor = snapshot.cursor()
    found = _rows(
        cursor,
        "SELECT rowid AS row, image_id, path, title, image_url, page_url, sha256, thumbhash"
        f" FROM images WHERE rowid {in_rows(rows)}",
    )
    # Asked for all in one, DuckDB would read whole tables for a few photos.
    few = f"image_id {in_rows(np.array([row['image_id'] for row in found], np.int64))}"
    condition, values = in_albums(albums)
    besides = _rows(
        cursor,
        f"""
        SELECT image_id, album_id, albums.title AS album_title, event_name, event_year, caption,
               taken_at, taken_precision, latitude, longitude
        FROM (FROM album_images WHERE {few}) JOIN albums USING (album_id)
             LEFT JOIN (FROM captions WHERE {few}) USING (image_id)
             LEFT JOIN (FROM exif WHERE {few}) USING (image_id)
        WHERE {condition}
        QUALIFY row_number() OVER (PARTITION BY image_id ORDER BY {album_order}) = 1
        """,
        *values,
    )
    by_id = {row["image_id"]: row for row in besides}
    return {
        row.pop("row"): _located(snapshot, row | by_id[row["image_id"]])
        for row in found
        if row["image_id"] in by_id
    }


def ratios(snapshot: Snapshot) -> NDArray[np.float32]:
    """The width of each photo by its height, shape (photos,); 1 where that is not known."""
    found = snapshot.cursor().execute(
        "SELECT coalesce(width / nullif(height, 0), 1)::FLOAT AS ratio FROM images ORDER BY rowid"
    )
    made: NDArray[np.float32] = np.asarray(found.fetchnumpy()["ratio"], np.float32)
    return made


def ids_of(snapshot: Snapshot, rows: NDArray[np.int64]) -> list[int]:
    """The ids of the photos in these rows of ``images``, in their order."""
    if not len(rows):
        return []
    cursor = snapshot.cursor()
    cursor.register("shown", pa.table({"place": np.arange(len(rows)), "row": rows}))
    cursor.execute(
        "SELECT image_id FROM shown JOIN images ON images.rowid = shown.row ORDER BY place"
    )
    ids: list[int] = cursor.fetchnumpy()["image_id"].tolist()
    return ids


def rows_of(snapshot: Snapshot, image_ids: Sequence[int]) -> dict[int, int]:
    """By id, the row of ``images`` of each of these photos that there is."""
    possible = [each for each in image_ids if 0 <= each < 2**63]  # more the column does not hold
    if not possible:
        return {}
    found = snapshot.cursor().execute(
        "SELECT image_id, rowid FROM images WHERE list_contains(?::BIGINT[], image_id)", [possible]
    )
    return dict(found.fetchall())


def _unknown(image_id: int) -> NotInLibraryError:
    return NotInLibraryError("No photo {photo} in the library", photo=image_id)


def _located(snapshot: Snapshot, row: Mapping[str, Any]) -> Columns:
    return dict(row) | {"path": snapshot.located(row["path"])}


def _rows(cursor: DuckDBPyConnection, query: str, *values: object) -> list[Columns]:
    return in_columns(cursor.execute(query, list(values)))


def in_columns(found: DuckDBPyConnection) -> list[Columns]:
    """What a query found, each row by the names of its columns."""
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
