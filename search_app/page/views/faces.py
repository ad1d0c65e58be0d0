"""Faces with a name or a question below, which a click anywhere on them answers."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from search_app.page.wording import literal


def card(
    picture: str | bytes,
    label: str,
    key: str,
    on_click: Callable[..., None],
    *args: Any,
    width: int | None = None,
    is_chosen: bool = False,
    below: str = "",
) -> None:
    """Draw a face, ``width`` pixels wide or as wide as there is room."""
    name = f"face-card-{'chosen-' if is_chosen else ''}{key}"
    with st.container(
        key=name, width=width or "stretch", gap="xxsmall", horizontal_alignment="center"
    ):
        st.image(picture, alt=label)
        st.button(
            literal(label),
            key=f"button-{key}",
            type="tertiary",
            on_click=on_click,
            args=args,
        )
        if below:
            st.caption(below)
