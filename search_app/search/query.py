"""The query language of the page and the command line; docs/search.md shows it by example.

Every text is a query: what cannot be understood is reported, and the rest is searched for.
"""

import difflib
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pipeline import emoji
from pipeline.errors import Message
from search_app.search.parsed import (
    Area,
    Fields,
    Interval,
    MarkName,
    ParsedQuery,
    Part,
    PhotoRef,
    Place,
    Text,
)

_QUOTES = (('"“”„‟＂', '"“”‟＂'), ("«»", "«»"), ("「", "」"), ("『", "』"))
_CLOSING = {opening: closing for openings, closing in _QUOTES for opening in openings}
_QUOTED = "|".join(rf"[{opening}][^{closing}]*(?:[{closing}]|\Z)" for opening, closing in _QUOTES)
# Chinese and Japanese have no spaces: a quotation may begin in the middle of a word.
_QUOTED_WITHIN = "“[^“”]*”|「[^「」]*」|『[^『』]*』"
_WEIGHT = r"[\^＾][^\s\^＾]+(?!\S)"  # neither ^^ nor ^_^ is one
_TOKEN = re.compile(
    rf"""
    (?P<space>\s*)(?=\S)
    (?P<minus>(?<!\S)(?:NOT\s+[-－−]?|[-－−])(?=[^\W_]|[{"".join(_CLOSING)}]|{emoji.PATTERN}))?
    (?:
        (?P<name>[^\W\d_]+)[:：](?P<value>{_QUOTED}|(?:(?!{_WEIGHT})\S)+)
      | (?P<quoted>{_QUOTED})
      | (?P<word>(?:(?!{_WEIGHT}|{_QUOTED_WITHIN})\S)+)
    )?
    (?:\s*(?P<weight>{_WEIGHT}))?
    """,
    re.VERBOSE,
)
# Addresses of photos: on Flickr, of a picture on its servers, and on the search page itself.
_ADDRESS = re.compile(
    r"https?://(?:"
    r"(?:www\.|m\.)?flickr\.com/photos/[^/\s]+/"
    r"|[\w.-]+\.staticflickr\.com/(?:[^/\s]+/)+"
    r"|[^/\s]+/\S*[?&]photo="
    r"|[^/\s]+/(?:\S+/)?app/static/photos/"
    r")([0-8]?\d{1,18})(?!\d)\S*"  # below 2**63
)
_AREA = re.compile(r"(?i)\s*(?<!\S)area[:：]\S+")
_MARKS: dict[str, MarkName] = {
    "favourite": "favourite",
    "favorite": "favourite",
    "hidden": "hidden",
}
_MAX_WEIGHT = 10
_MAX_DIGITS = 9  # of a count
_MAX_SHOWN = 60  # characters of a query that a message repeats


def parse(text: str) -> ParsedQuery:
    """Take a query apart. Every text is one: what is wrong with it is told in ``problems``."""
    reader = _Reader()
    # Bytes of a command line that are no UTF-8 come as surrogates, which no tokenizer takes.
    text = text.encode("utf-8", "replace").decode()
    for token in _TOKEN.finditer(text.strip()):
        reader.read(token)
    reader.end_text()
    return ParsedQuery(
        texts=(*reader.wanted, *reader.unwanted),
        photos=tuple(reader.photos),
        phrases=tuple(reader.phrases),
        without=tuple(text.text for text in reader.unwanted),
        only=Fields(**{field: tuple(values) for field, values in reader.only.items()}),
        never=Fields(**{field: tuple(values) for field, values in reader.never.items()}),
        problems=tuple(reader.problems),
    )


