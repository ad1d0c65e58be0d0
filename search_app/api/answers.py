"""What programs may ask of a library, and the answers: over HTTP, for an assistant, in Python.

Photos that people hid are in no answer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    computed_field,
)

from pipeline.errors import NotInLibraryError, QueryError
from search_app.api.rows import (
    Album,
    Event,
    FoundPhoto,
    LibraryPhoto,
    Person,
    PhotoDetails,
)
from search_app.search import album_pages, photos, pictures, starting
from search_app.search.filters import Filters, allowed_albums
from search_app.search.hits import Results
from search_app.search.parsed import Fields
from search_app.search.queries import MAX_QUERY, Query
from search_app.search.ranking import Mode
from search_app.search.searcher import Searcher
from search_app.search.sorting import Sort

Row = TypeVar("Row")
Form = TypeVar("Form", bound=BaseModel)
Size = Literal["small", "large"]
"""480 pixels high, or large enough to fill a window."""
_LARGEST = 2**31 - 1


def _day(value: object) -> object:
    """A day as it is written, not one counted in seconds, which a date may be, too."""
    if isinstance(value, date) or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", str(value)):
        return value
    raise ValueError("Input should be a date such as 2018-04-30")


_Day = Annotated[date, BeforeValidator(_day)]
_Name = Annotated[str, Field(max_length=200)]
_Names = Annotated[list[_Name], Field(max_length=20)]


class Paged(BaseModel):
    """Which of the rows are asked for."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=20, ge=1, le=500, description="How many rows, at the most.")
    offset: int = Field(default=0, ge=0, le=_LARGEST, description="How many rows are passed over.")


class InAlbums(Paged):
    """Photos in albums that have one of the values of each of these, if any is given."""

    event: _Names = Field([], description="The name of the event of an album.")
    year: list[Annotated[int, Field(ge=0, le=9999)]] = Field(
        [], max_length=20, description="Of the event."
    )
    album_id: _Names = Field([], description="The id of an album.")

    @property
    def filters(self) -> Filters:
        """As searches have them."""
        return Filters(
            events=self.event, years=self.year, album_ids=self.album_id, unmarked=("hidden",)
        )


class Asked(InAlbums):
    """A search, by words and filters; without words all photos that pass the filters are listed."""

    q: str = Field("", max_length=MAX_QUERY, description="What is searched for, as on the page.")
    camera: _Names = Field([], description="Make and model, as the page writes them.")
    lens: _Names = []
    tag: _Names = []
    country: _Names = Field([], description="A code of two letters.")
    town: _Names = Field([], description="The English name.")
    person: _Names = Field([], description="Of several names, all have to be on a photo.")
    taken_from: _Day | None = Field(None, description="The first day.")
    taken_to: _Day | None = Field(None, description="The last day.")
    has_place: bool | None = Field(None, description="Whether it is known where it was taken.")
    has_people: bool | None = Field(None, description="Whether people are on it.")
    mode: Mode | None = Field(None, description="By default hybrid; with a photo in q visual.")
    sort: Sort = "relevance"
    min_probability: float | None = Field(
        None, ge=0, le=1, description="That a photo matches; by default MIN_PROBABILITY."
    )

    @property
    def filters(self) -> Filters:
        """As searches have them."""
        return replace(
            super().filters,
            cameras=self.camera,
            lenses=self.lens,
            tags=self.tag,
            countries=self.country,
            towns=self.town,
            people=self.person,
            taken_from=self.taken_from,
            taken_to=self.taken_to,
            has_place=self.has_place,
            has_people=self.has_people,
        )


class OnePhoto(BaseModel):
    """A photo of the library."""

    model_config = ConfigDict(extra="forbid")

    image_id: Annotated[
        int,
        Field(ge=0, lt=2**63, description="The image_id of a photo."),
        WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,19}$"}),
    ]


class Similar(Paged, OnePhoto):
    """Photos that are most like this one."""


class Seen(OnePhoto):
    """A photo in a size."""

    size: Size = "small"


class Page(BaseModel, Generic[Row]):
    """Some of the rows that there are."""

    total: int = Field(description="How many rows there are in all.")
    offset: int = Field(description="How many come before these.")
    rows: Sequence[Row]

    @computed_field(description="Where the next page begins, if there is one.")  # type: ignore[prop-decorator]
    @property
    def next_offset(self) -> int | None:
        """Where the next page begins, if there is one."""
        after = self.offset + len(self.rows)
        return after if self.rows and after < self.total else None


def understood(form: type[Form], values: Mapping[str, Any]) -> Form:
    """What a program asks for. Raises QueryError that says of each value what is wrong with it."""
    try:
        return form.model_validate(values)
    except ValidationError as error:
        raise QueryError(
            in_words([(each["loc"], each["msg"]) for each in error.errors()])
        ) from None


