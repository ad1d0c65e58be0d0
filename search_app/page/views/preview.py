"""The preview: a photo, large, with all that is known of it and what can be done with it."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import streamlit as st

from pipeline.errors import AlbumscopeError, PhotoError
from pipeline.snapshot import fulltext
from search_app.page import charts, components, routes
from search_app.page.language import t
from search_app.page.session import errors_shown
from search_app.page.views.by_picture import search_with
from search_app.page.wording import (
    about,
    came_from,
    found_by,
    literal,
    made_by,
    map_link,
    said_by,
    title_of,
)
from search_app.search.hits import Hit
from search_app.search.parsed import Part
from search_app.search.provenance import Provenance
from search_app.search.query import photo_term
from search_app.search.searcher import Searcher

_OF_ADDRESSES = "%/:?#@!$&'*+,;=~"  # is left as it is; brackets would end a link
_STRIP = 9  # thumbnails below the picture


def show(searcher: Searcher, image_id: int, hits: Sequence[Hit], *, is_search: bool) -> None:
    """Open the preview of a photo; ``hits`` are those that the strip leads to.

    All is asked now: Streamlit draws the dialog again by itself, when the searcher may be closed.
    """
    try:
        photo, origin = searcher.details(image_id), searcher.provenance(image_id)
    except AlbumscopeError:
        st.session_state.photo = None
        st.warning(t("That photo is not in the library."), icon=":material/broken_image:")
        return
    every = [one for hit in hits for one in (hit, *hit.near_duplicates)]
    dialog = st.dialog(literal(title_of(photo)), width="large", on_dismiss=_close)
    dialog(_draw)(photo, _picture_of(searcher, photo), origin, every, is_search)


def _close() -> None:
    st.session_state.photo = None


def _picture_of(searcher: Searcher, photo: Mapping[str, Any]) -> str | PhotoError:
    """The address of a photo's picture, or why there is none."""
    try:
        return routes.large_for_script(searcher, photo)
    except PhotoError as error:
        return error


def _draw(
    photo: Mapping[str, Any],
    picture: str | PhotoError,
    origin: Provenance,
    hits: Sequence[Hit],
    is_search: bool,
) -> None:
    with errors_shown():
        left, right = st.columns([5, 2], gap="medium")
        with left:
            hit = next((hit for hit in hits if hit.image_id == photo["image_id"]), None)
            _picture(photo, picture, hit.words if hit else ())
            if photo["is_cut"]:
                st.caption(t("A part of the picture is missing: the file is not whole."))
            _strip(photo["image_id"], hits)
        with right:
            _describe(photo)
        is_found = is_search and hit is not None
        label = t("Explain this result") if is_found else t("Where it comes from")
        with st.expander(label, on_change="rerun") as more:
            if more.open:
                _explain(photo, origin, hit if is_found else None)
    if st.session_state.photo != photo["image_id"]:
        st.rerun()  # the whole page: another photo, or none


def _picture(photo: Mapping[str, Any], picture: str | PhotoError, searched: Sequence[str]) -> None:
    """The picture, on which lines of text with words that were searched for are marked."""
    if isinstance(picture, PhotoError):
        st.warning(t("No picture: {why}", why=picture), icon=":material/broken_image:")
        return
    components.cropper(
        {
            "id": str(photo["image_id"]),
            "src": picture,
            "alt": title_of(photo),
            "part": routes.parts_for_script(photo),
            "lines": [
                {**line, "isFound": fulltext.have_words_in_common(line["text"], " ".join(searched))}
                for line in photo["lines"]
            ],
            "labels": {
                "how": t(
                    "Draw a rectangle to search for a part of the photo. On the keyboard: Enter"
                    " draws one, arrows move it, with Shift they resize it, Delete removes it."
                ),
                "search": t("Search cropped"),
                "copy": t("Copy to clipboard"),
                "copied": t("Copied."),
                "notCopied": t("The browser did not let it be copied."),
            },
        },
        lambda: _search_cropped(photo["image_id"]),
    )


@errors_shown()
def _search_cropped(image_id: int) -> None:
    part = Part(*st.session_state.cropper.search)
    search_with(photo_term(image_id, part))


def _strip(image_id: int, hits: Sequence[Hit]) -> None:
    """The photos beside this one, and the ways there."""
    at = next((at for at, hit in enumerate(hits) if hit.image_id == image_id), None)
    if at is None or len(hits) < 2:
        return
    first = max(0, min(at - _STRIP // 2, len(hits) - _STRIP))
    with st.container(horizontal=True, wrap=False, gap="xsmall", vertical_alignment="center"):
        _way("previous", t("Previous photo"), ":material/chevron_left:", hits[at - 1 : at])
        with st.container(horizontal=True, wrap=False, gap="xsmall", key="strip"):
            for hit in hits[first : first + _STRIP]:
                with st.container(key=f"strip-{hit.image_id}", width=64, gap=None):
                    st.image(routes.picture(vars(hit), "grid"), width=64, alt="")
                    st.button(
                        literal(title_of(vars(hit))),
                        key=f"strip-open-{hit.image_id}",
                        type="primary" if hit.image_id == image_id else "secondary",
                        on_click=_turn_to,
                        args=(hit.image_id,),
                    )
        _way("next", t("Next photo"), ":material/chevron_right:", hits[at + 1 : at + 2])


def _way(key: str, label: str, icon: str, to: Sequence[Hit]) -> None:
    st.button(
        label,
        key=key,
        icon=icon,
        type="tertiary",
        disabled=not to,
        on_click=_turn_to,
        args=tuple(hit.image_id for hit in to),
    )


def _turn_to(image_id: int) -> None:
    st.session_state.photo = image_id


def _describe(photo: Mapping[str, Any]) -> None:
    caption, exif = photo["caption"], photo["exif"]
    if caption.get("caption"):
        st.text(caption["caption"])
    for name, fact in about(photo).items():
        lines = "  \n".join(map(literal, fact.splitlines()))
        st.markdown(f":small[:gray[{name}]]  \n{lines}")
    for address in photo["links"] or ():
        st.markdown(f"[{literal(address)}]({quote(address, safe=_OF_ADDRESSES)})")
    if photo["page_url"]:
        st.markdown(f"[{t('On Flickr')}]({photo['page_url']})")
    if address := map_link(exif):
        charts.place(exif["latitude"], exif["longitude"])
        st.markdown(f"[{t('Show on a map')}]({address})")
    st.button(
        t("Find similar"),
        key="alike",
        icon=":material/image_search:",
        on_click=search_with,
        args=(photo_term(photo["image_id"]),),
    )


def _explain(photo: Mapping[str, Any], origin: Provenance, hit: Hit | None) -> None:
    """What found the photo, and where it and all that is known of it come from."""
    if hit:
        st.text(found_by(hit))
        if hit.words:
            st.text(t("Matching words: {words}", words=", ".join(hit.words)))
    st.markdown(came_from(origin))
    if said := said_by(photo):
        st.text(said)
    st.markdown(made_by(origin))
