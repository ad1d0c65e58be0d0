"""What a web site tells of photos: nothing that is not named here can get into it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import faiss
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.errors import AlbumscopeError
from pipeline.library.marks import plain_tag
from pipeline.photos.camera_name import camera_name
from pipeline.snapshot.reading import Snapshot
from search_app.page.wall import NARROWEST, WIDEST
from search_app.page.wording import people_of, tags_of
from search_app.search.filters import Filters
from search_app.search.photos import in_columns
from search_app.search.searcher import Searcher

ALIKE = 24
"""Similar photos of each photo."""
_BLOCK = 1024  # photos whose similar ones are looked for at once
_EPOCH = date(1970, 1, 1).toordinal()
_MACHINE_TAG = "geo:"  # as Flickr has positions among tags: "geo:lat=51.5"
_PHOTO = (
    *("image_id", "path", "sha256", "title", "description", "links", "page_url", "tags", "owner"),
    *("license", "width", "height", "is_cut", "relative_path", "thumbhash"),
)
_EXIF = (
    *("camera_make", "camera_model", "lens_model", "exposure_time", "f_number", "iso"),
    *("focal_length", "flash", "taken_at", "taken_precision", "creator", "rights"),
)
_POSITION = ("latitude", "longitude", "altitude", "direction", "place_names")
_PLACE = ("country", "region", "town", "quarter", "spelt")
_ALBUM = ("album_id", "title", "description", "url", "event_name", "event_year")

Json = dict[str, Any]
Photo = dict[str, Any]
"""Like a row of ``Searcher.details``, with as much of it as may be told; ``id`` is the site's."""


class Wanted(NamedTuple):
    """Whose photos are shown, and what is told of them besides. No ``album_ids`` are all albums."""

    album_ids: Sequence[str] = ()
    positions: bool = False
    people: bool = False
    originals: bool = False


def photos_of(searcher: Searcher, wanted: Wanted) -> list[Photo]:
    """The photos, in the order of the start page: those of the newest albums first, none hidden.

    Raises AlbumscopeError for an album that is not in the snapshot.
    """
    rows = searcher.browse(Filters(album_ids=tuple(wanted.album_ids)), k=None).rows
    marks, private = searcher.marks.now(), _private_tags(searcher, wanted)
    of_albums = _albums(searcher.snapshot, wanted)
    for unknown in set(wanted.album_ids) - set(of_albums):
        raise AlbumscopeError(
            "No album {album!r} is published: `albumscope albums` lists the ids", album=unknown
        )
    found, taken, spelt = [], set[int](), dict[str, str]()
    for told in _told(searcher, rows, wanted):
        photo = marks.with_tags(_photo(told, of_albums, wanted))
        for tagged in (photo, photo["caption"]):
            tags = [tag for tag in tagged["tags"] or () if not private(tag)]
            tagged["tags"] = [spelt.setdefault(plain_tag(tag), tag) for tag in tags]
        photo["id"] = _id(photo["sha256"], taken)
        found.append(photo)
    return found


def columns(photos: Sequence[Photo]) -> Json:
    """What the site has to know of all photos at once, each column with a value a photo."""
    albums = {album["album_id"]: album for photo in photos for album in photo["albums"]}
    return {
        "ids": [photo["id"] for photo in photos],
        "ratios": [_ratio(photo) for photo in photos],
        "thumbhashes": [photo["thumbhash"] for photo in photos],
        "titles": [(photo["title"] or "").strip() for photo in photos],
        "days": [_day(photo["exif"]) for photo in photos],
        "albums": [_told_of_album(album) for album in albums.values()],
        "facets": {name: _places_by_value(map(values, photos)) for name, values in _FACETS.items()},
    }


def texts(photos: Iterable[Photo]) -> list[str]:
    """The texts of each photo that are searched besides its title and the values of its facets."""
    return [
        "\n".join(filter(None, [photo["caption"].get("caption"), photo["description"]]))
        for photo in photos
    ]


def similar(
    searcher: Searcher, photos: Sequence[Photo], progress: Callable[[int], None]
) -> list[list[int]]:
    """The places of the photos that are most like each, the most alike first.

    ``progress`` is told how many photos are done.
    """
    index = searcher.snapshot.images
    rows = searcher.rows_of([photo["image_id"] for photo in photos])
    places = np.flatnonzero(index.present[rows])
    found: list[list[int]] = [[] for _ in photos]
    vectors = index.vectors(rows[places])
    faiss.normalize_L2(vectors)
    for start in range(0, len(places), _BLOCK):
        block = slice(start, start + _BLOCK)
        most = min(ALIKE + 1, len(places))
        _, nearest = faiss.knn(vectors[block], vectors, most, metric=faiss.METRIC_INNER_PRODUCT)
        for place, others in zip(places[block].tolist(), places[nearest].tolist(), strict=True):
            found[place] = [other for other in others if other != place][:ALIKE]
        progress(min(start + _BLOCK, len(places)))
    return found


