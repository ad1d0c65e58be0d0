"""Favourites, tags and hidden photos: what people mark on the wall, with a way back."""

from collections.abc import Mapping
from typing import Any, get_args

import streamlit as st

from search_app.page.language import t, tn
from search_app.page.session import current_snapshot, errors_shown, may_change, user
from search_app.search.marks import Action, Marking
from search_app.search.searcher import Searcher

_MOST_FAVOURITES = 5000  # that the browser is told of
_OF_ONESELF = {"favourite", "unfavourite"}


def favourites(searcher: Searcher) -> list[str]:
    """The ids of the favourites of whoever looks, as texts."""
    rows = searcher.marks.now(user()).favourites.nonzero()[0][:_MOST_FAVOURITES]
    return [*map(str, searcher.ids(rows))]


def news() -> Mapping[str, Any] | None:
    """What was marked last, in words, under another ``number`` each time."""
    said: Mapping[str, Any] | None = st.session_state.get("marked")
    return said


@errors_shown()
def mark() -> None:
    """Mark photos as the wall asks; for use in a callback."""
    asked = st.session_state.wall.mark
    if asked["action"] in get_args(Action):
        ids = [int(each) for each in asked["ids"]]
        _do(Marking(asked["action"], ids, asked.get("tag", ""), user()))


@errors_shown()
def undo() -> None:
    """Take back what was marked last; for use in a callback."""
    if back := st.session_state.pop("unmark", None):
        _do(back, is_undone=True)


def _do(marking: Marking, *, is_undone: bool = False) -> None:
    state = st.session_state
    if marking.action not in _OF_ONESELF and not may_change():
        return
    with current_snapshot().searcher() as searcher:
        back = searcher.marks.mark(marking)
    count = len(back.image_ids)
    state.unmark = None if is_undone else back
    state.marked = {
        "number": state.get("marked", {"number": 0})["number"] + 1,
        "text": t("Undone.") if is_undone else _in_words(marking, count),
        "canUndo": not is_undone and count > 0,
    }


def _in_words(marking: Marking, count: int) -> str:
    match marking.action:
        case "favourite":
            return tn(
                "{count} photo is a favourite now", "{count} photos are favourites now", count
            )
        case "unfavourite":
            return tn("{count} favourite less", "{count} favourites less", count)
        case "hide":
            return tn("{count} photo is hidden now", "{count} photos are hidden now", count)
        case "show":
            return tn("{count} photo is shown again", "{count} photos are shown again", count)
        case _:
            return tn(
                "{count} photo has other tags now", "{count} photos have other tags now", count
            )
