"""The wall of photos: what was found, drawn by the browser, and what people do there."""

import streamlit as st

from pipeline.settings import load_settings
from search_app.page import address, addresses, components, labels, wall
from search_app.page.language import language, t
from search_app.page.session import errors_shown, may_change
from search_app.page.views import album_page, by_picture, marking, saving, starting
from search_app.page.wall import Held
from search_app.search.filters import Filters
from search_app.search.parsed import ParsedQuery
from search_app.search.query import with_area
from search_app.search.searcher import Searcher
from search_app.search.sorting import Sort

_FIRST = 60
"""Photos that the browser is told of at once; it asks for the others."""
_ASKED = (
    *("wall/layout.json", "wall/tiles.json", "wall/ids.json", "wall/place.json", "about.json"),
    *("wall/places.json", "towns.json", "photos.zip", "photos.csv", "photos.txt"),
)


def show(
    searcher: Searcher, parsed: ParsedQuery, held: Held, heading: str, sorts: dict[Sort, str]
) -> None:
    """Draw what was found, under a heading, with the orders that it can be in."""
    state, less = st.session_state, held.found.less_likely
    is_start = not held.is_search and address.filters() == Filters() and state.view == "grid"
    components.wall(
        {
            "results": held.token,
            "search": address.query(*address.ALL),
            "count": len(held.shown),
            "first": wall.tiles(held, range(_FIRST)),
            "ratios": wall.ratios(searcher, held.shown, _FIRST),
            "less": [wall.tile(hit) for hit in less],
            "lessRatios": wall.ratios_of(searcher, less),
            "heading": heading,
            "sort": state.sort,
            "sorts": list(sorts.items()),
            "view": state.view,
            "views": list(view_names().items()),
            "language": language(),
            "addresses": {path: addresses.for_script(f"/{path}") for path in _ASKED},
            "favourites": marking.favourites(searcher),
            "mayChange": may_change(),
            "isOfHidden": "hidden" in parsed.only.marked,
            "news": marking.news(),
            "start": starting.start(searcher, held) if is_start else None,
            "saved": saving.present(searcher, held),
            "album": album_page.head(searcher, held, state.view),
            "mapStyle": load_settings().map_style_url,
            "labels": labels.of_wall(len(less)) | {"map": labels.of_map()},
        },
        {
            "go": _go,
            "similar": _similar,
            "order": _order,
            "view": _view,
            "unfold": _unfold,
            "mark": marking.mark,
            "undo": marking.undo,
            "save": saving.save,
            "forget": saving.forget,
            "where": _where,
            "again": _nothing,
        },
    )


def view_names() -> dict[str, str]:
    """What the ways to look at photos are called."""
    return {"grid": t("Wall"), "map": t("Map")}


@errors_shown()
def _go() -> None:
    """Search for what is like a fact of a photo."""
    by_picture.clear()
    address.go(st.session_state.wall.go, *address.SEARCH)


@errors_shown()
def _similar() -> None:
    by_picture.search_with(st.session_state.wall.similar)


def _order() -> None:
    if st.session_state.wall.order in address.SORTS:
        st.session_state.sort = st.session_state.wall.order


def _view() -> None:
    if st.session_state.wall.view in address.VIEWS:
        st.session_state.view = st.session_state.wall.view


def _where() -> None:
    """Search in an area, in a town, or for what has no place."""
    state = st.session_state
    match state.wall.where:
        case {"area": str(area)}:
            state.q = with_area(state.q, area)
        case {"town": str(town)}:
            state.town = [town]
        case _:
            state.place = False
    state.view = state.wall.where["view"]


def _unfold() -> None:
    """Show what is folded behind a photo, or fold it again."""
    st.session_state.unfolded ^= {int(st.session_state.wall.unfold)}


def _nothing() -> None:
    """The page is drawn anew, which searches in the snapshot that is there now."""
