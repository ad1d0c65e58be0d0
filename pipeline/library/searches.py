"""Searches that people save by a name. The one door for it.

They are the library's, not a browser's, and each user's own where one has to sign in.
"""

from datetime import datetime

from pydantic import BaseModel

from pipeline.errors import AlbumscopeError
from pipeline.library.journal import Journal

LONGEST_NAME = 100
LONGEST_QUERY = 4000  # characters


class SavedSearch(BaseModel):
    """A search that somebody saved, or forgot; the last word of a user on a name counts.

    ``query`` is that of the page's address; "" forgets what was saved. ``user`` is "" where nobody
    has to sign in.
    """

    name: str
    query: str
    user: str
    at: datetime


SEARCHES = Journal("searches", SavedSearch)
"""All searches that were saved."""


def checked_name(typed: str) -> str:
    """A name as it is kept. Raises AlbumscopeError if it is none."""
    name = " ".join(typed.split())
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise AlbumscopeError(
            "A search is saved by a name of up to {most} characters", most=LONGEST_NAME
        )
    return name
