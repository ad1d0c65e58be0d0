"""What Streamlit has nothing for: keys, the back button, a wall of photos, facets, a memory,
suggestions.

Each is a script beside this file, which runs in the page itself and hears of the user's doings.
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_SERVED = {".js", ".css", ".mjs", ".json"}


def file(path: str) -> Path | None:
    """A script or style of this folder by its path in it; None if there is no such."""
    found = (_HERE / path).resolve()
    is_ours = found.is_relative_to(_HERE) and found.suffix in _SERVED and found.is_file()
    return found if is_ours else None


@cache
def _version() -> str:
    """Another one whenever a file of this folder is another."""
    digest = hashlib.sha256()
    for path in sorted(_HERE.rglob("*")):
        if path.suffix in _SERVED:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _source(name: str) -> str:
    return (_HERE / name).read_text()


_browser = st.components.v2.component("albumscope_browser", js=_source("browser.js"))
_wall = st.components.v2.component(
    "albumscope_wall",
    css=_source("wall/wall.css") + _source("wall/pages.css"),
    js=_source("wall/load.js").replace("VERSION", _version()),
    isolate_styles=False,
)
_remember = st.components.v2.component("albumscope_remember", js=_source("remember.js"))
_memory = st.components.v2.component(
    "albumscope_memory", css=_source("memory.css"), js=_source("memory.js")
)
# It lies in the page itself, since ids of a list are not seen across the border of a shadow tree.
_suggestions = st.components.v2.component(
    "albumscope_suggestions",
    css=_source("suggestions.css"),
    js=_source("suggestions.js"),
    isolate_styles=False,
)
# It lies in the page itself, too: what the page lays over it is seen from there.
_facets = st.components.v2.component(
    "albumscope_facets", css=_source("facets.css"), js=_source("facets.js"), isolate_styles=False
)


def browser(
    query: str, language: str, pages: str, on_go: Callable[[], None], on_paste: Callable[[], None]
) -> None:
    """Listen to what people do with the browser itself: keys, the back button, pasting, dropping.

    It is told which ``language`` the page is in: screen readers speak it, fonts have its signs; and
    what the bar of ``pages`` is called. / goes to the search box. The page's address gets ``query``
    behind it; the query that one went back to is in ``st.session_state.browser.go``. Which photo is
    open, and whether less likely ones are shown, is the wall's part of the address. A picture that
    was pasted or dropped is in ``st.session_state.browser.paste`` as {"name", "data"}, data being a
    data: URL.
    """
    data = {"query": query, "language": language, "pages": pages}
    _browser(key="browser", data=data, on_go_change=on_go, on_paste_change=on_paste)


def wall(data: Mapping[str, Any], act: Mapping[str, Callable[[], None]]) -> None:
    """Rows of photos to scroll through, select from and look at, drawn by the browser alone.

    ``data`` has ``results``, by which the browser asks for what it draws (``page.wall``), the
    ``first`` photos with their ``ratios``, the ``less`` likely ones, ``labels`` and ``addresses``.
    What somebody does is in ``st.session_state.wall`` by the names of ``act``: a query to ``go``
    to, a term for what is ``similar``, an ``order``, a ``view``, a photo to ``unfold``, photos to
    ``mark`` or the last marks to ``undo``, a name to ``save`` the search by or one to ``forget``,
    ``where`` to search on the map, or that the page has to search ``again``.
    """
    callbacks: dict[str, Any] = {f"on_{name}_change": callback for name, callback in act.items()}
    _wall(key="wall", data=dict(data), **callbacks)


def remember(query: str, label: str) -> None:
    """Put a search, the query of its address, among the last ones of this browser."""
    _remember(key="remember", data={"query": query, "label": label})


def memory(labels: Mapping[str, str], on_go: Callable[[], None]) -> None:
    """The last searches of this browser, which alone keeps them.

    The query of the one that was chosen is in ``st.session_state.memory.go``.
    """
    _memory(key="memory", data={"labels": dict(labels)}, on_go_change=on_go)


def suggestions(data: Mapping[str, Any], on_chosen: Callable[[], None]) -> None:
    """A list of names below the search box while one types, for mouse, keyboard and screen reader.

    ``data`` has the ``address`` that gives them, the ``language``, and for people ``label``,
    ``found`` with {count}, and ``kinds``. The one that was chosen is in
    ``st.session_state.suggestions.chosen`` as {"kind", "value", "rest"}, the rest being the text
    before what was typed of it.
    """
    _suggestions(key="suggestions", data=dict(data), on_chosen_change=on_chosen)


def facets(data: Mapping[str, Any], on_said: Callable[[], None]) -> None:
    """What photos can be filtered by, each with a list of values to open, and what they are.

    ``data`` has the filters as a ``query`` of the page's address, the ``facets`` with the groups of
    their values, ``names`` of chosen values by filter, the ``readings`` of the words typed, the
    ``address`` of the values with their counts, by the token of the ``results``, that of
    ``examples`` if they are to be shown, the ``language`` and ``locale``, and ``labels`` and
    ``words`` for people. What was chosen is in
    ``st.session_state.facets.said`` as {"query", "number"}, with the "text" of an example, or
    whether ``favourites`` alone are wanted; the
    ``number`` of the last one is ``answered`` in the data.
    """
    _facets(key="facets", data=dict(data), on_said_change=on_said)
