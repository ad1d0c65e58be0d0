"""The counts beside the values that photos can be filtered by."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline.photos.camera_name import camera_name
from pipeline.settings import Settings
from search_app.search.facets import FacetName
from search_app.search.filters import Filters
from search_app.search.queries import Query
from search_app.search.searcher import Searcher
from tests.search_app.search.test_filters import small_library
from tests.search_app.searching import searcher_of


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    return small_library(tmp_path_factory.mktemp("facets"))


def listed(searcher: Searcher, name: FacetName, filters: Filters, **asked: Any) -> list[Any]:
    """What is offered: labels and counts, in order."""
    counts = searcher.counts(name, Query(filters=filters))
    asked = {"language": "en", "typed": "", "most": 200} | asked
    found = searcher.facets.listed(name, counts, filters, **asked)
    return [(value.label, value.photos) for value in found.values]


def test_without_a_choice_all_photos_are_counted(searcher: Searcher) -> None:
    assert listed(searcher, "years", Filters()) == [("2015", 6), ("2014", 3), ("2013", 2)]
    # Two photos have it, one of them in two albums.
    assert listed(searcher, "tags", Filters())[:2] == [("picture", 10), ("harbour", 2)]
    cameras = listed(searcher, "cameras", Filters())
    assert cameras == sorted(cameras) and ("Canon EOS 70D", 1) in cameras  # each has one photo
    albums = [count for _, count in listed(searcher, "album_ids", Filters())]
    assert albums == sorted(albums, reverse=True) and len(albums) == 3
    assert searcher.counts("has_place") == {True: 5, False: 5}
    assert searcher.counts("has_people") == {}
    assert searcher.facets.names() == [
        *("events", "years", "album_ids", "cameras", "lenses", "tags"),
        *("countries", "towns", "has_place"),
    ]
    assert searcher.facets.taken == (date(2015, 6, 30), date(2016, 2, 29))


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        (Filters(), ""),
        (Filters(), "year:2014"),
        (Filters(), "a boat -night"),
        (Filters(), '"paper boat"'),
        (Filters(), "-album:night tag:harbour"),
        (Filters(years=(2014,)), ""),
        (Filters(years=(2013,), tags=("harbour",)), ""),
        (Filters(tags=("night",), has_place=False), "-tag:wide"),
        (Filters(cameras=("Canon",), years=(2015,), has_place=True), ""),
        (Filters(taken_from=date(2015, 7, 1), taken_to=date(2015, 12, 31)), "camera:canon"),
        (Filters(events=("Night 2014",), has_place=True), ""),
    ],
)
def test_a_count_is_what_choosing_that_value_alone_leaves(
    searcher: Searcher, filters: Filters, text: str
) -> None:
    # The words that are searched for narrow nothing down; what is left lists photos by fields.
    fields = text.replace("a boat ", "").replace('"paper boat"', "album:harbours -tag:night")

    def left(chosen: Filters) -> int:
        return len(searcher.search(Query(f"{fields} -nowhere", filters=chosen, mode="text", k=100)))

    for name in searcher.facets.names():
        counts = searcher.counts(name, Query(f"{fields} -nowhere", filters=filters, mode="text"))
        for value in searcher.counts(name):
            alone = value if isinstance(value, bool) else (value,)
            assert counts.get(value, 0) == left(replace(filters, **{name: alone})), (name, value)


@pytest.mark.parametrize("text", ["a cat", "boats on a lake -night", "nature walks", "photo:{cat}"])
@pytest.mark.parametrize("least", [0.0, 0.18])
def test_the_photos_that_words_find_are_counted(
    demo_library: Path, text: str, least: float
) -> None:
    searcher = searcher_of(demo_library)
    cat = searcher.search(Query("a cat", k=1))[0].image_id
    query = Query(text.format(cat=cat), filters=Filters(years=(2018, 2015)), min_probability=least)

    def left(chosen: Filters) -> int:
        return len(searcher.search(replace(query, filters=chosen, k=100)))

    assert left(query.filters) > 0
    for name in ("album_ids", "years", "tags", "cameras", "has_people"):
        for value, count in searcher.counts(name, query).items():
            alone = value if isinstance(value, bool) else (value,)
            assert count == left(replace(query.filters, **{name: alone})), (name, value)


def test_a_chosen_value_stays_and_others_without_photos_go(searcher: Searcher) -> None:
    filters = Filters(years=(2013,), cameras=("Canon",), tags=("Harbour",), has_people=False)
    query = Query(filters=filters)
    assert searcher.counts("years", query) == {2013: 0}
    assert searcher.counts("cameras", query) == {"Canon": 0}
    assert searcher.counts("tags", query) == {"Harbour": 0}  # spelt as it was chosen
    assert searcher.counts("has_people", query) == {False: 0}
    assert searcher.counts("lenses", query) == searcher.counts("events", query) == {}
    harbour = searcher.counts("tags", Query(filters=Filters(tags=("Harbour",))))
    assert harbour["Harbour"] == 2 and "harbour" not in harbour


def test_of_many_values_the_most_frequent_are_offered_and_others_found(searcher: Searcher) -> None:
    assert listed(searcher, "tags", Filters(), most=1) == [("picture", 10)]
    chosen = listed(searcher, "tags", Filters(tags=("night",)), most=2)
    assert chosen == [("night", 2), ("picture", 10)]
    assert listed(searcher, "tags", Filters(), typed="ＨＡＲＢ") == [("harbour", 2)]
    assert listed(searcher, "tags", Filters(), typed="nowhere") == []


def test_many_threads_count_at_once(searcher: Searcher) -> None:
    asked = [Query(filters=Filters(years=(year,))) for year in (2013, 2014, 2015)] * 8
    random.Random(0).shuffle(asked)
    fresh = Searcher(searcher.snapshot, Settings())
    with ThreadPoolExecutor(8) as pool:
        counted = list(pool.map(partial(fresh.counts, "tags"), asked))
    assert counted == [searcher.counts("tags", one) for one in asked]


@pytest.mark.parametrize(
    ("make", "model", "name"),
    [
        ("Canon", "Canon EOS 70D", "Canon EOS 70D"),
        ("NIKON CORPORATION", "NIKON D750", "NIKON D750"),
        ("OLYMPUS IMAGING CORP.", "E-M1", "OLYMPUS E-M1"),
        ("Canon", None, "Canon"),
        (None, "PIXEL", "PIXEL"),
        (None, None, ""),
    ],
)
def test_cameras_are_named_as_people_do(make: str | None, model: str | None, name: str) -> None:
    assert camera_name(make, model) == name
