"""The Library page: what is in the library, and how it came there."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import altair as alt
import pyarrow as pa
import streamlit as st

from pipeline.library.library import Library
from pipeline.settings import Settings, load_settings
from pipeline.snapshot import publishing, reading
from pipeline.snapshot.inputs import fingerprint, input_files
from pipeline.snapshot.mirror import remote_snapshots
from pipeline.snapshot.reading import Snapshot
from search_app.page import charts, library_report, routes
from search_app.page.language import moment, number, t, tn
from search_app.page.library_report import AlbumReport, KeptSnapshot, News
from search_app.page.session import engine, errors_shown
from search_app.page.wording import literal, title_of
from search_app.search.engine import SearchEngine
from search_app.search.filters import Filters
from search_app.search.provenance import run_url

_CAMERAS = 15  # that are plotted
_BAR = 28  # pixels
_STATE_COLORS = {"done": "#3a9a5b", "missing": "#8a8f98", "failed": "#d9483b"}
_FRESH_FOR = 600  # seconds; photos may come to a folder, or go, without any table changing


def show() -> None:
    """Draw the page."""
    st.header(t("Library"), anchor=False)
    settings = load_settings()
    searched = engine()
    now = searched.current
    kept = _snapshots(settings, tuple(reading.kept(settings)))
    albums: list[AlbumReport] = []
    with errors_shown():
        library = Library(settings)
        with st.spinner(t("Looking at the albums…")):
            albums = _albums(fingerprint(library, input_files(library)), library)
        _figures(now, albums)
    with errors_shown():
        _last_night(searched, now, kept, settings)
    left, right = st.columns(2, gap="medium")
    with left, errors_shown():
        _photos_by_year(now)
    with right, errors_shown():
        _photos_by_camera(searched, now)
    if albums:
        with errors_shown():
            _done_by_stage(albums)
        with errors_shown():
            _album_table(albums)
            _failed_photos(albums)
    with errors_shown():
        _indexes(now)
    with errors_shown():
        _kept_snapshots(settings, kept)
    _models(now)


@st.cache_data(max_entries=1, ttl=_FRESH_FOR, show_spinner=False)
def _albums(fingerprint: str, _library: Library) -> list[AlbumReport]:
    return library_report.albums(_library)


@st.cache_data(max_entries=1, show_spinner=False)
def _snapshots(_settings: Settings, names: tuple[str, ...]) -> list[KeptSnapshot]:
    return library_report.snapshots(_settings, names)


@st.cache_data(max_entries=1, show_spinner=False)
def _news(name: str, _now: Snapshot, _library_dir: Path) -> News | None:
    return library_report.news(_library_dir, _now)


@st.cache_data(max_entries=1, show_spinner=False)
def _years(name: str, _now: Snapshot) -> dict[int | None, int]:
    return library_report.photos_by_year(_now)


def _figures(now: Snapshot, albums: Sequence[AlbumReport]) -> None:
    stages = library_report.totals(albums)
    figures = {
        t("Photos"): number(now.manifest["tables"]["images"]),
        t("Albums"): number(now.manifest["tables"]["albums"]),
        t("Failed photos"): number(sum(album.failed for album in albums)),
        t("Captions done"): _percent(library_report.share_done(stages, "llm_captions")),
        t("Embeddings done"): _percent(library_report.share_done(stages, "siglip_embeddings")),
    }
    with st.container(horizontal=True, key="figures"):
        for label, value in figures.items():
            st.metric(label, value, border=True, width=170)


def _last_night(
    searched: SearchEngine, now: Snapshot, kept: Sequence[KeptSnapshot], settings: Settings
) -> None:
    st.subheader(t("What the last night brought"), anchor=False)
    published = t("Published on {when}", when=_when(now.manifest["created_at"]))
    run = run_url(settings.dagster_url, now.manifest["run_id"])
    link = f" · [{t('its run in Dagster')}]({run})" if run else ""
    st.markdown(literal(published) + link)
    found = _news(now.name, now, settings.library_dir)
    if found is None:
        st.text(t("This is the first snapshot that is kept: there is none before it to compare."))
        return
    before = next((_title(one) for one in kept if one.name == found.before), found.before)
    st.text(
        tn(
            "{count} photo is new since the snapshot of {when}.",
            "{count} photos are new since the snapshot of {when}.",
            found.new,
            when=before,
        )
    )
    if found.gone:
        st.text(tn("{count} photo is gone.", "{count} photos are gone.", found.gone))
    if found.albums:
        states = {"new": t("New album"), "gone": t("Album is gone"), None: ""}
        _table(
            t("Albums that changed"),
            {
                t("Album"): [album.title for album in found.albums],
                t("New photos"): [album.photos for album in found.albums],
                t("State"): [states[album.state] for album in found.albums],
            },
        )
    with st.container(horizontal=True, key="new-photos"):
        for photo in searched.photos(found.shown):
            title = title_of(photo)
            with st.container(width=120, gap="xxsmall", key=f"new-{photo['image_id']}"):
                st.image(routes.picture(photo, "grid"), width=120, alt=title)
                st.caption(literal(title))


def _photos_by_year(now: Snapshot) -> None:
    st.subheader(t("Photos by year"), anchor=False)
    years = dict(_years(now.name, now))
    unknown = years.pop(None, 0)
    known = [(year, count) for year, count in years.items() if year is not None]
    if known:
        rows = [
            {"from": year - 0.4, "to": year + 0.4, "year": str(year), "photos": count,
             "label": number(count)}
            for year, count in known
        ]  # fmt: skip
        chart = (
            alt.Chart(alt.InlineData(values=rows), height=260)
            .mark_bar(color=charts.COLOR, orient="vertical")
            .encode(
                x=alt.X(
                    "from:Q",
                    title=None,
                    scale=alt.Scale(zero=False, nice=False),
                    axis=alt.Axis(format="d", tickMinStep=1, grid=False),
                ),
                x2="to:Q",
                y=_photos_axis(alt.Y("photos:Q")),
                tooltip=[
                    alt.Tooltip("year:N", title=t("Year")),
                    alt.Tooltip("label:N", title=t("Photos")),
                ],
            )
        )
        most, photos = max(known, key=lambda item: item[1])
        summary = tn(
            "{first} to {last}; most are of {most}: {count} photo",
            "{first} to {last}; most are of {most}: {count} photos",
            photos,
            first=known[0][0],
            last=known[-1][0],
            most=most,
        )
        st.altair_chart(chart, alt=summary)
        st.caption(summary)
        with st.expander(t("As a table")):
            _table(
                t("Photos by year"),
                {
                    t("Year"): [str(year) for year, _ in known],
                    t("Photos"): [count for _, count in known],
                },
            )
    if unknown:
        st.caption(tn("{count} photo tells no year.", "{count} photos tell no year.", unknown))


def _photos_by_camera(searched: SearchEngine, now: Snapshot) -> None:
    st.subheader(t("Photos by camera"), anchor=False)
    cameras = list(searched.facets(Filters()).cameras.items())
    if cameras:
        top = cameras[:_CAMERAS]
        rows = [
            {"camera": camera, "photos": count, "label": number(count)} for camera, count in top
        ]
        y = _names_axis("camera:N")
        summary = tn(
            "Most photos, {count}, are by {camera}",
            "Most photos, {count}, are by {camera}",
            cameras[0][1],
            camera=cameras[0][0],
        )
        _bars(rows, y, _photos_axis(alt.X("photos:Q")), summary)
        st.caption(literal(summary))
        with st.expander(t("As a table")):
            _table(
                t("Photos by camera"),
                {
                    t("Camera"): [camera for camera, _ in cameras],
                    t("Photos"): [count for _, count in cameras],
                },
            )
    unknown = now.manifest["tables"]["images"] - sum(count for _, count in cameras)
    if unknown:
        st.caption(tn("{count} photo tells no camera.", "{count} photos tell no camera.", unknown))


def _done_by_stage(albums: Sequence[AlbumReport]) -> None:
    st.subheader(t("Done by stage"), anchor=False)
    stages, names = library_report.totals(albums), _stage_names()
    words = {"done": t("done"), "missing": t("missing"), "failed": t("failed")}
    rows = [
        {"stage": names[stage], "state": word, "photos": counts[state], "at": at,
         "label": number(counts[state])}
        for stage, counts in stages.items()
        for at, (state, word) in enumerate(words.items())
    ]  # fmt: skip
    chart = (
        alt.Chart(alt.InlineData(values=rows), height=_BAR * len(stages) + 110)
        .mark_bar()
        .encode(
            y=_names_axis("stage:N"),
            x=_photos_axis(alt.X("photos:Q")),
            order="at:Q",
            color=alt.Color(
                "state:N",
                title=None,
                sort=None,
                scale=alt.Scale(domain=list(words.values()), range=list(_STATE_COLORS.values())),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[
                alt.Tooltip("stage:N", title=t("Stage")),
                alt.Tooltip("state:N", title=t("State")),
                alt.Tooltip("label:N", title=t("Photos")),
            ],
        )
    )
    summary = "; ".join(f"{names[stage]}: {_in_words(counts)}" for stage, counts in stages.items())
    st.altair_chart(chart, alt=summary)
    with st.expander(t("As a table")):
        columns: dict[str, list[Any]] = {t("Stage"): [names[stage] for stage in stages]}
        for state, word in words.items():
            columns[word] = [counts[state] for counts in stages.values()]
        _table(t("Done by stage"), columns)


def _album_table(albums: Sequence[AlbumReport]) -> None:
    st.subheader(t("Albums"), anchor=False)
    states = {
        "new": t("New"),
        "changed": t("Changed"),
        "incomplete": t("Incomplete"),
        "complete": t("Complete"),
        "away": t("Folder is away"),
    }

    def state(album: AlbumReport) -> str:
        word = states[album.state]
        return f"{word}, {_failed(album.failed)}" if album.failed else word

    columns: dict[str, list[Any]] = {
        t("Album"): [album.title for album in albums],
        t("State"): [state(album) for album in albums],
        t("Event"): [album.event or "" for album in albums],
        t("Year"): [str(album.year or "") for album in albums],
        t("Photos"): [album.photos for album in albums],
    }
    for stage, name in _stage_names().items():
        columns[name] = [_in_words(album.stages[stage]) for album in albums]
    _table(t("Albums"), columns)


def _failed_photos(albums: Sequence[AlbumReport]) -> None:
    st.subheader(t("Failed photos"), anchor=False)
    failures = [(album, failure) for album in albums for failure in album.failures]
    if not failures:
        st.text(t("No photo has failed."))
        return
    names = _stage_names()
    _table(
        t("Failed photos"),
        {
            t("Album"): [album.title for album, _ in failures],
            t("Photo"): [failure["photo"] for _, failure in failures],
            t("Stage"): [names[failure["stage"]] for _, failure in failures],
            t("Reason"): [failure["reason"] for _, failure in failures],
            t("Attempts"): [failure["attempts"] for _, failure in failures],
        },
    )


def _indexes(now: Snapshot) -> None:
    st.subheader(t("Search index"), anchor=False)
    names = {"images": t("Photos"), "captions": t("Captions")}
    facts = library_report.indexes(now.manifest)
    sizes = [
        {"index": names[one.of], "size": one.megabytes, "label": _megabytes(one.megabytes)}
        for one in facts
    ]
    recalls = [
        {"index": names[one.of], "recall": 100 * one.recall, "label": _percent(one.recall)}
        for one in facts
    ]
    left, right = st.columns(2)
    with left:
        title = t("Size in MB")
        x = alt.X("size:Q", title=title, axis=alt.Axis(tickCount=4))
        _bars(sizes, _names_axis("index:N"), x, _listed(title, sizes))
    with right:
        title = t("Measured recall in %")
        x = alt.X("recall:Q", title=title, scale=alt.Scale(domain=[0, 100]))
        _bars(recalls, _names_axis("index:N"), x, _listed(title, recalls))
    st.caption(
        t("Recall: of the 20 photos that are truly nearest to a query, how many the index finds.")
    )
    _table(
        t("Search index"),
        {
            t("Index"): [names[one.of] for one in facts],
            t("Kind"): [one.kind for one in facts],
            t("Vectors"): [one.vectors for one in facts],
            t("Size"): [_megabytes(one.megabytes) for one in facts],
            t("Recall"): [_percent(one.recall) for one in facts],
        },
    )


def _kept_snapshots(settings: Settings, kept: Sequence[KeptSnapshot]) -> None:
    st.subheader(t("Snapshots"), anchor=False)
    if published := st.session_state.pop("published", None):
        st.success(
            t("The search uses the snapshot of {when} from now on.", when=literal(published)),
            icon=":material/check:",
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
            elif one.manifest and st.button(t("Publish"), key=f"publish-{one.name}"):
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
        if st.button(t("Publish"), type="primary", key="publish"):
            remote = remote_snapshots(settings)
            publishing.make_current(settings.library_dir, one.name, remote)
            st.session_state.published = _title(one)
            st.rerun()


def _models(now: Snapshot) -> None:
    st.subheader(t("Models and versions"), anchor=False)
    uses = {
        "embedding": t("Image embeddings"),
        "caption": t("Captions"),
        "text": t("Caption embeddings"),
    }
    models, versions = now.manifest["models"], now.manifest["versions"]
    left, right = st.columns(2)
    with left:
        _table(
            t("Models"),
            {
                t("Used for"): [uses.get(use, use) for use in models],
                t("Model"): list(models.values()),
            },
        )
    with right:
        _table(
            t("Versions"),
            {t("Software"): list(versions), t("Version"): list(versions.values())},
        )


def _table(title: str, columns: Mapping[str, Sequence[Any]]) -> None:
    localized = {
        name: st.column_config.NumberColumn(format="localized")
        for name, values in columns.items()
        if isinstance(values[0], int)
    }
    table = pa.table({name: list(values) for name, values in columns.items()})
    st.dataframe(table, hide_index=True, column_config=localized, alt=title)


def _bars(rows: Sequence[Mapping[str, Any]], y: alt.Y, x: alt.X, summary: str) -> None:
    """Plot lying bars with what is in ``label`` at their ends."""
    bars = alt.Chart(alt.InlineData(values=list(rows)), height=_BAR * len(rows) + 80).encode(
        y=y,
        x=x,
        tooltip=[alt.Tooltip(field, title=" ") for field in (y.shorthand, "label:N")],
    )
    labels = bars.mark_text(align="left", dx=4, color="#8a8f98").encode(text="label:N")
    st.altair_chart(bars.mark_bar(color=charts.COLOR) + labels, alt=summary)


def _names_axis(field: str) -> alt.Y:
    axis = alt.Axis(labelLimit=200, labelOverlap=False)
    return alt.Y(field, title=None, sort=None, axis=axis)


def _photos_axis(channel: Any) -> Any:
    return channel.title(t("Photos")).axis(format="d", tickMinStep=1)


def _listed(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    return f"{title}: " + ", ".join(f"{row['index']} {row['label']}" for row in rows)


def _stage_names() -> dict[str, str]:
    return {
        "raw_images": t("Photos read"),
        "exif_metadata": t("Camera data"),
        "llm_captions": t("Captions"),
        "siglip_embeddings": t("Image embeddings"),
        "caption_embeddings": t("Caption embeddings"),
    }


def _in_words(counts: Mapping[str, int]) -> str:
    """ "28 done, 1 failed" of a stage."""
    parts = [
        tn("{count} done", "{count} done", counts["done"]),
        tn("{count} missing", "{count} missing", counts["missing"]) if counts["missing"] else "",
        _failed(counts["failed"]) if counts["failed"] else "",
    ]
    return ", ".join(part for part in parts if part)


def _failed(count: int) -> str:
    return tn("{count} failed", "{count} failed", count)


def _contents(one: KeptSnapshot) -> str:
    if one.manifest is None:
        return one.problem or ""
    tables = one.manifest["tables"]
    parts = [
        tn("{count} photo", "{count} photos", tables["images"]),
        tn("{count} caption", "{count} captions", tables["captions"]),
        *dict.fromkeys(f"{each.kind}" for each in library_report.indexes(one.manifest)),
        _megabytes(sum(each.megabytes for each in library_report.indexes(one.manifest))),
        one.name,
    ]
    return " · ".join(parts)


def _title(one: KeptSnapshot) -> str:
    return _when(one.manifest["created_at"]) if one.manifest else one.name


def _when(created_at: str) -> str:
    """A time of a manifest as the clock of whoever looks shows it."""
    zone: tzinfo = UTC
    with suppress(ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo(st.context.timezone or "UTC")
    return moment(datetime.fromisoformat(created_at).astimezone(zone))


def _percent(share: float | None) -> str:
    """Rounded down, so that what is not whole never looks so."""
    return "–" if share is None else f"{number(int(1000 * share) / 10)}%"


def _megabytes(size: float) -> str:
    return t("{size} MB", size=number(round(size, 2)))
