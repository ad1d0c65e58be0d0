"""Which scripts a file is of, or a folder: each kind of database tells by its first bytes."""

from pathlib import Path

from pipeline.errors import AlbumscopeError
from pipeline.library.library import Library
from pipeline.moving import Progress, Takeover
from pipeline.moving.flickr_scripts import FlickrScripts
from pipeline.moving.folder_scripts import FolderScripts
from pipeline.photos.files import printable

_SUFFIXES = {".duckdb", ".db", ".sqlite", ".sqlite3"}
_IS_WHAT = "the database of the Flickr scripts (DuckDB) or of the folder scripts (SQLite)"


def look(
    library: Library,
    given: Path,
    path_column: str | None = None,
    caption_column: str | None = None,
    progress: Progress = lambda *done: None,
) -> Takeover:
    """See what a database, or the one in a folder, has that the library has not.

    The columns are of a database of the folder scripts, and found where they are None. Raises
    AlbumscopeError for what is no such database, or cannot be read.
    """
    file = _database_in(given) if given.is_dir() else given
    kind = _kind(file)
    if kind == "duckdb":
        return FlickrScripts(library, file, progress)
    if kind == "sqlite":
        return FolderScripts(library, file, path_column, caption_column)
    raise AlbumscopeError("{file} is not " + _IS_WHAT, file=printable(file))


def _database_in(folder: Path) -> Path:
    try:
        files = [each for each in sorted(folder.iterdir()) if each.suffix.lower() in _SUFFIXES]
    except OSError as error:
        raise _unreadable(folder, error) from error
    found = [each for each in files if each.is_file() and _kind(each)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(printable(each.name) for each in found)
        raise AlbumscopeError(
            "{folder} holds {files}: name one of them", folder=printable(folder), files=names
        )
    raise AlbumscopeError("{folder} does not hold " + _IS_WHAT, folder=printable(folder))


def _kind(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            start = opened.read(16)
    except OSError as error:
        raise _unreadable(file, error) from error
    if start[8:12] == b"DUCK":
        return "duckdb"
    return "sqlite" if start.startswith(b"SQLite format 3\0") else None


def _unreadable(path: Path, error: OSError) -> AlbumscopeError:
    return AlbumscopeError(
        "{file} cannot be read: {reason}", file=printable(path), reason=error.strerror
    )
