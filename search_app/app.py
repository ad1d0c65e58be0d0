"""The search page: `albumscope serve`, or `streamlit run search_app/app.py`."""

import logging
import re
import secrets
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator
from streamlit.typing import UploadedFile

from pipeline import snapshot
from pipeline.errors import AlbumscopeError, PhotoError
from pipeline.settings import load_settings
from search_app import pictures
from search_app.engine import Hit, Mode, Query, SearchEngine
from search_app.filters import Filters
from search_app.query import ParsedQuery
from search_app.wording import (
    album_facts,
    came_from,
    exif_facts,
    found_by,
    literal,
    made_by,
    map_link,
    percent,
    with_code,
)

PAGE = 20  # photos shown at first, and added by "Load more"
COLUMNS = 4

_MODES: dict[Mode, str] = {
    "hybrid": "Hybrid – all three together",
    "visual": "Visual – what the photo shows",
    "caption": "Caption – what its caption means",
    "text": "Text – the very words",
}
# Widgets that are bound to the page's address keep their state there, so that it can be shared.
_URL: Literal["query-params"] = "query-params"
_WANTED_PHOTO = re.compile(r"(?i)(?<!\S)photo:\d+\s*")
# A photo's title is a button; its ::after lets a click on the picture count as one on the title.
_STYLE = """
<style>
.stMainBlockContainer { padding-top: 3.5rem; }
[class*="st-key-card-"] { position: relative; }
[class*="st-key-card-"] button, [class*="st-key-similar-"] button {
    min-height: 0; padding: 0; text-align: left;
}
[class*="st-key-card-"] .stCaptionContainer { margin: 0; }
[class*="st-key-open-"], [class*="st-key-open-"] * { position: static; }
[class*="st-key-open-"] button::after {
    content: ""; position: absolute; inset: 0;
}
[role="dialog"] img { max-height: 75vh; object-fit: contain; }
[role="dialog"] table { display: block; overflow-x: auto; white-space: nowrap; }
</style>
"""
_log = logging.getLogger("albumscope.page")


@dataclass(frozen=True)
class Card:
    """A photo as the grid shows it."""

    image_id: int
    path: str
    title: str
    note: str
    hit: Hit | None = None
    """What a search says about it."""


