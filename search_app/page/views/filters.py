"""The sidebar of the Search page: which photos may be found, and how words are compared."""

from collections.abc import Container, Iterable, Mapping
from datetime import date
from typing import Any, TypeVar

import streamlit as st

from search_app.page import address
from search_app.page.language import country, language, number, t
from search_app.search.facets import Facets
from search_app.search.filters import Filters
from search_app.search.ranking import MODES, Mode
from search_app.search.searcher import Searcher

Value = TypeVar("Value", int, str)


def show(searcher: Searcher) -> None:
    """Draw the filters, with the number of photos beside each value; the state holds the choice.

    They may be drawn after the photos that they let through: those are waited for.
    """
    facets = searcher.facets(address.filters(), st.session_state.q, tuple(st.session_state.off))
    with st.sidebar:
        st.subheader(t("Only photos"), anchor=False)
        _values(t("Event"), "event", facets.events)
        _values(t("Year"), "year", facets.years)
        _values(t("Album"), "album", facets.albums, facets.album_titles)
        _values(t("Camera"), "camera", facets.cameras)
        _values(t("Lens"), "lens", facets.lenses)
        _values(t("Country"), "country", facets.countries, country_names(facets.countries))
        _values(t("Town"), "town", facets.towns, town_names(facets))
        _values(t("Person"), "person", facets.people)
        _values(t("Tag"), "tag", facets.tags)
        _days(facets.taken)
        _yes_or_no(t("Place known"), "place", facets.has_place)
        _yes_or_no(t("People in it"), "people", facets.has_people)
        if address.filters() != Filters():
            st.button(
                t("Clear all filters"),
                icon=":material/filter_alt_off:",
                on_click=address.clear,
                args=address.FILTERS,
                width="stretch",
            )
        _how_to_search()


def forget_what_is_gone(searcher: Searcher) -> None:
    """What the library has no more, or another address invented, is no filter."""
    known, state = searcher.facets(Filters()), st.session_state
    kept: dict[str, Container[Any]] = {
        "event": known.events,
        "year": known.years,
        "album": known.albums,
        "camera": known.cameras,
        "lens": known.lenses,
        "country": known.countries,
        "town": known.towns,
        "person": known.people,
    }
    for name, values in kept.items():
        if not all(value in values for value in state[name]):
            state[name] = [value for value in state[name] if value in values]


def country_names(codes: Iterable[str]) -> dict[str, str]:
    """The names of countries in the page's language, by their codes."""
    return {code: country(code) for code in codes}


def town_names(facets: Facets) -> dict[str, str]:
    """The names of towns in the page's language, as far as they have one, by the English ones."""
    return dict(zip(facets.towns, facets.towns, strict=True)) | dict(
        facets.town_names.get(language(), {})
    )


def _values(
    label: str,
    key: str,
    counts: Mapping[Value, int],
    names: Mapping[Value, str] | None = None,
) -> None:
    if not counts:
        return

    def name(value: Value) -> object:
        return names[value] if names else value

    st.multiselect(
        label,
        list(counts),
        st.session_state[key],
        key=key,
        placeholder=t("Any"),
        format_func=lambda value: f"{name(value)} ({number(counts.get(value, 0))})",
    )


def _days(taken: tuple[date, date] | None) -> None:
    if taken is None:
        return
    first, last = taken
    for label, key in ((t("Taken from"), "from"), (t("Taken until"), "to")):
        day = st.session_state[key]
        earliest, latest = min(first, day or first), max(last, day or last)
        st.date_input(
            label, day, min_value=earliest, max_value=latest, key=key, format="YYYY-MM-DD"
        )


def _yes_or_no(label: str, key: str, counts: Mapping[bool, int]) -> None:
    if not counts.get(True) and st.session_state[key] is None:
        return
    words = {True: t("Yes"), False: t("No")}
    st.segmented_control(
        label,
        [True, False],
        default=st.session_state[key],
        key=key,
        format_func=lambda value: f"{words[value]} ({number(counts.get(value, 0))})",
    )


def mode_names() -> dict[Mode, str]:
    """What each mode is called."""
    return {
        "hybrid": t("Hybrid – all three together"),
        "visual": t("Visual – what the photo shows"),
        "caption": t("Caption – what its caption means"),
        "text": t("Text – the very words"),
    }


def _how_to_search() -> None:
    st.selectbox(
        t("Search mode"),
        list(MODES),
        MODES.index(st.session_state.mode),
        key="mode",
        format_func=mode_names().__getitem__,
        help=t("How words are searched for. A picture is always compared by what it shows."),
    )
    st.slider(
        t("Minimum probability"),
        0,
        100,
        st.session_state.least,
        key="least",
        format="%d%%",
        help=t(
            "Photos that match the words with less are not shown. At 0 all are, as they are in a"
            " search by picture."
        ),
    )
