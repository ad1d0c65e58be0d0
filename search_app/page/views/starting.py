"""What the Search page begins with, before anything is searched for: albums, people, this day."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from search_app.page import addresses
from search_app.page.language import day_of_year, t, tn
from search_app.search.searcher import Searcher
from search_app.search.starting import Way

_PEOPLE = 24


def shelves(searcher: Searcher) -> list[dict[str, Any]]:
    """Rows of pictures that each lead to a search, for the wall's script."""
    this_day = searcher.on_this_day(date.today())
    words = day_of_year(date.today())
    found = [
        (t("On this day"), [_way(this_day, words, {"q": words})] if this_day else []),
        (
            t("Albums"),
            [
                _way(album, album.title, {"album": album.album_id or ""})
                for album in searcher.newest_albums()
            ],
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


def _way(way: Way, text: str, parameters: dict[str, str]) -> dict[str, Any]:
    return {
        "text": text,
        "note": tn("{count} photo", "{count} photos", way.photos),
        "src": addresses.picture_for_script(way._asdict(), "grid"),
        "query": urlencode(parameters),
    }
