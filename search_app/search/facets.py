"""What the photos of a snapshot can be filtered by, and how many photos each value would leave."""

import json
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.library.marks import plain_tag
from pipeline.photos.camera_name import camera_name
from pipeline.snapshot.reading import Snapshot
from search_app.search.filters import (
    PEOPLE,
    Filters,
    Mask,
    albums_of,
    allowed_rows,
    fits,
    intersection,
)
from search_app.search.parsed import ParsedQuery

MOST_TAGS = 50
"""The most frequent ones are offered; a query can ask for any."""

_OF_ALBUMS = {"events": "event_name", "years": "event_year", "album_ids": "album_id"}
_REMEMBERED = 32  # counts, as the page asks for the same at every interaction


@dataclass(frozen=True)
class Facets:
    """For each value, the number of photos that have it and pass all filters but its own kind.

    Values without any photo are left out unless they are chosen. Years are in falling order, events
    and albums by name, what is left by count and then by name. Albums go by their id.
    """

    events: Mapping[str, int]
    years: Mapping[int, int]
    albums: Mapping[str, int]
    album_titles: Mapping[str, str]
    """Of all albums; those of the same title are told apart by their id."""
    cameras: Mapping[str, int]
    lenses: Mapping[str, int]
    countries: Mapping[str, int]
    """By their codes, as ``towns`` by their English names: of where photos were taken."""
    towns: Mapping[str, int]
    town_names: Mapping[str, Mapping[str, str]]
    """Of all towns, by language, where they have another name than the English one."""
    tags: Mapping[str, int]
    """The most frequent ones, each in its most frequent spelling, or as it was chosen."""
    people: Mapping[str, int]
    """Those with a name, on photos where those who are chosen are, too."""
    has_place: Mapping[bool, int]
    has_people: Mapping[bool, int]
    taken: tuple[date, date] | None
    """The first and the last day on which a photo of the library was taken, whatever is chosen."""


