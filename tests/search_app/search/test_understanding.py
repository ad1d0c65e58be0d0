"""What the words of a query mean beside what they say."""

from datetime import date, datetime
from pathlib import Path

import pytest

from pipeline.library.library import Library
from search_app.search import dates
from search_app.search.filters import Filters
from search_app.search.parsed import ParsedQuery, Reading
from search_app.search.queries import Query
from search_app.search.searcher import Searcher
from tests.demo_queries import read_queries
from tests.search_app.search.test_places import library
from tests.search_app.searching import searcher_of

__all__ = ["library"]

TODAY = date(2026, 11, 28)


@pytest.mark.parametrize(
    ("text", "typed", "taken"),
    [
        ("2018", "2018", ("2018-01-01", "2019-01-01")),
        ("boats april 2018", "april 2018", ("2018-04-01", "2018-05-01")),
        ("on 12 December 2018", "12 December 2018", ("2018-12-12", "2018-12-13")),
        ("December 3rd, 2018", "December 3rd, 2018", ("2018-12-03", "2018-12-04")),
        ("2017-2018", "2017-2018", ("2017-01-01", "2019-01-01")),
        ("from 2017 to 2018", "from 2017 to 2018", ("2017-01-01", "2019-01-01")),
        ("с 2017 по 2018", "с 2017 по 2018", ("2017-01-01", "2019-01-01")),
        ("last summer", "last summer", ("2026-06-01", "2026-09-01")),
        ("last winter", "last winter", ("2025-12-01", "2026-03-01")),
        ("прошлым летом", "прошлым летом", ("2026-06-01", "2026-09-01")),
        ("去年の夏", "去年の夏", ("2025-06-01", "2025-09-01")),
        ("last month", "last month", ("2026-10-01", "2026-11-01")),
        ("2023年5月の写真", "2023年5月", ("2023-05-01", "2023-06-01")),
        ("2023年", "2023年", ("2023-01-01", "2024-01-01")),
        ("май 2023", "май 2023", ("2023-05-01", "2023-06-01")),
        ("в мае 2023 года", "мае 2023 года", ("2023-05-01", "2023-06-01")),
        ("2018-12-25", "2018-12-25", ("2018-12-25", "2018-12-26")),
        ("25.12.2018", "25.12.2018", ("2018-12-25", "2018-12-26")),
    ],
)
def test_dates_as_people_type_them(text: str, typed: str, taken: tuple[str, str]) -> None:
    found = max(dates.find(text, TODAY), key=lambda each: each.end - each.start)
    (interval,) = found.any_of[0].taken
    start, before = map(datetime.fromisoformat, taken)
    assert text[found.start : found.end] == typed and found.is_certain
    assert (interval.start, interval.before) == (start, before)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("25 December of any year", (12, 25)),
        ("December 25", (12, 25)),
        ("25 декабря", (12, 25)),
        ("12月25日", (12, 25)),
        ("5月", (5, None)),
    ],
)
def test_days_and_months_of_any_year(text: str, day: tuple[int, int | None]) -> None:
    found = max(dates.find(text, TODAY), key=lambda each: each.end - each.start)
    assert found.any_of[0].days == (day,) and found.is_certain


@pytest.mark.parametrize("text", ["route 2500", "30 boats", "a31 march", "2018-02-30", "1800"])
def test_other_numbers_are_no_days(text: str) -> None:
    found = [text[each.start : each.end] for each in dates.find(text, TODAY) if each.is_certain]
    assert found in ([], ["2018"])


@pytest.fixture(scope="module")
def searcher(library: Library) -> Searcher:
    return searcher_of(library.settings.data_dir)


@pytest.fixture(scope="module")
def demo(demo_library: Path) -> Searcher:
    return searcher_of(demo_library)


def understood(searcher: Searcher, text: str, off: tuple[str, ...] = ()) -> ParsedQuery:
    return searcher.understand(text, off)


