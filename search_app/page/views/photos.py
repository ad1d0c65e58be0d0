"""The wall of photos: what was found, drawn by the browser, and what people do there."""

from typing import Any

import streamlit as st

from pipeline.settings import load_settings
from search_app.page import address, addresses, components, wall
from search_app.page.language import language, t, tn
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
            "labels": _labels(len(less)) | {"map": _labels_of_map()},
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


def _labels(less: int) -> dict[str, Any]:
    return {
        "photos": t("Photos"),
        "untitled": t("Untitled"),
        "less": tn("{count} less likely photo", "{count} less likely photos", less),
        "showLess": t("Hide the less likely photos"),
        "sort": t("Sort"),
        "view": t("View"),
        "size": t("Size of the photos"),
        "sizes": {"small": t("Small"), "medium": t("Medium"), "large": t("Large")},
        "select": t("Select"),
        "selectAllOf": t("Select all of"),
        "selection": t("Selected photos"),
        "selected": t("{count} selected", count="{count}"),
        "selectAll": t("Select all"),
        "selectNone": t("Select none"),
        "download": t("Download"),
        "table": t("Table (CSV)"),
        "links": t("Copy links"),
        "linksCopied": t("Links copied: {count}", count="{count}"),
        "similar": t("Find similar"),
        "unfold": t("Nearly the same photos: {count}", count="{count}"),
        "fold": t("Fold nearly the same photos"),
        "scrubber": t("Where in the photos"),
        "placeOf": t("{place} of {count}", place="{place}", count="{count}"),
        "viewer": t("Photo"),
        "close": t("Close"),
        "zoom": t("Zoom"),
        "previous": t("Previous photo"),
        "next": t("Next photo"),
        "noPicture": t("The picture cannot be shown"),
        "noFacts": t("Nothing can be told of it just now."),
        "notThere": t("That photo is not in the library."),
        "about": t("About this photo"),
        "part": t("Search a part"),
        "slideshow": t("Slideshow"),
        "original": t("Download the original"),
        "cut": t("A part of the picture is missing: the file is not whole."),
        "thisPerson": t("This person"),
        "showText": t("Show its text"),
        "explain": t("Explain this result"),
        "origin": t("Where it comes from"),
        "how": t(
            "Draw a rectangle to search for a part of the photo. On the keyboard: Enter draws one,"
            " arrows move it, with Shift they resize it, Delete removes it."
        ),
        "draw": t("Draw a rectangle around what you look for."),
        "searchPart": t("Search cropped"),
        "copy": t("Copy to clipboard"),
        "copied": t("Copied."),
        "notCopied": t("The browser did not let it be copied."),
        "cancel": t("Cancel"),
        "favourite": t("Favourite"),
        "tag": t("Tag"),
        "addTag": t("Add tag"),
        "hide": t("Hide"),
        "unhide": t("Show again"),
        "undo": t("Undo"),
        "save": t("Save search"),
        "saved": t("Saved: {name}", name="{name}"),
        "name": t("Name"),
        "keys": t("Keys"),
        "keyList": [
            ["/", t("to the search box")],
            ["← ↑ → ↓", t("from photo to photo")],
            ["Enter", t("open the photo")],
            ["x", t("select the photo")],
            ["f", t("make it a favourite, or no more")],
            ["s", t("find similar photos")],
            ["i", t("what is known of the photo")],
            ["c", t("search a part of the photo")],
            ["p", t("slideshow")],
            ["d", t("download the original")],
            ["Esc", t("close, or select none")],
            ["?", t("this list")],
        ],
    }


def _labels_of_map() -> dict[str, Any]:
    return {
        "placed": t("Photos with a place: {count} of {all}", count="{count}", all="{all}"),
        "none": t("None of these photos tells where it was taken."),
        "placeless": t("Show the others"),
        "here": t("Search in this area"),
        "cluster": t("{count} photos: go nearer", count="{count}"),
        "list": t("As a list"),
        "open": t("Open the map here"),
        "cannot": t("This browser cannot draw a map, as it has no WebGL: see the list."),
        "notThere": t("The map cannot be loaded just now: see the list."),
        "texts": {
            "Map.Title": t("Map"),
            "NavigationControl.ZoomIn": t("Nearer"),
            "NavigationControl.ZoomOut": t("Farther"),
            "AttributionControl.ToggleAttribution": t("Where the map comes from"),
            "CooperativeGesturesHandler.WindowsHelpText": t("Ctrl and the wheel zoom the map"),
            "CooperativeGesturesHandler.MacHelpText": t("⌘ and the wheel zoom the map"),
            "CooperativeGesturesHandler.MobileHelpText": t("Two fingers move the map"),
        },
    }
