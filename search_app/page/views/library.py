"""The Library page: what is in the library, and how it came there."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from pipeline.library.library import Library
from pipeline.settings import Settings, load_settings
from pipeline.snapshot import publishing, reading
from pipeline.snapshot.inputs import fingerprint, input_files
from pipeline.snapshot.mirror import remote_snapshots
from pipeline.snapshot.reading import Snapshot
from search_app.page import addresses, library_report
from search_app.page.language import local_moment, number, t, tn
from search_app.page.library_report import AlbumReport, Changes, KeptSnapshot
from search_app.page.session import current_snapshot, errors_shown, may_change
from search_app.page.views import library_charts, library_tables
from search_app.page.views.library_tables import megabytes, percentage, table
from search_app.page.wording import literal, title_of, with_code
from search_app.search.provenance import run_url
from search_app.search.searcher import Searcher

_FRESH_FOR = 600  # seconds; photos may come to a folder, or go, without any table changing


def show() -> None:
    """Draw the page."""
    st.header(t("Library"), anchor=False)
    with current_snapshot().searcher() as searcher:
        _library_page(searcher, load_settings())


def _library_page(searcher: Searcher, settings: Settings) -> None:
    snapshot = searcher.snapshot
    kept = _snapshots(settings, tuple(reading.kept(settings)))
    albums: list[AlbumReport] = []
    with errors_shown():
        library = Library(settings)
        with st.spinner(t("Looking at the albums…")):
            albums = _albums(fingerprint(library, input_files(library)), library)
        _figures(snapshot, albums)
        _not_taken(library.not_taken())
    with errors_shown():
        _last_night(searcher, kept, settings)
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
            library_tables.failed_photos(albums)
    with errors_shown():
        library_charts.indexes(library_report.indexes(snapshot.manifest))
    with errors_shown():
        _kept_snapshots(settings, kept)
    library_tables.models(snapshot.manifest)


@st.cache_data(max_entries=1, ttl=_FRESH_FOR, show_spinner=False)
def _albums(fingerprint: str, _library: Library) -> list[AlbumReport]:
    return library_report.albums(_library)


@st.cache_data(max_entries=1, show_spinner=False)
def _snapshots(_settings: Settings, names: tuple[str, ...]) -> list[KeptSnapshot]:
    return library_report.snapshots(_settings, names)


@st.cache_data(max_entries=1, show_spinner=False)
def _changes(name: str, _snapshot: Snapshot, _library_dir: Path) -> Changes | None:
    return library_report.changes(_library_dir, _snapshot)


@st.cache_data(max_entries=1, show_spinner=False)
def _years(name: str, _snapshot: Snapshot) -> dict[int | None, int]:
    return library_report.photos_by_year(_snapshot)


def _figures(snapshot: Snapshot, albums: Sequence[AlbumReport]) -> None:
    stages = library_report.totals(albums)
    figures = {
        t("Photos"): number(snapshot.manifest["tables"]["images"]),
        t("Albums"): number(snapshot.manifest["tables"]["albums"]),
        t("Failed photos"): number(sum(album.failed for album in albums)),
        t("Captions done"): percentage(library_report.share_done(stages, "llm_captions")),
        t("Embeddings done"): percentage(library_report.share_done(stages, "siglip_embeddings")),
    }
    with st.container(horizontal=True, key="figures"):
        for label, value in figures.items():
            st.metric(label, value, border=True, width=170)


def _not_taken(files: Mapping[str, int]) -> None:
    words = {
        "film": tn("{count} film", "{count} films", files["film"]),
        "document": tn("{count} document", "{count} documents", files["document"]),
        "other file": tn("{count} other file", "{count} other files", files["other file"]),
    }
    if any(files.values()):
        counted = ", ".join(words[kind] for kind, number in files.items() if number)
        st.caption(t("Not taken: {files}", files=counted))


def _last_night(searcher: Searcher, kept: Sequence[KeptSnapshot], settings: Settings) -> None:
    snapshot = searcher.snapshot
    st.subheader(t("What the last night brought"), anchor=False)
    published = t("Published on {when}", when=local_moment(snapshot.manifest["created_at"]))
    run = run_url(settings.dagster_url, snapshot.manifest["run_id"])
    link = f" · [{t('its run in Dagster')}]({run})" if run else ""
    st.markdown(literal(published) + link)
    changes = _changes(snapshot.name, snapshot, settings.library_dir)
    if changes is None:
        st.text(t("This is the first snapshot that is kept: there is none before it to compare."))
        return
    before = next((_title(one) for one in kept if one.name == changes.before), changes.before)
    st.text(
        tn(
            "{count} photo is new since the snapshot of {when}.",
            "{count} photos are new since the snapshot of {when}.",
            changes.new,
            when=before,
        )
    )
    if changes.gone:
        st.text(tn("{count} photo is gone.", "{count} photos are gone.", changes.gone))
    if changes.albums:
        states = {"new": t("New album"), "gone": t("Album is gone"), None: ""}
        table(
            t("Albums that changed"),
            {
                t("Album"): [album.title for album in changes.albums],
                t("New photos"): [album.photos for album in changes.albums],
                t("State"): [states[album.state] for album in changes.albums],
            },
        )
    with st.container(horizontal=True, key="new-photos"):
        for photo in searcher.photos(changes.new_photos):
            title = title_of(photo)
            with st.container(width=120, gap="xxsmall", key=f"new-{photo['image_id']}"):
                st.image(addresses.picture(photo, "grid"), width=120, alt=title)
                st.caption(literal(title))


def _kept_snapshots(settings: Settings, kept: Sequence[KeptSnapshot]) -> None:
    st.subheader(t("Snapshots"), anchor=False)
    if published := st.session_state.pop("published", None):
        st.success(
            t("The search uses the snapshot of {when} from now on.", when=literal(published)),
            icon=":material/check:",
        )
    is_admin = may_change()
    if not is_admin:
        st.caption(
            with_code(
                t(
                    "An older one is published by administrators (`ADMINS`), or on the machine"
                    " itself: `albumscope snapshots --publish NAME`."
                )
            )
        )
    current = reading.current_name(settings.library_dir)
    for one in kept:
        with (
            st.container(border=True, key=f"snapshot-{one.name}"),
            st.container(
                horizontal=True,
                vertical_alignment="center",
                horizontal_alignment="distribute",
            ),
        ):
            with st.container(width="stretch", gap="xxsmall"):
                st.markdown(f"**{literal(_title(one))}**")
                st.caption(literal(_contents(one)))
            if one.name == current:
                st.badge(t("Current"), icon=":material/check:", color="green")
            elif one.manifest and is_admin and st.button(t("Publish"), key=f"publish-{one.name}"):
                st.dialog(t("Publish this snapshot?"))(_confirm)(settings, one)


def _confirm(settings: Settings, one: KeptSnapshot) -> None:
    st.text(
        t(
            "Everyone will search the library as it was on {when}. The next sync that finds"
            " anything new publishes a new snapshot.",
            when=_title(one),
        )
    )
    with errors_shown():
        if st.button(t("Publish"), type="primary", key="publish") and may_change():
            remote = remote_snapshots(settings)
            publishing.make_current(settings.library_dir, one.name, remote)
            st.session_state.published = _title(one)
            st.rerun()


def _contents(one: KeptSnapshot) -> str:
    if one.manifest is None:
        return one.problem or ""
    tables = one.manifest["tables"]
    parts = [
        tn("{count} photo", "{count} photos", tables["images"]),
        tn("{count} caption", "{count} captions", tables["captions"]),
        *dict.fromkeys(f"{each.kind}" for each in library_report.indexes(one.manifest)),
        megabytes(sum(each.megabytes for each in library_report.indexes(one.manifest))),
        one.name,
    ]
    return " · ".join(parts)


def _title(one: KeptSnapshot) -> str:
    return local_moment(one.manifest["created_at"]) if one.manifest else one.name