@pytest.mark.parametrize(
    ("text", "kind", "typed", "rest"),
    [
        ("boats in London", "place", "London", ["boats"]),
        ("лодки в Лондоне", "place", "Лондоне", ["лодки"]),
        ("京都の寺", "place", "京都", ["寺"]),
        ("photos in Japan", "place", "Japan", []),
    ],
)
def test_a_place_after_in_narrows_down(
    searcher: Searcher, text: str, kind: str, typed: str, rest: list[str]
) -> None:
    parsed = understood(searcher, text)
    assert [(each.kind, each.typed, each.is_certain) for each in parsed.readings] == [
        (kind, typed, True)
    ]
    assert [each.text for each in parsed.texts] == rest


def test_a_word_that_could_be_either_stays_a_word(searcher: Searcher) -> None:
    parsed = understood(searcher, "London calling")
    (reading,) = parsed.readings
    assert not reading.is_certain and reading.name == "London"
    assert [text.text for text in parsed.texts] == ["London calling"]
    assert not understood(searcher, '"London" calling').readings


def test_the_name_of_a_file_finds_it(searcher: Searcher, demo: Searcher) -> None:
    for name in ("IMG_3551", "img_3551.jpg"):
        (hit,) = searcher.search(Query(name))
        assert hit.title == "IMG 3551"
    assert not understood(demo, "IMG_3551").readings  # there is none


def titles(searcher: Searcher, text: str, off: tuple[str, ...] = ()) -> set[str | None]:
    hits = searcher.search(Query(text, k=500, min_probability=0.17, off=off))
    return {hit.title for hit in hits}


def test_an_event_typed_plainly_finds_its_photos(demo: Searcher) -> None:
    name = "Nature Walks 2018"
    expected = {hit.title for hit in demo.browse(Filters(events=(name,)), k=500)}
    assert titles(demo, name) == titles(demo, name.lower()) == expected
    (reading,) = understood(demo, name).readings
    assert (reading.kind, reading.name) == ("event", name)
    within = demo.search(Query(f"a forest {name}", k=500))
    assert {hit.event_name for hit in within} == {name}
    assert titles(demo, name, (reading.key,)) != expected  # its words are words again
    (without_year,) = understood(demo, "nature walks").readings
    assert without_year.name == name and not without_year.is_certain


def test_photos_of_a_name_that_is_not_certain_come_first(demo: Searcher) -> None:
    expected = {hit.title for hit in demo.browse(Filters(events=("Things and Places",)), k=500)}
    hits = demo.search(Query("things and places", k=len(expected)))
    assert {hit.title for hit in hits} == expected
    assert all(hit.probability and hit.probability > 0.9 for hit in hits)


def test_dates_narrow_down_what_is_counted_too(demo: Searcher) -> None:
    every = sum(demo.counts("album_ids").values())
    assert 0 < sum(demo.counts("album_ids", Query("2014")).values()) < every
    off = demo.counts("album_ids", Query("2014", off=("date:2014",)))
    assert sum(off.values()) == every


@pytest.mark.parametrize(
    ("typed", "language", "kind", "label", "rest"),
    [
        ("lon", "en", "town", "London", ""),
        ("boats in Jap", "en", "country", "Japan", "boats in"),
        ("東", "ja", "town", "東京", ""),
        ("лон", "ru", "town", "Лондон", ""),
        ("whit", "en", "place", "Whitechapel", ""),
    ],
)
def test_names_are_suggested_by_how_they_begin(
    searcher: Searcher, typed: str, language: str, kind: str, label: str, rest: str
) -> None:
    name, before = searcher.suggest(typed, language)[0]
    assert (name.kind, name.label(language), before) == (kind, label, rest)


def test_nothing_is_suggested_for_what_nothing_is_called(searcher: Searcher) -> None:
    assert searcher.suggest("", "en") == searcher.suggest("xyzzy", "en") == []


def certain(readings: tuple[Reading, ...]) -> list[Reading]:
    return [each for each in readings if each.is_certain]


def test_nothing_is_read_into_the_demo_queries(demo: Searcher) -> None:
    for query in read_queries():
        assert not certain(understood(demo, query).readings), query
