"""The grid of photos: what was found, each with what one can do with it."""

from collections.abc import Sequence
from itertools import chain

import streamlit as st

from search_app.page import routes
from search_app.page.language import t, tn
from search_app.page.views import by_picture, selection
from search_app.page.wording import literal, percent, title_of
from search_app.search.hits import Hit
from search_app.search.query import photo_term

_COLUMNS = 4
_SEARCHES_TOLD_APART = 8
# A photo's title is a button; its ::after lets a click on the picture count as one on the title.
STYLE = """
<style>
[class*="st-key-card-"] { position: relative; }
[class*="st-key-card-"] img { aspect-ratio: 1; object-fit: cover; width: 100%; background: #8884; }
[class*="st-key-open-"] button, [class*="st-key-similar-"] button, [class*="st-key-fold-"] button {
    min-height: 0; padding: 0; text-align: left;
}
[class*="st-key-similar-"] button, [class*="st-key-fold-"] button { min-height: 1.75rem; }
[class*="st-key-card-"] .stCaptionContainer { margin: 0; }
[class*="st-key-open-"], [class*="st-key-open-"] * { position: static; }
[class*="st-key-open-"] button::after { content: ""; position: absolute; inset: 0; }
[class*="st-key-open-"] button:focus-visible { box-shadow: none; }
[class*="st-key-open-"] button:focus-visible::after {
    outline: 3px solid var(--st-primary-color, #b3261e); outline-offset: 2px; border-radius: 0.5rem;
}
.st-key-grid-less img { opacity: 0.6; }
.st-key-grid-less [class*="st-key-card-"]:is(:hover, :focus-within) img { opacity: 1; }
</style>
"""
"""The grid's part of the page's style."""


def show(hits: Sequence[Hit], *, scored: bool = False, less_likely: bool = False) -> None:
    """Draw photos, with their cosines if ``scored``; the ``less_likely`` in a grid of their own."""
    kind = "-less" if less_likely else ""
    search = st.session_state.searches % _SEARCHES_TOLD_APART
    unfolded = st.session_state.setdefault("unfolded", set())
    tiles = chain.from_iterable(
        (hit, *(hit.near_duplicates if hit.image_id in unfolded else ())) for hit in hits
    )
    with st.container(key=f"grid{kind}"):
        grid = st.grid(_COLUMNS, min_column_width=125)
    for place, hit in enumerate(tiles):
        with grid.cell():
            _tile(hit, f"{search}{kind}-{place}", scored)


def _tile(hit: Hit, place: str, scored: bool) -> None:
    """One photo. The keys of its buttons are those of its place, not its own: Streamlit never
    forgets a key in a session. They are not those of the search before, which may be clicked yet.
    """
    title = title_of(vars(hit))
    with st.container(key=f"card-{hit.image_id}", gap="xxsmall"):
        st.image(routes.picture(vars(hit), "grid"), alt=title)
        st.button(
            literal(title),
            key=f"open-{place}",
            type="tertiary",
            wrap=False,
            on_click=open_photo,
            args=(hit.image_id,),
        )
        st.caption(literal(_note(hit, scored)))
    with st.container(horizontal=True, gap="small"):
        if selection.is_on():
            selection.checkbox(hit)
        else:
            st.button(
                t("Find similar"),
                key=f"similar-{place}",
                type="tertiary",
                icon=":material/image_search:",
                on_click=by_picture.search_with,
                args=(photo_term(hit.image_id),),
            )
        if hit.near_duplicates:
            st.button(
                f"+{len(hit.near_duplicates)}",
                key=f"fold-{place}",
                type="tertiary",
                icon=":material/filter_none:",
                help=tn(
                    "{count} photo is nearly the same",
                    "{count} photos are nearly the same",
                    len(hit.near_duplicates),
                ),
                on_click=_unfold,
                args=(hit.image_id,),
            )


def _note(hit: Hit, scored: bool) -> str:
    if hit.probability is not None:
        return f"{percent(hit.probability)} · {hit.album_title}"
    if scored:
        return f"{hit.score:.3f} · {hit.album_title}"
    return hit.album_title


def _unfold(image_id: int) -> None:
    st.session_state.unfolded ^= {image_id}


def open_photo(image_id: int) -> None:
    """Open the preview of a photo; for use in a callback."""
    st.session_state.photo = image_id