def in_words(wrong: Sequence[tuple[tuple[str | int, ...], str]]) -> str:
    """What is wrong, and where: ``limit: …; tag[0]: …``."""
    return "; ".join(
        "".join(f"[{step}]" if isinstance(step, int) else step for step in where) + f": {why}"
        for where, why in wrong
    )


def page(rows: Sequence[Row], asked: Paged) -> Page[Row]:
    """Those of all rows that are asked for."""
    shown = rows[asked.offset : asked.offset + asked.limit]
    return Page(total=len(rows), offset=asked.offset, rows=shown)


class Found(Page[FoundPhoto]):
    """Photos that a search found, the best first; of those that were compared the best 1,000."""

    problems: Sequence[str] = Field(description="What in the words was not understood.")


def search(searcher: Searcher, asked: Asked, least: float) -> Found:
    """Search by words and filters; ``least`` is the probability that a match has by default.

    Raises QueryError.
    """
    parsed = searcher.understand(asked.q)
    if parsed.is_empty:
        shown = searcher.browse(asked.filters, asked.sort, None)
    else:
        query = Query(
            text=asked.q,
            filters=asked.filters,
            mode=asked.mode,
            k=None,
            min_probability=least if asked.min_probability is None else asked.min_probability,
            sort=asked.sort,
        )
        shown = searcher.find(query).matches
    return _found(shown, asked, parsed.problems)


def similar(searcher: Searcher, image_id: int, asked: Paged) -> Found:
    """The photos that are most like one of the library. Raises NotInLibraryError."""
    check_shown(searcher, image_id)
    query = Query(image_id=image_id, filters=Filters(unmarked=("hidden",)), k=None)
    return _found(searcher.find(query).matches, asked, ())


def library_photos(searcher: Searcher, asked: InAlbums) -> Page[LibraryPhoto]:
    """The photos of the library, a row for each album that a photo is in."""
    albums = allowed_albums(searcher.snapshot, asked.filters, Fields())
    marks = searcher.marks.now()
    rows = photos.of_albums(searcher.snapshot, albums, marks, asked.offset, asked.limit)
    return Page(
        total=photos.count_in_albums(searcher.snapshot, albums, marks),
        offset=asked.offset,
        rows=[LibraryPhoto(**row) for row in rows],
    )


def photo(searcher: Searcher, image_id: int) -> PhotoDetails:
    """All that is known of a photo. Raises NotInLibraryError."""
    check_shown(searcher, image_id)
    return PhotoDetails.of(searcher.details(image_id), searcher.who.hidden)


def picture(searcher: Searcher, image_id: int, size: Size) -> bytes:
    """A photo as JPEG, upright.

    Raises NotInLibraryError, and PhotoError if its file cannot be read.
    """
    path = original(searcher, image_id)
    return pictures.thumbnail(path) if size == "small" else pictures.large(path)


def original(searcher: Searcher, image_id: int) -> str:
    """The path of a photo's file. Raises NotInLibraryError, and PhotoError if it is not there."""
    check_shown(searcher, image_id)
    return pictures.confined(searcher, searcher.photo(image_id))


def albums(searcher: Searcher) -> list[Album]:
    """The albums that have photos, with their number."""
    found = album_pages.albums(searcher.snapshot, searcher.marks.now().hidden_ids)
    return [Album.of(album) for album in found]


def events(searcher: Searcher) -> list[Event]:
    """The events, those of the latest year first."""
    found = starting.events(searcher.snapshot, searcher.marks.now().hidden_ids)
    return [
        Event(event_name=event.value, event_year=event.year, photo_count=event.photos)
        for event in found
    ]


def people(searcher: Searcher) -> list[Person]:
    """Whose faces are on the photos, those on most photos first; nobody who is hidden."""
    return [Person.of(person) for person in searcher.everybody() if not person.is_hidden]


def check_shown(searcher: Searcher, image_id: int) -> None:
    """Raise NotInLibraryError if there is no such photo, or if it is hidden."""
    is_there = len(searcher.rows_of([image_id])) == 1
    if not is_there or image_id in searcher.marks.now().hidden_ids:
        raise NotInLibraryError("No photo {photo} in the library", photo=image_id)


def _found(shown: Results, asked: Paged, problems: Sequence[str]) -> Found:
    hits = shown[asked.offset : asked.offset + asked.limit]
    return Found(
        total=len(shown),
        offset=asked.offset,
        rows=[FoundPhoto.of(hit) for hit in hits],
        problems=problems,
    )