@dataclass(frozen=True)
class _Values:
    """Which row of ``images`` has which value; a row may have none, or several.

    ``rows`` and ``codes`` have a pair for each, none twice; ``names`` has the value of each code.
    """

    rows: NDArray[np.int32]
    codes: NDArray[np.int32]
    names: Sequence[Any]

    @classmethod
    def read(
        cls, rows: NDArray[np.int64], column: pa.ChunkedArray, name: Callable[[Any], Any]
    ) -> "_Values":
        """Of a column with a value or null for each of ``rows``.

        ``name`` makes the value's name, which several may share; "" is none.
        """
        encoded = column.combine_chunks().dictionary_encode()
        names: dict[Any, int] = {}
        codes = np.array(
            [
                -1 if (named := name(value)) == "" else names.setdefault(named, len(names))
                for value in encoded.dictionary.to_pylist()
            ],
            np.int64,
        )
        has = encoded.is_valid().to_numpy(zero_copy_only=False)
        return cls.of(rows[has], codes[encoded.indices.drop_null().to_numpy()], list(names))

    @classmethod
    def of(cls, rows: NDArray[Any], codes: NDArray[Any], names: Sequence[Any]) -> "_Values":
        """Of pairs that may occur twice; a negative code is no value."""
        count = max(len(names), 1)
        pairs = np.sort((rows.astype(np.int64) * count + codes)[codes >= 0])
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]  # np.unique takes several times as long
        return cls((pairs // count).astype(np.int32), (pairs % count).astype(np.int32), names)

    def mask(self, wanted: Iterable[Any], count: int) -> Mask:
        """The rows that have one of these values, shape (count,)."""
        values = set(wanted)
        is_wanted = np.array([name in values for name in self.names], bool)
        mask = np.zeros(count, bool)
        mask[self.rows[is_wanted[self.codes]]] = True
        return mask

    def counts(self, mask: Mask | None) -> dict[Any, int]:
        """The number of rows in the mask that have each value; values that none has left out."""
        codes = self.codes if mask is None else self.codes[mask[self.rows]]
        found = np.bincount(codes, minlength=len(self.names)).tolist()
        return {name: count for name, count in zip(self.names, found, strict=True) if count}


class FacetIndex:
    """What the photos of one snapshot can be filtered by, in memory: about 100 bytes a photo."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        # of itself it holds no more than this: a circle would outlive its snapshot
        count = partial(FacetIndex._counted, weakref.proxy(self))
        self._remembered = lru_cache(_REMEMBERED)(count)
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
        self._cameras = _Values.read(
            every, photos["camera"], lambda camera: camera_name(*camera.split("\0", 1))
        )
        self._lenses = _Values.read(every, photos["lens_model"], str)
        self._countries = _Values.read(every, photos["country"], str)
        self._towns = _Values.read(every, photos["town"], str)
        self._town_names = _town_names(snapshot)
        self._places = _Values.read(every, photos["has_place"], bool)
        self._people = _Values.read(every, photos["has_people"], bool)
        self._days = photos["day"].to_numpy().astype("datetime64[D]")
        tags = cursor.execute(
            """
            SELECT images.rowid AS row, unnest(list_concat(images.tags, captions.tags)) AS tag
            FROM images LEFT JOIN captions USING (image_id)
            """
        ).to_arrow_table()
        self._tags = _Values.read(tags["row"].to_numpy(), tags["tag"], plain_tag)
        people = cursor.execute(
            f"SELECT images.rowid AS row, person FROM ({PEOPLE}) JOIN images USING (image_id)"
        ).to_arrow_table()
        self._named = _Values.read(people["row"].to_numpy(), people["person"], str)
        self._spellings = _most_frequent_spellings(tags["tag"])
        self._albums = albums_of(snapshot)
        members = cursor.execute(
            """
            SELECT images.rowid AS row, album_id FROM album_images JOIN images USING (image_id)
            """
        ).to_arrow_table()
        self._members = _Values.read(members["row"].to_numpy(), members["album_id"], str)

    def allowed(self, filters: Filters) -> Mask | None:
        """The rows that pass the filters on photos, shape (n,); None if all do.

        Those on albums are ``filters.allowed_albums``'s.
        """
        return intersection(self._masks(filters).values())

    def count(self, filters: Filters, parsed: ParsedQuery) -> Facets:
        """Count the photos behind each value that pass the query's fields and other filters.

        The last counts are remembered, so both have to be hashable.
        """
        return self._remembered(filters, parsed)

    def _counted(self, filters: Filters, parsed: ParsedQuery) -> Facets:
        masks = self._masks(filters) | {"query": allowed_rows(self._snapshot, None, parsed)}
        in_albums = self._in_albums(filters, parsed)

        def others(name: str) -> Mask | None:
            return intersection([*(mask for key, mask in masks.items() if key != name), in_albums])

        of_albums = {
            name: self._count_albums(name, filters, parsed, intersection(masks.values()))
            for name in _OF_ALBUMS
        }
        titles = _titles(self._albums)
        albums = _kept(of_albums["album_ids"], filters.album_ids)
        days = self._days[~np.isnat(self._days)]
        return Facets(
            events=dict(sorted(_kept(of_albums["events"], filters.events).items())),
            years=dict(sorted(_kept(of_albums["years"], filters.years).items(), reverse=True)),
            albums=dict(sorted(albums.items(), key=lambda item: titles.get(item[0], item[0]))),
            album_titles=titles,
            cameras=_by_count(_kept(self._cameras.counts(others("cameras")), filters.cameras)),
            lenses=_by_count(_kept(self._lenses.counts(others("lenses")), filters.lenses)),
            countries=_by_count(
                _kept(self._countries.counts(others("countries")), filters.countries)
            ),
            people=_by_count(_kept(self._named.counts(others("")), filters.people)),
            towns=_by_count(_kept(self._towns.counts(others("towns")), filters.towns)),
            town_names=self._town_names,
            tags=self._spelt(self._tags.counts(others("tags")), filters.tags),
            has_place=_by_count(
                _kept(self._places.counts(others("has_place")), _chosen(filters.has_place))
            ),
            has_people=_by_count(
                _kept(self._people.counts(others("has_people")), _chosen(filters.has_people))
            ),
            taken=(days.min().astype(date), days.max().astype(date)) if len(days) else None,
        )

    def _masks(self, filters: Filters) -> dict[str, Mask]:
        """The rows that pass each filter on photos that is given."""
        masks = {}
        for name, values, wanted in (
            ("cameras", self._cameras, filters.cameras),
            ("lenses", self._lenses, filters.lenses),
            ("countries", self._countries, filters.countries),
            ("towns", self._towns, filters.towns),
            ("tags", self._tags, [plain_tag(tag) for tag in filters.tags]),
            ("has_place", self._places, _chosen(filters.has_place)),
            ("has_people", self._people, _chosen(filters.has_people)),
        ):
            if wanted:
                masks[name] = values.mask(wanted, self._count)
        for person in filters.people:
            masks[f"people {person}"] = self._named.mask([person], self._count)
        # a photo without a day (NaT) is on neither side of any
        if filters.taken_from is not None:
            masks["taken_from"] = self._days >= np.datetime64(filters.taken_from, "D")
        if filters.taken_to is not None:
            masks["taken_to"] = self._days <= np.datetime64(filters.taken_to, "D")
        return masks

    def _in_albums(self, filters: Filters, parsed: ParsedQuery) -> Mask | None:
        fitting = [one["album_id"] for one in self._albums if fits(one, filters, parsed.only)]
        if len(fitting) == len(self._albums):
            return None
        return self._members.mask(fitting, self._count)

    def _count_albums(
        self, name: str, filters: Filters, parsed: ParsedQuery, mask: Mask | None
    ) -> dict[Any, int]:
        """Count by a column of the albums that pass the filters on albums other than ``name``."""
        values = {
            album["album_id"]: album[_OF_ALBUMS[name]]
            for album in self._albums
            if fits(album, filters, parsed.only, but=name)
        }
        known = dict.fromkeys(value for value in values.values() if value is not None)
        names = {value: code for code, value in enumerate(known)}
        codes = np.array([names.get(values.get(one), -1) for one in self._members.names], np.int64)
        rows, codes = self._members.rows, codes[self._members.codes]
        if mask is not None:
            rows, codes = rows[mask[rows]], codes[mask[rows]]
        return _Values.of(rows, codes, list(names)).counts(None)

    def _spelt(self, counts: Mapping[str, int], chosen: Sequence[str]) -> dict[str, int]:
        """The most frequent tags and those chosen, as they are shown."""
        most = sorted(counts, key=lambda tag: (-counts[tag], tag))[:MOST_TAGS]
        plain = {tag: plain_tag(tag) for tag in chosen}
        shown = {self._spellings[tag]: counts[tag] for tag in most if tag not in plain.values()}
        return _by_count(shown | {tag: counts.get(plain[tag], 0) for tag in chosen})


def _town_names(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """The names of towns by language, by their English name."""
    found = snapshot.cursor().execute("SELECT town, spelt FROM places WHERE town IS NOT NULL")
    by_language: dict[str, dict[str, str]] = {}
    for town, spelt in found.fetchall():
        for language, names in json.loads(spelt).items():
            if "town" in names:
                by_language.setdefault(language, {})[town] = names["town"]
    return by_language


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


def _chosen(value: bool | None) -> Sequence[bool]:
    return () if value is None else (value,)


def _kept(counts: Mapping[Any, int], chosen: Iterable[Any]) -> dict[Any, int]:
    return dict.fromkeys(chosen, 0) | dict(counts)


def _by_count(counts: Mapping[Any, int]) -> dict[Any, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
