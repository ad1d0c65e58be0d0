"""What people say, kept so that nothing waits for a lock: a file for each time that they say it.

A file, ``<folder>/<when>-<hex>.json``, is never changed, and what is said later counts more. Pages
on several machines may write at a time. Publishing puts the files into one when there are many; for
a moment both are there, so that all must mean the same if it is said once more in its order.
"""

import hashlib
import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.errors import DamagedFileError
from pipeline.storage import Storage, sealed

_log = logging.getLogger("albumscope.library")
Entry = TypeVar("Entry", bound=BaseModel)

MANY = 100
"""So many files are put into one."""


class Journal(Generic[Entry]):
    """The entries of one kind, whose files lie in a folder of the library."""

    def __init__(self, folder: str, kind: type[Entry]) -> None:
        self.folder = folder
        self._kind = kind

    def write(self, storage: Storage, entry: Entry) -> None:
        """Keep an entry. Raises AlbumscopeError if the disk or the bucket does not let it."""
        when = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
        self._write(storage, f"{when}-{secrets.token_hex(4)}.json", [entry])

    def names(self, storage: Storage) -> list[str]:
        """The names of the files, oldest first: another list whenever there is another entry."""
        return sorted(name for name in storage.names(self.folder) if name.endswith(".json"))

    def read(self, storage: Storage, name: str) -> list[Entry]:
        """The entries of a file. Raises FileNotFoundError and DamagedFileError."""
        key = f"{self.folder}/{name}"
        try:
            found = sealed.from_json(storage.read(key))["entries"]
            return [self._kind.model_validate(entry) for entry in found]
        except (ValueError, KeyError, ValidationError) as error:
            raise DamagedFileError(
                "{file} is damaged: run `albumscope sync`, which sets it aside",
                file=storage.where(key),
            ) from error

    def entries(self, storage: Storage) -> list[Entry]:
        """All that was said, the oldest first. Raises DamagedFileError."""
        while True:
            try:
                return [entry for name in self.names(storage) for entry in self.read(storage, name)]
            except FileNotFoundError:  # put into one meanwhile
                storage.refresh()

    def condense(self, storage: Storage) -> None:
        """Put the files into one, if there are many. Raises DamagedFileError."""
        names = self.names(storage)
        if len(names) >= MANY:
            entries = [entry for name in names for entry in self.read(storage, name)]
            last = names[-1].removesuffix(".json")
            self._write(storage, f"{last}-{secrets.token_hex(4)}.json", entries)
            storage.delete(*(f"{self.folder}/{name}" for name in names))

    def forget(self, storage: Storage) -> None:
        """Delete all that was said."""
        storage.delete_folder(self.folder)

    def _write(self, storage: Storage, name: str, entries: Sequence[Entry]) -> None:
        said = {"entries": [entry.model_dump(mode="json") for entry in entries]}
        storage.write_text(f"{self.folder}/{name}", sealed.to_json(said))


class Followed(Generic[Entry]):
    """The entries of a journal, of which only new files are read."""

    def __init__(self, journal: Journal[Entry]) -> None:
        self._journal = journal
        self._files: dict[str, list[Entry]] = {}
        self.entries: list[Entry] = []

    @property
    def version(self) -> str:
        """What is another whenever there is another file."""
        return hashlib.sha256("".join(self._files).encode()).hexdigest()

    @property
    def last(self) -> str:
        """The name of the newest file, which begins with when it was written; "" without any."""
        return next(reversed(self._files), "")

    def look(self, storage: Storage) -> bool:
        """Take up what is new; whether there is anything.

        Raises AlbumscopeError if the files cannot be listed.
        """
        while (names := self._journal.names(storage)) != [*self._files]:
            with suppress(FileNotFoundError):  # put into one meanwhile: there are other names now
                self._files = {
                    name: self._files.get(name) or self._read(storage, name) for name in names
                }
                self.entries = [*chain.from_iterable(self._files.values())]
                return True
            storage.refresh()
        return False

    def _read(self, storage: Storage, name: str) -> list[Entry]:
        """The entries of a file; what is damaged does not keep people from searching."""
        try:
            return self._journal.read(storage, name)
        except DamagedFileError as error:
            _log.warning("%s. Until then what it says does not count.", error)
            return []
