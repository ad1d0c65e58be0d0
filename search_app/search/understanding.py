"""What the words of a query mean beside what they say: dates, names of the library, files, people.

A reading is certain where its words can hardly be anything else: a date with a number, a name with
a number (PyCon JP 2024), a person's full name, a place after "in", the name of a file. Its words
are taken out of the text, and only photos that fit it are found. Other names could be what a photo
shows as well, as "Bath" could: photos that fit count as having these words, and nothing is left
out.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from pipeline.snapshot import fulltext
from pipeline.snapshot.reading import Snapshot
from search_app.search import dates, head_counts
from search_app.search.filters import allowed_rows
from search_app.search.names import Found, Names
from search_app.search.parsed import Fields, Kind, ParsedQuery, Reading, Text
from search_app.search.people import Who

_KINDS: dict[str, Kind] = {
    "event": "event",
    "album": "album",
    "country": "place",
    "town": "place",
    "place": "place",
    "person": "person",
    "camera": "camera",
}
_FILE = re.compile(r"(?<!\S)(?=\S*[^\W\d])[\w-]*\d{3,}[\w-]*(?:\.\w{2,4})?(?!\S)")
_BEFORE_PLACE = re.compile(r"(?i)(?<!\S)(?:in|at|from|near|around|в|во|из|около)\s+$")
_AFTER_PLACE = re.compile(r"[のでに]")
# What ties a reading to the rest of a text, and is nothing to search for by itself.
_TIES_BEFORE = re.compile(
    r"(?i)(?:(?<!\S)(?:in|at|from|near|around|on|of|during|the|в|во|из|на|за|с|от|около)\s+|[のでに])+$"
)
_TIES_AFTER = re.compile(r"^[のでに]")
_PHOTOS = frozenset(
    fulltext.words("photo photos picture pictures image фото фотографии снимки 写真").split()
)


class _Span(NamedTuple):
    start: int
    end: int
    kind: Kind
    name: str
    any_of: tuple[Fields, ...]
    is_certain: bool


def understand(
    parsed: ParsedQuery, snapshot: Snapshot, names: Names, today: date, off: Collection[str]
) -> ParsedQuery:
    """The query with ``readings``, and without the words of those that are certain.

    Readings whose ``key`` is in ``off`` count for nothing. Words in quotes are words.
    """
    texts: list[Text] = []
    readings: dict[str, Reading] = {}
    for text in parsed.texts:
        rest = text.text
        if text.weight > 0:
            spans = [
                span
                for span in _spans(text.text, snapshot, names, today)
                if not any(text.text[span.start : span.end] in phrase for phrase in parsed.phrases)
            ]
            for span in reversed(_apart(spans)):
                typed = text.text[span.start : span.end]
                reading = Reading(span.kind, typed, span.name, span.any_of, span.is_certain)
                if not _any_fits(snapshot, reading, names.who):
                    continue
                reading = replace(reading, is_on=reading.key not in off)
                readings[reading.key] = reading
                if reading.is_on and reading.is_certain:
                    rest = _without(rest, span)
        if rest == text.text or _says_something(rest):
            texts.append(replace(text, text=rest))
    return replace(parsed, texts=tuple(texts), readings=tuple(reversed(readings.values())))


def _spans(text: str, snapshot: Snapshot, names: Names, today: date) -> Iterator[_Span]:
    for dated in dates.find(text, today):
        typed = text[dated.start : dated.end]
        yield _Span(dated.start, dated.end, "date", typed, dated.any_of, dated.is_certain)
    for heads in head_counts.find(text):
        typed = text[heads.start : heads.end]
        yield _Span(heads.start, heads.end, "people", typed, (heads.fields,), heads.is_certain)
    for match in _FILE.finditer(text):
        files = Fields(files=(match.group(),))
        yield _Span(match.start(), match.end(), "file", match.group(), (files,), True)
    for found in names.within(text):
        yield _named(text, found)


def _named(text: str, found: Found) -> _Span:
    """What a name stands for: all that is called so, under the kind that comes first."""
    order = list(_KINDS)
    ordered = sorted(found.names, key=lambda name: order.index(name.kind))
    kind = _KINDS[ordered[0].kind]
    any_of = tuple(dict.fromkeys(name.fields for name in ordered))
    return _Span(
        found.start, found.end, kind, ordered[0].labels[""], any_of, _is_certain(text, found, kind)
    )


def _is_certain(text: str, found: Found, kind: Kind) -> bool:
    typed = text[found.start : found.end]
    if kind == "place":
        return bool(
            _BEFORE_PLACE.search(text[: found.start]) or _AFTER_PLACE.match(text[found.end :])
        )
    if kind == "person":
        return len(typed.split()) > 1
    has_number = any(character.isdecimal() for character in typed)
    return has_number and len(typed.split()) > 1


def _apart(spans: Iterable[_Span]) -> Sequence[_Span]:
    """The longest of spans that overlap; they are in the order of the text."""
    kept: list[_Span] = []
    for span in sorted(spans, key=lambda each: (each.start - each.end, each.kind == "date")):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept)


def _any_fits(snapshot: Snapshot, reading: Reading, who: Who) -> bool:
    if reading.kind not in {"date", "people", "file"}:
        return True  # names are those of photos
    certain = replace(reading, is_certain=True)
    rows = allowed_rows(snapshot, None, ParsedQuery(readings=(certain,)), who)
    return rows is not None and bool(rows.any())


def _without(text: str, span: _Span) -> str:
    before, after = _TIES_BEFORE.sub("", text[: span.start]), text[span.end :]
    return " ".join(f"{before} {_TIES_AFTER.sub('', after)}".split())


def _says_something(text: str) -> bool:
    return bool(set(fulltext.query_words(text).split()) - _PHOTOS - fulltext.FUNCTION_WORDS)
