"""Dates as cameras and programs write them: in EXIF, in XMP (ISO 8601), in IPTC."""

import re
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

Precision = Literal["exact", "day", "month", "year", "circa"]
"""How exactly a time is known; of one that is not exact, the start of the day, month or year."""

_DATE = re.compile(
    r"([12]\d{3})(?:[:/.-]\s*(\d{1,2})(?:[:/.-]\s*(\d{1,2})"
    r"(?:[T\s]\s*(\d{1,2}):\s*(\d{1,2})(?::\s*(\d{1,2})(?:[.,](\d+))?)?)?)?)?"
    r"\s*(Z|[+-]\d{1,2}:?\d{2})?",
    re.ASCII,
)
_OFFSET = re.compile(r"([+-])(\d{1,2}):?([0-5]\d)", re.ASCII)


class Moment(NamedTuple):
    """When a photo was taken, by the clock of whoever says so, and that clock's offset from UTC."""

    at: datetime
    precision: Precision = "exact"
    offset: str | None = None


def read_date(text: str, *, fraction: str = "", offset: str = "") -> Moment | None:
    """Read a date; None if it is none. Fraction of a second and offset may be written elsewhere.

    Hour 24 is the first hour of the day that is written: the programs that count hours from 1 to 24
    have turned to the new day when they write it. Second 60 is taken as 59, which keeps the minute.
    A date without a time is known to the day, one without a day to the month or year.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, digits, zone = match.groups(default="")
    digits = digits or fraction
    microseconds = digits[:6].ljust(6, "0") if re.fullmatch("[0-9]+", digits) else "0"
    hours = 0 if hour == "24" else int(hour or 0)
    seconds = 59 if second == "60" else int(second or 0)
    days = int(month or 1), int(day or 1)
    try:
        at = datetime(int(year), *days, hours, int(minute or 0), seconds, int(microseconds))
    except ValueError:  # such as 2015:02:30 12:00:00
        return None
    precision: Precision = "exact"
    if not hour:
        precision = "day" if day else "month" if month else "year"
        at = datetime(at.year, at.month, at.day)
    return Moment(at, precision, read_offset(offset) or read_offset(zone))


def read_offset(text: str) -> str | None:
    """Read an offset from UTC, such as +0900, as "+09:00"; None if it is none."""
    if text == "Z":
        return "+00:00"
    match = _OFFSET.fullmatch(text)
    if match is None or int(match[2]) > 14:
        return None
    return f"{match[1]}{match[2]:0>2}:{match[3]}"


def moment_of_epoch(seconds: int) -> Moment | None:
    """The moment of a UNIX time, by a clock that shows UTC."""
    try:
        return Moment(datetime(1970, 1, 1) + timedelta(seconds=seconds), offset="+00:00")
    except OverflowError:
        return None


def in_english(at: datetime, precision: str | None) -> str:
    """The day, or as much of it as is known: "3 July 2015", "July 2015", "1924", "around 1924"."""
    forms = {"month": f"{at:%B} {at.year}", "year": f"{at.year}", "circa": f"around {at.year}"}
    return forms.get(precision or "", f"{at.day} {at:%B} {at.year}")


def written(at: datetime, precision: str | None) -> str:
    """A time with no more than is known of it: "1924-01", "circa 1924", "2019-06-07 00:08:19"."""
    forms = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y", "circa": "circa %Y"}
    return at.strftime(forms[precision]) if precision in forms else str(at)
