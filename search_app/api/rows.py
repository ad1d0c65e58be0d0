"""The rows that programs read: of the command line with ``--json``, of the API, of its tools.

Each is made here from what search knows. Paths need not be text: odd bytes become ``\\xNN``. Times
are UTC without a zone, but ``taken_at`` is what the camera's clock said.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SerializationInfo,
    WithJsonSchema,
)

from pipeline.photos.files import printable
from pipeline.snapshot import who_is_who
from pipeline.snapshot.who_is_who import Person as KnownPerson
from search_app.search.terms import face_term, person_term

if TYPE_CHECKING:
    from search_app.search.hits import Hit


def _written(image_id: int, info: SerializationInfo) -> int | str:
    return str(image_id) if (info.context or {}).get("ids") == "text" else image_id


ImageId = Annotated[
    int,
    PlainSerializer(_written),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 2**63 - 1}),
]
"""Written as a text with the context ``{"ids": "text"}``."""
Moment = Annotated[
    datetime, WithJsonSchema({"type": "string", "examples": ["2015-06-01T14:30:00"]})
]
"""ISO 8601 without a zone, which no format of JSON Schema has."""
Printable = Annotated[str, BeforeValidator(printable)]
Columns = Mapping[str, Any]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartRanking(_Row):
    """Where one part of a search ranked a photo: "visual", "caption" or "text"."""

    part: str
    rank: int
    score: float
    """A cosine, or BM25 for "text"."""


class FoundPhoto(_Row):
    """A photo that was found, or listed; of several albums it is shown in the first."""

    rank: int
    image_id: ImageId
    path: Printable
    """Its file, on the machine that was searched."""
    album_id: str
    album_title: str
    event_name: str | None
    event_year: int | None
    title: str | None
    caption: str | None
    score: float
    """A cosine, BM25 or the log odds of a match, by the mode of the search; 0 in a listing."""
    probability: float | None
    """That it matches; null where a picture, or nothing, was searched for."""
    image_url: str | None
    page_url: str | None
    found_by: Sequence[PartRanking]
    words: Sequence[str]
    """Those of the query that the photo's texts have."""

    @classmethod
    def of(cls, hit: "Hit") -> "FoundPhoto":
        """The row of a hit."""
        return cls.model_validate(hit, from_attributes=True)


class _Image(_Row):
    """What is known of a photo's file, and what its source says: the columns of ``images``."""

    created_at: Moment
    image_id: ImageId
    path: Printable
    image_url: str | None
    page_url: str | None
    relative_path: str
    local_filename: str | None
    companions: Sequence[str] | None
    """Files beside it that are the same photo: its RAW, its film, what was edited."""
    source: str
    title: str | None
    description: str | None
    links: Sequence[str] | None
    tags: Sequence[str] | None
    owner: str | None
    license: str | None
    image_format: str | None
    width: int | None
    height: int | None
    is_cut: bool | None
    """Whether a part of the picture is missing, as of a file that was not copied whole."""
    file_size_bytes: int | None
    sha256: str | None
    uploaded_at: Moment | None
    downloaded_at: Moment | None
    flickr_photo_id: str | None
    thumbhash: str | None
    """What it looks like from far away, for until its picture is there: a ThumbHash in base64."""


class LibraryPhoto(_Image):
    """A photo of the library in one of its albums."""

    album_id: str
    album_title: str
    event_name: str | None
    event_year: int | None
    event_type: str | None
    taken_at: Moment | None
    taken_precision: str | None
    """"exact", "day", "month", "year" or "circa"; null is exact."""
    taken_at_offset: str | None
    people: Sequence[str] | None
    rating: int | None
    favourite: bool | None
    creator: str | None
    rights: str | None
    place_names: Sequence[str] | None
    country: str | None
    region: str | None
    town: str | None


class Exif(_Row):
    """What a photo's file, or a sidecar beside it, says of how, when and where it was taken."""

    camera_make: str | None = None
    camera_model: str | None = None
    lens_model: str | None = None
    exposure_time: float | None = None
    """Seconds."""
    f_number: float | None = None
    iso: int | None = None
    focal_length: float | None = None
    """Millimetres."""
    flash: bool | None = None
    orientation: int | None = None
    taken_at: Moment | None = None
    taken_precision: str | None = None
    taken_at_offset: str | None = None
    latitude: float | None = None
    """Degrees, south negative."""
    longitude: float | None = None
    """Degrees, west negative."""
    altitude: float | None = None
    """Metres."""
    direction: float | None = None
    """Degrees."""
    software: str | None = None
    artist: str | None = None
    copyright: str | None = None
    rating: int | None = None
    favourite: bool | None = None
    creator: str | None = None
    rights: str | None = None
    place_names: Sequence[str] | None = None


class Place(_Row):
    """Where a photo was taken: the code of the country, names in English."""

    country: str | None = None
    region: str | None = None
    town: str | None = None
    quarter: str | None = None


class Caption(_Row):
    """What a model says of a photo."""

    model_name: str | None
    caption: str | None
    tags: Sequence[str] | None
    visible_text: str | None
    has_people: bool | None
    language: str | None
    created_at: Moment | None


class Line(_Row):
    """A line of text in a photo, and its corners: x and y in percent, clockwise."""

    text: str
    score: float
    corners: Sequence[float]


class NamedAlbum(_Row):
    """An album that a photo is in."""

    album_id: str
    source: str
    title: str
    event_name: str | None
    event_year: int | None
    event_type: str | None
    url: str | None

    @classmethod
    def of(cls, album: Columns) -> Self:
        """The row of an album of table ``albums``."""
        return cls(**_chosen(cls, album))


class Album(NamedAlbum):
    """An album, with the number of its photos."""

    photo_count: int
    updated_at: Moment | None


class Event(_Row):
    """An event of a year, with the number of its photos."""

    event_name: str
    event_year: int | None
    photo_count: int


class Person(_Row):
    """Somebody whose face is on photos; those who have no name were told apart by their looks."""

    person_id: str
    name: str | None
    photo_count: int
    query: str
    """What to search for to find these photos."""

    @classmethod
    def of(cls, person: KnownPerson) -> "Person":
        """The row of a person."""
        best = person.faces[0]
        return cls(
            person_id=person.person_id,
            name=person.name,
            photo_count=who_is_who.photos(person),
            query=person_term(person.name)
            if person.name
            else face_term(best.image_id, best.number),
        )


class PhotoDetails(_Image):
    """All that is known of a photo."""

    people: Sequence[str]
    """Whom it shows, as it says itself and as faces do."""
    exif: Exif
    place: Place
    caption: Caption | None
    lines: Sequence[Line]
    albums: Sequence[NamedAlbum]

    @classmethod
    def of(cls, photo: Columns, hidden_people: frozenset[str]) -> "PhotoDetails":
        """The row of what ``Searcher.details`` tells, without the people who are hidden."""
        said = [*(photo["exif"].get("people") or ()), *photo["seen"]]
        caption = photo["caption"]
        return cls(
            **_chosen(_Image, photo),
            people=[name for name in dict.fromkeys(said) if name not in hidden_people],
            exif=Exif(**_chosen(Exif, photo["exif"])),
            place=Place(**_chosen(Place, photo["place"])),
            caption=Caption(**_chosen(Caption, caption)) if caption else None,
            lines=[Line(**line) for line in photo["lines"]],
            albums=[NamedAlbum.of(album) for album in photo["albums"]],
        )


def _chosen(row: type[_Row], columns: Columns) -> dict[str, Any]:
    return {name: columns[name] for name in row.model_fields if name in columns}
