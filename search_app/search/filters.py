"""Which photos a query lets through: the page's filters, and the fields of the query itself."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.library.marks import plain_tag
from pipeline.models.faces import SAME_PERSON
from pipeline.snapshot import fulltext
from pipeline.snapshot.marks import Retagged
from pipeline.snapshot.reading import Snapshot
from search_app.search import positions
from search_app.search.parsed import Fields, MarkName, ParsedQuery
from search_app.search.people import Who

Mask = NDArray[np.bool_]
Condition = tuple[str, list[Any]]
"""SQL, and the values for its question marks."""

# The last that a photo may have been taken at, of one that is known to the day or less.
_TAKEN_LAST = """
    taken_at + CASE
        WHEN taken_precision = 'day' THEN INTERVAL 1 DAY - INTERVAL 1 MICROSECOND
        WHEN taken_precision = 'month' THEN INTERVAL 1 MONTH - INTERVAL 1 MICROSECOND
        WHEN taken_precision IN ('year', 'circa') THEN INTERVAL 1 YEAR - INTERVAL 1 MICROSECOND
        ELSE INTERVAL 0 DAY
    END
"""


@dataclass(frozen=True)
class Filters:
    """Photos that have one of the values of each of these; an empty one lets every photo through.

    ``events``, ``years`` and ``album_ids`` are about one and the same album of a photo. ``cameras``
    are as ``camera_name`` writes them, ``countries`` and ``towns`` as table ``places`` does. All of
    ``people`` have to be on a photo; ``has_people`` False wants photos that are known to show
    nobody. The days ``taken_from`` and ``taken_to`` are among those let through. All of
    ``marked`` have to be on a photo, as ``user`` marked it, who asks, and none of ``unmarked``;
    hidden ones are let through only if they are asked for.
    """

    events: Sequence[str] = ()
    years: Sequence[int] = ()
    album_ids: Sequence[str] = ()
    cameras: Sequence[str] = ()
    lenses: Sequence[str] = ()
    tags: Sequence[str] = ()
    countries: Sequence[str] = ()
    towns: Sequence[str] = ()
    people: Sequence[str] = ()
    taken_from: date | None = None
    taken_to: date | None = None
    has_place: bool | None = None
    has_people: bool | None = None
    marked: Sequence[MarkName] = ()
    unmarked: Sequence[MarkName] = ()
    user: str = ""

    @property
    def of_photos(self) -> "Filters":
        """Those about photos themselves, rather than about their albums or marks."""
        return replace(self, events=(), years=(), album_ids=(), marked=(), unmarked=(), user="")


@dataclass(frozen=True)
class Scope:
    """Where photos may be found: in the albums of these ids, in these rows of table ``images``.

    ``rows`` has shape (photos,). None lets everything through.
    """

    albums: Sequence[str] | None = None
    rows: Mask | None = None


def intersection(masks: Iterable[Mask | None]) -> Mask | None:
    """The rows that pass all masks, shape (photos,); None, which lets all pass, if all are so."""
    given = [mask for mask in masks if mask is not None]
    return np.logical_and.reduce(given) if given else None


def mask_of(rows: NDArray[Any], count: int) -> Mask:
    """These of so many rows, shape (count,)."""
    mask = np.zeros(count, bool)
    mask[rows] = True
    return mask


def allowed_albums(snapshot: Snapshot, filters: Filters, only: Fields) -> list[str] | None:
    """The ids of the albums that photos may be in; None if any will do."""
    chosen = (filters.events, filters.years, filters.album_ids)
    if not any((*chosen, only.albums, only.events, only.years)):
        return None
    return [album["album_id"] for album in albums_of(snapshot) if fits(album, filters, only)]


def fits(album: dict[str, Any], filters: Filters, only: Fields, but: str = "") -> bool:
    """Whether an album passes all filters on albums, without the one that is named ``but``."""
    values = {
        "events": (album["event_name"], filters.events),
        "years": (album["event_year"], filters.years),
        "album_ids": (album["album_id"], filters.album_ids),
    }
    return (
        all(name == but or not wanted or has in wanted for name, (has, wanted) in values.items())
        and (not only.albums or _is_album(album, only))
        and (not only.events or _is_event(album, only))
        and (not only.years or _is_year(album, only))
    )


def allowed_rows(
    snapshot: Snapshot,
    albums: Sequence[str] | None,
    query: ParsedQuery,
    who: Who,
    retagged: Mapping[int, Retagged] | None = None,
) -> Mask | None:
    """Which rows of table ``images`` may be found, shape (n,); None if all may.

    ``who`` is on the photos. Marks do not count, but for the tags of the photos in ``retagged``.
    """
    kept: list[Condition] = []
    if albums is not None:
        kept.append(_in_albums(albums))
    kept += [_any(choices) for choices in _photo_conditions(snapshot, query.only, who, retagged)]
    kept += [_has_words(phrase) for phrase in query.phrases]
    kept += [
        _any(_fits_all(snapshot, fields, who) for fields in reading.any_of)
        for reading in query.readings
        if reading.is_on and reading.is_certain
    ]
    left_out = [
        _any(choices) for choices in _photo_conditions(snapshot, query.never, who, retagged)
    ]
    left_out += [_has_words(words) for words in query.without]
    never = query.never
    if never.albums or never.events or never.years:
        left_out.append(
            _in_albums(
                album["album_id"]
                for album in albums_of(snapshot)
                if _is_album(album, never) or _is_event(album, never) or _is_year(album, never)
            )
        )
    if not kept and not left_out:
        return None
    tests = [f"({sql})" for sql, _ in kept] + [f"NOT coalesce({sql}, FALSE)" for sql, _ in left_out]
    rows = snapshot.cursor().execute(
        f"""
        SELECT images.rowid AS row
        FROM images LEFT JOIN exif USING (image_id) LEFT JOIN captions USING (image_id)
             JOIN {fulltext.TABLE} words ON words.row = images.rowid
        WHERE {" AND ".join(tests)}
        """,
        [value for _, values in (*kept, *left_out) for value in values],
    )
    return mask_of(rows.fetchnumpy()["row"], snapshot.manifest["tables"]["images"])


def in_rows(rows: NDArray[np.int64]) -> str:
    """SQL for being one of some row numbers.

    They stand in it as they are, since DuckDB then reads those rows alone; a list that is handed
    over is joined with the whole table, which takes three times as long at 100,000 photos.
    """
    return f"IN ({', '.join(map(str, rows.tolist())) or 'NULL'})"


def in_albums(albums: Sequence[str] | None) -> Condition:
    """A condition on a column ``album_id``; for None one that holds of all."""
    return ("TRUE", []) if albums is None else ("list_contains(?::VARCHAR[], album_id)", [albums])


def albums_of(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The albums of a snapshot, as far as filters look at them."""
    rows = snapshot.cursor().execute("SELECT album_id, title, event_name, event_year FROM albums")
    names = ("album_id", "title", "event_name", "event_year")
    return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


