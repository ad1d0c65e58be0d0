"""The row beneath the search box: what photos can be filtered by, and what they are filtered by."""

from datetime import date
from typing import Any, cast

import streamlit as st

from search_app.page import address, addresses, components, labels
from search_app.page.language import language, locale, t
from search_app.page.session import errors_shown
from search_app.page.views import readings
from search_app.page.wall import Held
from search_app.search.facets import FacetName
from search_app.search.filters import Filters
from search_app.search.marks import with_favourites
from search_app.search.parsed import ParsedQuery
from search_app.search.searcher import Searcher

_PANELS = (
    *(("event",), ("year",), ("album",), ("person", "people"), ("country", "town", "place")),
    *(("camera",), ("lens",), ("tag",)),
)
"""What opens together, by the names of parameters of the address."""
_DAYS = ("from", "to")


def show(searcher: Searcher, parsed: ParsedQuery, held: Held | None) -> None:
    """Draw the facets, whose numbers count the photos found, and chips for what is chosen.

    What was understood of the words are chips, too. Nothing is ``held`` if the search failed.
    """
    state, filters = st.session_state, address.filters()
    state.off = [key for key in state.off if key in {reading.key for reading in parsed.readings}]
    is_start = held is not None and not held.is_search and filters == Filters()
    with st.container(key="filters"):
        components.facets(
            {
                "query": address.query(*address.FILTERS, "off"),
                "answered": state.get("answered", 0),
                "results": held and held.token,
                "address": addresses.for_script("/facets.json"),
                "examples": addresses.for_script("/examples.json") if is_start else None,
                "language": language(),
                "locale": locale(),
                "facets": _panels(searcher, filters),
                "names": _names_of_chosen(searcher),
                "readings": readings.described(parsed.readings),
                "favourites": "favourite" in parsed.only.marked,
                "words": {"any": t("Any"), "yes": t("Yes"), "no": t("No")},
                "labels": labels.of_facets(),
            },
            _take,
        )


def forget_what_is_gone(searcher: Searcher) -> None:
    """What the library has no more, or another address invented, is no filter."""
    state = st.session_state
    for key in dict.fromkeys(key for panel in _PANELS for key in panel):
        if isinstance(state[key], list):
            field = _field(key)
            state[key] = [value for value in state[key] if searcher.facets.has(field, value)]


def chosen_in_words(searcher: Searcher) -> list[str]:
    """The values that are chosen, as they are called."""
    state, called, said = st.session_state, labels.of_filters(), []
    for key in (key for panel in _PANELS for key in panel):
        if isinstance(state[key], list):
            said += [searcher.facets.label(_field(key), each, language()) for each in state[key]]
        elif state[key] is not None:
            said.append(f"{called[key]}: {t('Yes') if state[key] else t('No')}")
    if state["from"] or state.to:
        said.append(f"{state['from'] or '…'} – {state.to or '…'}")
    return said


def _panels(searcher: Searcher, filters: Filters) -> list[dict[str, Any]]:
    """What has values in this library, or is chosen: its label, and the groups of its values."""
    called = labels.of_filters()
    known = {*searcher.facets.names()} | {
        address.FILTERS[key] for key in address.FILTERS if address.query(key)
    }
    of_several = {"person": t("People"), "country": t("Place"), "town": t("Place")}
    titles = of_several | {"people": t("People"), "place": t("Place")}
    panels: list[dict[str, Any]] = []
    for keys in _PANELS:
        groups = [
            {
                "key": key,
                "facet": address.FILTERS[key],
                "label": called[key],
                "kind": "choice" if key in {"place", "people"} else "values",
            }
            for key in keys
            if address.FILTERS[key] in known
        ]
        if groups:
            first = str(groups[0]["key"])
            panels.append({"label": titles.get(first, called[first]), "groups": groups})
    if days := searcher.facets.taken:
        panels.append({"label": t("Date"), "groups": _days(), "days": _bounds(*days, filters)})
    return panels


def _days() -> list[dict[str, str]]:
    return [{"key": key, "label": labels.of_filters()[key], "kind": "day"} for key in _DAYS]


def _bounds(first: date, last: date, filters: Filters) -> list[str]:
    """The first and the last day that can be chosen; what is chosen is among them."""
    days = [day for day in (filters.taken_from, filters.taken_to) if day is not None]
    return [min([first, *days]).isoformat(), max([last, *days]).isoformat()]


def _names_of_chosen(searcher: Searcher) -> dict[str, dict[str, str]]:
    state = st.session_state
    return {
        key: {
            str(value): searcher.facets.label(_field(key), value, language())
            for value in state[key]
        }
        for key in address.FILTERS
        if isinstance(state[key], list)
    }


def _field(key: str) -> FacetName:
    return cast(FacetName, address.FILTERS[key])


@errors_shown()
def _take() -> None:
    state = st.session_state
    said = state.facets.said
    address.go(said["query"], *address.FILTERS, "off")
    state.answered = said["number"]
    if text := said.get("text"):
        state.q = text
    if "favourites" in said:
        state.q = with_favourites(state.q, alone=bool(said["favourites"]))
