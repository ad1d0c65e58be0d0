"""Plots of photos: when and where they were taken. Nothing is fetched from elsewhere."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import altair as alt
import streamlit as st

from search_app import routes
from search_app.engine import Hit
from search_app.language import day, t, tn
from search_app.wording import title_of

COLOR = "#c0392b"
"""Of bars and points."""
_DEGREES = 57.29578  # of a radian: a projection's scale is in pixels a radian
_NARROWEST = 15  # degrees; outlines say little on less


def timeline(hits: Sequence[Hit], on_period: Callable[[date, date], None]) -> None:
    """Plot when photos were taken; a click on a bar calls with the first and last day of it."""
    taken = [hit.taken_at for hit in hits if hit.taken_at]
    if not taken:
        st.info(t("None of these photos tells when it was taken."), icon=":material/event_busy:")
        return
    periods = _periods(taken)
    rows = [
        {"start": first.isoformat(), "end": (last + timedelta(1)).isoformat(), "photos": count,
         "label": day(first) if first == last else f"{day(first)} – {day(last)}"}
        for (first, last), count in periods
    ]  # fmt: skip
    chosen = alt.selection_point("period", fields=["start", "end"])
    x = alt.X("start:T", title=None, scale=alt.Scale(type="utc"))
    chart = (
        alt.Chart(alt.InlineData(values=rows), height=320)
        .mark_rect(color=COLOR, cursor="pointer", stroke="white", strokeWidth=1)
        .encode(
            x=x,
            x2="end:T",
            y=alt.Y("photos:Q", title=t("Photos"), axis=alt.Axis(tickMinStep=1)),
            y2=alt.Y2Datum(0),
            tooltip=[
                alt.Tooltip("label:N", title=t("Taken")),
                alt.Tooltip("photos:Q", title=t("Photos")),
            ],
        )
        .add_params(chosen)
    )
    fewest, most = periods[0][0][0], periods[-1][0][1]
    summary = tn(
        "{count} photo, taken between {first} and {last}",
        "{count} photos, taken between {first} and {last}",
        len(taken),
        first=day(fewest),
        last=day(most),
    )
    st.altair_chart(chart, key="timeline", on_select=lambda: _period_chosen(on_period), alt=summary)
    st.caption(summary)
    with st.expander(t("As a list")):
        for (first, last), count in periods:
            st.button(
                f"{day(first)} – {day(last)}: {tn('{count} photo', '{count} photos', count)}",
                key=f"period-{first}",
                type="tertiary",
                on_click=on_period,
                args=(first, last),
            )


def _period_chosen(on_period: Callable[[date, date], None]) -> None:
    for period in st.session_state.timeline.selection.period:
        on_period(
            date.fromisoformat(period["start"]),
            date.fromisoformat(period["end"]) - timedelta(1),
        )


def _periods(taken: Sequence[datetime]) -> list[tuple[tuple[date, date], int]]:
    """The years, months or days of the photos, whichever are a few dozen, with their number."""
    span = max(taken) - min(taken)

    def period(at: datetime) -> tuple[date, date]:
        if span > timedelta(365 * 5):
            return date(at.year, 1, 1), date(at.year, 12, 31)
        if span > timedelta(60):
            first = date(at.year, at.month, 1)
            return first, (first + timedelta(31)).replace(day=1) - timedelta(1)
        return at.date(), at.date()

    return sorted(Counter(map(period, taken)).items())


def world_map(hits: Sequence[Hit], on_photo: Callable[[int], None]) -> None:
    """Plot where photos were taken; a click on a point calls with the photo's id."""
    placed = [hit for hit in hits if hit.latitude is not None and hit.longitude is not None]
    if not placed:
        st.info(t("None of these photos tells where it was taken."), icon=":material/location_off:")
        return
    # As text: a browser would round a number of 62 bits.
    rows = [
        {"id": str(hit.image_id), "title": title_of(vars(hit)), "lat": hit.latitude,
         "lon": hit.longitude}
        for hit in placed
    ]  # fmt: skip
    chosen = alt.selection_point("photo", fields=["id"])
    points = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_circle(size=90, color=COLOR, opacity=0.8, cursor="pointer", stroke="white")
        .encode(longitude="lon:Q", latitude="lat:Q", tooltip=alt.Tooltip("title:N", title=" "))
        .add_params(chosen)
    )
    summary = tn("{count} photo with a place", "{count} photos with a place", len(placed))
    places = [(row["lat"], row["lon"]) for row in rows]
    st.altair_chart(
        _on_land(points, places, height=460),
        key="map",
        on_select=lambda: _photo_chosen(on_photo),
        alt=summary,
    )
    st.caption(summary)
    with st.expander(t("As a list")):
        for hit in placed:
            st.button(
                f"{title_of(vars(hit))} ({hit.latitude:.4f}, {hit.longitude:.4f})",
                key=f"place-{hit.image_id}",
                type="tertiary",
                on_click=on_photo,
                args=(hit.image_id,),
            )


def _photo_chosen(on_photo: Callable[[int], None]) -> None:
    for point in st.session_state.map.selection.photo:
        on_photo(int(point["id"]))


def place(latitude: float, longitude: float) -> None:
    """Plot one place, in degrees."""
    point = (
        alt.Chart(alt.InlineData(values=[{"lat": latitude, "lon": longitude}]))
        .mark_circle(size=90, color=COLOR, stroke="white")
        .encode(longitude="lon:Q", latitude="lat:Q")
    )
    chart = _on_land(point, [(latitude, longitude)], height=180)
    st.altair_chart(chart, alt=t("Where it was taken"))


def _on_land(
    points: alt.Chart, places: Sequence[tuple[Any, Any]], height: int
) -> alt.LayerChart | alt.FacetChart:
    """Lay points over the outlines of countries, as near as lets all of them be seen."""
    latitudes, longitudes = zip(*places, strict=True)
    wide = min(max(1.2 * (max(longitudes) - min(longitudes)), _NARROWEST), 360)
    high = min(max(1.2 * (max(latitudes) - min(latitudes)), _NARROWEST / 2), 180)
    center = [
        (max(longitudes) + min(longitudes)) / 2,
        (max(latitudes) + min(latitudes)) / 2,
    ]
    land = alt.Chart(alt.topo_feature(routes.world(), "countries")).mark_geoshape(
        fill="#88888833", stroke="#88888899"
    )
    return (
        alt.layer(land, points)
        .project(
            type="equirectangular",
            center=center,
            scale=alt.ExprRef(f"{_DEGREES} * min(width / {wide}, height / {high})"),
            translate=alt.ExprRef("[width / 2, height / 2]"),
        )
        .properties(height=height)
    )
