"""Names of the library that the search box suggests while one types."""

import streamlit as st

from search_app.page import addresses, components
from search_app.page.language import language, t
from search_app.page.session import errors_shown
from search_app.search.names import NameKind

_FILTERS = ("event", "album", "country", "town", "person", "camera", "tag")


def show() -> None:
    """Let the search box suggest names; one that is chosen becomes a filter."""
    components.suggestions(
        {
            "address": addresses.for_script("/suggestions.json"),
            "language": language(),
            "label": t("Suggestions"),
            "found": t("Suggestions: {count}", count="{count}"),
            "kinds": kind_names(),
        },
        _filter_by_chosen,
    )


def kind_names() -> dict[NameKind, str]:
    """What each kind of name is called."""
    return {
        "event": t("Event"),
        "album": t("Album"),
        "country": t("Country"),
        "town": t("Town"),
        "place": t("Place"),
        "person": t("Person"),
        "camera": t("Camera"),
        "tag": t("Tag"),
    }


@errors_shown()
def _filter_by_chosen() -> None:
    state = st.session_state
    chosen = state.suggestions.chosen
    kind, value, state.q = chosen["kind"], chosen["value"], chosen["rest"]
    if kind == "place":  # which no filter of the page is for
        state.q = f'{state.q} place:"{value}"'.strip()
    elif kind in _FILTERS and value not in state[kind]:
        state[kind] = [*state[kind], value]
