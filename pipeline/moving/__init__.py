"""Moving in with what other programs made, and taking out all that the library knows.

- ``flickr_scripts``, ``folder_scripts``: what the scripts left that Albumscope replaces
- ``database``: which of the two a file is of; ``opening``: asking it
- ``sidecars``, ``xmp_writing``: XMP of each photo; ``tables``: all tables as files

May import snapshot, library and all below them; is imported by the command line alone.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

Progress = Callable[[str, str, int], object]
"""Told of rows as they are done: of what kind they are, of which album, and how many by now."""


class NotTaken(NamedTuple):
    """A row of another program's table that is not taken over, or not wholly, and why."""

    row: int
    photo: str
    reason: str


class Takeover(Protocol):
    """What a database of other scripts has that the library has not; nothing is changed yet."""

    not_taken: list[NotTaken]
    """The rows that are not, or not wholly, taken over."""

    @property
    def found(self) -> dict[str, object]:
        """What the database is, and what of it is to be taken over: counts by their names."""
        ...

    @property
    def hints(self) -> Sequence[str]:
        """What could be taken over if it were asked for in another way."""
        ...

    @property
    def is_new(self) -> bool:
        """Whether there is anything to take over."""
        ...

    def take(self, progress: Progress) -> list[str]:
        """Take it over; returns what is to be told of it. May be repeated after any failure.

        Raises AlbumscopeError.
        """
        ...
