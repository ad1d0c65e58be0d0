"""What was understood of the words that were typed, each with a way to have it be words again."""

from collections.abc import Sequence

import streamlit as st

from search_app.page.language import t
from search_app.page.wording import literal
from search_app.search.parsed import Kind, Reading


def show(readings: Sequence[Reading]) -> None:
    """Draw a button for each reading, to turn it off or on; the state has those that are off."""
    keys = {reading.key for reading in readings}
    st.session_state.off = [key for key in st.session_state.off if key in keys]
    if not readings:
        return
    with st.container(horizontal=True, gap="xsmall", key="readings"):
        for place, reading in enumerate(readings):
            st.button(
                literal(_label(reading)),
                key=f"reading-{place}",
                icon=":material/close:" if reading.is_on else ":material/undo:",
                help=_help(reading),
                on_click=_switch,
                args=(reading.key,),
            )


def _switch(key: str) -> None:
    off = st.session_state.off
    st.session_state.off = [each for each in off if each != key] if key in off else [*off, key]


def _label(reading: Reading) -> str:
    kind = kind_names()[reading.kind]
    if not reading.is_on:
        return t("“{typed}” as words", typed=reading.typed)
    if reading.is_certain:
        return f"{kind}: {reading.name}"
    return t("{kind}: {name}, or just words", kind=kind, name=reading.name)


def _help(reading: Reading) -> str:
    if not reading.is_on:
        return t("Click to have it understood again.")
    if reading.is_certain:
        return t("Only such photos are found. Click to search for the words themselves.")
    return t("Such photos come first, and the words are searched for. Click to leave it at these.")


def kind_names() -> dict[Kind, str]:
    """What each kind of reading is called."""
    return {
        "date": t("Date"),
        "event": t("Event"),
        "album": t("Album"),
        "place": t("Place"),
        "camera": t("Camera"),
        "person": t("Person"),
        "file": t("File"),
    }
