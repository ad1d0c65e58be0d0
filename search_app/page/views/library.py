"""The Library page: what is in the library, and how it came there."""

from collections.abc import Mapping, Sequence

import streamlit as st

from pipeline.library.library import Library
from pipeline.settings import Settings, load_settings
from pipeline.snapshot import reading
from pipeline.snapshot.inputs import fingerprint, input_files
from pipeline.snapshot.reading import Snapshot
from search_app.page import library_report
from search_app.page.language import number, t, tn
from search_app.page.library_report import AlbumReport
from search_app.page.session import current_snapshot, errors_shown
from search_app.page.views import (
    library_charts,
    library_failures,
    library_snapshots,
    library_tables,
    library_work,
)
from search_app.page.views.library_tables import percentage
from search_app.search.searcher import Searcher

_TILE, _TILE_HEIGHT = 140, 108  # pixels: two fit beside each other on a phone, all on a desk
_FRESH_FOR = 600  # seconds; photos may come to a folder, or go, without any table changing


def show() -> None:
    """Draw the page."""
    st.header(t("Library"), anchor=False)
    with current_snapshot().searcher() as searcher:
        _library_page(searcher, load_settings())


def _library_page(searcher: Searcher, settings: Settings) -> None:
    snapshot = searcher.snapshot
    kept = library_snapshots.of(settings, tuple(reading.kept(settings)))
    library_work.show()
    albums: list[AlbumReport] = []
    with errors_shown():
        library = Library(settings)
        with st.spinner(t("Looking at the albums…")):
            albums = _albums(fingerprint(library, input_files(library)), library)
        _figures(searcher, library, albums)
        _not_taken(library.not_taken())
    with errors_shown():
        library_snapshots.last_night(searcher, kept, settings)
    left, right = st.columns(2, gap="medium")
    with left, errors_shown():
        library_charts.photos_by_year(_years(snapshot.name, snapshot))
    with right, errors_shown():
        cameras = searcher.counts("cameras")
        library_charts.photos_by_camera(cameras, snapshot.manifest["tables"]["images"])
    if albums:
        with errors_shown():
            library_charts.done_by_stage(albums)
        with errors_shown():
            library_tables.albums(albums)
        with errors_shown():
            library_failures.show(albums, searcher)
    with errors_shown():
        library_charts.indexes(library_report.indexes(snapshot.manifest))
    with errors_shown():
        library_snapshots.all_kept(settings, kept)
    library_tables.models(snapshot.manifest)


@st.cache_data(max_entries=1, ttl=_FRESH_FOR, show_spinner=False)
def _albums(fingerprint: str, _library: Library) -> list[AlbumReport]:
    reports = library_report.albums(_library)
    _library.remember()
    return reports


@st.cache_data(max_entries=1, show_spinner=False)
def _years(name: str, _snapshot: Snapshot) -> dict[int | None, int]:
    return library_report.photos_by_year(_snapshot)


def _figures(searcher: Searcher, library: Library, albums: Sequence[AlbumReport]) -> None:
    tables, stages = searcher.snapshot.manifest["tables"], library_report.totals(albums)
    figures = {
        t("Photos"): number(tables["images"]),
        t("Albums"): number(tables["albums"]),
        t("People"): number(sum(not person.is_hidden for person in searcher.everybody())),
        t("Failed photos"): number(sum(album.failed for album in albums)),
    }
    done = {
        "siglip_embeddings": t("Embeddings done"),
        "llm_captions": t("Captions done"),
        "faces": t("Faces done"),
        "visible_text": t("Text in pictures done"),
    }
    figures |= {
        label: percentage(library_report.share_done(stages, stage))
        for stage, label in done.items()
        if library.stages[stage].active
    }
    with st.container(horizontal=True, key="figures"):
        for label, value in figures.items():
            st.metric(label, value, border=True, width=_TILE, height=_TILE_HEIGHT)


def _not_taken(files: Mapping[str, int]) -> None:
    words = {
        "film": tn("{count} film", "{count} films", files["film"]),
        "document": tn("{count} document", "{count} documents", files["document"]),
        "other file": tn("{count} other file", "{count} other files", files["other file"]),
    }
    if any(files.values()):
        counted = ", ".join(words[kind] for kind, number in files.items() if number)
        st.caption(t("Not taken: {files}", files=counted))
