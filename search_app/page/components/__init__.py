"""What Streamlit has nothing for: keys, the back button, a rectangle on a picture, a memory,
suggestions.

Each is a script beside this file, which runs in the page itself and hears of the user's doings.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent


def _source(name: str) -> str:
    return (_HERE / name).read_text()


_browser = st.components.v2.component("albumscope_browser", js=_source("browser.js"))
_cropper = st.components.v2.component(
    "albumscope_cropper", css=_source("cropper.css"), js=_source("cropper.js")
)
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


def browser(query: str, on_go: Callable[[], None], on_paste: Callable[[], None]) -> None:
    """Listen to what people do with the browser itself: keys, the back button, pasting.

    / goes to the search box, arrows from photo to photo, s finds similar ones. Enter opens the
    photo that has the focus, since its title is a button, and Esc closes a dialog: the browser
    and Streamlit see to these. The page's address gets ``query`` behind it; the query that one
    went back to is in ``st.session_state.browser.go``. A picture that was pasted is in
    ``st.session_state.browser.paste`` as {"name", "data"}, data being a data: URL.
    """
    _browser(key="browser", data={"query": query}, on_go_change=on_go, on_paste_change=on_paste)


def cropper(data: Mapping[str, Any], on_search: Callable[[], None]) -> None:
    """A picture on which a rectangle can be drawn, with a mouse, a finger or the keyboard.

    ``data`` has ``id``, ``src``, ``alt``, ``part`` (where the part is to be had), ``labels``, and
    ``lines`` of text to mark, with ``corners`` in percent and ``isFound``. Its edges in percent are
    in ``st.session_state.cropper.search`` when they are searched for.
    """
    _cropper(key="cropper", data=dict(data), on_search_change=on_search)


def memory(data: Mapping[str, Any], on_go: Callable[[], None]) -> None:
    """The searches of this browser, which alone keeps them: the last ones and the saved ones.

    ``data`` has the present search as ``query`` and ``label``, and ``labels``. The query of the
    one that was chosen is in ``st.session_state.memory.go``.
    """
    _memory(key="memory", data=dict(data), on_go_change=on_go)


def suggestions(data: Mapping[str, Any], on_chosen: Callable[[], None]) -> None:
    """A list of names below the search box while one types, for mouse, keyboard and screen reader.

    ``data`` has the ``address`` that gives them, the ``language``, and for people ``label``,
    ``found`` with {count}, and ``kinds``. The one that was chosen is in
    ``st.session_state.suggestions.chosen`` as {"kind", "value", "rest"}, the rest being the text
    before what was typed of it.
    """
    _suggestions(key="suggestions", data=dict(data), on_chosen_change=on_chosen)
