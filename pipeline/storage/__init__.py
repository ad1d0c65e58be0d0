"""Where bytes lie: on a disk, or in a bucket of an object store.

Knows nothing of what they mean. May import settings and errors.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

DAMAGED = ".damaged"
"""How the names of files end that were damaged and set aside, for people to look at."""


class Storage(Protocol):
    """Files by their keys: paths from the root on, with "/" (``tables/albums/folder.parquet``).

    No file is ever changed in place: readers need no lock, and a killed writer leaves the old one.
    All methods may be called from several threads, and raise AlbumscopeError that says what to do
    if the disk or the object store does not let them.
    """

    def read(self, key: str) -> bytes:
        """The content of a file. Raises FileNotFoundError."""
        ...

    def local(self, key: str, sha256: str | None = None) -> Path:
        """A file on this disk with the content of this one. Raises FileNotFoundError.

        For whoever opens files by their paths, at once: another process may delete a copy of what
        was replaced. Where the content's ``sha256`` is known, a copy that has it will do, and no
        object store is asked.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether there is such a file."""
        ...

    def names(self, folder: str) -> list[str]:
        """The names of what lies in a folder, those of temporary files left out."""
        ...

    def walk(self, folder: str) -> Iterator[str]:
        """The keys of the files in a folder and all folders below it."""
        ...

    def version(self, key: str) -> str:
        """What changes whenever the file is replaced; empty without one."""
        ...

    def replace(self, key: str, write: Callable[[Path], object]) -> None:
        """Write a file: ``write`` is given a temporary path, which then takes the file's place."""
        ...

    def write_text(self, key: str, text: str) -> None:
        """Write a text as ``replace`` does."""
        ...

    def delete(self, *keys: str) -> None:
        """Delete these files, if they are there."""
        ...

    def set_aside(self, key: str) -> None:
        """Give a damaged file a name that ends in ``DAMAGED``, which nothing reads."""
        ...

    def delete_folder(self, folder: str) -> None:
        """Delete what lies in a folder, and the folder."""
        ...

    def where(self, key: str) -> str:
        """Where a file lies, for a person who wants to look at it."""
        ...

    def refresh(self) -> None:
        """Take up what other machines have written meanwhile."""
        ...
