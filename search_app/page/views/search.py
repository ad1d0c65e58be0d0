"""The Search page: what is searched for, and the photos that were found."""

from dataclasses import replace
from typing import Literal

import streamlit as st
from PIL import Image

from search_app.page import address, components, wall
from search_app.page.language import t, tn, told
from search_app.page.session import current_snapshot, errors_shown, spare_the_collector, user
from search_app.page.uploads import Upload
from search_app.page.views import (
    album_page,
    by_picture,
    filters,
    options,
    photos,
    suggestions,
)
from search_app.page.wall import Held
from search_app.page.wording import literal
from search_app.search.hits import Found
from search_app.search.parsed import ParsedQuery
from search_app.search.queries import Query
from search_app.search.searcher import MOST_COMPARED, Searcher
from search_app.search.sorting import Sort


def show() -> None:
    """Draw the page; Streamlit calls this at every interaction."""
    with st.container(key="name"):
        st.header("Albumscope", anchor=False)
    with current_snapshot().searcher() as searcher:
        filters.forget_what_is_gone(searcher)
        try:
            _search_page(searcher)
        finally:
            suggestions.show()
            components.remember(address.query(*address.SEARCH), _in_words(searcher))


def of_options() -> None:
    """Draw what is set seldom about searches, and those to come back to."""
    options.how_to_search()
    components.memory(
        {
            "last": t("The last searches in this browser"),
            "nothingYet": t("None yet."),
        },
        _go_to_search,
    )


def _search_page(searcher: Searcher) -> None:
    state = st.session_state
    parsed = searcher.understand(address.text(), tuple(state.off))
    by_picture.take_pictures(searcher, parsed)
    upload = _search_bar()
    beneath = st.container()
    if parsed.problems:
        problems = "  \n".join(literal(told(each)) for each in parsed.problems)
        st.warning(problems, icon=":material/info:")
    held = None
    try:
        picture = by_picture.searched_by(searcher, parsed, upload)
        _fold_if_other((address.text(), *state.off, upload and upload.key, address.filters()))
        held = _held(searcher, parsed, upload, picture)
    finally:
        with beneath:
            filters.show(searcher, parsed, held)
    if state["from"] and state.to and state["from"] > state.to:
        st.warning(t("“Taken from” is later than “Taken until”."), icon=":material/info:")
    if not held.shown:
        st.info(
            t("Nothing surely matches. These come nearest.")
            if held.found.less_likely
            else t("No photo fits. Try other words, or fewer filters."),
            icon=":material/search_off:",
        )
    photos.show(searcher, parsed, held, _heading(held), _sort_names(is_search=held.is_search))


def _held(
    searcher: Searcher, parsed: ParsedQuery, upload: Upload | None, picture: Image.Image | None
) -> Held:
    """What is found by what the page is asked for; it is searched for once."""
    state = st.session_state
    is_search = not parsed.is_empty or picture is not None
    is_scored = bool(parsed.photos) or (picture is not None and not state.face)
    query = Query(
        address.text(),
        images=() if picture is None or state.face else (picture,),
        filters=replace(address.filters(), user=user()),
        # Captions and words can only be compared with words.
        mode="visual" if is_scored else state.mode,
        k=None,
        min_probability=state.least / 100,
        sort=state.sort,
        fold=True,
        off=tuple(state.off),
        face=state.face if picture is not None else None,
    )

    marks = searcher.marks.now(query.filters.user)

    def find() -> Found:
        if is_search:
            with st.spinner(t("Searching… the first search also loads the models")):
                found = searcher.find(query)
        else:
            found = Found(searcher.browse(query.filters, query.sort, None), [])
        spare_the_collector(has_words=bool(query.text), has_picture=picture is not None)
        return found

    return wall.hold(
        searcher,
        query,
        (upload and upload.key, marks.version(query.filters, parsed)),
        find,
        _headings(query, is_search=is_search),
        is_search=is_search,
        is_scored=is_scored,
        unfolded=frozenset(state.unfolded),
    )


def _headings(query: Query, *, is_search: bool) -> Literal["album", "time"] | None:
    """By what the photos lie, and headings tell of them; an album's page has its title already."""
    if query.sort in {"newest", "oldest"}:
        return "time"
    if is_search:
        return "album" if query.sort == "album" else None
    return None if album_page.kind(query.filters) == "album" else "album"


def _search_bar() -> Upload | None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="bar"):
        st.text_input(
            t("Search"),
            st.session_state.q,
            key="q",
            type="search",
            placeholder=_asked_for(),
            label_visibility="collapsed",
        )
        return by_picture.uploader()


def _asked_for() -> str:
    """What the box asks for: on the page of an album the search is among its photos."""
    match album_page.kind(address.filters()):
        case "album":
            return t("Search in this album")
        case "event":
            return t("Search in this event")
    return t("What is in the photo?")


def _fold_if_other(search: object) -> None:
    """Another search begins with all near-duplicates folded."""
    state = st.session_state
    if state.get("search") != search:
        state.search, state.unfolded = search, set()


def _heading(held: Held) -> str:
    count = len(held.shown.rows)  # with those that are folded away: facets count them, too
    if count == MOST_COMPARED and held.is_search and held.headings is None:
        return tn("The best photo", "The {count} best photos", count)
    heading = tn("{count} photo", "{count} photos", count)
    if folded := count - len(held.shown):
        heading += " · " + tn("{count} nearly the same", "{count} nearly the same", folded)
    return heading


def _sort_names(*, is_search: bool) -> dict[Sort, str]:
    if is_search:
        first = t("Best first")
    elif album_page.kind(address.filters()) == "album":
        first = t("In the album's order")
    else:
        first = t("Newest albums first")
    return {
        "relevance": first,
        "newest": t("Newest first, by date taken"),
        "oldest": t("Oldest first, by date taken"),
        "album": t("By album"),
    }


def _in_words(searcher: Searcher) -> str:
    """What the present search is called among others."""
    state = st.session_state
    parts = [by_picture.in_words(searcher), *filters.chosen_in_words(searcher)]
    names = {
        "mode": options.mode_names(),
        "sort": _sort_names(is_search=True),
        "view": photos.view_names(),
    }
    parts += [names[key][state[key]] for key in names if address.query(key)]  # type: ignore[index]
    return " · ".join(part for part in parts if part) or t("All photos")


@errors_shown()
def _go_to_search() -> None:
    address.go(st.session_state.memory.go)
