"""What a query asks for, taken apart: texts, photos, values for fields, and readings of words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from pipeline.errors import Message

MarkName = Literal["favourite", "hidden"]
Kind = Literal["date", "event", "album", "place", "camera", "person", "people", "file"]


@dataclass(frozen=True)
class Text:
    """A text that is searched for; one with a negative weight pushes away."""

    text: str
    weight: float


class Part(NamedTuple):
    """A part of a photo: its edges in percent of the photo's width and height."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class PhotoRef:
    """A photo of the library, or a part of it, that is searched with.

    One with a negative weight pushes away.
    """

    image_id: int
    weight: float
    part: Part | None = None


@dataclass(frozen=True)
class Interval:
    """The times from ``start`` on and before ``before``; None is no limit."""

    start: datetime | None
    before: datetime | None


@dataclass(frozen=True)
class Place:
    """The places within ``radius_km`` of a point in degrees, south and west negative."""

    latitude: float
    longitude: float
    radius_km: float


class Area(NamedTuple):
    """The places between two latitudes and two longitudes, in degrees, south and west negative.

    An area with its west beyond its east goes across the meridian of 180 degrees.
    """

    south: float
    west: float
    north: float
    east: float


@dataclass(frozen=True)
class Fields:
    """Values for fields of a photo; a field without any lets every photo through.

    ``years``, ``counts`` (of faces) and ``ratings`` are pairs of the first and the last, None being
    no limit. ``faces`` are the id of a photo and which of its faces. Words are NFKC-folded.
    """

    cameras: tuple[str, ...] = ()
    lenses: tuple[str, ...] = ()
    albums: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    years: tuple[tuple[int | None, int | None], ...] = ()
    taken: tuple[Interval, ...] = ()
    near: tuple[Place, ...] = ()
    areas: tuple[Area, ...] = ()
    people: tuple[str, ...] = ()
    faces: tuple[tuple[int, int], ...] = ()
    counts: tuple[tuple[int | None, int | None], ...] = ()
    creators: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    ratings: tuple[tuple[int | None, int | None], ...] = ()
    days: tuple[tuple[int, int | None], ...] = ()
    """Months, and perhaps days of them, of any year; a query has no field for them."""
    files: tuple[str, ...] = ()
    marked: tuple[MarkName, ...] = ()
    """All of them, of what people marked photos with, and photos say of themselves."""


@dataclass(frozen=True)
class Reading:
    """What some words of a query mean, or may mean: photos that fit one of ``any_of``.

    ``typed`` are the words, ``name`` is that of what is meant, for people. Words of a certain
    reading are not searched for: its photos are. Of another they are searched for as well, and its
    photos count as having them. One that is not ``is_on`` counts for nothing: its words are words.
    """

    kind: "Kind"
    typed: str
    name: str
    any_of: tuple[Fields, ...]
    is_certain: bool
    is_on: bool = True

    @property
    def key(self) -> str:
        """By which it is turned off."""
        return f"{self.kind}:{self.typed.casefold()}"


@dataclass(frozen=True)
class ParsedQuery:
    """A query taken apart.

    ``texts`` has those that push away last. ``phrases`` must occur in the words of a photo, what is
    in ``without`` must not; each has a letter, a digit or an emoji. A photo fits if it has, of
    every field in ``only``, one of the values, and none in ``never``, and if it fits all
    ``readings`` that are on and certain. ``problems`` are sentences for people.
    """

    texts: tuple[Text, ...] = ()
    photos: tuple[PhotoRef, ...] = ()
    phrases: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    only: Fields = Fields()
    never: Fields = Fields()
    readings: tuple[Reading, ...] = ()
    problems: tuple[Message, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked; a query of fields alone asks for the photos that fit."""
        return self == ParsedQuery(problems=self.problems)
