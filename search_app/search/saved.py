"""The searches that people saved, as they are now."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime

from pipeline.errors import AlbumscopeError
from pipeline.library.journal import Followed
from pipeline.library.searches import LONGEST_QUERY, SEARCHES, SavedSearch, checked_name
from pipeline.storage import Storage


class SavedSearches:
    """Saves searches, and knows those that were saved. May serve many threads."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._looking = threading.Lock()
        self._said = Followed(SEARCHES)

    def of(self, user: str) -> Mapping[str, str]:
        """The queries of a user's searches by their names, in the order of these.

        Raises AlbumscopeError if they cannot be listed.
        """
        with self._looking:
            self._said.look(self._storage)
            said = {each.name: each.query for each in self._said.entries if each.user == _key(user)}
        return {name: said[name] for name in sorted(said, key=str.casefold) if said[name]}

    def save(self, name: str, query: str, user: str) -> None:
        """Save a search, instead of what has the name.

        Raises AlbumscopeError if the name is none, or if the disk or the bucket does not let it.
        """
        if len(query) > LONGEST_QUERY:
            raise AlbumscopeError("This search is too long to be saved: take fewer filters")
        self._write(checked_name(name), query, user)

    def forget(self, name: str, user: str) -> None:
        """Save a search no more. Raises AlbumscopeError if the disk does not let it."""
        if name in self.of(user):
            self._write(name, "", user)

    def _write(self, name: str, query: str, user: str) -> None:
        saved = SavedSearch(name=name, query=query, user=_key(user), at=datetime.now(UTC))
        SEARCHES.write(self._storage, saved)


def _key(user: str) -> str:
    return user.casefold()
