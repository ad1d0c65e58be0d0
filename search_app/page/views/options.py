"""What is set seldom: how words are compared, searches to come back to, the language, sign-out."""

from collections.abc import Callable

import streamlit as st

from search_app.page.language import LANGUAGES, t
from search_app.page.session import sign_in_secret
from search_app.search.ranking import MODES, Mode


def show(of_page: Callable[[], None] | None = None) -> None:
    """Draw the button that opens them; ``of_page`` draws what a page has besides."""
    with (
        st.container(key="options"),
        st.popover(t("Options"), icon=":material/tune:", type="tertiary"),
        st.container(width=320),
    ):
        if of_page is not None:
            of_page()
        st.selectbox(
            t("Language"),
            list(LANGUAGES),
            list(LANGUAGES).index(st.session_state.lang),
            key="lang",
            format_func=LANGUAGES.__getitem__,
        )
        if sign_in_secret() is not None:
            st.button(t("Sign out"), icon=":material/logout:", on_click=st.logout)


def how_to_search() -> None:
    """Draw how words are compared with photos, and how well these have to match."""
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


def mode_names() -> dict[Mode, str]:
    """What each mode is called."""
    return {
        "hybrid": t("Hybrid – all three together"),
        "visual": t("Visual – what the photo shows"),
        "caption": t("Caption – what its caption means"),
        "text": t("Text – the very words"),
    }