def main() -> None:
    """Draw the page; Streamlit calls this at every interaction."""
    st.set_page_config("Albumscope", "🖼️", layout="wide")
    st.html(_STYLE)
    st.header("Albumscope", anchor=False)
    with errors_shown():
        data_dir = load_settings().data_dir
        if snapshot.current_name(data_dir) is None:
            _welcome(data_dir)
            return
        engine = _engine()
        with errors_shown():
            _search_page(engine)
        return
    st.button("Try again", icon=":material/refresh:")


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show what goes wrong inside as a message; what nobody foresaw goes to the log."""
    try:
        yield
    except (AlbumscopeError, PhotoError) as error:
        st.error(with_code(str(error)), icon=":material/error:")
    except Exception:
        reference = secrets.token_hex(4)
        _log.exception("Error %s", reference)
        st.error(
            f"Something went wrong. The log of the page tells more, at error {reference}.",
            icon=":material/error:",
        )


@st.cache_resource(show_spinner="Opening the library…")
def _engine() -> SearchEngine:
    """The one engine of this process: it serves every session and keeps up with snapshots."""
    return SearchEngine(load_settings())


def _welcome(data_dir: Path) -> None:
    st.subheader("No photos yet", anchor=False)
    st.text(f"Nothing is published in {data_dir}. Add a folder of photos and sync it:")
    st.code("albumscope add-folder DIR -r\nalbumscope sync", language=None)
    st.markdown("Or look around first with the demo photos: `albumscope demo`")
    st.button("Look again", icon=":material/refresh:")


def _search_page(engine: SearchEngine) -> None:
    filters, mode, least = _sidebar(engine)
    text, upload = _search_bar()
    asked = engine.understand(text)
    if asked.problems:
        st.warning("  \n".join(map(literal, asked.problems)), icon=":material/info:")
    picture = _searched_by(engine, asked, upload)
    shown = _number_shown((text, upload and upload.file_id, filters, mode, least))
    by_picture = picture is not None or bool(asked.photos)
    if by_picture or not asked.is_empty:
        # Captions and words can only be compared with words.
        by = "visual" if by_picture else mode
        images = () if picture is None else (picture,)
        query = Query(text, images, None, filters, by, shown + 1, least)
        with st.spinner("Searching… the first search also loads the models"):
            cards = [_card_of_hit(hit, by_picture) for hit in engine.search(query)]
        if not cards and _nothing_matches(engine, query):
            return
    else:
        cards = [_card_of_photo(photo) for photo in engine.newest(filters, shown + 1)]
        st.subheader("Newest photos", anchor=False)
    _results(engine, cards, shown)


def _nothing_matches(engine: SearchEngine, query: Query) -> bool:
    """Say so, and how near the nearest photo comes; False if not even that is to be had."""
    nearest = engine.search(replace(query, k=1, min_probability=0))
    if not nearest or nearest[0].probability is None:
        return False
    st.info(
        f"Nothing matches. The nearest photo has a probability of"
        f" {literal(percent(nearest[0].probability))}; those below {query.min_probability:.0%} are"
        " not shown.",
        icon=":material/search_off:",
    )
    st.button("Show the nearest photos", icon=":material/expand_more:", on_click=_show_all)
    return True


def _show_all() -> None:
    st.session_state.least = 0


def _sidebar(engine: SearchEngine) -> tuple[Filters, Mode, float]:
    albums = engine.albums()
    labels = _album_labels(albums)
    events = sorted({album["event_name"] for album in albums if album["event_name"]})
    years = sorted({album["event_year"] for album in albums if album["event_year"]}, reverse=True)
    with st.sidebar:
        st.subheader("Only from", anchor=False)
        filters = Filters(
            events=tuple(
                st.multiselect("Event", events, key="event", placeholder="Any", bind=_URL)
            ),
            years=tuple(st.multiselect("Year", years, key="year", placeholder="Any", bind=_URL)),
            album_ids=tuple(
                st.multiselect(
                    "Album",
                    labels,
                    key="album",
                    placeholder="Any",
                    format_func=labels.__getitem__,
                    bind=_URL,
                )
            ),
        )
        mode = st.selectbox(
            "Search mode",
            list(_MODES),
            key="mode",
            format_func=_MODES.__getitem__,
            bind=_URL,
            help="How words are searched for. A picture is always compared by what it shows.",
        )
        least = st.slider(
            "Minimum probability",
            0,
            100,
            round(100 * load_settings().min_probability),
            key="least",
            format="%d%%",
            bind=_URL,
            help="Photos that match the words with less are not shown. At 0 all are, as they are"
            " in a search by picture.",
        )
    return filters, mode, least / 100


def _album_labels(albums: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Titles by album id; albums of the same title are told apart by their id."""
    same = Counter(album["title"] for album in albums)
    return {
        album["album_id"]: album["title"]
        if same[album["title"]] == 1
        else f"{album['title']} ({album['album_id']})"
        for album in albums
    }


def _search_bar() -> tuple[str, UploadedFile | None]:
    state = st.session_state
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search",
            key="q",
            type="search",
            bind=_URL,
            placeholder="What is in the photo? Try “boats on a lake shore”",
            label_visibility="collapsed",
        )
        # A new key closes the popover once it has a picture.
        uploads = state.setdefault("uploads", 0)
        with st.popover("Picture", icon=":material/add_photo_alternate:", key=f"popover-{uploads}"):
            upload = st.file_uploader(
                "Search by a picture of your own",
                key=f"upload-{state.setdefault('cleared', 0)}",
                max_upload_size=pictures.MAX_UPLOAD,
                on_change=_take_upload,
            )
    return text.strip(), upload


def _take_upload() -> None:
    st.session_state.uploads += 1
    _forget_photos()


def _clear_pictures() -> None:
    st.session_state.cleared += 1  # a new key empties the uploader
    _forget_photos()


def _forget_photos() -> None:
    st.session_state.q = _WANTED_PHOTO.sub("", st.session_state.q)


def _find_similar(image_id: int) -> None:
    _clear_pictures()
    # The query language has a word for it, so the page's address tells it, too.
    st.session_state.q = f"photo:{image_id}"


def _searched_by(
    engine: SearchEngine, asked: ParsedQuery, upload: UploadedFile | None
) -> Image.Image | None:
    """Show the pictures that are searched by, with a way to be rid of them; returns the upload."""
    wanted = [photo.image_id for photo in asked.photos if photo.weight > 0]
    if upload is None and not wanted:
        return None
    with _row(border=True):
        what = st.container()
        st.button("Clear", icon=":material/close:", on_click=_clear_pictures)
    picture = None
    if upload is not None:
        with what, _row():
            picture = _read_upload(upload)
            st.image(pictures.square(picture), width=72, alt="Your picture")
            st.text(f"Photos like your picture {upload.name}")
    for image_id in wanted:
        photo = engine.details(image_id)
        with what, _row():
            _thumbnail(photo["path"], _title(photo["title"]), width=72)
            st.text(f"Photos like {_title(photo['title'])}")
    return picture


