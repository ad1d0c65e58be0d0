"""Ways into a library for who searches for nothing yet: albums, and this day of other years."""

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

from pipeline.snapshot.reading import Snapshot

_ALBUMS = 24


class Way(NamedTuple):
    """Photos to look at: an album by its id, or None; a cover, of table ``images``."""

    album_id: str | None
    title: str
    photos: int
    image_id: int
    image_url: str | None
    sha256: str | None


def albums(snapshot: Snapshot, hidden: Collection[int] = ()) -> list[Way]:
    """The newest albums, each with its first photo; photos that are hidden do not count."""
    found = snapshot.cursor().execute(
        f"""
        SELECT album_id, any_value(albums.title), count(*), arg_min(image_id, position),
               arg_min(image_url, position), arg_min(sha256, position)
        FROM albums JOIN album_images USING (album_id) JOIN images USING (image_id)
        WHERE NOT list_contains(?::BIGINT[], image_id)
        GROUP BY album_id ORDER BY any_value(albums.created_at) DESC, min(albums.rowid)
        LIMIT {_ALBUMS}
        """,
        [list(hidden)],
    )
    return [Way(*row) for row in found.fetchall()]


def on_this_day(snapshot: Snapshot, today: date, hidden: Collection[int] = ()) -> Way | None:
    """What was taken on this day of earlier years, if anything was; the newest is its cover."""
    found = snapshot.cursor().execute(
        """
        SELECT NULL, '', count(*), arg_max(image_id, taken_at),
               arg_max(image_url, taken_at), arg_max(sha256, taken_at)
        FROM images JOIN exif USING (image_id)
        WHERE month(taken_at) = ? AND day(taken_at) = ? AND year(taken_at) < ?
              AND coalesce(taken_precision, 'exact') IN ('exact', 'day')
              AND NOT list_contains(?::BIGINT[], image_id)
        """,
        [today.month, today.day, today.year, list(hidden)],
    )
    way = Way(*found.fetchone())  # type: ignore[misc]  # an aggregate has a row
    return way if way.photos else None
