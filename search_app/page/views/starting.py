"""What the Search page begins with, before anything is searched for: albums, people, this day."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from search_app.page import addresses
from search_app.page.language import day_of_year, t, tn
from search_app.search.searcher import Searcher
from search_app.search.starting import Way

_PEOPLE = 24


def shelves(searcher: Searcher) -> list[dict[str, Any]]:
    """Rows of pictures that each lead to a search, for the wall's script."""
    hidden = searcher.marks.now().versions["hidden"]
    albums, this_day = _ways(searcher.snapshot.name, hidden, date.today(), searcher)
    words = day_of_year(date.today())
    found = [
        (t("On this day"), [_way(this_day, words, {"q": words})] if this_day else []),
        (
            t("Albums"),
            [_way(album, album.title, {"album": album.album_id or ""}) for album in albums],
        ),
        (
            t("People"),
            [
                {
                    "text": person.name,
                    "src": addresses.face_for_script(person.faces[0]),
                    "query": urlencode({"person": person.name}),
                    "isRound": True,
                }
                for person in searcher.everybody()
                if person.name and not person.is_hidden
            ][:_PEOPLE],
        ),
    ]
    return [{"title": title, "items": items} for title, items in found if items]


@st.cache_resource(max_entries=4, show_spinner=False)
def _ways(
    snapshot: str, hidden: str, today: date, _searcher: Searcher
) -> tuple[list[Way], Way | None]:
    """They are looked for once, not whenever the page is drawn."""
    return _searcher.newest_albums(), _searcher.on_this_day(today)


def _way(way: Way, text: str, parameters: dict[str, str]) -> dict[str, Any]:
    return {
        "text": text,
        "note": tn("{count} photo", "{count} photos", way.photos),
        "src": addresses.picture_for_script(way._asdict(), "grid"),
        "query": urlencode(parameters),
    }
