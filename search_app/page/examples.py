"""Searches to try, in each language of the page: those that find something in the library."""

from itertools import islice

import streamlit as st

from pipeline.errors import AlbumscopeError
from pipeline.settings import load_settings
from search_app.page.language import language
from search_app.search.queries import Query
from search_app.search.searcher import Searcher

_SHOWN = 4
_QUERIES = {
    "en": (
        *("boats on a lake shore", "two dogs", "people on a stage", "a sunset", "food on a table"),
        *("a city at night", "a group photo", "flowers", "mountains", "a cat", "a train", "snow"),
    ),
    "ja": (
        *("湖の岸のボート", "二匹の犬", "ステージの上の人", "夕焼け", "テーブルの上の料理"),
        *("夜の街", "集合写真", "花", "山", "猫", "電車", "雪"),
    ),
    "ru": (
        *("лодки на берегу озера", "две собаки", "люди на сцене", "закат", "еда на столе"),
        *("город ночью", "групповое фото", "цветы", "горы", "кошка", "поезд", "снег"),
    ),
}


def examples(searcher: Searcher) -> list[str]:
    """A few queries in the page's language that find photos as likely as they should be.

    There are none if the library cannot be searched by words, which the page says of a search.
    """
    return _found(searcher.snapshot.name, language(), searcher)


@st.cache_resource(max_entries=16, show_spinner=False)
def _found(snapshot: str, language: str, _searcher: Searcher) -> list[str]:
    least = load_settings().min_probability
    finding = (
        text
        for text in _QUERIES[language]
        if _searcher.search(Query(text, k=1, min_probability=least))
    )
    try:
        return list(islice(finding, _SHOWN))
    except AlbumscopeError:
        return []
