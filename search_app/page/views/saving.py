"""Searches that people save by a name: the library's, each user's own where one has to sign in."""

from typing import Any

import streamlit as st

from search_app.page import address
from search_app.page.language import t
from search_app.page.session import current_snapshot, errors_shown, user
from search_app.page.views import by_picture, filters
from search_app.page.wall import Held
from search_app.search.searcher import Searcher


def present(searcher: Searcher, held: Held) -> dict[str, Any] | None:
    """Of the search that is shown: by which ``name`` it is saved, or one to ``suggest``.

    None of what cannot be saved: of no search, or of a picture of somebody's own.
    """
    query = address.query(*address.SEARCH)
    if not query or held.query.images or held.query.face:
        return None
    names = [name for name, saved in searcher.saved.of(user()).items() if saved == query]
    words = filter(None, [by_picture.in_words(searcher), *filters.chosen_in_words(searcher)])
    return {"name": next(iter(names), None), "suggest": " · ".join(words)}


def shelf(searcher: Searcher) -> list[dict[str, Any]]:
    """The saved searches in a row, each with a way to be rid of it."""
    saved = searcher.saved.of(user())
    items = [
        {
            "text": name,
            "query": query,
            "forget": name,
            "label": t("Forget “{name}”", name=name),
        }
        for name, query in saved.items()
    ]
    return [{"label": "", "items": items}] if items else []


@errors_shown()
def save() -> None:
    """Save the search that is shown, by the name that the wall tells; for use in a callback."""
    with current_snapshot().searcher() as searcher:
        searcher.saved.save(str(st.session_state.wall.save), address.query(*address.SEARCH), user())


@errors_shown()
def forget() -> None:
    """Save a search no more; for use in a callback."""
    with current_snapshot().searcher() as searcher:
        searcher.saved.forget(str(st.session_state.wall.forget), user())