def _told(searcher: Searcher, rows: NDArray[np.int64], wanted: Wanted) -> list[dict[str, Any]]:
    """The columns of these rows of ``images`` that may be told, in their order."""
    where = _POSITION + _PLACE
    people = "(SELECT list(person ORDER BY person) FROM named WHERE named.row = images.rowid)"
    cursor = searcher.snapshot.cursor()
    cursor.register("named", searcher.who.shown)
    cursor.register("shown", pa.table({"place": np.arange(len(rows)), "row": rows}))
    cursor.execute(
        f"""
        SELECT {", ".join(f"images.{name}" for name in _PHOTO)}, {", ".join(_EXIF)},
               {", ".join(where if wanted.positions else (f"NULL AS {name}" for name in where))},
               {people if wanted.people else "NULL"} AS people,
               caption, captions.tags AS caption_tags,
               (SELECT list(album_id ORDER BY albums.rowid)
                FROM album_images JOIN albums USING (album_id)
                WHERE album_images.image_id = images.image_id) AS albums
        FROM shown JOIN images ON images.rowid = shown.row LEFT JOIN exif USING (image_id)
             LEFT JOIN captions USING (image_id) LEFT JOIN places USING (place_id)
        ORDER BY shown.place
        """
    )
    return in_columns(cursor)


def _photo(
    told: Mapping[str, Any], albums: Mapping[str, Mapping[str, Any]], wanted: Wanted
) -> Photo:
    def part(names: Iterable[str]) -> dict[str, Any]:
        return {name: told[name] for name in names}

    has_place = wanted.positions and told["country"]
    return part(_PHOTO) | {
        "exif": part(_EXIF + _POSITION),
        "place": part(_PLACE) if has_place else {},
        "caption": {"caption": told["caption"], "tags": told["caption_tags"]},
        "seen": told["people"] or [],
        "lines": [],  # what is written in a photo may be anything
        "albums": [albums[each] for each in told["albums"] if each in albums],
    }


def _albums(snapshot: Snapshot, wanted: Wanted) -> dict[str, dict[str, Any]]:
    """By id the albums that may be told of: of a photo that is in others, too, only these."""
    found = snapshot.cursor().execute(f"SELECT {', '.join(_ALBUM)} FROM albums ORDER BY rowid")
    rows = [dict(zip(_ALBUM, row, strict=True)) for row in found.fetchall()]
    asked = set(wanted.album_ids)
    return {row["album_id"]: row for row in rows if not asked or row["album_id"] in asked}


def _private_tags(searcher: Searcher, wanted: Wanted) -> Callable[[str], bool]:
    """Tells the tags that are a position or the name of somebody, where that is not wanted."""
    who = searcher.who
    found = who.hidden if wanted.people else who.names["person"].unique().to_pylist()
    names = {plain_tag(name) for name in found}

    def is_private(tag: str) -> bool:
        plain = plain_tag(tag)
        return plain in names or (plain.startswith(_MACHINE_TAG) and not wanted.positions)

    return is_private


def _id(sha256: str, taken: set[int]) -> int:
    """A number for the bytes of a file, small enough for scripts, which count to 2**53.

    A changed photo has another, so that its pictures may be kept for good. A second photo of the
    same bytes has the next one that is free.
    """
    number = int(sha256[:13], 16)
    while number in taken:
        number += 1
    taken.add(number)
    return number


def _ratio(photo: Photo) -> int:
    """The width in percent of the height, as the wall takes it."""
    width, height = photo["width"], photo["height"]
    return min(max(100 * width // height, NARROWEST), WIDEST) if width and height else 100


def _day(exif: Mapping[str, Any]) -> int | None:
    """The day on which a photo was taken, counted from 1970, if that is known exactly."""
    at = exif["taken_at"]
    is_exact = at is not None and exif["taken_precision"] in {"exact", "day", None}
    return at.toordinal() - _EPOCH if is_exact else None


def _told_of_album(album: Mapping[str, Any]) -> Json:
    return {
        "id": album["album_id"],
        "title": album["title"],
        "description": album["description"] or "",
        "url": album["url"],
        "event": album["event_name"],
        "year": album["event_year"],
    }


def _places_by_value(values: Iterable[Iterable[str]]) -> Json:
    """For each value the places of the photos that have it, each as its distance to the one before.

    Small numbers: half the bytes.
    """
    places: dict[str, list[int]] = defaultdict(list)
    last: dict[str, int] = defaultdict(int)
    for place, of_photo in enumerate(values):
        for value in dict.fromkeys(of_photo):
            places[value].append(place - last[value])
            last[value] = place
    return {"values": list(places), "places": list(places.values())}


def _present(value: str | None) -> list[str]:
    return [value] if value else []


_FACETS: Mapping[str, Callable[[Photo], Iterable[str]]] = {
    "album": lambda photo: [album["album_id"] for album in photo["albums"]],
    "person": people_of,
    "country": lambda photo: _present(photo["place"].get("country")),
    "town": lambda photo: _present(photo["place"].get("town")),
    "camera": lambda photo: _present(
        camera_name(photo["exif"]["camera_make"], photo["exif"]["camera_model"])
    ),
    "lens": lambda photo: _present(photo["exif"]["lens_model"]),
    "tag": tags_of,
}
"""The values of each facet, by the parameter of the page's address. Events are of the albums."""
