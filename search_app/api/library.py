"""A library in Python, for scripts and notebooks: ``from search_app import open_library``."""

import base64
import io
from collections.abc import Sequence
from datetime import date
from html import escape
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypedDict, overload

from PIL import Image
from typing_extensions import Unpack, override

from pipeline.errors import PhotoError
from pipeline.settings import Settings
from search_app.api import answers
from search_app.api.answers import Asked, Paged
from search_app.api.rows import Album, Event, FoundPhoto, Person, PhotoDetails
from search_app.search.current import CurrentSnapshot
from search_app.search.pictures import square
from search_app.search.ranking import Mode
from search_app.search.sorting import Sort

if TYPE_CHECKING:
    import pandas
    import pyarrow

_MOST_SHOWN = 50  # thumbnails in a notebook


class Wanted(TypedDict, total=False):
    """What a search may be narrowed by, and how it is done: the fields of ``answers.Asked``."""

    event: list[str]
    year: list[int]
    album_id: list[str]
    camera: list[str]
    lens: list[str]
    tag: list[str]
    country: list[str]
    town: list[str]
    person: list[str]
    taken_from: date
    taken_to: date
    has_place: bool
    has_people: bool
    mode: Mode
    sort: Sort
    min_probability: float


class Photos(Sequence[FoundPhoto]):
    """Photos that were found, the best first, of ``total`` in all; a notebook shows them."""

    def __init__(self, library: "Library", rows: Sequence[FoundPhoto], total: int) -> None:
        self._library = library
        self._rows = rows
        self.total = total

    @overload
    def __getitem__(self, at: int) -> FoundPhoto: ...
    @overload
    def __getitem__(self, at: slice) -> "Photos": ...
    @override
    def __getitem__(self, at: int | slice) -> "FoundPhoto | Photos":
        if isinstance(at, slice):
            return Photos(self._library, self._rows[at], self.total)
        return self._rows[at]

    @override
    def __len__(self) -> int:
        return len(self._rows)

    @override
    def __repr__(self) -> str:
        titles = "\n".join(f"{photo.rank:>4}  {photo.title}  {photo.path}" for photo in self)
        return f"{len(self)} of {self.total} photos\n{titles}"

    def to_arrow(self) -> "pyarrow.Table":
        """The rows as a table."""
        import pyarrow as pa

        return pa.Table.from_pylist([photo.model_dump() for photo in self])

    def to_pandas(self) -> "pandas.DataFrame":
        """The rows as a data frame."""
        return self.to_arrow().to_pandas()

    def _repr_html_(self) -> str:
        tiles = "".join(map(self._tile, self._rows[:_MOST_SHOWN]))
        return f"<p>{len(self)} of {self.total} photos</p>{tiles}"

    def _tile(self, photo: FoundPhoto) -> str:
        """A thumbnail with its title; of a photo that cannot be read the title and why."""
        title = escape(photo.title or photo.path)
        try:
            data = base64.b64encode(square(self._library.picture(photo.image_id))).decode()
            shown = f'<img src="data:image/jpeg;base64,{data}" alt="{title}">'
        except PhotoError as error:
            shown = escape(str(error))
        style = "display:inline-block;width:144px;margin:4px;vertical-align:top;font-size:80%"
        return f'<figure style="{style}">{shown}<figcaption>{title}</figcaption></figure>'


class Library:
    """A published library, to read; it keeps up with what is published. May serve many threads.

    Photos that people hid are in no answer. Close it, or use it in a ``with`` statement.
    """

    def __init__(self, settings: Settings) -> None:
        """Open what is published. Raises AlbumscopeError if nothing is."""
        self._settings = settings
        self._current = CurrentSnapshot(settings)

    def search(
        self, q: str = "", *, limit: int = 20, offset: int = 0, **wanted: Unpack[Wanted]
    ) -> Photos:
        """Search by words, as in the box of the page, and by filters; without words list all.

        Raises QueryError.
        """
        asked = answers.understood(Asked, {"q": q, "limit": limit, "offset": offset, **wanted})
        with self._current.searcher() as searcher:
            found = answers.search(searcher, asked, self._settings.min_probability)
        return Photos(self, found.rows, found.total)

    def similar(self, image_id: int, *, limit: int = 20) -> Photos:
        """The photos that are most like one of the library.

        Raises NotInLibraryError, QueryError.
        """
        asked = answers.understood(Paged, {"limit": limit})
        with self._current.searcher() as searcher:
            found = answers.similar(searcher, image_id, asked)
        return Photos(self, found.rows, found.total)

    def photo(self, image_id: int) -> PhotoDetails:
        """All that is known of a photo. Raises NotInLibraryError."""
        with self._current.searcher() as searcher:
            return answers.photo(searcher, image_id)

    def picture(self, image_id: int, size: answers.Size = "small") -> Image.Image:
        """A photo to look at, upright. Raises NotInLibraryError, PhotoError."""
        with self._current.searcher() as searcher:
            return Image.open(io.BytesIO(answers.picture(searcher, image_id, size)))

    def albums(self) -> Sequence[Album]:
        """The albums that have photos."""
        with self._current.searcher() as searcher:
            return answers.albums(searcher)

    def events(self) -> Sequence[Event]:
        """The events, those of the latest year first."""
        with self._current.searcher() as searcher:
            return answers.events(searcher)

    def people(self) -> Sequence[Person]:
        """Whose faces are on the photos, those on most photos first."""
        with self._current.searcher() as searcher:
            return answers.people(searcher)

    def close(self) -> None:
        """Close it: nothing may be asked any more."""
        self._current.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
