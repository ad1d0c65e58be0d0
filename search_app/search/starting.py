"""Ways into a library for who searches for nothing yet: albums, events, towns, this day.

Photos that are hidden neither count nor are a cover.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pipeline.snapshot.reading import Snapshot
from search_app.search import photos
from search_app.search.filters import Filters, Mask

if TYPE_CHECKING:
    from search_app.search.facets import FacetIndex

_MOST = 24  # albums, towns
COVER = "{'image_id': image_id, 'image_url': image_url, 'sha256': sha256, 'thumbhash': thumbhash}"
"""SQL for the columns of table ``images`` by which a photo's picture is found and shown."""
_SHOWN = """
    albums JOIN album_images USING (album_id) JOIN images USING (image_id)
    WHERE NOT list_contains(?::BIGINT[], image_id)
"""


class Way(NamedTuple):
    """Photos that have something in common: the id of an album, an event, a town, this day.

    ``year`` is an event's. The ``cover`` has the columns of table ``images`` that an address of
    its picture is made of.
    """

    value: str
    title: str
    year: int | None
    photos: int
    cover: Mapping[str, Any]


class Ways(NamedTuple):
    """The newest albums; all events, those of the latest year first; the towns of most photos; and
    what was taken on this day of earlier years, if anything was."""

    albums: Sequence[Way]
    events: Sequence[Way]
    towns: Sequence[Way]
    this_day: Way | None


def ways(
    snapshot: Snapshot, facets: "FacetIndex", towns: Mapping[str, int], hidden: Mask, today: date
) -> Ways:
    """All of them; ``towns`` have their number of photos, ``hidden`` is of shape (photos,)."""
    hidden_ids = photos.ids_of(snapshot, np.flatnonzero(hidden))
    return Ways(
        _albums(snapshot, hidden_ids),
        events(snapshot, hidden_ids),
        _towns(snapshot, facets, towns, hidden),
        _on_this_day(snapshot, today, hidden_ids),
    )


def _albums(snapshot: Snapshot, hidden: Collection[int]) -> list[Way]:
    found = snapshot.cursor().execute(
        f"""
        SELECT album_id, any_value(albums.title), NULL, count(*), arg_min({COVER}, position)
        FROM {_SHOWN}
        GROUP BY album_id ORDER BY any_value(albums.created_at) DESC, min(albums.rowid)
        LIMIT {_MOST}
        """,
        [hidden],
    )
    return [Way(*row) for row in found.fetchall()]


def events(snapshot: Snapshot, hidden: Collection[int]) -> list[Way]:
    """All events, those of the latest year first, without photos of the ids in ``hidden``."""
    found = snapshot.cursor().execute(
        f"""
        SELECT event_name, event_name, event_year, count(DISTINCT image_id),
               arg_min({COVER}, albums.rowid * 1000000000 + position)
        FROM {_SHOWN} AND event_name IS NOT NULL
        GROUP BY event_name, event_year ORDER BY event_year DESC NULLS LAST, event_name
        """,
        [list(hidden)],
    )
    return [Way(*row) for row in found.fetchall()]


def _towns(
    snapshot: Snapshot, facets: "FacetIndex", counts: Mapping[str, int], hidden: Mask
) -> list[Way]:
    busiest = sorted(counts, key=lambda town: (-counts[town], town))[:_MOST]
    masks = [facets.allowed(Filters(towns=(town,))) for town in busiest]
    first = np.array([np.argmax(mask & ~hidden) for mask in masks if mask is not None], np.int64)
    covers = [photos.photo(snapshot, image_id) for image_id in photos.ids_of(snapshot, first)]
    return [
        Way(town, town, None, counts[town], cover)
        for town, cover in zip(busiest, covers, strict=True)
    ]


def _on_this_day(snapshot: Snapshot, today: date, hidden: Collection[int]) -> Way | None:
    found = snapshot.cursor().execute(
        f"""
        SELECT '', '', NULL, count(*), arg_max({COVER}, taken_at)
        FROM images JOIN exif USING (image_id)
        WHERE month(taken_at) = ? AND day(taken_at) = ? AND year(taken_at) < ?
              AND taken_precision NOT IN ('month', 'year', 'circa')
              AND NOT list_contains(?::BIGINT[], image_id)
        """,
        [today.month, today.day, today.year, hidden],
    )
    way = Way(*found.fetchone())  # type: ignore[misc]  # an aggregate has a row
    return way if way.photos else None