class _Reader:
    """Reads the tokens of a query, one after the other."""

    def __init__(self) -> None:
        self.wanted: list[Text] = []
        self.unwanted: list[Text] = []
        self.photos: list[PhotoRef] = []
        self.phrases: list[str] = []
        self.only: dict[str, list[Any]] = defaultdict(list)
        self.never: dict[str, list[Any]] = defaultdict(list)
        self.problems: list[Message] = []
        self._text = ""  # as far as it has been read

    def read(self, token: re.Match[str]) -> None:
        weight, minus = self._weight(token["weight"]), token["minus"]
        name = _folded(token["name"] or "").lower()
        address = _ADDRESS.fullmatch(f"{name}:{token['value']}")
        if name in _FIELDS or address:
            value = (int(address[1]), None) if address else self._value(name, token)
            if name == "photo" or address:
                if value is not None:
                    image_id, part = value
                    sign = -1 if minus else 1
                    self.photos.append(PhotoRef(image_id, sign * (weight or 1.0), part))
                return
            if value is not None:
                (self.never if minus else self.only)[_FIELDS[name].attribute].append(value)
        elif token["word"] in {"+", "＋"}:
            self.end_text()
        else:
            words = self._words(token)
            if minus:
                if _has_words(words):
                    self.unwanted.append(Text(words.rstrip(",;"), -(weight or 1.0)))
                return
            self._text += (" " if token["space"] else "") + words
        if weight is not None:
            self.end_text(weight)

    def end_text(self, weight: float | None = None) -> None:
        words = self._text.split()
        self._text = ""
        while words and words[-1] in {"AND", "OR"}:  # between a text and a field
            words.pop()
        while words and words[0] in {"AND", "OR"}:
            words.pop(0)
        text = " ".join(words)
        if _has(text, "L", "N", "So"):  # punctuation says nothing, a symbol does
            self.wanted.append(Text(text, weight or 1.0))
        elif weight is not None:
            self.problems.append(
                Message("A weight belongs behind a text or a photo, such as a dog ^2")
            )

    def _weight(self, typed: str | None) -> float | None:
        if typed is None:
            return None
        try:
            weight = float(_folded(typed)[1:])
        except ValueError:
            weight = 0.0
        if 0 < weight <= _MAX_WEIGHT:
            return weight
        self.problems.append(
            Message(
                "{typed} is no weight: write a number above 0 and up to {most}, such as ^2 or ^0.5",
                typed=_shown(typed),
                most=_MAX_WEIGHT,
            )
        )
        return 1.0

    def _value(self, name: str, token: re.Match[str]) -> Any:
        """The value of a known field; None, and a problem, if it is none."""
        try:
            return _FIELDS[name].read(_folded(self._unquoted(token["value"])).rstrip(",;"))
        except (ValueError, KeyError, OverflowError):
            typed = _shown(f"{token['name']}:{token['value']}")
            form = _FIELDS[name].form
            self.problems.append(
                Message("{typed} was left out: write {form}", typed=typed, form=form)
            )
            return None

    def _words(self, token: re.Match[str]) -> str:
        name, value = token["name"], token["value"]
        if token["quoted"]:
            phrase = " ".join(self._unquoted(token["quoted"]).split())
            if not token["minus"] and _has_words(phrase):
                self.phrases.append(phrase)
            return phrase
        if name is None:
            return token["word"] or ""
        if (
            not value[0].isalnum() and value[0] not in _CLOSING
        ):  # https://…, std::vector, an emoticon
            return f"{name}:{value}"
        similar = difflib.get_close_matches(_folded(name).lower(), _FIELDS, n=1)
        advice = (
            Message("did you mean {field}?", field=similar[0])
            if similar
            else Message("there are {fields}", fields=", ".join(_FIELDS))
        )
        self.problems.append(
            Message(
                "No field {name}, so its words are searched for: {advice}",
                name=_shown(name),
                advice=advice,
            )
        )
        return " ".join(f"{name} {self._unquoted(value)}".split())

    def _unquoted(self, typed: str) -> str:
        if typed[0] not in _CLOSING:
            return typed
        if len(typed) > 1 and typed[-1] in _CLOSING[typed[0]]:
            return typed[1:-1]
        self.problems.append(
            Message("{typed} has no closing quote, so it runs to the end", typed=_shown(typed))
        )
        return typed[1:]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("−", "-").strip()


def _has(text: str, *categories: str) -> bool:
    """Whether a text has a character of one of these Unicode categories."""
    folded = unicodedata.normalize("NFKC", text)
    return any(unicodedata.category(character).startswith(categories) for character in folded)


def _has_words(text: str) -> bool:
    """Whether a text has anything that full text search looks for."""
    return _has(text, "L", "N") or emoji.has_emoji(text)


def _shown(typed: str) -> str:
    typed = " ".join(typed.split())
    return typed if len(typed) <= _MAX_SHOWN else typed[: _MAX_SHOWN - 1] + "…"


def _name(value: str) -> str:
    if not _has_words(value):
        raise ValueError(value)
    return " ".join(value.split())


def read_part(value: str) -> Part:
    """Read ``left,top,right,bottom`` in percent. Raises ValueError."""
    left, top, right, bottom = map(float, value.split(","))
    if not (0 <= left < right <= 100 and 0 <= top < bottom <= 100):
        raise ValueError(value)
    return Part(left, top, right, bottom)


def _photo(value: str) -> tuple[int, Part | None]:
    image_id, *edges = value.split(",")
    if not image_id.isdecimal() or int(image_id) >= 2**63:
        raise ValueError(value)
    if not edges:
        return int(image_id), None
    return int(image_id), read_part(",".join(edges))


def _face(value: str) -> tuple[int, int]:
    image_id, number = value.split(",")
    if not (number.isdecimal() and len(number) <= _MAX_DIGITS):
        raise ValueError(value)
    return _photo(image_id)[0], int(number)


def _years(value: str) -> tuple[int | None, int | None]:
    return _range(value, lambda end: datetime.strptime(end, "%Y").year)


def _stars(value: str) -> tuple[int | None, int | None]:
    return _range(value, lambda end: 1 + [*"12345"].index(end))


def _mark(value: str) -> MarkName:
    return _MARKS[value.lower()]


