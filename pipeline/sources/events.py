"""Which event an album belongs to: from its title, unless ``DATA_DIR/events.toml`` says otherwise.

::

    [[event]]
    album = "PyCon JP 2024*"       # an album id, or a pattern for titles with * and ?
    event = "PyCon JP 2024"
    year = 2024
    type = "conference"

    [[event]]
    album = "72177720318123456"
    title = "Day 1"

Each entry says only what it wants to change; of two that say it of one album an id counts before a
pattern, and else the later one.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Annotated, NamedTuple

import tomlkit
from pydantic import BaseModel, ConfigDict, Field

from pipeline.sources import Album
from pipeline.storage import Storage
from pipeline.storage.entries import read_entries

KEY = "events.toml"
_YEAR = re.compile(r"(?<!\d)(19[5-9]\d|20\d\d)(?!\d)")
_NO_BRACKET = r"[^()\[\]{}（）【】]*"
_BRACKETS = re.compile(rf"[(\[{{（【]{_NO_BRACKET}{_YEAR.pattern}{_NO_BRACKET}[)\]}}）】]")

Year = Annotated[int, Field(ge=1800, le=2999)]


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
    >>> event_of_title("Summer Trip (2019) Day 1")
    Event(name='Summer Trip', year=2019)
    """
    if in_brackets := _BRACKETS.search(title):
        before, after = title[: in_brackets.start()], title[in_brackets.end() :]
        return Event(before.strip() or after.strip() or title, int(in_brackets.group(1)))
    match = _YEAR.search(title)
    if not match:
        return Event(title, None)
    name = title[: match.end()].strip() if title[: match.start()].strip() else title
    return Event(name, int(match.group()))


class Override(BaseModel):
    """One entry of events.toml: what it says of the albums that match ``album``."""

    model_config = ConfigDict(extra="forbid", str_min_length=1)

    album: str
    title: str | None = None
    event: str | None = None
    year: Year | None = None
    type: str | None = None

    def matches(self, album: Album) -> bool:
        """Whether an album is meant, by its id or its title in any case."""
        pattern = self.album.casefold().replace("[", "[[]")  # which means itself
        return self.album == album["album_id"] or fnmatchcase(album["title"].casefold(), pattern)


def overrides(storage: Storage) -> list[Override]:
    """Read events.toml; without the file there are none. Raises AlbumscopeError if it is wrong."""
    return read_entries(storage, KEY, "event", Override)


def with_event(album: Album, overrides: Sequence[Override]) -> Album:
    """The album with its event filled in, and what events.toml says of it.

    What its row says of its event already (``event_name``, ``event_year``, ``event_type`` that are
    not None) stands before its title, and events.toml before both.
    """
    given = {
        name: value
        for override in sorted(overrides, key=lambda each: each.album == album["album_id"])
        if override.matches(album)
        for name, value in override.model_dump(exclude={"album"}, exclude_none=True).items()
    }
    title = given.get("title", album["title"])
    event = event_of_title(title)
    return {
        **album,
        "title": title,
        "event_name": given.get("event", album["event_name"] or event.name),
        "event_year": given.get("year", album["event_year"] or event.year),
        "event_type": given.get("type", album["event_type"]),
    }


def remember(storage: Storage, override: Override) -> None:
    """Put an entry for one album into events.toml; comments and the rest stay as they are."""
    overrides(storage)  # a file that cannot be read is not written over
    try:
        document = tomlkit.parse(storage.read(KEY))
    except FileNotFoundError:
        document = tomlkit.document()
    entries = document.setdefault("event", tomlkit.aot())
    given = override.model_dump(exclude_none=True)
    if entries and entries[-1]["album"] == override.album:
        entries[-1].update(given)
    else:  # at the end, because the last one counts
        entries.append(tomlkit.item(given))
    storage.write_text(KEY, tomlkit.dumps(document))
