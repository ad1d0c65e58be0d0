"""Which event an album belongs to, from its title."""

import re
from typing import NamedTuple

_YEAR = re.compile(r"(?<!\d)(19[5-9]\d|20\d\d)(?!\d)")


class Event(NamedTuple):
    """A conference, trip or meeting; ``year`` is None where the title has none."""

    name: str
    year: int | None


def event_of_title(title: str) -> Event:
    """Take the event and its year from an album's title.

    >>> event_of_title("PyCon JP 2024 Conference Day1")
    Event(name='PyCon JP 2024', year=2024)
    >>> event_of_title("2019 Summer Trip")
    Event(name='2019 Summer Trip', year=2019)
    >>> event_of_title("Things and Places")
    Event(name='Things and Places', year=None)
    """
    found = _YEAR.search(title)
    if not found:
        return Event(title, None)
    name = title[: found.end()].strip() if title[: found.start()].strip() else title
    return Event(name, int(found.group()))
