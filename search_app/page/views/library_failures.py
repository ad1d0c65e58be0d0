"""The photos that failed: what they look like, why, and trying them again."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from search_app.page import addresses
from search_app.page.language import t, tn, told
from search_app.page.library_report import AlbumReport
from search_app.page.session import may_change
from search_app.page.views import library_work
from search_app.page.views.library_tables import stage_names, table
from search_app.page.wording import literal, with_code
from search_app.search.searcher import Searcher

_PAGE = 12  # photos


def show(albums: Sequence[AlbumReport], searcher: Searcher) -> None:
    """List the photos of these albums that failed, album by album, with what can be done."""
    st.subheader(t("Failed photos"), anchor=False)
    failures = [(album, failure) for album in albums for failure in album.failures]
    if not failures:
        st.text(t("No photo has failed."))
        return
    may_try = may_change() and not library_work.is_at_work()
    tried = [album.album_id for album in albums if album.failed]
    if not may_change():
        st.caption(
            with_code(
                t(
                    "They are tried again by administrators (`ADMINS`), or on the machine itself:"
                    " `albumscope sync --again`."
                )
            )
        )
    elif len(tried) > 1:
        st.button(
            t("Try all again"),
            icon=":material/refresh:",
            disabled=not may_try,
            on_click=_try,
            args=(tried,),
        )
    most: int = st.session_state.setdefault("failures_shown", _PAGE)
    ids = [failure["image_id"] for _, failure in failures[:most]]
    photos = {photo["image_id"]: photo for photo in searcher.photos(ids)}
    before = None
    for place, (album, failure) in enumerate(failures[:most]):
        if album is not before:
            _album(album, place, may_try=may_try)
            before = album
        _photo(failure, photos.get(failure["image_id"]), place)
    if len(failures) > most:
        st.button(t("Load more"), key="more-failures", on_click=_more, width="stretch")
    with st.expander(t("As a table")):
        _table(failures)


def _album(album: AlbumReport, place: int, *, may_try: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"failed-in-{place}"):
        st.markdown(f"**{literal(album.title)}**", width="content")
        if album.failed and may_change():
            st.button(
                t("Try again"),
                key=f"again-{place}",
                icon=":material/refresh:",
                type="tertiary",
                disabled=not may_try,
                on_click=_try,
                args=([album.album_id],),
            )


def _photo(failure: Mapping[str, Any], photo: Mapping[str, Any] | None, place: int) -> None:
    title = failure["title"] or failure["photo"]
    with st.container(
        horizontal=True, wrap=False, vertical_alignment="center", key=f"failed-{place}"
    ):
        if photo:
            st.image(addresses.picture(photo, "grid"), width=96, alt=title)
        else:
            st.markdown(":material/broken_image:", width=96, text_alignment="center")
        with st.container(gap="xxsmall"):
            st.markdown(literal(failure["photo"]))
            st.caption(with_code(f"{stage_names()[failure['stage']]}: {told(failure['reason'])}"))
            if failure["attempts"] > 1:
                tries = failure["attempts"]
                st.caption(tn("tried {count} time", "tried {count} times", tries))


def _table(failures: Sequence[tuple[AlbumReport, Mapping[str, Any]]]) -> None:
    names = stage_names()
    table(
        t("Failed photos"),
        {
            t("Album"): [album.title for album, _ in failures],
            t("Photo"): [failure["photo"] for _, failure in failures],
            t("Stage"): [names[failure["stage"]] for _, failure in failures],
            t("Reason"): [told(failure["reason"]) for _, failure in failures],
            t("Attempts"): [failure["attempts"] for _, failure in failures],
        },
    )


def _more() -> None:
    st.session_state.failures_shown += _PAGE


def _try(album_ids: Sequence[str]) -> None:
    if may_change():
        library_work.again().start(album_ids)