def _is_album(album: dict[str, Any], fields: Fields) -> bool:
    return any(
        wanted == album["album_id"] or folded(wanted) in folded(album["title"])
        for wanted in fields.albums
    )


def _is_event(album: dict[str, Any], fields: Fields) -> bool:
    return any(folded(wanted) in folded(album["event_name"]) for wanted in fields.events)


def _is_year(album: dict[str, Any], fields: Fields) -> bool:
    year = album["event_year"]
    return year is not None and any(
        (first is None or first <= year) and (last is None or year <= last)
        for first, last in fields.years
    )


def folded(text: str | None) -> str:
    """A text without case and width, by which names are compared."""
    return unicodedata.normalize("NFKC", text or "").casefold()


def _in_albums(albums: Iterable[str]) -> Condition:
    sql = "SELECT image_id FROM album_images WHERE list_contains(?::VARCHAR[], album_id)"
    return f"image_id IN ({sql})", [list(albums)]


def _photo_conditions(
    snapshot: Snapshot,
    fields: Fields,
    who: Who,
    retagged: Mapping[int, Retagged] | None = None,
) -> list[list[Condition]]:
    """For each field that is given, a condition for each of its values."""
    camera = "concat_ws(' ', camera_make, camera_model)"
    by_field: list[list[Condition]] = [
        [_contains(camera, wanted) for wanted in fields.cameras],
        [_contains("lens_model", wanted) for wanted in fields.lenses],
        [_has_tag(snapshot, fields.tags, retagged)] if fields.tags else [],
        [
            (
                f"taken_at >= coalesce(?, taken_at) AND ({_TAKEN_LAST} < ? OR ? IS NULL)",
                [interval.start, interval.before, interval.before],
            )
            for interval in fields.taken
        ],
        [positions.near(place) for place in fields.near],
        [positions.within(area) for area in fields.areas],
        # all of these, on one photo
        *([_is_one_of(who.photos_of(wanted))] for wanted in fields.people),
        *([_has_face_like(*face, who)] for face in fields.faces),
        [_counts_people(first, last) for first, last in fields.counts],
        [_contains("coalesce(creator, owner)", wanted) for wanted in fields.creators],
        [_is_place(wanted) for wanted in fields.places],
        [
            ("rating BETWEEN coalesce(?, 1) AND coalesce(?, 5)", [first, last])
            for first, last in fields.ratings
        ],
        [_is_day(month, day) for month, day in fields.days],
        [_contains("local_filename", wanted) for wanted in fields.files],
    ]
    return [choices for choices in by_field if choices]


def _fits_all(snapshot: Snapshot, fields: Fields, who: Who) -> Condition:
    """A condition for all fields that are given, those about albums too."""
    conditions = [_any(choices) for choices in _photo_conditions(snapshot, fields, who)]
    albums = allowed_albums(snapshot, Filters(), fields)
    if albums is not None:
        conditions.append(_in_albums(albums))
    return (
        " AND ".join(f"({sql})" for sql, _ in conditions),
        [value for _, values in conditions for value in values],
    )