def _read_upload(upload: UploadedFile) -> Image.Image:
    try:
        return pictures.uploaded_picture(upload.file_id, upload)
    except PhotoError as error:
        st.text(upload.name)
        raise AlbumscopeError(f"This picture cannot be read: {error}") from error


def _row(*, border: bool = False) -> DeltaGenerator:
    return st.container(horizontal=True, wrap=False, vertical_alignment="center", border=border)


def _number_shown(query: Hashable) -> int:
    """How many photos of this query to show: another query starts anew."""
    state = st.session_state
    if state.get("query") != query:
        state.query, state.shown = query, PAGE
    return int(state.shown)


def _load_more() -> None:
    st.session_state.shown += PAGE


def _results(engine: SearchEngine, cards: Sequence[Card], shown: int) -> None:
    if not cards:
        st.info("No photo fits. Try other words, or fewer filters.", icon=":material/search_off:")
        return
    grid = st.grid(COLUMNS, min_column_width=125)
    for card in cards[:shown]:
        with grid.cell():
            _draw_card(engine, card)
    if len(cards) > shown:
        st.button("Load more", icon=":material/expand_more:", on_click=_load_more, width="stretch")


def _card_of_hit(hit: Hit, by_picture: bool) -> Card:
    if hit.probability is not None:
        note = f"{percent(hit.probability)} · {hit.album_title}"
    elif by_picture:
        note = f"{hit.score:.3f} · {hit.album_title}"
    else:
        note = hit.album_title
    return Card(hit.image_id, hit.path, _title(hit.title), note, hit)


def _card_of_photo(photo: Mapping[str, Any]) -> Card:
    return Card(photo["image_id"], photo["path"], _title(photo["title"]), photo["album_title"])


def _title(title: str | None) -> str:
    return (title or "").strip() or "Untitled"


def _draw_card(engine: SearchEngine, card: Card) -> None:
    with st.container(key=f"card-{card.image_id}", gap="xxsmall"):
        _thumbnail(card.path, card.title)
        if st.button(literal(card.title), key=f"open-{card.image_id}", type="tertiary", wrap=False):
            _open_preview(engine, card)
        st.caption(literal(card.note))
    st.button(
        "Find similar",
        key=f"similar-{card.image_id}",
        type="tertiary",
        icon=":material/image_search:",
        on_click=_find_similar,
        args=(card.image_id,),
    )


def _thumbnail(path: str, title: str, width: int | Literal["stretch"] = "stretch") -> None:
    try:
        st.image(pictures.thumbnail(path), width=width, alt=title)
    except PhotoError as error:
        _placeholder(error)


def _placeholder(error: PhotoError) -> None:
    with st.container(border=True, height=200, vertical_alignment="center"):
        st.text(f"No picture: {error}", text_alignment="center", width="stretch")


def _open_preview(engine: SearchEngine, card: Card) -> None:
    st.dialog(literal(card.title), width="large")(_preview)(engine, card)


def _preview(engine: SearchEngine, card: Card) -> None:
    image_id = card.image_id
    with errors_shown():
        photo = engine.details(image_id)
        left, right = st.columns([5, 2], gap="medium")
        with left.container(horizontal_alignment="center"):
            _large_picture(photo)
        with right:
            _describe(photo)
            if st.button(
                "Find similar",
                icon=":material/image_search:",
                on_click=_find_similar,
                args=(image_id,),
            ):
                st.rerun()  # the whole page, which closes the preview
        label = "Explain this result" if card.hit else "Where it comes from"
        with st.expander(label, on_change="rerun") as more:
            if more.open:
                _explain(engine, card)


def _explain(engine: SearchEngine, card: Card) -> None:
    """What found the photo, and where it and all that is known of it come from."""
    if card.hit:
        st.text(found_by(card.hit))
        if card.hit.words:
            st.text(f"Matching words: {', '.join(card.hit.words)}")
    origin = engine.provenance(card.image_id)
    st.markdown(came_from(origin))
    st.markdown(made_by(origin))


def _large_picture(photo: Mapping[str, Any]) -> None:
    try:
        st.image(pictures.large(photo["path"]), alt=_title(photo["title"]))
    except PhotoError as error:
        _placeholder(error)


def _describe(photo: Mapping[str, Any]) -> None:
    caption, exif = photo["caption"], photo["exif"]
    if caption.get("caption"):
        st.text(caption["caption"])
    facts = exif_facts(exif) | album_facts(photo["albums"])
    for name, fact in facts.items():
        st.markdown(f":small[:gray[{name}]]  \n{literal(fact)}")
    if address := map_link(exif):
        st.markdown(f"[Show on a map]({address})")


main()
