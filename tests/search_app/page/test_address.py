"""The state that the page's address holds, and what the browser is told of it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from search_app.page.session import current_snapshot


def page() -> None:
    """Filters and options. The first run is broken off, as by a click before all is drawn."""
    import streamlit as st

    from search_app.page import address
    from search_app.page.session import current_snapshot
    from search_app.page.views import filters, options

    address.read()
    with current_snapshot().searcher() as searcher:
        filters.show(searcher, searcher.understand(""), None)
    options.how_to_search()
    if not st.session_state.get("was_broken_off"):
        st.session_state.was_broken_off = True
        st.stop()
    st.text(address.write(address.ALL))


@pytest.fixture
def opened(demo_library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    """The page of the demo library, not yet drawn."""
    monkeypatch.setenv("DATA_DIR", str(demo_library))
    # Streamlit puts its script there, and processes that later tests spawn would run it.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    current_snapshot.clear()
    yield AppTest.from_function(page, default_timeout=60)
    current_snapshot.clear()


def test_a_run_that_is_broken_off_does_not_lose_what_the_address_says(opened: AppTest) -> None:
    """Streamlit drops what it has not sent by then, and says it no second time."""
    for name, value in {"mode": "text", "least": "40", "year": "2018", "place": "no"}.items():
        opened.query_params[name] = value
    opened.run().run()
    assert opened.text[0].value == "year=2018&place=no&mode=text&least=40"
    assert list(opened.slider(key="least").proto.default) == [40]
    mode = opened.selectbox(key="mode").proto
    assert mode.options[mode.default].startswith("Text")


def test_what_a_person_chooses_is_not_said_back_to_them(opened: AppTest) -> None:
    """It would undo what they do next, while the page is being drawn."""
    opened.run().run()
    opened.slider(key="least").set_value(70).run()
    assert opened.text[0].value == "least=70"
    assert not opened.slider(key="least").proto.set_value