def _count(value: str) -> tuple[int | None, int | None]:
    return _range(value, lambda end: int(end[: end.isdecimal() and _MAX_DIGITS]))


def _range(value: str, read: Callable[[str], int]) -> tuple[int | None, int | None]:
    first, last = (read(end) if end else None for end in _ends(value))
    if first and last and first > last:
        raise ValueError(value)
    return first, last


def _taken(value: str) -> Interval:
    first, last = _ends(value)
    start = _period(first)[0] if first else None
    before = _period(last)[1] if last else None
    if start and before and start >= before:
        raise ValueError(value)
    return Interval(start, before)


def _ends(value: str) -> tuple[str, str]:
    """The ends of a range, one of which may be empty; both are the value where it is no range."""
    first, dots, last = value.partition("..")
    if not first and not last:
        raise ValueError(value)
    return first, last if dots else first


def _period(text: str) -> tuple[datetime, datetime]:
    """The start of a year, a month or a day, and of the next one."""
    match text.count("-"):
        case 0:
            start = datetime.strptime(text, "%Y")
            return start, start.replace(year=start.year + 1)
        case 1:
            start = datetime.strptime(text, "%Y-%m")
            return start, (start + timedelta(days=31)).replace(day=1)
        case _:
            start = datetime.strptime(text, "%Y-%m-%d")
            return start, start + timedelta(days=1)


def _place(value: str) -> Place:
    latitude, longitude, radius = value.lower().split(",")
    unit = 0.001 if re.search(r"(?<!k)m$", radius) else 1.0
    place = Place(float(latitude), float(longitude), float(radius.rstrip("km")) * unit)
    if abs(place.latitude) <= 90 and abs(place.longitude) <= 180 and 0 < place.radius_km < math.inf:
        return place
    raise ValueError(value)


def _area(value: str) -> Area:
    south, west, north, east = map(float, value.split(","))
    if -90 <= south <= north <= 90 and abs(west) <= 180 and abs(east) <= 180:
        return Area(south, west, north, east)
    raise ValueError(value)


def without_photos(text: str, photos: Collection[PhotoRef]) -> tuple[list[str], str]:
    """The terms of a query that are for these photos, as they were typed, and the rest of it."""
    terms, rest = [], ""
    for token in _TOKEN.finditer(text):
        reader = _Reader()
        reader.read(token)
        if reader.photos and reader.photos[0] in photos and not reader.problems:
            terms.append(token[0].strip())
        else:
            rest += token[0]
    return terms, rest.strip()


def with_area(text: str, area: str) -> str:
    """A query of the photos within an area alone, ``south,west,north,east``, whatever its own."""
    return f"{_AREA.sub('', text)} area:{area}".strip()


class _Field(NamedTuple):
    """The attribute of Fields that a field goes to, what reads its value, and how to write it."""

    attribute: str
    read: Callable[[str], Any]
    form: Message


_FIELDS = {
    "photo": _Field(
        "",
        _photo,
        Message(
            "the number of a photo (and for a part of it, left,top,right,bottom in percent), such"
            " as photo:123"
        ),
    ),
    "camera": _Field("cameras", _name, Message("a make or a model, such as camera:canon")),
    "lens": _Field("lenses", _name, Message("a part of its name, such as lens:50mm")),
    "taken": _Field(
        "taken",
        _taken,
        Message("a day, month or year, or from..to, such as taken:2015-06..2015-09"),
    ),
    "near": _Field(
        "near",
        _place,
        Message("latitude,longitude,radius without spaces, such as near:56.1,12.3,5km"),
    ),
    "area": _Field(
        "areas",
        _area,
        Message("south,west,north,east without spaces, such as area:56.1,10.1,56.2,10.3"),
    ),
    "album": _Field("albums", _name, Message('a part of its title, such as album:"PyCon JP 2024"')),
    "event": _Field("events", _name, Message('a part of its name, such as event:"PyCon JP"')),
    "year": _Field(
        "years", _years, Message("a year, or from..to, such as year:2015 or year:2013..2016")
    ),
    "tag": _Field("tags", _name, Message("a word, such as tag:harbour")),
    "person": _Field("people", _name, Message('a part of a name, such as person:"Ada Lovelace"')),
    "face": _Field(
        "faces", _face, Message("the number of a photo and which of its faces, such as face:123,1")
    ),
    "people": _Field(
        "counts",
        _count,
        Message("how many faces, or from..to, such as people:0, people:3 or people:2..5"),
    ),
    "creator": _Field(
        "creators", _name, Message('a part of a name, such as creator:"Ansel Adams"')
    ),
    "place": _Field("places", _name, Message("a part of a place's name, such as place:Aarhus")),
    "rating": _Field(
        "ratings", _stars, Message("stars, or from..to, such as rating:4 or rating:3..5")
    ),
    "is": _Field("marked", _mark, Message("is:hidden or is:favourite")),
}
