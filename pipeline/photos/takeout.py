"""What Google Takeout says of a photo: a JSON file beside it."""

import json
from collections.abc import Mapping
from typing import Any

from pipeline.photos.dates import moment_of_epoch
from pipeline.photos.words import DamagedError, Said, lines, number, position, said, text

_TELLING = frozenset({"photoTakenTime", "geoData", "googlePhotosOrigin", "creationTime"})


def read_takeout(content: bytes) -> Said:
    """Take such a file for what it says; nothing, if it is another kind of JSON.

    Its title is the name of the file, which is no title. Times are UTC. Raises DamagedError if it
    is no JSON at all.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DamagedError from error
    if not isinstance(found, dict) or not _TELLING & found.keys():
        return {}
    people = found.get("people")
    people = people if isinstance(people, list) else []
    seconds = number(_within(found, "photoTakenTime").get("timestamp"))
    return said(
        description=text(found.get("description")),
        people=lines(each.get("name") for each in people if isinstance(each, dict)),
        favourite=True if found.get("favorited") is True else None,
        taken=None if seconds is None else moment_of_epoch(int(seconds)),
        position=_position(_within(found, "geoData")) or _position(_within(found, "geoDataExif")),
    )


def _within(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def _position(place: Mapping[str, Any]) -> Any:
    latitude, longitude, altitude = (
        number(place.get(name)) for name in ("latitude", "longitude", "altitude")
    )
    return position(latitude, longitude, altitude)
