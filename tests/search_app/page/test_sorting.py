"""The order in which photos are shown."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from pipeline.settings import Settings
from search_app.search.filters import Filters
from search_app.search.queries import Query
from search_app.search.searcher import Searcher
from search_app.search.sorting import Sort
from tests.search_app.search.test_filters import (
    ALL,
    BOATS,
    DECEMBER,
    JANUARY,
    JULY,
    JUNE,
    LEAP_DAY,
    PAPER,
    small_library,
)
from tests.search_app.searching import searcher_of

BY_TIME = [JUNE, JULY, BOATS, DECEMBER, JANUARY, LEAP_DAY]


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    return small_library(tmp_path_factory.mktemp("sorting"))


@pytest.fixture(scope="module")
def demo(demo_library: Path) -> Searcher:
    return searcher_of(demo_library)


def id_of(searcher: Searcher, title: str) -> int:
    return next(hit.image_id for hit in searcher.browse(Filters(), k=100) if hit.title == title)


def test_by_time_with_the_unknown_last(searcher: Searcher) -> None:
    oldest = [hit.title for hit in searcher.browse(Filters(), "oldest", 100)]
    newest = [hit.title for hit in searcher.browse(Filters(), "newest", 100)]
    assert oldest[:6] == BY_TIME
    assert newest[:6] == BY_TIME[::-1]
    assert set(oldest) == set(newest) == ALL
    assert [hit.title for hit in searcher.browse(Filters(), "oldest", 2)] == BY_TIME[:2]


def test_before_a_search_nothing_was_compared(searcher: Searcher) -> None:
    hit = searcher.browse(Filters(), "oldest", 1)[0]
    assert (hit.rank, hit.probability, hit.score, list(hit.found_by)) == (1, None, 0, [])
    assert str(hit.taken_at) == "2015-06-30 23:59:59"
    assert (hit.latitude, hit.longitude) == (-17.0, 179.5)


@pytest.mark.parametrize("sort", ["relevance", "newest", "oldest", "album"])
@pytest.mark.parametrize("filters", [Filters(), Filters(years=(2014,)), Filters(tags=("harbour",))])
def test_each_photo_is_listed_once_and_numbered(
    searcher: Searcher, sort: Sort, filters: Filters
) -> None:
    hits = searcher.browse(filters, sort, 100)
    assert len({hit.image_id for hit in hits}) == len(hits)
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))


@pytest.mark.parametrize("sort", ["relevance", "album"])
def test_an_album_stays_together(searcher: Searcher, sort: Sort) -> None:
    """Also with a photo that is in two: it stands where the album that it is shown in does."""
    albums = [hit.album_title for hit in searcher.browse(Filters(), sort, 100)]
    assert [one for at, one in enumerate(albums) if one not in albums[:at]] == [
        one for at, one in enumerate(albums) if at == 0 or one != albums[at - 1]
    ]
    if sort == "album":
        assert albums == sorted(albums)


def test_an_album_filter_decides_what_a_photo_in_two_is_shown_in(searcher: Searcher) -> None:
    albums = searcher.counts("album_ids")
    night = next(
        each for each in albums if searcher.facets.label("album_ids", each, "en") == "Night 2014"
    )
    for sort in ("relevance", "newest", "album"):
        hits = searcher.browse(Filters(album_ids=(night,)), sort, 100)
        assert PAPER in {hit.title for hit in hits}
        assert {hit.album_title for hit in hits} == {"Night 2014"}


def test_fields_alone_obey_the_order(searcher: Searcher) -> None:
    assert [hit.title for hit in searcher.search(Query("taken:2015", sort="oldest"))] == [
        *(JUNE, JULY, BOATS, DECEMBER),
    ]
    newest = searcher.search(Query("taken:2015", sort="newest", k=2))
    assert [hit.title for hit in newest] == [DECEMBER, BOATS]


def test_a_search_by_picture_is_ordered_before_it_is_cut(demo: Searcher) -> None:
    query = Query(image_id=id_of(demo, "cat portrait"), k=100)
    found = {hit.image_id: hit.score for hit in demo.search(query)}
    oldest = demo.search(replace(query, sort="oldest"))
    assert {hit.image_id: hit.score for hit in oldest} == found
    times = [hit.taken_at or datetime.max for hit in oldest]
    assert times == sorted(times) and len(set(times)) > 5
    assert demo.search(replace(query, sort="oldest", k=3)) == oldest[:3]


def test_only_what_matches_is_put_into_another_order(demo: Searcher) -> None:
    """The oldest photos have to match too."""
    words = Query("a landscape", min_probability=Settings().min_probability, k=100)
    found = demo.search(words)
    by_album = demo.search(replace(words, sort="album"))
    assert 1 < len(found) < 28
    assert {hit.image_id: hit.probability for hit in by_album} == {
        hit.image_id: hit.probability for hit in found
    }
    albums = [hit.album_title for hit in by_album]
    assert albums == sorted(albums) != [hit.album_title for hit in found]


def test_photos_come_in_the_order_asked_for(searcher: Searcher) -> None:
    paper, june = id_of(searcher, PAPER), id_of(searcher, JUNE)
    photos = searcher.photos([june, 42, paper])
    assert [photo["image_id"] for photo in photos] == [june, paper]
    assert set(photos[1]["albums"].split(", ")) == {"Harbours 2013", "Night 2014"}
    assert str(photos[0]["taken_at"]) == "2015-06-30 23:59:59"
    assert photos[0]["creator"] is None and photos[0]["path"].endswith("june.jpg")
    assert searcher.photos([]) == []
