"""What the photos of a snapshot can be filtered by, and how many photos each value would leave."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import date
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from babel import Locale

from pipeline.library.marks import plain_tag
from pipeline.photos.camera_name import camera_name
from pipeline.snapshot.marks import Retagged
from pipeline.snapshot.places import LANGUAGES, country_name
from pipeline.snapshot.reading import Snapshot
from search_app.search.filters import (
    Filters,
    Mask,
    albums_of,
    fits,
    folded,
    intersection,
    mask_of,
)
from search_app.search.parsed import Fields
from search_app.search.people import Who
from search_app.search.row_values import RowValues

FacetName = Literal[
    "events",
    "years",
    "album_ids",
    "cameras",
    "lenses",
    "tags",
    "countries",
    "towns",
    "people",
    "has_place",
    "has_people",
]
"""A filter that has values: the name of its field in ``Filters``."""

_OF_ALBUMS: dict[FacetName, str] = {
    "events": "event_name",
    "years": "event_year",
    "album_ids": "album_id",
}


class FacetValue(NamedTuple):
    """A value that photos can be filtered by, what it is called, and how many photos it leaves."""

    value: Any
    label: str
    photos: int


class Facet(NamedTuple):
    """Values of a filter, and of how many they are the first.

    Years are in falling order, other values by count and then by label; those chosen come first.
    """

    values: Sequence[FacetValue]
    total: int


class FacetIndex:
    """What the photos of one snapshot can be filtered by, in memory: about 100 bytes a photo."""

    def __init__(self, snapshot: Snapshot, who: Who) -> None:
        self._who = who
        self._count: int = snapshot.manifest["tables"]["images"]
        cursor, every = snapshot.cursor(), np.arange(self._count)
        # chr(0) ends every text of EXIF data, so none has it within
        photos = cursor.execute(
            """
            SELECT coalesce(camera_make, '') || chr(0) || coalesce(camera_model, '') AS camera,
                   lens_model, taken_at::DATE AS day,
                   latitude IS NOT NULL AND longitude IS NOT NULL AS has_place,
                   has_people OR images.image_id IN (SELECT image_id FROM faces) AS has_people,
                   country, town
            FROM images LEFT JOIN exif USING (image_id) LEFT JOIN captions USING (image_id)
                 LEFT JOIN places USING (place_id)
            ORDER BY images.rowid
            """
        ).to_arrow_table()
        tags = cursor.execute(
            """
            SELECT images.rowid AS row, unnest(list_concat(images.tags, captions.tags)) AS tag
            FROM images LEFT JOIN captions USING (image_id)
            """
        ).to_arrow_table()
        written = cursor.execute(
            """
            SELECT images.rowid AS row, lower(unnest(place_names)) AS name
            FROM images JOIN exif USING (image_id)
            """
        ).fetchall()
        where = np.array([row for row, _ in written], np.int64)
        self._town_names = _town_names(snapshot)
        codes, english = _country_codes(), _english_names(photos["town"], self._town_names)
        self._of_photos: dict[FacetName, RowValues] = {
            "cameras": RowValues.read(
                every, photos["camera"], lambda camera: camera_name(*camera.split("\0", 1))
            ),
            "lenses": RowValues.read(every, photos["lens_model"], str),
            "tags": RowValues.read(tags["row"].to_numpy(), tags["tag"], plain_tag),
            # of where photos were taken, and as people wrote it, of towns those that are known
            "countries": RowValues.read(every, photos["country"], str).with_more(
                where, (codes.get(name) for _, name in written)
            ),
            "towns": RowValues.read(every, photos["town"], str).with_more(
                where, (english.get(name) for _, name in written)
            ),
            "people": _people(who),
            "has_place": RowValues.read(every, photos["has_place"], bool),
            "has_people": RowValues.read(every, photos["has_people"], bool),
        }
        self._days = photos["day"].to_numpy().astype("datetime64[D]")
        self._tags = self._of_photos["tags"]  # as photos and models have them
        self._retagged: Mapping[int, Retagged] = {}
        self._spellings = _most_frequent_spellings(tags["tag"])
        self._albums = albums_of(snapshot)
        self._titles = _titles(self._albums)
        members = cursor.execute(
            """
            SELECT images.rowid AS row, album_id FROM album_images JOIN images USING (image_id)
            """
        ).to_arrow_table()
        self._members = RowValues.read(members["row"].to_numpy(), members["album_id"], str)

    def with_tags(self, retagged: Mapping[int, Retagged]) -> "FacetIndex":
        """The same, with the tags that the photos whose tags people changed have now."""
        if retagged == self._retagged:
            return self
        pairs = [(photo.row, tag) for photo in retagged.values() for tag in photo.all_tags]
        rows = np.array([row for row, _ in pairs], np.int64)
        changed = mask_of(np.array([photo.row for photo in retagged.values()]), self._count)
        kept = ~changed[self._tags.rows]
        others = replace(self._tags, rows=self._tags.rows[kept], codes=self._tags.codes[kept])
        tags = others.with_more(rows, (plain_tag(tag) for _, tag in pairs))
        now = self._with("tags", tags)
        now._retagged = retagged
        now._spellings = {plain_tag(tag): tag for _, tag in pairs} | self._spellings
        return now

    def with_people(self, who: Who) -> "FacetIndex":
        """The same, with who is on the photos now."""
        if who is self._who:
            return self
        now = self._with("people", _people(who))
        now._who = who
        return now

    def _with(self, name: FacetName, values: RowValues) -> "FacetIndex":
        now = copy(self)
        now._of_photos = self._of_photos | {name: values}
        vars(now).pop("_known", None)
        return now

    @property
    def taken(self) -> tuple[date, date] | None:
        """The first and the last day on which a photo of the library was taken."""
        days = self._days[~np.isnat(self._days)]
        return (days.min().astype(date), days.max().astype(date)) if len(days) else None

    def allowed(self, filters: Filters) -> Mask | None:
        """The rows that pass the filters on photos, shape (photos,); None if all do.

        Those on albums are ``filters.allowed_albums``'s.
        """
        masks = []
        for name, values in self._of_photos.items():
            wanted = [_plain(name, value) for value in chosen(filters, name)]
            # all of the people, one of the others
            sets = [[value] for value in wanted] if name == "people" else [wanted]
            masks += [values.mask(each, self._count) for each in sets if each]
        # a photo without a day (NaT) is on neither side of any
        if filters.taken_from is not None:
            masks.append(self._days >= np.datetime64(filters.taken_from, "D"))
        if filters.taken_to is not None:
            masks.append(self._days <= np.datetime64(filters.taken_to, "D"))
        return intersection(masks)

    def has(self, name: FacetName, value: Any) -> bool:
        """Whether a photo of the library has this value."""
        return _plain(name, value) in self._known[name]

    @cached_property
    def _known(self) -> dict[FacetName, Collection[Any]]:
        of_albums: dict[FacetName, Collection[Any]] = {
            name: {album[column] for album in self._albums} - {None}
            for name, column in _OF_ALBUMS.items()
        }
        return of_albums | {name: set(values.names) for name, values in self._of_photos.items()}

    def names(self) -> list[FacetName]:
        """The facets of which photos of the library have values."""
        return [name for name, values in self._known.items() if values]

    def counts(
        self, name: FacetName, filters: Filters, only: Fields, mask: Mask | None
    ) -> dict[Any, int]:
        """The number of photos in a mask by their values of a facet.

        A value without any is left out unless it is chosen. ``mask`` has shape (photos,), None
        being all. Of albums those count that pass ``only`` and the filters on albums but this one.
        """
        if name in _OF_ALBUMS:
            found = self._count_albums(name, filters, only, mask)
        else:
            found = self._of_photos[name].counts(mask)
        if name == "tags":
            spelt = {plain_tag(tag): tag for tag in filters.tags}
            found = {spelt.get(tag) or self._spellings[tag]: n for tag, n in found.items()}
        return dict.fromkeys(chosen(filters, name), 0) | found

    def listed(
        self,
        name: FacetName,
        counts: Mapping[Any, int],
        filters: Filters,
        *,
        language: str,
        typed: str,
        most: int,
    ) -> Facet:
        """Values for people to choose from, of which the label has what was typed in any case."""
        first, wanted = set(chosen(filters, name)), folded(typed)
        values = [
            FacetValue(value, label, count)
            for value, count in counts.items()
            if wanted in folded(label := self.label(name, value, language))
        ]
        by_value = name == "years"
        values.sort(
            key=lambda each: (
                each.value not in first,
                -each.value if by_value else -each.photos,
                each.label,
            )
        )
        return Facet(values[:most], len(values))

    def label(self, name: FacetName, value: Any, language: str) -> str:
        """What a value is called in a language; albums of one title are told apart by their id."""
        if name == "countries":
            return country_name(value, language)
        names = {"album_ids": self._titles, "towns": self._town_names.get(language, {})}
        return names.get(name, {}).get(value, str(value))

    def _count_albums(
        self, name: FacetName, filters: Filters, only: Fields, mask: Mask | None
    ) -> dict[Any, int]:
        """Count by a column of the albums that pass the filters on albums other than ``name``."""
        values = {
            album["album_id"]: album[_OF_ALBUMS[name]]
            for album in self._albums
            if fits(album, filters, only, but=name)
        }
        known = dict.fromkeys(value for value in values.values() if value is not None)
        names = {value: code for code, value in enumerate(known)}
        codes = np.array([names.get(values.get(one), -1) for one in self._members.names], np.int64)
        rows, codes = self._members.rows, codes[self._members.codes]
        if mask is not None:
            rows, codes = rows[mask[rows]], codes[mask[rows]]
        return RowValues.of(rows, codes, list(names)).counts(None)


def chosen(filters: Filters, name: FacetName) -> Sequence[Any]:
    """The values that a filter lets through; none if it lets all through."""
    value = getattr(filters, name)
    if value is None:
        return ()
    return (value,) if isinstance(value, bool) else tuple(value)


def _people(who: Who) -> RowValues:
    found = who.shown
    return RowValues.read(found["row"].to_numpy(), found["person"], str)


def _plain(name: FacetName, value: Any) -> Any:
    return plain_tag(value) if name == "tags" else value


def _town_names(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """The names of towns by language, by their English name."""
    found = snapshot.cursor().execute("SELECT town, spelt FROM places WHERE town IS NOT NULL")
    by_language: dict[str, dict[str, str]] = {}
    for town, spelt in found.fetchall():
        for language, names in json.loads(spelt).items():
            if "town" in names:
                by_language.setdefault(language, {})[town] = names["town"]
    return by_language


def _country_codes() -> dict[str, str]:
    """The codes of countries by their names in any language of the page, in lower case."""
    return {
        country_name(code, language).lower(): code
        for code in map(str, Locale("en").territories)
        if code.isalpha()
        for language in ("en", *LANGUAGES)
    }


def _english_names(
    towns: pa.ChunkedArray, names: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """The English names of the towns in a column by all of their names, in lower case."""
    english = {town.lower(): town for town in towns.unique().drop_null().to_pylist()}
    for by_town in names.values():
        english |= {name.lower(): town for town, name in by_town.items()}
    return english


def _most_frequent_spellings(tags: pa.ChunkedArray) -> dict[str, str]:
    """How each plain tag is written most often."""
    spellings: dict[str, str] = {}
    found = pc.value_counts(tags.drop_null()).to_pylist()
    for spelling in sorted(found, key=lambda one: (-one["counts"], one["values"])):
        spellings.setdefault(plain_tag(spelling["values"]), spelling["values"])
    return spellings


def _titles(albums: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Titles by album id; albums of the same title are told apart by their id."""
    same = Counter(album["title"] for album in albums)
    return {
        album["album_id"]: album["title"]
        if same[album["title"]] == 1
        else f"{album['title']} ({album['album_id']})"
        for album in albums
    }
