"""The page of an album, or of an event: what stands above its photos.

Its address is that of the filter: ``?album=ID``, or ``?event=NAME&year=YEAR``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import urlencode

import streamlit as st

from search_app.page import addresses
from search_app.page.language import language, period, t, tn
from search_app.page.wall import Held
from search_app.page.wording import event_title, events_of
from search_app.search.album_pages import AlbumPage
from search_app.search.filters import Filters
from search_app.search.searcher import Searcher

_PEOPLE = 12
_TOWNS = 3
Json = dict[str, Any]


def kind(filters: Filters) -> Literal["album", "event"] | None:
    """Whose page it is where photos are filtered like this, if it is one."""
    if len(filters.album_ids) == 1:
        return "album"
    return "event" if len(filters.events) == 1 and len(filters.years) <= 1 else None


def head(searcher: Searcher, held: Held, view: str) -> Json | None:
    """What stands above the photos; little, where something is searched for among them."""
    filters = held.query.filters
    own = _own(filters)
    if own is None:
        return None
    page = _page(held.token, searcher, held) if len(held.shown) else None
    is_whole = not held.is_search and replace(filters, user="") == own and view == "grid"
    title, query = _title(searcher, filters), _query(own)
    words = {
        "kind": t("Album") if own.album_ids else t("Event"),
        "title": title,
        "query": query,
        "all": t("All photos"),
    }
    return words | (_about(searcher, held, page, query) if page and is_whole else {})


@st.cache_resource(max_entries=64, show_spinner=False)
def _page(token: str, _searcher: Searcher, _held: Held) -> AlbumPage:
    """It is looked for once, not whenever the page is drawn."""
    return _searcher.album_page(_held.query.filters, _held.shown.rows)


def _own(filters: Filters) -> Filters | None:
    """The filters that make the page, without all that leaves only some of its photos."""
    match kind(filters):
        case "album":
            return Filters(album_ids=filters.album_ids)
        case "event":
            return Filters(events=filters.events, years=filters.years)
    return None


def _query(own: Filters, **more: str) -> str:
    chosen = {"album": own.album_ids, "event": own.events, "year": own.years}
    return urlencode({name: values for name, values in chosen.items() if values} | more, doseq=True)


def _title(searcher: Searcher, filters: Filters) -> str:
    if filters.album_ids:
        return searcher.facets.label("album_ids", filters.album_ids[0], language())
    return event_title(filters.events[0], next(iter(filters.years), None))


def _about(searcher: Searcher, held: Held, page: AlbumPage, query: str) -> Json:
    """All that is known of the photos together."""
    is_album = bool(held.query.filters.album_ids)
    count = len(held.shown.rows)
    facts = [_dates(page), tn("{count} photo", "{count} photos", count)]
    if not is_album and len(page.albums) > 1:
        facts.append(tn("{count} album", "{count} albums", len(page.albums)))
    return {
        "cover": addresses.picture_for_script(page.cover, "large"),
        "thumbhash": page.cover["thumbhash"],
        "facts": " · ".join(filter(None, facts)),
        "description": page.albums[0]["description"] if is_album else "",
        "links": [*_towns(searcher, held, query), *(_links(page) if is_album else [])],
        "people": _people(searcher, held, query),
        "peopleTitle": t("People"),
        "albums": [] if is_album or len(page.albums) == 1 else _albums(page),
        "albumsTitle": t("Albums"),
        "spots": page.spots,
        "map": {"query": f"{query}&view=map", "text": t("On the map")},
    }


def _dates(page: AlbumPage) -> str:
    return period(*page.first, *page.last) if page.first and page.last else ""


def _links(page: AlbumPage) -> list[Json]:
    """To the event of an album, and to where it comes from."""
    (album,) = page.albums
    links = [
        {"text": event, "query": urlencode(where)}
        for event, where in events_of(page.albums).items()
        if event != album["title"]
    ]
    if album["url"]:
        links.append({"text": t("On Flickr"), "href": album["url"]})
    return links


def _towns(searcher: Searcher, held: Held, query: str) -> list[Json]:
    counts = searcher.counts("towns", held.query, held.shown.rows)
    return [
        {
            "text": searcher.facets.label("towns", town, language()),
            "query": f"{query}&{urlencode({'town': town})}",
        }
        for town in _most_frequent(counts)[:_TOWNS]
    ]


def _people(searcher: Searcher, held: Held, query: str) -> list[Json]:
    """Who is on the photos, those on most of them first; of some there is a face."""
    counts = searcher.counts("people", held.query, held.shown.rows)
    faces = {each.name: each.faces[0] for each in searcher.everybody() if each.name}
    return [
        {
            "text": name,
            "note": tn("{count} photo", "{count} photos", counts[name]),
            "src": addresses.face_for_script(faces[name]) if name in faces else None,
            "query": f"{query}&{urlencode({'person': name})}",
            "isRound": True,
        }
        for name in _most_frequent(counts)[:_PEOPLE]
    ]


def _albums(page: AlbumPage) -> list[Json]:
    return [
        {
            "text": album["title"],
            "note": tn("{count} photo", "{count} photos", album["photos"]),
            "src": addresses.picture_for_script(album["cover"], "grid"),
            "thumbhash": album["cover"]["thumbhash"],
            "query": urlencode({"album": album["album_id"]}),
        }
        for album in page.albums
    ]


def _most_frequent(counts: Mapping[str, int]) -> Sequence[str]:
    return sorted(counts, key=lambda name: (-counts[name], name))
