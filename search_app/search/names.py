"""The names that a snapshot knows: of albums, events, places, cameras, people and tags."""

import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Literal, NamedTuple

import pyarrow as pa

from pipeline.photos.camera_name import camera_name
from pipeline.snapshot import fulltext
from pipeline.snapshot.places import LANGUAGES, country_name
from pipeline.snapshot.reading import Snapshot
from search_app.search.parsed import Fields
from search_app.search.people import Who

NameKind = Literal["event", "album", "country", "town", "place", "person", "camera", "tag"]

_MOST_WORDS = 8  # of a name that is looked for within a text
_LONGEST = 16  # characters of one that is written without spaces
_TYPED_WORDS = 5  # the last ones may be the beginning of a name


@dataclass(frozen=True, eq=False)
class Name:
    """Something that has a name. ``value`` is what filters know it by, ``count`` its photos.

    ``labels`` are names by language, "" for all that have none of their own; a photo of it fits
    ``fields``.
    """

    kind: NameKind
    value: str
    count: int
    labels: Mapping[str, str]
    fields: Fields
    others: tuple[str, ...] = ()

    def label(self, language: str) -> str:
        """What it is called in a language."""
        return self.labels.get(language) or self.labels[""]

    @property
    def every(self) -> tuple[str, ...]:
        """All that it is called."""
        return tuple(dict.fromkeys((*self.labels.values(), *self.others)))


class Suggestion(NamedTuple):
    """A name that begins like the last words of a text, and the text before these."""

    name: Name
    rest: str


class Found(NamedTuple):
    """Names that stand in a text from ``start`` to ``end``."""

    start: int
    end: int
    names: Sequence[Name]


class Names:
    """The names of one snapshot, in memory: some hundred bytes each."""

    def __init__(self, snapshot: Snapshot, who: Who) -> None:
        self.who = who
        self._snapshot = snapshot
        self._names = [
            *_events(snapshot),
            *_albums(snapshot),
            *_places(snapshot),
            *_people(who),
            *_cameras(snapshot),
        ]
        self._by_words: dict[str, list[Name]] = defaultdict(list)
        for name in self._names:
            for each in name.every:
                if len(each) > 1:
                    self._by_words[fulltext.words(each)].append(name)

    @cached_property
    def _suggested(self) -> list[tuple[Name, str]]:
        """Each name and all that it is called, a line for each; tags too, of which there are most.

        An album that is all of an event of that name is not there twice.
        """
        events = {(name.value, name.count) for name in self._names if name.kind == "event"}
        names = (
            name
            for name in self._names
            if name.kind != "album" or (name.labels[""], name.count) not in events
        )
        return [
            (name, "\n" + "\n".join(f" {_folded(each)}" for each in name.every))
            for name in chain(names, _tags(self._snapshot))
        ]

    def suggest(self, typed: str, language: str, most: int) -> list[Suggestion]:
        """Names of which a word begins with what was typed last, the likeliest first.

        The more of what was typed a name begins with, the better; then those with more photos.
        """
        words = typed.split()
        found: list[Suggestion] = []
        for count in range(min(len(words), _TYPED_WORDS), 0, -1):
            beginning = " " + _folded(" ".join(words[-count:]))
            known = {suggestion.name for suggestion in found}
            matching = [
                ("\n" + beginning not in names, -name.count, name.label(language), name)
                for name, names in self._suggested
                if beginning in names and name not in known
            ]
            matching.sort(key=lambda each: each[:3])
            rest = " ".join(words[:-count])
            found += [Suggestion(name, rest) for *_, name in matching[: most - len(found)]]
            if len(found) >= most:
                break
        return found

    def within(self, text: str) -> Iterator[Found]:
        """Names that stand in a text as whole words; they may overlap."""
        runs = [
            (match.start(), match.end(), fulltext.words(match.group()))
            for match in fulltext.RUNS.finditer(text)
        ]
        for first in range(len(runs)):
            for last in range(first, min(first + _MOST_WORDS, len(runs))):
                words = " ".join(run for *_, run in runs[first : last + 1])
                if words in self._by_words:
                    yield Found(runs[first][0], runs[last][1], self._by_words[words])
        for start, end, words in runs:
            if fulltext.is_cjk(words):
                for at in range(start, end - 1):
                    for until in range(at + 2, min(at + _LONGEST, end) + 1):
                        if (at, until) != (start, end):
                            part = fulltext.words(text[at:until])
                            if part in self._by_words:
                                yield Found(at, until, self._by_words[part])


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _events(snapshot: Snapshot) -> Iterator[Name]:
    found = snapshot.cursor().execute(
        """
        SELECT event_name, list(DISTINCT event_year), count(DISTINCT image_id)
        FROM albums JOIN album_images USING (album_id)
        WHERE event_name IS NOT NULL GROUP BY event_name
        """
    )
    for event, years, count in found.fetchall():
        others = [
            " ".join(event.replace(str(year), "").split())
            if str(year) in event
            else f"{event} {year}"
            for year in years
            if year is not None
        ]
        yield Name("event", event, count, {"": event}, Fields(events=(event,)), tuple(others))


