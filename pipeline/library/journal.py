"""What people say, kept so that nothing waits for a lock: a file for each time that they say it.

A file, ``<folder>/<when>-<hex>.json``, is never changed, and what is said later counts more. Pages
on several machines may write at a time. Publishing puts the files into one when there are many; for
a moment both are there, so that all must mean the same if it is said once more in its order.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.errors import DamagedFileError
from pipeline.storage import Storage, sealed

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
