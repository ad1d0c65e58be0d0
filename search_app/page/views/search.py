"""The Search page: what is searched for, and the photos that were found."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st
from PIL import Image

from search_app.page import address, charts, components
from search_app.page.language import country, t, tn
from search_app.page.pictures import Upload
from search_app.page.session import current_snapshot, errors_shown, spare_the_collector
from search_app.page.views import (
    by_picture,
    filters,
    grid,
    preview,
    readings,
    selection,
    suggestions,
)
from search_app.page.wording import literal
from search_app.search.filters import Filters
from search_app.search.hits import Found, Hit, Results
from search_app.search.parsed import ParsedQuery
from search_app.search.searcher import Query, Searcher
from search_app.search.sorting import Sort

_STYLE = """
<style>
.st-key-q input { font-size: 1rem; }
.st-key-strip { min-width: 0; overflow-x: auto; }
.st-key-strip > * { flex-shrink: 0; }
@media (max-width: 640px) {
    .st-key-previous p, .st-key-next p { position: absolute; clip-path: inset(50%); }
}
[class*="st-key-strip-"] { position: relative; }
[class*="st-key-strip-open-"], [class*="st-key-strip-open-"] div { position: static; height: 0; }
[class*="st-key-strip-"] img { aspect-ratio: 1; object-fit: cover; }
[class*="st-key-strip-"] button {
    position: absolute; inset: 0; min-height: 0; width: 100%; height: 100%; background: none;
    border-radius: 0.5rem;
}
[class*="st-key-strip-"] button p { position: absolute; clip-path: inset(50%); }
[role="dialog"] table { display: block; overflow-x: auto; white-space: nowrap; }
</style>
"""


def show() -> None:
    """Draw the page; Streamlit calls this at every interaction."""
    st.html(grid.STYLE + _STYLE)
    st.header("Albumscope", anchor=False)
    with current_snapshot().searcher() as searcher:
        filters.forget_what_is_gone(searcher)
        try:
            _search_page(searcher)
        finally:
            filters.show(searcher)
            suggestions.show()
            with st.sidebar:
                _searches(searcher)


def _search_page(searcher: Searcher) -> None:
    state = st.session_state
    upload = _search_bar()
    parsed = searcher.understand(state.q, tuple(state.off))
    readings.show(parsed.readings)
    if parsed.problems:
        st.warning("  \n".join(map(literal, parsed.problems)), icon=":material/info:")
    picture = by_picture.searched_by(searcher, parsed, upload)
    _start_anew_if_other(
        (state.q, *state.off, upload and upload.key, address.filters(), state.sort)
    )
    if state["from"] and state.to and state["from"] > state.to:
        st.warning(t("“Taken from” is later than “Taken until”."), icon=":material/info:")
    hits, less_likely = _found(searcher, parsed, upload, picture)
    if not hits:
        st.info(
            t("Nothing surely matches.")
            if less_likely
            else t("No photo fits. Try other words, or fewer filters."),
            icon=":material/search_off:",
        )
    else:
        _toolbar(hits, parsed, picture)
        match state.view:
            case "timeline":
                charts.timeline(hits[: address.MAX_SHOWN], on_period=_only_from)
            case "map":
                charts.world_map(
                    hits[: address.MAX_SHOWN], on_photo=grid.open_photo, on_place=_only_near
                )
            case _:
                grid.show(hits[: state.shown], scored=_is_scored(parsed, picture))
                if len(hits) > state.shown:
                    st.button(
                        t("Load more"),
                        icon=":material/expand_more:",
                        on_click=_load_more,
                        width="stretch",
                    )
    if less_likely:
        _less_likely(less_likely)
    selection.show(searcher)
    if state.photo is not None:
        listed = [*hits, *less_likely] if state.unlikely else hits
        preview.show(searcher, state.photo, listed, is_search=bool(picture) or not parsed.is_empty)


def _found(
    searcher: Searcher, parsed: ParsedQuery, upload: Upload | None, picture: Image.Image | None
) -> Found:
    state = st.session_state
    has_picture = picture is not None or bool(parsed.photos)
    # One more than are shown tells whether there are more.
    k = _most_shown() + 1
    query = Query(
        state.q,
        filters=address.filters(),
        # Captions and words can only be compared with words.
        mode="visual" if has_picture else state.mode,
        k=k,
        min_probability=state.least / 100,
        sort=state.sort,
        fold=True,
        off=tuple(state.off),
    )
    if picture is not None and state.face:
        return searcher.find(replace(query, face=state.face, mode=state.mode))
    if picture is not None and upload is not None:
        with st.spinner(t("Searching… the first search also loads the models")):
            return _found_by_upload(searcher.snapshot.name, query, upload.key, searcher, picture)
    if parsed.is_empty:
        newest = _browsed(searcher.snapshot.name, query.filters, query.sort, k, searcher)
        return Found(newest, [])
    with st.spinner(t("Searching… the first search also loads the models")):
        return _found_by_query(searcher.snapshot.name, query, searcher)


@st.cache_resource(max_entries=64, show_spinner=False)
def _found_by_query(snapshot: str, query: Query, _searcher: Searcher) -> Found:
    """The same query of the same snapshot, which the searcher is of, is searched for once."""
    found = _searcher.find(query)
    spare_the_collector(has_words=bool(query.text), has_picture=False)
    return found


@st.cache_resource(max_entries=64, show_spinner=False)
def _browsed(snapshot: str, filters: Filters, sort: Sort, k: int, _searcher: Searcher) -> Results:
    return _searcher.browse(filters, sort, k)


@st.cache_data(scope="session", max_entries=8, show_spinner=False)
def _found_by_upload(
    snapshot: str, query: Query, key: str, _searcher: Searcher, _picture: Image.Image
) -> Found:
    found = _searcher.find(replace(query, images=(_picture,)))
    spare_the_collector(has_words=bool(query.text), has_picture=True)
    return found


def _is_scored(parsed: ParsedQuery, picture: Image.Image | None) -> bool:
    """Whether photos are compared with a picture; with a face they fit or do not."""
    return bool(parsed.photos) or (picture is not None and not st.session_state.face)


def _less_likely(hits: Sequence[Hit]) -> None:
    """Offer what is short of the least probability, and show it if one wants to see it."""
    is_open = st.session_state.unlikely
    words = tn("{count} less likely photo", "{count} less likely photos", len(hits))
    with st.container(horizontal=True, vertical_alignment="center"):
        if is_open:
            st.subheader(words, anchor=False, width="stretch")
        st.button(
            t("Show less") if is_open else words,
            key="less-likely",
            icon=":material/expand_less:" if is_open else ":material/expand_more:",
            on_click=_show_less_likely,
            args=(not is_open,),
        )
    if is_open:
        grid.show(hits, less_likely=True)


def _show_less_likely(wanted: bool) -> None:
    st.session_state.unlikely = wanted


def _search_bar() -> Upload | None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            t("Search"),
            st.session_state.q,
            key="q",
            type="search",
            placeholder=t("What is in the photo? Try “boats on a lake shore”"),
            label_visibility="collapsed",
        )
        return by_picture.uploader()


def _start_anew_if_other(search: object) -> None:
    """Another search begins with the first page, and with all near-duplicates folded."""
    state = st.session_state
    before = state.get("search")
    state.search = search
    state.setdefault("searches", 0)
    if before is not None and before != search:
        state.searches += 1
        state.shown = address.PAGE
        state.unlikely = False
        state.unfolded = set()


def _load_more() -> None:
    st.session_state.shown += address.PAGE


def _toolbar(hits: Sequence[Hit], parsed: ParsedQuery, picture: Image.Image | None) -> None:
    state = st.session_state
    with st.container(horizontal=True, vertical_alignment="center"):
        is_start = parsed.is_empty and picture is None
        if is_start and state.sort == "relevance" and state.view == "grid":
            st.subheader(t("Newest photos"), anchor=False, width="stretch")
        else:
            more = len(hits) > _most_shown()
            count = _most_shown() if more else len(hits)
            text = (
                tn("More than {count} photo", "More than {count} photos", count)
                if more
                else tn("{count} photo", "{count} photos", count)
            )
            st.subheader(text, anchor=False, width="stretch")
        sorts, views = _sort_names(), _view_names()
        st.selectbox(
            t("Sort"),
            list(sorts),
            list(sorts).index(state.sort),
            key="sort",
            format_func=sorts.__getitem__,
            label_visibility="collapsed",
            width=170,
        )
        st.segmented_control(
            t("View"),
            list(views),
            default=state.view,
            key="view",
            required=True,
            format_func=views.__getitem__,
            label_visibility="collapsed",
        )
        selection.toggle()


def _most_shown() -> int:
    return st.session_state.shown if st.session_state.view == "grid" else address.MAX_SHOWN


def _sort_names() -> dict[Sort, str]:
    return {
        "relevance": t("Best first"),
        "newest": t("Newest first"),
        "oldest": t("Oldest first"),
        "album": t("By album"),
    }


def _view_names() -> dict[str, str]:
    return {"grid": t("Grid"), "timeline": t("Timeline"), "map": t("Map")}


def _only_from(first: object, last: object) -> None:
    st.session_state["from"], st.session_state["to"] = first, last
    st.session_state.view = "grid"


def _only_near(latitude: float, longitude: float) -> None:
    st.session_state.q = f"{st.session_state.q} near:{latitude},{longitude},100m".strip()
    st.session_state.view = "grid"


def _in_words(searcher: Searcher) -> str:
    """What the present search is called among others."""
    state = st.session_state
    titles = searcher.facets(address.filters(), state.q, tuple(state.off)).album_titles
    parts = [state.q, *map(str, (*state.event, *state.year, *state.camera, *state.lens))]
    parts += [titles.get(album, album) for album in state.album] + state.tag
    parts += [*map(country, state.country), *state.town, *state.person]
    if state["from"] or state.to:
        parts.append(f"{state['from'] or '…'} – {state.to or '…'}")
    for key, name in (("place", t("Place known")), ("people", t("People in it"))):
        if state[key] is not None:
            parts.append(f"{name}: {t('Yes') if state[key] else t('No')}")
    names = {"mode": filters.mode_names(), "sort": _sort_names(), "view": _view_names()}
    parts += [names[key][state[key]] for key in names if address.query(key)]  # type: ignore[index]
    return " · ".join(part for part in parts if part) or t("All photos")


def _searches(searcher: Searcher) -> None:
    """The last and the saved searches of this browser."""
    with st.expander(t("Searches"), icon=":material/history:"):
        components.memory(
            {
                "query": address.query(*address.SEARCH),
                "label": _in_words(searcher),
                "labels": {
                    "saved": t("Saved in this browser"),
                    "nothingSaved": t("None yet. The star beside a search saves it."),
                    "last": t("The last ones"),
                    "nothingYet": t("None yet."),
                    "save": t("Save"),
                    "forget": t("Forget"),
                },
            },
            _go_to_search,
        )


@errors_shown()
def _go_to_search() -> None:
    address.go(st.session_state.memory.go)
