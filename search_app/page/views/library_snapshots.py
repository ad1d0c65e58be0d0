"""The snapshots that are kept: what changed between them, and publishing an older one."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from pipeline.settings import Settings
from pipeline.snapshot import publishing, reading
from pipeline.snapshot.mirror import remote_snapshots
from search_app.page import addresses, library_report
from search_app.page.language import local_moment, t, tn, told
from search_app.page.library_report import Changes, KeptSnapshot
from search_app.page.session import errors_shown, may_change
from search_app.page.views.library_tables import megabytes, table
from search_app.page.wording import literal, title_of, with_code
from search_app.search.provenance import run_url
from search_app.search.searcher import Searcher


@st.cache_data(max_entries=1, show_spinner=False)
def of(_settings: Settings, names: tuple[str, ...]) -> list[KeptSnapshot]:
    """The snapshots of these names, the last first."""
    return library_report.snapshots(_settings, names)


@st.cache_data(max_entries=20, show_spinner=False)
def _changes(name: str, before: tuple[str, ...], _library_dir: Path) -> Changes | None:
    """``before`` are the names of those before it."""
    return library_report.changes(_library_dir, name)


def _changes_to(name: str, library_dir: Path) -> Changes | None:
    before = tuple(each for each in reading.names(library_dir) if each < name)
    return _changes(name, before, library_dir)


def last_night(searcher: Searcher, kept: Sequence[KeptSnapshot], settings: Settings) -> None:
    """Show what is new in the snapshot that is searched, and by which run."""
    snapshot = searcher.snapshot
    st.subheader(t("What the last night brought"), anchor=False)
    published = t("Published on {when}", when=local_moment(snapshot.manifest["created_at"]))
    run = run_url(settings.dagster_url, snapshot.manifest["run_id"])
    link = f" · [{t('its run in Dagster')}]({run})" if run else ""
    st.markdown(literal(published) + link)
    changes = _changes_to(snapshot.name, settings.library_dir)
    _changed(changes, kept)
    if changes is None:
        return
    with st.container(horizontal=True, key="new-photos"):
        for photo in searcher.photos(changes.new_photos):
            title = title_of(photo)
            with st.container(width=120, gap="xxsmall", key=f"new-{photo['image_id']}"):
                st.image(addresses.picture(photo, "grid"), width=120, alt=title)
                st.caption(literal(title))


def _changed(changes: Changes | None, kept: Sequence[KeptSnapshot]) -> None:
    """What changed since the snapshot before: counts, and the albums by their names."""
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
    if changes.described:
        st.text(
            tn(
                "{count} photo has another description.",
                "{count} photos have another description.",
                changes.described,
            )
        )
    if changes.albums:
        states = {"new": t("New album"), "gone": t("Album is gone"), None: ""}
        table(
            t("Albums that changed"),
            {
                t("Album"): [album.title for album in changes.albums],
                t("New photos"): [album.new for album in changes.albums],
                t("Photos gone"): [album.gone for album in changes.albums],
                t("Described anew"): [album.described for album in changes.albums],
                t("State"): [states[album.state] for album in changes.albums],
            },
        )


def all_kept(settings: Settings, kept: Sequence[KeptSnapshot]) -> None:
    """List the snapshots that are kept; whoever may publishes an older one."""
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
        with st.container(border=True, key=f"snapshot-{one.name}"):
            with st.container(
                horizontal=True,
                vertical_alignment="center",
                horizontal_alignment="distribute",
            ):
                with st.container(width="stretch", gap="xxsmall"):
                    st.markdown(f"**{literal(_title(one))}**")
                    st.caption(literal(_contents(one)))
                if one.name == current:
                    st.badge(t("Current"), icon=":material/check:", color="green")
                elif (
                    one.manifest and is_admin and st.button(t("Publish"), key=f"publish-{one.name}")
                ):
                    st.dialog(t("Publish this snapshot?"))(_confirm)(settings, one)
            _what_changed(settings, one, kept)


def _what_changed(settings: Settings, one: KeptSnapshot, kept: Sequence[KeptSnapshot]) -> None:
    """What it brought, which is found out when somebody wants to know."""
    if one.name not in reading.names(settings.library_dir)[1:]:
        return
    opened = st.expander(t("What changed"), key=f"changed-{one.name}", on_change="rerun")
    with opened, errors_shown():
        if opened.open:
            _changed(_changes_to(one.name, settings.library_dir), kept)


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
        return told(one.problem or "")
    tables, indexes = one.manifest["tables"], library_report.indexes(one.manifest)
    parts = [
        tn("{count} photo", "{count} photos", tables["images"]),
        tn("{count} caption", "{count} captions", tables["captions"]),
        *dict.fromkeys(told(each.kind) for each in indexes),
        megabytes(sum(each.megabytes for each in indexes)),
        one.name,
    ]
    return " · ".join(parts)


def _title(one: KeptSnapshot) -> str:
    return local_moment(one.manifest["created_at"]) if one.manifest else one.name
