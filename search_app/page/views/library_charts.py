"""What the Library page plots, each with its numbers in words for those who cannot see it."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import streamlit as st

from search_app.page import library_report
from search_app.page.language import number, t, tn, told
from search_app.page.library_report import AlbumReport, IndexFacts
from search_app.page.views.library_tables import (
    counted,
    megabytes,
    percentage,
    stage_names,
    table,
)
from search_app.page.wording import literal

_COLOR = "#c0392b"
_CAMERAS = 15  # that are plotted
_BAR, _YEARS = 28, 260  # pixels in height
_STATE_COLORS = {"done": "#3a9a5b", "missing": "#8a8f98", "failed": "#d9483b"}


def photos_by_year(years: Mapping[int | None, int]) -> None:
    """Plot how many photos are of each year; None has those of which it is not known."""
    st.subheader(t("Photos by year"), anchor=False)
    unknown = years.get(None, 0)
    known = [(year, count) for year, count in years.items() if year is not None]
    if known:
        rows = [
            {"from": year - 0.4, "to": year + 0.4, "year": str(year), "photos": count,
             "label": number(count)}
            for year, count in known
        ]  # fmt: skip
        chart = (
            alt.Chart(alt.InlineData(values=rows))
            .mark_bar(color=_COLOR, orient="vertical")
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
        st.altair_chart(chart, height=_YEARS, alt=summary)
        st.caption(summary)
        with st.expander(t("As a table")):
            table(
                t("Photos by year"),
                {
                    t("Year"): [str(year) for year, _ in known],
                    t("Photos"): [count for _, count in known],
                },
            )
    if unknown:
        st.caption(tn("{count} photo tells no year.", "{count} photos tell no year.", unknown))


def photos_by_camera(counts: Mapping[str, int], photos: int) -> None:
    """Plot how many photos are by each camera, the most first; ``photos`` is how many there are."""
    st.subheader(t("Photos by camera"), anchor=False)
    cameras = sorted(counts.items(), key=lambda camera: (-camera[1], camera[0]))
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
            table(
                t("Photos by camera"),
                {
                    t("Camera"): [camera for camera, _ in cameras],
                    t("Photos"): [count for _, count in cameras],
                },
            )
    unknown = photos - sum(counts.values())
    if unknown:
        st.caption(tn("{count} photo tells no camera.", "{count} photos tell no camera.", unknown))


def done_by_stage(albums: Sequence[AlbumReport]) -> None:
    """Plot how many photos of these albums are done, missing and failed at each stage."""
    st.subheader(t("Done by stage"), anchor=False)
    stages, names = library_report.totals(albums), stage_names()
    words = {"done": t("done"), "missing": t("missing"), "failed": t("failed")}
    rows = [
        {"stage": names[stage], "state": word, "photos": counts[state], "at": at,
         "label": number(counts[state])}
        for stage, counts in stages.items()
        for at, (state, word) in enumerate(words.items())
    ]  # fmt: skip
    chart = (
        alt.Chart(alt.InlineData(values=rows))
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
    summary = "; ".join(f"{names[stage]}: {counted(counts)}" for stage, counts in stages.items())
    st.altair_chart(chart, height=_BAR * len(stages) + 110, alt=summary)
    with st.expander(t("As a table")):
        columns: dict[str, list[Any]] = {t("Stage"): [names[stage] for stage in stages]}
        for state, word in words.items():
            columns[word] = [counts[state] for counts in stages.values()]
        table(t("Done by stage"), columns)


def indexes(facts: Sequence[IndexFacts]) -> None:
    """Plot the size and the recall of each index, and list what else is known of it."""
    st.subheader(t("Search index"), anchor=False)
    names = {"images": t("Photos"), "captions": t("Captions")}
    sizes = [
        {"index": names[index.of], "size": index.megabytes, "label": megabytes(index.megabytes)}
        for index in facts
    ]
    recalls = [
        {"index": names[index.of], "recall": 100 * index.recall, "label": percentage(index.recall)}
        for index in facts
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
    table(
        t("Search index"),
        {
            t("Index"): [names[index.of] for index in facts],
            t("Kind"): [told(index.kind) for index in facts],
            t("Vectors"): [index.vectors for index in facts],
            t("Size"): [megabytes(index.megabytes) for index in facts],
            t("Recall"): [percentage(index.recall) for index in facts],
        },
    )


def _bars(rows: Sequence[Mapping[str, Any]], y: alt.Y, x: alt.X, summary: str) -> None:
    """Plot lying bars with what is in ``label`` at their ends."""
    bars = alt.Chart(alt.InlineData(values=list(rows))).encode(
        y=y,
        x=x,
        tooltip=[alt.Tooltip(field, title=" ") for field in (y.shorthand, "label:N")],
    )
    labels = bars.mark_text(align="left", dx=4, color="#8a8f98").encode(text="label:N")
    height = _BAR * len(rows) + 80
    st.altair_chart(bars.mark_bar(color=_COLOR) + labels, height=height, alt=summary)


def _names_axis(field: str) -> alt.Y:
    axis = alt.Axis(labelLimit=200, labelOverlap=False)
    return alt.Y(field, title=None, sort=None, axis=axis)


def _photos_axis(channel: Any) -> Any:
    return channel.title(t("Photos")).axis(format="d", tickMinStep=1)


def _listed(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    return f"{title}: " + ", ".join(f"{row['index']} {row['label']}" for row in rows)
