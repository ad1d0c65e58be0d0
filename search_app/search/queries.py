"""What can be asked of a snapshot, and what is wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.errors import Message, QueryError
from search_app.search.filters import Filters
from search_app.search.parsed import ParsedQuery
from search_app.search.ranking import Mode
from search_app.search.sorting import Sort

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_QUERY = 1000
"""The longest text query, in characters."""


@dataclass(frozen=True)
class Query:
    """What is searched for: a text (docs/search.md), pictures, a photo of the library, or several.

    ``mode`` None is hybrid for a text alone and visual as soon as a picture is given. What matches
    with less than ``min_probability`` is left out; photos that were found by a picture have no
    probability and stay. A ``sort`` but by relevance puts the best 1,000 into that order before
    ``k`` are taken; None takes all, of what is compared the best 1,000. With ``fold`` photos that
    are nearly the same count as one, but for a listing of all. ``off`` has the keys of readings of
    the text that were not meant. ``face`` is the vector of a face, shape (128,): only photos of
    whoever has it are found.
    """

    text: str = ""
    images: Sequence["Image"] = ()
    image_id: int | None = None
    filters: Filters = field(default_factory=Filters)
    mode: Mode | None = None
    k: int | None = 20
    min_probability: float = 0.0
    sort: Sort = "relevance"
    fold: bool = False
    off: Sequence[str] = ()
    face: tuple[float, ...] | None = None


def checked_mode(query: Query, parsed: ParsedQuery, has_picture: bool) -> Mode:
    """The mode to search in. Raises QueryError."""
    if len(query.text.strip()) > MAX_QUERY:
        raise QueryError(
            "The query has {count:,} characters; shorten it to {most:,} or fewer",
            count=len(query.text.strip()),
            most=MAX_QUERY,
        )
    if parsed.is_empty and not has_picture and query.face is None:
        why = parsed.problems[0] if parsed.problems else Message("give a text or a picture")
        raise QueryError("Nothing to search for: {why}", why=why)
    if query.k is not None and query.k < 1:
        raise QueryError("Cannot return {count} photos: ask for one or more", count=query.k)
    mode: Mode = query.mode or ("visual" if has_picture else "hybrid")
    if mode in {"caption", "text"} and has_picture and not parsed.texts:
        raise QueryError("Mode {mode!r} searches with words: give a text", mode=mode)
    return mode
