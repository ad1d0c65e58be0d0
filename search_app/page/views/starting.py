"""What the Search page begins with, before anything is searched for: ways into the library."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from search_app.page import address, addresses
from search_app.page.language import day_of_year, language, local_moment, number, t, tn
from search_app.page.views import saving
from search_app.page.wall import Held
from search_app.search.searcher import Searcher
from search_app.search.starting import Way, Ways

_PEOPLE = 24
_YEARS = 6  # with their events; those before are named
_EVENTS = 12  # of a year

Json = dict[str, Any]


def start(searcher: Searcher, held: Held) -> Json:
    """How the library is, and shelves of pictures or words that each lead to a search."""
    hidden = searcher.marks.now().versions["hidden"]
    today = date.today()
    ways = _ways(searcher.snapshot.name, hidden, today, searcher)
    shelves: list[Json] = [
        {"title": t("Saved searches"), "rows": saving.shelf(searcher)},
        {"title": t("On this day"), "items": _this_day(ways.this_day, today)},
        {
            "title": t("Albums"),
            "items": [_picture(way, way.title, album=way.value) for way in ways.albums],
        },
        {"title": t("Events"), "rows": _events(ways.events)},
        {"title": t("People"), "items": _people(searcher)},
        {"title": t("Places"), "items": _towns(searcher, ways.towns)},
    ]
    return {
        "library": _library(searcher, held, _albums(searcher.snapshot.name, hidden, searcher)),
        "shelves": [shelf for shelf in shelves if any(shelf.get("items") or shelf.get("rows", ()))],
    }


@st.cache_resource(max_entries=4, show_spinner=False)
def _ways(snapshot: str, hidden: str, today: date, _searcher: Searcher) -> Ways:
    """They are looked for once, not whenever the page is drawn."""
    return _searcher.ways(today)


@st.cache_resource(max_entries=4, show_spinner=False)
def _albums(snapshot: str, hidden: str, _searcher: Searcher) -> int:
    """How many have photos that are not hidden."""
    return len(_searcher.counts("album_ids"))


def _library(searcher: Searcher, held: Held, albums: int) -> Json:
    """How much there is, and since when; it leads to the page that tells more."""
    hidden = len(searcher.marks.now().hidden_ids)
    told = [
        tn("{count} photo", "{count} photos", len(held.shown.rows)),
        tn("{count} album", "{count} albums", albums),
        tn("{count} hidden", "{count} hidden", hidden) if hidden else "",
        t("Last sync: {when}", when=local_moment(searcher.snapshot.manifest["created_at"])),
    ]
    return {"text": " · ".join(filter(None, told)), "href": f"library?{address.query('lang')}"}


def _this_day(way: Way | None, today: date) -> list[Json]:
    if way is None:
        return []
    words, until = day_of_year(today), date(today.year - 1, 12, 31)
    return [_picture(way, words, q=words, to=until.isoformat())]


def _events(events: Sequence[Way]) -> list[Json]:
    """A row for each of the latest years, and one of the years before; events of no year last."""
    by_year = {year: list(found) for year, found in groupby(events, lambda event: event.year)}
    of_no_year = by_year.pop(None, [])
    latest = list(by_year)[:_YEARS]
    rows = [_row(str(year), by_year[year], year) for year in latest]
    if before := list(by_year)[_YEARS:]:
        rows.append(
            {"label": t("Before"), "items": [_word(str(year), year=year) for year in before]}
        )
    return [*rows, _row(t("Others"), of_no_year)] if of_no_year else rows


def _row(label: str, events: Sequence[Way], year: int | None = None) -> Json:
    of_year = {} if year is None else {"year": year}
    items = [
        _word(event.title, number(event.photos), event=event.value, **of_year)
        for event in events[:_EVENTS]
    ]
    if len(events) > _EVENTS and year is not None:
        items.append(_word(t("All of {year}", year=year), year=year))
    return {"label": label, "items": items}


def _people(searcher: Searcher) -> list[Json]:
    named = (each for each in searcher.everybody() if each.name and not each.is_hidden)
    return [
        {
            "text": person.name,
            "src": addresses.face_for_script(person.faces[0]),
            "query": urlencode({"person": person.name}),
            "isRound": True,
        }
        for person, _ in zip(named, range(_PEOPLE), strict=False)
    ]


def _towns(searcher: Searcher, towns: Iterable[Way]) -> list[Json]:
    return [
        _picture(town, searcher.facets.label("towns", town.value, language()), town=town.value)
        for town in towns
    ]


def _picture(way: Way, text: str, **parameters: str) -> Json:
    note = tn("{count} photo", "{count} photos", way.photos)
    src = addresses.picture_for_script(way.cover, "grid")
    return {
        "text": text,
        "note": note,
        "src": src,
        "thumbhash": way.cover["thumbhash"],
        "query": urlencode(parameters),
    }


def _word(text: str, note: str = "", **parameters: Any) -> Json:
    return {"text": text, "note": note, "query": urlencode(parameters)}
