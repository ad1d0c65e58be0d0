"""What scripts are told of the values of a facet, when somebody opens it."""

from collections.abc import Sequence
from typing import Any, get_args

from pipeline.errors import AlbumscopeError
from search_app.page.language import language
from search_app.page.wall import Held
from search_app.search.facets import FacetName
from search_app.search.searcher import Searcher

MOST = 200
"""Values of a facet at once; others are found by what they are called."""


def values(
    searcher: Searcher, held: Held, names: Sequence[str], typed: str
) -> list[dict[str, Any]]:
    """For each facet its values, as the page's address writes them, their labels and counts.

    They are those of the photos that a search found. Raises AlbumscopeError for no facet.
    """
    known = {str(name): name for name in get_args(FacetName)}
    if not known.keys() >= set(names):
        raise AlbumscopeError("No such facet")
    query, listed = held.query, []
    for name in (known[name] for name in names):
        counts = searcher.counts(name, query, held.shown.rows)
        facet = searcher.facets.listed(
            name, counts, query.filters, language=language(), typed=typed, most=MOST
        )
        values = [(_text(value), label, photos) for value, label, photos in facet.values]
        listed.append({"values": values, "total": facet.total})
    return listed


def _text(value: Any) -> str:
    """A value as the page's address has it."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
