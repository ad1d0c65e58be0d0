"""Photos that were selected, and what can be done with them: a zip, or their links."""

import streamlit as st

from search_app.page import routes, takeaway
from search_app.page.language import t, tn
from search_app.page.wording import literal, title_of
from search_app.search.hits import Hit
from search_app.search.searcher import Searcher

_ON = "selecting"


def toggle() -> None:
    """Draw what turns selecting on and off."""
    st.toggle(t("Select"), key=_ON)


def is_on() -> bool:
    """Whether photos are being selected."""
    return bool(st.session_state.get(_ON))


def checkbox(hit: Hit) -> None:
    """Draw what selects a photo; it stays selected while other photos are searched for."""
    selected = st.session_state.setdefault("selected", {})
    st.checkbox(
        t("Select {title}", title=literal(title_of(vars(hit)))),
        hit.image_id in selected,
        key=f"select-{hit.image_id}",
        on_change=_change,
        args=(hit.image_id,),
    )


def show(searcher: Searcher) -> None:
    """Draw what can be done with the selected photos, if there are any."""
    selected = list(st.session_state.get("selected", {}))
    if not selected:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="selection"):
        st.text(tn("{count} photo selected", "{count} photos selected", len(selected)))
        if len(selected) <= routes.MAX_PHOTOS:
            st.link_button(t("Download"), routes.archive(selected), icon=":material/folder_zip:")
        else:
            st.text(t("At most {most} photos can be downloaded at once", most=routes.MAX_PHOTOS))
        with st.popover(t("Links"), icon=":material/link:"):
            photos = searcher.photos(selected)
            links = [link for photo in photos if (link := takeaway.link(photo))]
            if links:
                st.code("\n".join(links), language=None, wrap_lines=True)
            if len(links) < len(photos):
                missing = len(photos) - len(links)
                st.caption(
                    tn(
                        "{count} photo is of a folder and has no link",
                        "{count} photos are of folders and have no link",
                        missing,
                    )
                )
        st.button(t("Select none"), icon=":material/deselect:", on_click=_clear, args=(selected,))


def _change(image_id: int) -> None:
    selected = st.session_state.selected
    if st.session_state[f"select-{image_id}"]:
        selected[image_id] = True
    else:
        selected.pop(image_id, None)


def _clear(image_ids: list[int]) -> None:
    for image_id in image_ids:
        if f"select-{image_id}" in st.session_state:
            st.session_state[f"select-{image_id}"] = False
    st.session_state.selected = {}
