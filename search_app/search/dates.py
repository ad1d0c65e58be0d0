"""Dates as people type them among other words, in English, Japanese and Russian.

A year alone, a month of a year, a day of any year, "2017-2018", "last summer", 2023年5月, май 2023.
Seasons are those of the northern half of the earth.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from search_app.search.parsed import Fields, Interval


class Dated(NamedTuple):
    """A date from ``start`` to ``end`` of a text: photos that fit one of ``any_of``."""

    start: int
    end: int
    any_of: tuple[Fields, ...]
    is_certain: bool


_MONTHS = {
    name: number
    for number, names in enumerate(
        [
            "january jan января янв январь январе",
            "february feb февраля февр февраль феврале",
            "march mar марта мар март марте",
            "april apr апреля апр апрель апреле",
            "may мая май мае",
            "june jun июня июн июнь июне",
            "july jul июля июл июль июле",
            "august aug августа авг август августе",
            "september sep сентября сент сентябрь сентябре",
            "october oct октября окт октябрь октябре",
            "november nov ноября нояб ноябрь ноябре",
            "december dec декабря дек декабрь декабре",
        ],
        start=1,
    )
    for name in names.split()
}
_SEASONS = {
    "spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12,
    "весна": 3, "весной": 3, "весну": 3, "весны": 3, "лето": 6, "летом": 6, "лета": 6,
    "осень": 9, "осенью": 9, "осени": 9, "зима": 12, "зимой": 12, "зиму": 12, "зимы": 12,
    "春": 3, "夏": 6, "秋": 9, "冬": 12,
}  # fmt: skip


def _one_of(names: dict[str, int]) -> str:
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True)))


_LATIN_SEASONS = {name: month for name, month in _SEASONS.items() if len(name) > 1}
_YEAR = r"(?<!\d)(?P<year>(?:19|20)\d\d)(?!\d)"
_RUSSIAN_YEAR = r"(?:\s*(?:г\.?|год[ауе]?)(?!\w))?"
_DAY = r"(?<!\w)(?P<day>0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th|-?го)?"
_MONTH = rf"(?<!\w)(?P<month>{_one_of(_MONTHS)})(?!\w)\.?"
_SEASON = rf"(?<!\w)(?P<season>{_one_of(_LATIN_SEASONS)})(?!\w)"
_ANY_YEAR = r"(?:\s+(?:of\s+any\s+year|любого\s+года))?"


@dataclass(frozen=True)
class _Typed:
    """What a form has of its match, and the day on which it was typed."""

    match: re.Match[str]
    today: date

    def number(self, name: str) -> int:
        """The number that a group has, of months and seasons by their names."""
        text = self.match[name].casefold()
        return int(text) if text.isdecimal() else {**_SEASONS, **_MONTHS}[text]


_Read = Callable[[_Typed], tuple[Fields, ...]]


def _taken(start: datetime, before: datetime) -> Fields:
    return Fields(taken=(Interval(start, before),))


def _of_years(first: int, last: int) -> tuple[Fields, ...]:
    """Taken in these years, or at an event that was held in them."""
    if first > last:
        raise ValueError
    return (
        _taken(datetime(first, 1, 1), datetime(last + 1, 1, 1)),
        Fields(years=((first, last),)),
    )


def _of_month(year: int, month: int) -> tuple[Fields, ...]:
    start = datetime(year, month, 1)
    return (_taken(start, (start + timedelta(31)).replace(day=1)),)


def _of_season(year: int, month: int) -> Fields:
    """The three months from this one on."""
    last = month + 2
    (end,) = _of_month(year + (last > 12), last - 12 * (last > 12))[0].taken
    assert end.before is not None
    return _taken(datetime(year, month, 1), end.before)


def _day(typed: _Typed) -> tuple[Fields, ...]:
    start = datetime(typed.number("year"), typed.number("month"), typed.number("day"))
    return (_taken(start, start + timedelta(1)),)


def _month(typed: _Typed) -> tuple[Fields, ...]:
    return _of_month(typed.number("year"), typed.number("month"))


def _day_of_any_year(typed: _Typed) -> tuple[Fields, ...]:
    month, day = typed.number("month"), typed.number("day")
    datetime(2000, month, day)  # raises ValueError if there is none
    return (Fields(days=((month, day),)),)


def _month_of_any_year(typed: _Typed) -> tuple[Fields, ...]:
    datetime(2000, typed.number("month"), 1)
    return (Fields(days=((typed.number("month"), None),)),)


def _years(typed: _Typed) -> tuple[Fields, ...]:
    return _of_years(typed.number("year"), typed.number("last"))


def _year(typed: _Typed) -> tuple[Fields, ...]:
    return _of_years(typed.number("year"), typed.number("year"))


def _season(typed: _Typed) -> tuple[Fields, ...]:
    """A winter of a year may be that which it begins with, too."""
    year, month = typed.number("year"), typed.number("season")
    seasons = [_of_season(year, month)]
    return (*([_of_season(year - 1, 12)] if month == 12 else []), *seasons)


def _last_season(typed: _Typed) -> tuple[Fields, ...]:
    """The last one that is over."""
    year, month = typed.today.year, typed.number("season")
    today = datetime(year, typed.today.month, typed.today.day)
    past = (_of_season(each, month) for each in (year, year - 1, year - 2))
    return (next(each for each in past if (each.taken[0].before or today) <= today),)


def _season_of_last_year(typed: _Typed) -> tuple[Fields, ...]:
    return (_of_season(typed.today.year - 1, typed.number("season")),)


def _last_year(typed: _Typed) -> tuple[Fields, ...]:
    return _of_years(typed.today.year - 1, typed.today.year - 1)


def _this_year(typed: _Typed) -> tuple[Fields, ...]:
    return _of_years(typed.today.year, typed.today.year)


def _last_month(typed: _Typed) -> tuple[Fields, ...]:
    before = typed.today.replace(day=1) - timedelta(1)
    return _of_month(before.year, before.month)


_LAST = r"(?<!\w)(?:last|прошл(?:ый|ое|ая|ым|ой|ую|ого|ом))\s+"
_JAPANESE = r"(?P<month>1[0-2]|0?[1-9])月"
_FORMS: tuple[tuple[str, _Read], ...] = (
    (rf"{_YEAR}[-/.](?P<month>\d\d?)[-/.](?P<day>\d\d?)(?!\d)", _day),
    (rf"(?<!\d)(?P<day>\d\d?)\.(?P<month>\d\d?)\.{_YEAR}", _day),
    (rf"{_DAY}\s+(?:of\s+)?{_MONTH},?\s+{_YEAR}{_RUSSIAN_YEAR}", _day),
    (rf"{_MONTH}\s+{_DAY},?\s+{_YEAR}", _day),
    (rf"{_YEAR}年{_JAPANESE}(?P<day>\d\d?)日", _day),
    (rf"{_YEAR}-(?P<month>0[1-9]|1[0-2])(?![\d-])", _month),
    (rf"{_MONTH},?\s+(?:of\s+)?{_YEAR}{_RUSSIAN_YEAR}", _month),
    (rf"{_YEAR}年{_JAPANESE}", _month),
    (rf"{_DAY}\s+(?:of\s+)?{_MONTH}{_ANY_YEAR}", _day_of_any_year),
    (rf"{_MONTH}\s+{_DAY}(?!\d){_ANY_YEAR}", _day_of_any_year),
    (rf"{_JAPANESE}(?P<day>\d\d?)日", _day_of_any_year),
    (_JAPANESE, _month_of_any_year),
    (
        rf"(?:(?<!\w)(?:from|between|с)\s+)?{_YEAR}年?\s*(?:[-–—~〜～]|to|and|по|から)\s*"
        rf"(?P<last>(?:19|20)\d\d)(?!\d)年?{_RUSSIAN_YEAR}",
        _years,
    ),
    (rf"{_SEASON}\s+(?:of\s+)?{_YEAR}{_RUSSIAN_YEAR}", _season),
    (rf"{_YEAR}年?の?(?P<season>[春夏秋冬])", _season),
    (rf"{_LAST}{_SEASON}", _last_season),
    (r"(?:去年|昨年)の?(?P<season>[春夏秋冬])", _season_of_last_year),
    (rf"{_LAST}(?:year|год[ауе]?)(?!\w)|去年|昨年", _last_year),
    (r"(?<!\w)(?:this\s+year|этого\s+года|этом\s+году)(?!\w)|今年", _this_year),
    (rf"{_LAST}(?:month|месяц[еа]?)(?!\w)|先月", _last_month),
    (rf"{_YEAR}(?:年度?|{_RUSSIAN_YEAR})", _year),
)
_UNSURE = re.compile(rf"(?i)(?<!\w)(?P<month>{_one_of(_MONTHS)})(?!\w)")  # may, march, august
_COMPILED = [(re.compile(f"(?i){form}"), read) for form, read in _FORMS]


def find(text: str, today: date) -> Iterator[Dated]:
    """All dates in a text, which may overlap; ``today`` is what "last summer" is reckoned from."""
    for forms, is_certain in ((_COMPILED, True), ([(_UNSURE, _month_of_any_year)], False)):
        for pattern, read in forms:
            for match in pattern.finditer(text):
                try:
                    any_of = read(_Typed(match, today))
                except ValueError:  # 2018-02-30
                    continue
                yield Dated(match.start(), match.end(), any_of, is_certain)