def _albums(snapshot: Snapshot) -> Iterator[Name]:
    found = snapshot.cursor().execute(
        """
        SELECT album_id, any_value(title), count(*) FROM albums JOIN album_images USING (album_id)
        GROUP BY album_id
        """
    )
    for album_id, title, count in found.fetchall():
        yield Name("album", album_id, count, {"": title}, Fields(albums=(album_id,)))


def _places(snapshot: Snapshot) -> Iterator[Name]:
    """Of positions, and those that people wrote."""
    found = snapshot.cursor().execute(
        """
        SELECT country, region, town, quarter, spelt, photos
        FROM places JOIN (
            SELECT place_id, count(*) AS photos FROM exif GROUP BY place_id
        ) USING (place_id)
        """
    )
    counts: dict[tuple[NameKind, str], int] = defaultdict(int)
    labels: dict[tuple[NameKind, str], dict[str, str]] = {}
    for country, region, town, quarter, spelt, photos in found.fetchall():
        by_language = json.loads(spelt)
        parts: tuple[tuple[NameKind, str, str | None], ...] = (
            ("town", "town", town),
            ("place", "region", region if region != town else None),
            ("place", "quarter", quarter),
        )
        for kind, part, value in parts:
            if value is not None:
                counts[kind, value] += photos
                labels[kind, value] = {"": value} | {
                    language: names[part]
                    for language, names in by_language.items()
                    if part in names
                }
        counts["country", country] += photos
        labels["country", country] = {"": country_name(country, "en")} | {
            language: country_name(country, language) for language in LANGUAGES
        }
    for (kind, value), count in counts.items():
        named = labels[kind, value]
        yield Name(kind, value, count, named, Fields(places=(named[""],)))
    known = {_folded(label) for named in labels.values() for label in named.values()}
    written = snapshot.cursor().execute(
        """
        SELECT name, count(DISTINCT image_id) FROM (
            SELECT image_id, unnest(place_names) AS name FROM exif
        ) GROUP BY name
        """
    )
    for name, count in written.fetchall():
        if _folded(name) not in known:  # else it asks for both
            yield Name("place", name, count, {"": name}, Fields(places=(name,)))


def _people(who: Who) -> Iterator[Name]:
    counts = who.shown["person"].value_counts()
    for person, count in zip(*map(pa.Array.to_pylist, counts.flatten()), strict=True):
        first, *others = person.split()
        called = (first,) if others else ()
        yield Name("person", person, count, {"": person}, Fields(people=(person,)), called)


def _cameras(snapshot: Snapshot) -> Iterator[Name]:
    found = snapshot.cursor().execute(
        """
        SELECT coalesce(camera_make, ''), coalesce(camera_model, ''), count(*) FROM exif
        GROUP BY ALL HAVING camera_make IS NOT NULL OR camera_model IS NOT NULL
        """
    )
    for make, model, count in found.fetchall():
        if name := camera_name(make, model):
            fields = Fields(cameras=(model or make,))
            yield Name("camera", name, count, {"": name}, fields, (model,) if model else ())


def _tags(snapshot: Snapshot) -> Iterator[Name]:
    found = snapshot.cursor().execute(
        """
        SELECT tag, count(*) FROM (
            SELECT unnest(list_concat(
                coalesce(retagged.tags, images.tags), coalesce(caption_tags, captions.tags)
            )) AS tag
            FROM images LEFT JOIN captions USING (image_id) LEFT JOIN retagged USING (image_id)
        ) WHERE tag IS NOT NULL GROUP BY tag
        """
    )
    for tag, count in found.fetchall():
        yield Name("tag", tag, count, {"": tag}, Fields(tags=(tag,)))
