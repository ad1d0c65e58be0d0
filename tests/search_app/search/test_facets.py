"""The counts beside the values that photos can be filtered by."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest

from pipeline.photos.camera_name import camera_name
from pipeline.settings import Settings
from search_app.search.filters import Filters
from search_app.search.searcher import Query, Searcher
from tests.search_app.search.test_filters import small_library

KINDS = {
    "events": "events",
    "years": "years",
    "albums": "album_ids",
    "cameras": "cameras",
    "lenses": "lenses",
    "tags": "tags",
}


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    return small_library(tmp_path_factory.mktemp("facets"))


def test_without_a_choice_all_photos_are_counted(searcher: Searcher) -> None:
    facets = searcher.facets(Filters())
    assert list(facets.years.items()) == [(2015, 6), (2014, 3), (2013, 2)]
    assert list(facets.events) == sorted(facets.events)
    titles = [facets.album_titles[album] for album in facets.albums]
    assert titles == sorted(titles) and len(titles) == 3
    assert facets.cameras["Canon EOS 70D"] == facets.cameras["OLYMPUS E-M1"] == 1
    assert list(facets.cameras) == sorted(facets.cameras)  # each has one photo
    # Two photos have it, one of them in two albums.
    assert list(facets.tags.items())[:2] == [("picture", 10), ("harbour", 2)]
    assert dict(facets.has_place) == {True: 5, False: 5}
    assert dict(facets.has_people) == {}
    assert facets.taken == (date(2015, 6, 30), date(2016, 2, 29))


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

    facets = searcher.facets(filters, text)
    every = searcher.facets(Filters())
    for kind, name in KINDS.items():
        counts = getattr(facets, kind)
        for value in getattr(every, kind):
            chosen = replace(filters, **{name: (value,)})
            assert counts.get(value, 0) == left(chosen), (kind, value)
    for has in (True, False):
        assert facets.has_place.get(has, 0) == left(replace(filters, has_place=has))
    assert facets.taken == every.taken


def test_a_chosen_value_stays_and_others_without_photos_go(searcher: Searcher) -> None:
    facets = searcher.facets(
        Filters(years=(2013,), cameras=("Canon",), tags=("Harbour",), has_people=False)
    )
    assert facets.years == {2013: 0}
    assert facets.cameras == {"Canon": 0}
    assert facets.tags == {"Harbour": 0}  # spelt as it was chosen
    assert facets.has_people == {False: 0}
    assert facets.lenses == facets.events == {}
    assert searcher.facets(Filters(tags=("Harbour",))).tags["Harbour"] == 2
    assert "harbour" not in searcher.facets(Filters(tags=("Harbour",))).tags


def test_a_chosen_tag_keeps_its_count_beyond_the_most_frequent(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search_app.search.facets.MOST_TAGS", 1)
    assert dict(searcher.facets(Filters(), "-anything").tags) == {"picture": 10}
    chosen = searcher.facets(Filters(tags=("harbour",)), "-anything").tags
    assert dict(chosen) == {"picture": 10, "harbour": 2}


def test_the_same_question_is_counted_once(searcher: Searcher) -> None:
    filters = Filters(years=(2014,))
    first = searcher.facets(filters, "a boat tag:night")
    assert searcher.facets(Filters(years=(2014,)), "other words tag:night") is first
    assert searcher.facets(filters, "tag:harbour") is not first


def test_many_threads_count_at_once(searcher: Searcher) -> None:
    asked = [Filters(years=(year,)) for year in (2013, 2014, 2015)] * 8
    random.Random(0).shuffle(asked)
    fresh = Searcher(searcher.snapshot, Settings())
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(fresh.facets, asked)) == [searcher.facets(one) for one in asked]


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
