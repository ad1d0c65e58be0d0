"""The fields of the query language: what each takes, and how that is written."""

import math
import re
import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pipeline import emoji
from pipeline.errors import Message
from search_app.search.parsed import Area, Interval, MarkName, Part, Place

_MARKS: dict[str, MarkName] = {
    "favourite": "favourite",
    "favorite": "favourite",
    "hidden": "hidden",
}
_MAX_DIGITS = 9  # of a count


def has(text: str, *categories: str) -> bool:
    """Whether a text has a character of one of these Unicode categories."""
    folded = unicodedata.normalize("NFKC", text)
    return any(unicodedata.category(character).startswith(categories) for character in folded)


def has_words(text: str) -> bool:
    """Whether a text has anything that full text search looks for."""
    return has(text, "L", "N") or emoji.has_emoji(text)


def _name(value: str) -> str:
    if not has_words(value):
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


class Field(NamedTuple):
    """The attribute of Fields that a field goes to, what reads its value, and how to write it."""

    attribute: str
    read: Callable[[str], Any]
    form: Message


FIELDS: dict[str, Field] = {
    "photo": Field(
        "",
        _photo,
        Message(
            "the number of a photo (and for a part of it, left,top,right,bottom in percent), such"
            " as photo:123"
        ),
    ),
    "camera": Field("cameras", _name, Message("a make or a model, such as camera:canon")),
    "lens": Field("lenses", _name, Message("a part of its name, such as lens:50mm")),
    "taken": Field(
        "taken",
        _taken,
        Message("a day, month or year, or from..to, such as taken:2015-06..2015-09"),
    ),
    "near": Field(
        "near",
        _place,
        Message("latitude,longitude,radius without spaces, such as near:56.1,12.3,5km"),
    ),
    "area": Field(
        "areas",
        _area,
        Message("south,west,north,east without spaces, such as area:56.1,10.1,56.2,10.3"),
    ),
    "album": Field("albums", _name, Message('a part of its title, such as album:"PyCon JP 2024"')),
    "event": Field("events", _name, Message('a part of its name, such as event:"PyCon JP"')),
    "year": Field(
        "years", _years, Message("a year, or from..to, such as year:2015 or year:2013..2016")
    ),
    "tag": Field("tags", _name, Message("a word, such as tag:harbour")),
    "person": Field("people", _name, Message('a part of a name, such as person:"Ada Lovelace"')),
    "face": Field(
        "faces", _face, Message("the number of a photo and which of its faces, such as face:123,1")
    ),
    "people": Field(
        "counts",
        _count,
        Message("how many faces, or from..to, such as people:0, people:3 or people:2..5"),
    ),
    "creator": Field("creators", _name, Message('a part of a name, such as creator:"Ansel Adams"')),
    "place": Field("places", _name, Message("a part of a place's name, such as place:Aarhus")),
    "rating": Field(
        "ratings", _stars, Message("stars, or from..to, such as rating:4 or rating:3..5")
    ),
    "is": Field("marked", _mark, Message("is:hidden or is:favourite")),
}
"""By the name that is written before the colon."""
