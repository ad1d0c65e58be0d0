"""What IPTC-IIM says of a photo, the older way of writing words into picture files."""

import struct
from collections.abc import Mapping
from typing import Any

from pipeline.photos.dates import read_date
from pipeline.photos.words import Said, line, lines, said, text

Records = Mapping[tuple[int, int], Any]
"""As Pillow gives them: bytes, or a list of bytes, by record and data set."""

_TITLE, _KEYWORD, _DATE, _TIME, _CREATOR = (2, 5), (2, 25), (2, 55), (2, 60), (2, 80)
_PLACES = ((2, 92), (2, 90), (2, 95), (2, 101))  # a place in the city, city, state, country
_HEADLINE, _RIGHTS, _DESCRIPTION = (2, 105), (2, 116), (2, 120)


def read_records(data: bytes) -> Records:
    """Take data for the records that it is made of, up to where it is damaged."""
    found: dict[tuple[int, int], list[bytes]] = {}
    at = 0
    while data[at : at + 1] == b"\x1c" and at + 5 <= len(data):
        record, data_set, size = struct.unpack(">BBH", data[at + 1 : at + 5])
        found.setdefault((record, data_set), []).append(data[at + 5 : at + 5 + size])
        at += 5 + size
    return found


def read_iptc(records: Records) -> Said:
    """Take the records of a file for what they say."""

    def values(key: tuple[int, int]) -> list[Any]:
        found = records.get(key, [])
        return found if isinstance(found, list) else [found]

    def first(key: tuple[int, int]) -> Any:
        return next(iter(values(key)), None)

    return said(
        title=line(first(_TITLE)) or line(first(_HEADLINE)),
        description=text(first(_DESCRIPTION)),
        tags=lines(values(_KEYWORD)),
        creator=", ".join(lines(values(_CREATOR))),
        rights=line(first(_RIGHTS)),
        place_names=lines(map(first, _PLACES)),
        taken=_taken(line(first(_DATE)) or "", line(first(_TIME)) or ""),
    )


def _taken(day: str, time: str) -> Any:
    """Of 20230506 and 070809+0200."""
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    clock = f"T{time[:2]}:{time[2:4]}:{time[4:6]}" if time[:6].isdigit() else ""
    return read_date(date + clock, offset=time[6:])
