"""The page's address, which holds the whole search: it can be shared, and the back button works.

Each parameter of the address is the state of a widget of the same key. Streamlit's own binding
writes labels, which depend on the language and on counts; this writes the values behind them. The
browser is told of the address, and tells of steps back, through ``components.browser``. Which photo
is open, and whether less likely ones are shown, is the wall's to write there.

Each such widget is given its state as its default, too: a click may break off the run in which the
state was set before the browser is told of it, and Streamlit tells it only once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar, get_args
from urllib.parse import parse_qs, urlencode

import streamlit as st

from pipeline.settings import load_settings
from search_app.page.language import LANGUAGES, browser_language
from search_app.search.filters import Filters
from search_app.search.ranking import MODES
from search_app.search.sorting import Sort

SORTS: tuple[Sort, ...] = get_args(Sort)
VIEWS = ("grid", "map")

_KEPT = "kept"
Value = TypeVar("Value")


@dataclass(frozen=True)
class _Parameter(Generic[Value]):
    """``read`` may raise ValueError; then, as without the parameter, the default holds."""

    default: Callable[[], Value]
    read: Callable[[list[str]], Value]
    write: Callable[[Value], list[str]]


def read() -> None:
    """Take the state over from the address that was opened; after that the state leads."""
    state = st.session_state
    if _KEPT not in state:
        _take({name: st.query_params.get_all(name) for name in st.query_params}, ALL)
        _keep()
    # Streamlit forgets the state of a widget that was not drawn: where nothing was found, say.
    for name in _PARAMETERS:
        if name not in state:
            state[name] = state[_KEPT][name]


def write(names: Iterable[str]) -> str:
    """The query of an address that holds the state, or what of it has these names.

    What is at its default is left out. A step back in the browser comes to ``go``.
    """
    _keep()
    return query(*names)


def go(query: str, *names: str) -> None:
    """Take the state over from the query of an address, ``?`` excluded; for use in a callback.

    With ``names`` these parameters alone are taken.
    """
    _take(parse_qs(query), names or ALL)


def query(*names: str) -> str:
    """The query of the address of the present state, of these parameters alone."""
    now = {}
    for name in names:
        value, parameter = st.session_state[name], _PARAMETERS[name]
        if value != parameter.default():
            now[name] = parameter.write(value)
    return urlencode(now, doseq=True)


def text() -> str:
    """The query in words that the state asks for: what is in the box, and photos beneath it."""
    return " ".join(filter(None, [*st.session_state.like, st.session_state.q]))


def filters() -> Filters:
    """The filters that the state asks for."""
    values: dict[str, Any] = {}
    for name, field in FILTERS.items():
        value = st.session_state[name]
        values[field] = tuple(value) if isinstance(value, list) else value
    return Filters(**values)


def _keep() -> None:
    st.session_state[_KEPT] = {name: st.session_state[name] for name in _PARAMETERS}


def _take(now: Mapping[str, list[str]], names: Iterable[str]) -> None:
    for name in names:
        parameter = _PARAMETERS[name]
        try:
            value = parameter.read(now[name])
        except (KeyError, ValueError):
            value = parameter.default()
        st.session_state[name] = value


def _texts() -> _Parameter[list[str]]:
    return _Parameter(list, list, list)


def _one_of(*choices: str) -> _Parameter[str]:
    def read(texts: list[str]) -> str:
        return choices[choices.index(texts[-1])]

    return _Parameter(lambda: choices[0], read, lambda value: [value])


def _number(default: Callable[[], int], least: int, most: int) -> _Parameter[int]:
    def read(texts: list[str]) -> int:
        return min(max(int(texts[-1]), least), most)

    return _Parameter(default, read, lambda value: [str(value)])


def _day() -> _Parameter[date | None]:
    return _Parameter(
        lambda: None,
        lambda texts: date.fromisoformat(texts[-1]),
        lambda value: [value.isoformat()] if value else [],
    )


def _maybe() -> _Parameter[bool | None]:
    words = {"yes": True, "no": False}
    return _Parameter(
        lambda: None,
        lambda texts: words.get(texts[-1]),
        lambda value: ["yes" if value else "no"],
    )


_PARAMETERS: dict[str, _Parameter[Any]] = {
    "like": _texts(),
    "q": _Parameter(str, lambda texts: texts[-1], lambda value: [value] if value else []),
    "off": _texts(),
    "event": _texts(),
    "year": _Parameter(list, lambda texts: [*map(int, texts)], lambda years: [*map(str, years)]),
    "album": _texts(),
    "camera": _texts(),
    "lens": _texts(),
    "tag": _texts(),
    "country": _texts(),
    "town": _texts(),
    "person": _texts(),
    "from": _day(),
    "to": _day(),
    "place": _maybe(),
    "people": _maybe(),
    "mode": _one_of("hybrid", *(mode for mode in MODES if mode != "hybrid")),
    "least": _number(lambda: round(100 * load_settings().min_probability), 0, 100),
    "sort": _one_of(*SORTS),
    "view": _one_of(*VIEWS),
    "lang": _Parameter(
        browser_language,
        lambda texts: texts[-1] if texts[-1] in LANGUAGES else browser_language(),
        lambda value: [value],
    ),
}
ALL = tuple(_PARAMETERS)
SEARCH = tuple(name for name in _PARAMETERS if name != "lang")
"""The parameters that say what is searched for, and how it is shown."""
FILTERS = {
    "event": "events",
    "year": "years",
    "album": "album_ids",
    "camera": "cameras",
    "lens": "lenses",
    "tag": "tags",
    "country": "countries",
    "town": "towns",
    "person": "people",
    "from": "taken_from",
    "to": "taken_to",
    "place": "has_place",
    "people": "has_people",
}
"""The parameters that say which photos may be found, each with its field of ``Filters``."""