def _contains(text: str, wanted: str) -> Condition:
    """Whether a text, given as SQL, has a part in any case."""
    return f"contains(lower({text}), ?)", [wanted.lower()]


def _is_one_of(image_ids: Sequence[int]) -> Condition:
    return "image_id IN (SELECT unnest(?::BIGINT[]))", [image_ids]


def _has_face_like(image_id: int, number: int, who: Who) -> Condition:
    """Whether somebody with this face is on a photo; by its look if nobody knows who that is."""
    if photos := who.photos_with(image_id, number):
        return _is_one_of(photos)
    return (
        f"""
        image_id IN (
            SELECT faces.image_id FROM faces, (
                SELECT embedding FROM faces WHERE image_id = ? AND face = ?
            ) wanted
            WHERE array_inner_product(faces.embedding, wanted.embedding) > {SAME_PERSON}
        )
        """,
        [image_id, number],
    )


def rows_with_face(snapshot: Snapshot, face: Sequence[float]) -> Mask:
    """Which rows of table ``images`` show somebody who looks like this, shape (n,).

    ``face`` is the vector of a face that need not be of the library, shape (128,).
    """
    found = snapshot.cursor().execute(
        f"""
        SELECT DISTINCT images.rowid AS row FROM faces JOIN images USING (image_id)
        WHERE array_inner_product(embedding, ?::FLOAT[{len(face)}]) > {SAME_PERSON}
        """,
        [list(face)],
    )
    return mask_of(found.fetchnumpy()["row"], snapshot.manifest["tables"]["images"])


def _counts_people(first: int | None, last: int | None) -> Condition:
    """Whether so many faces are on a photo; no photo in which none was looked for."""
    return (
        """
        image_id IN (
            SELECT image_id FROM provenance LEFT JOIN faces USING (image_id)
            WHERE asset = 'faces' GROUP BY image_id
            HAVING count(face) >= coalesce(?, 0) AND (count(face) <= ? OR ? IS NULL)
        )
        """,
        [first, last, last],
    )


def _joined(texts: str) -> str:
    """SQL for a list of texts as one, which nothing that is wanted goes across."""
    return f"array_to_string({texts}, '{fulltext.SEPARATOR}')"


def _has_tag(
    snapshot: Snapshot, wanted: Iterable[str], retagged: Mapping[int, Retagged] | None
) -> Condition:
    """One of these tags, in any case and width; Flickr's have no spaces, those of captions may."""
    tags = "list_concat(images.tags, captions.tags)"
    known = snapshot.cursor().execute(
        f"SELECT DISTINCT unnest({tags}) FROM images LEFT JOIN captions USING (image_id)"
    )
    plain = {plain_tag(tag) for tag in wanted}
    spelt = [tag for (tag,) in known.fetchall() if plain_tag(tag) in plain]
    changed = retagged or {}
    fitting = [photo.image_id for photo in changed.values() if not plain.isdisjoint(photo.plain)]
    among = "image_id IN (SELECT unnest(?::BIGINT[]))"
    sql = f"if({among}, {among}, list_has_any({tags}, ?::VARCHAR[]))"
    return sql, [[*changed], fitting, spelt]


def _is_day(month: int, day: int | None) -> Condition:
    """A month of any year, or a day of it, of a time that is known so well."""
    if day is None:
        known = "taken_precision NOT IN ('year', 'circa')"
        return f"month(taken_at) = ? AND {known}", [month]
    known = "taken_precision NOT IN ('month', 'year', 'circa')"
    return f"month(taken_at) = ? AND day(taken_at) = ? AND {known}", [month, day]


def _is_place(wanted: str) -> Condition:
    """A part of what people call the place, or words of a name that it has in any language.

    A name without spaces has to begin with them: 東京都 is not Kyoto (京都).
    """
    written, values = _contains(_joined("place_names"), wanted)
    pieces = [f"{'|' if fulltext.is_cjk(each) else ''} {each} " for each in fulltext.phrase(wanted)]
    tests = " AND ".join("contains('| ' || places.words || ' ', ?)" for _ in pieces)
    found = f"exif.place_id IN (SELECT place_id FROM places WHERE {tests})"
    return f"coalesce({written}, FALSE) OR {found}", [*values, *pieces]


def _any(choices: Iterable[Condition]) -> Condition:
    conditions = list(choices)
    return (
        " OR ".join(f"({sql})" for sql, _ in conditions),
        [value for _, values in conditions for value in values],
    )


def _has_words(phrase: str) -> Condition:
    """Words one after the other in one of the texts of a photo."""
    pieces = fulltext.phrase(phrase)
    tests = (
        " AND ".join(f"contains(' ' || words.{column} || ' ', ?)" for _ in pieces)
        for column in fulltext.COLUMNS
    )
    return " OR ".join(f"({test})" for test in tests), [
        f" {piece} " for _ in fulltext.COLUMNS for piece in pieces
    ]
