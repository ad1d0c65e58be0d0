"""Plots of photos: when and where they were taken. Nothing is fetched from elsewhere."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import altair as alt
import streamlit as st

from search_app.page import addresses
from search_app.page.language import day, t, tn
from search_app.page.session import errors_shown
from search_app.page.wording import literal, title_of
from search_app.search.hits import Hit

COLOR = "#c0392b"
"""Of bars and points."""
_DEGREES = 57.29578  # of a radian: a projection's scale is in pixels a radian
_NARROWEST = 15  # degrees; outlines say little on less
_DECIMALS = 4  # of degrees: some ten metres, nearer than which photos are at one place
_CHOSEN, _CHOICES = "chosen", "choices"


def timeline(hits: Sequence[Hit], on_period: Callable[[date, date], None]) -> None:
    """Plot when photos were taken; a click on a bar calls with the first and last day of it."""
    key = _key("timeline")
    taken = [hit.taken_at for hit in hits if hit.taken_at]
    if not taken:
        st.info(t("None of these photos tells when it was taken."), icon=":material/event_busy:")
        return
    periods, form = _periods(taken)
    rows = [
        {"start": first.isoformat(), "end": (last + timedelta(1)).isoformat(), "photos": count,
         "label": day(first) if first == last else f"{day(first)} – {day(last)}", "at": at}
        for at, ((first, last), count) in enumerate(periods)
    ]  # fmt: skip
    chosen = alt.selection_point(_CHOSEN, fields=["at"])
    axis = alt.Axis(format=form, labelOverlap=True)
    x = alt.X("start:T", title=None, scale=alt.Scale(type="utc"), axis=axis)
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
    summary = tn(
        "{count} photo, taken between {first} and {last}",
        "{count} photos, taken between {first} and {last}",
        len(taken),
        first=day(min(taken)),
        last=day(max(taken)),
    )
    st.altair_chart(
        chart,
        key=key,
        on_select=lambda: _each_chosen(key, lambda row: on_period(*periods[row["at"]][0])),
        alt=summary,
    )
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


def _key(name: str) -> str:
    """The key of a chart: another one after each choice, or the same could not be made again."""
    return f"{name}-{st.session_state.setdefault(_CHOICES, 0)}"


@errors_shown()
def _each_chosen(key: str, act: Callable[[Mapping[str, Any]], None]) -> None:
    rows = st.session_state[key].selection[_CHOSEN]
    st.session_state[_CHOICES] += 1
    for row in rows:
        act(row)


def _periods(taken: Sequence[datetime]) -> tuple[list[tuple[tuple[date, date], int]], str]:
    """The years, months or days of the photos, whichever are a few dozen, with their number.

    And the format of their dates on an axis, in figures alone, which every language reads.
    """
    span = max(taken) - min(taken)
    form = "%Y-%m-%d"
    if span > timedelta(60):
        form = "%Y-%m" if span <= timedelta(365 * 5) else "%Y"

    def period(at: datetime) -> tuple[date, date]:
        if form == "%Y":
            return date(at.year, 1, 1), date(at.year, 12, 31)
        if form == "%Y-%m":
            first = date(at.year, at.month, 1)
            return first, (first + timedelta(31)).replace(day=1) - timedelta(1)
        return at.date(), at.date()

    return sorted(Counter(map(period, taken)).items()), form


def world_map(
    hits: Sequence[Hit],
    on_photo: Callable[[int], None],
    on_place: Callable[[float, float], None],
) -> None:
    """Plot where photos were taken.

    A click on a point calls with the photo's id, or if several were taken there, with the place.
    """
    key = _key("map")
    placed = [hit for hit in hits if hit.latitude is not None and hit.longitude is not None]
    if not placed:
        st.info(t("None of these photos tells where it was taken."), icon=":material/location_off:")
        return
    there: dict[tuple[float, float], list[Hit]] = {}
    for hit in placed:
        place = round(hit.latitude or 0, _DECIMALS), round(hit.longitude or 0, _DECIMALS)
        there.setdefault(place, []).append(hit)
    rows = [
        {"at": at, "label": _label(photos), "photos": len(photos), "lat": latitude,
         "lon": longitude}
        for at, ((latitude, longitude), photos) in enumerate(there.items())
    ]  # fmt: skip
    points = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_circle(color=COLOR, opacity=0.8, cursor="pointer", stroke="white")
        .encode(
            longitude="lon:Q",
            latitude="lat:Q",
            size=alt.Size("photos:Q", legend=None, scale=alt.Scale(type="sqrt", range=[90, 400])),
            tooltip=alt.Tooltip("label:N", title=" "),
        )
        .add_params(alt.selection_point(_CHOSEN, fields=["at"]))
    )

    def choose(place: tuple[float, float]) -> None:
        first, *others = there[place]
        if others:
            on_place(*place)
        else:
            on_photo(first.image_id)

    summary = tn("{count} photo with a place", "{count} photos with a place", len(placed))
    st.altair_chart(
        _on_land(points, list(there), height=460),
        key=key,
        on_select=lambda: _each_chosen(key, lambda row: choose(list(there)[row["at"]])),
        alt=summary,
    )
    st.caption(summary)
    with st.expander(t("As a list")):
        for at, (place, photos) in enumerate(there.items()):
            st.button(
                literal(f"{_label(photos)} ({place[0]:.4f}, {place[1]:.4f})"),
                key=f"place-{at}",
                type="tertiary",
                on_click=choose,
                args=(place,),
            )


def _label(photos: Sequence[Hit]) -> str:
    """The title of a photo, or how many there are."""
    if len(photos) == 1:
        return title_of(vars(photos[0]))
    return tn("{count} photo", "{count} photos", len(photos))


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
    land = alt.Chart(alt.topo_feature(addresses.world(), "countries")).mark_geoshape(
        fill="#88888833", stroke="#88888899", aria=False
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
