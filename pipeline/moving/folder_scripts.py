"""The folder scripts: ``images.db`` (SQLite) with a row for each photo, and its description.

The photos' folders are registered, and the descriptions become captions. What else there is (EXIF,
vectors of the descriptions) is made anew from the photos, which is cheap.
"""

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import AlbumscopeError
from pipeline.library.imported import IMPORTS, Imported, ImportedCaptions
from pipeline.library.library import Library
from pipeline.moving import NotTaken, Progress
from pipeline.moving.opening import explained
from pipeline.photos.files import is_photo_name, printable
from pipeline.photos.words import MAX_TEXT, text
from pipeline.sources.folder import Registration, register, registrations
from pipeline.sources.folder.exclusions import Exclusions, is_photo_library
from pipeline.sources.folder.source import Folder
from pipeline.sources.folder.walking import folders_with_photos, photos_in

_SAMPLE = 500  # rows that tell what a column holds
_SHORTEST = 15  # characters that descriptions have in the mean
_LEFT_OUT = "its folder leaves it out (.albumignore, or what it was added with)"
_NO_CAPTION = ("{", "[", "<")  # how EXIF data begin that are kept as a text


class Columns(NamedTuple):
    """Where a database has what: a table, and its columns; ``caption`` is None without any."""

    table: str
    path: str
    caption: str | None


class _Photo(NamedTuple):
    row: int
    path: str
    """That which the library has of it."""
    folder: str
    caption: str | None


class FolderScripts:
    """What the folder scripts left: a ``Takeover``."""

    def __init__(
        self,
        library: Library,
        database: Path,
        path_column: str | None = None,
        caption_column: str | None = None,
    ) -> None:
        """Look at every row, and whether its photo is there. Raises AlbumscopeError."""
        self.not_taken: list[NotTaken] = []
        self._library = library
        self._database = database
        uri = f"{database.absolute().as_uri()}?mode=ro"
        with explained(database), closing(sqlite3.connect(uri, uri=True)) as opened:
            opened.text_factory = os.fsdecode
            self._columns = _find_columns(opened, database, path_column, caption_column)
            rows = _read(opened, self._columns)
        self._photos = self._there(rows)
        self._registrations = self._missing({Path(photo.folder) for photo in self._photos})
        self._captions = self._new_captions()

    @property
    def found(self) -> dict[str, object]:
        """See ``Takeover``."""
        return {
            "made_by": "folder scripts",
            "database": printable(self._database),
            "table": self._columns.table,
            "path_column": self._columns.path,
            "caption_column": self._columns.caption,
            "photos": len(self._photos),
            "folders": [
                printable(each.folder) + (" and those below" if each.recursive else "")
                for each in self._registrations
            ],
            "captions": len(self._captions),
            "captions_there_already": sum(bool(each.caption) for each in self._photos)
            - len(self._captions),
            "rows_not_taken": len({each.row for each in self.not_taken}),
        }

    @property
    def hints(self) -> Sequence[str]:
        """See ``Takeover``."""
        if self._columns.caption:
            return []
        return ["No column holds descriptions, it seems: --caption-column names one"]

    @property
    def is_new(self) -> bool:
        """See ``Takeover``."""
        return bool(self._registrations or self._captions)

    def take(self, progress: Progress) -> list[str]:
        """See ``Takeover``."""
        library = self._library
        for registration in self._registrations:
            register(library.storage, registration)
        listing = library.find_albums(Folder.name)
        library.catalogue(listing)
        by_folder = {os.fsdecode(album["folder"]): album for album in listing.albums}
        captions: dict[str, str] = {}
        wanted: dict[str, list[_Photo]] = defaultdict(list)
        for photo in self._captions:
            wanted[photo.folder].append(photo)
        for folder, photos in wanted.items():
            album = by_folder.get(folder)
            if album is None:
                for photo in photos:
                    self._leave(photo.row, photo.path, _LEFT_OUT)
                continue
            library.raw_images.refresh(album, partial(progress, "photos", album["title"]))
            columns = ["path", "sha256", "error"]
            rows = {
                os.fsdecode(row["path"]): row
                for row in library.tables.read("raw_images", album["album_id"], columns).to_pylist()
            }
            for photo in photos:
                row = rows.get(photo.path, {"error": "the file is gone"})
                if row["error"]:
                    self._leave(photo.row, photo.path, row["error"])
                else:
                    captions[row["sha256"]] = photo.caption or ""
        if captions:
            IMPORTS.write(library.storage, ImportedCaptions(captions=captions))
        return list(listing.warnings)

    def _leave(self, row: int, path: str, reason: str) -> None:
        self.not_taken.append(NotTaken(row, printable(path[:MAX_TEXT]), reason))

    def _there(self, rows: Iterable[tuple[object, object]]) -> list[_Photo]:
        """The rows whose photos the library can take, the last one of each photo."""
        folders: dict[str, _Folder] = {}
        exclusions = _Exclusions(registrations(self._library.storage))
        photos: dict[str, _Photo] = {}
        for number, (given, description) in enumerate(rows, 1):
            path = os.fsdecode(given) if isinstance(given, str | bytes) else ""
            parent, name = os.path.split(self._database.absolute().parent / path)
            if parent not in folders:
                folders[parent] = _Folder(parent, exclusions)
            main = folders[parent].photo_of(name)
            if main is None:
                self._leave(number, path, folders[parent].why_not(name) if path else "no path")
                continue
            caption = text(description)
            if isinstance(description, str) and len(description) > MAX_TEXT:
                self._leave(number, path, f"its description is cut after {MAX_TEXT:,} characters")
            photo = _Photo(number, main, folders[parent].album, caption)
            before = photos.get(main)
            if before and before.caption and not caption:
                continue
            if before and before.caption and before.caption != caption:
                self._leave(before.row, path, f"row {number} describes the same photo, and counts")
            photos[main] = photo
        return list(photos.values())

    def _missing(self, folders: set[Path]) -> list[Registration]:
        """What is to be registered so that the library has all these folders."""
        added = registrations(self._library.storage)
        return cover(
            {
                folder
                for folder in folders
                if not any(
                    Path(each.folder) == folder
                    or (each.recursive and Path(each.folder) in folder.parents)
                    for each in added
                )
            }
        )

    def _new_captions(self) -> list[_Photo]:
        """The photos whose descriptions the library has not, as far as it knows the photos."""
        imported = Imported(self._library.storage).captions
        rows = self._library.tables.read_all("raw_images", ["path", "sha256"]).to_pydict()
        known = dict(zip(map(os.fsdecode, rows["path"]), rows["sha256"], strict=True))
        return [
            photo
            for photo in self._photos
            if photo.caption and imported.get(known.get(photo.path) or "") != photo.caption
        ]


class _Exclusions:
    """What is left out of which folder."""

    def __init__(self, added: Sequence[Registration]) -> None:
        self._added = added

    def of(self, folder: Path) -> Exclusions:
        for each in self._added:
            if Path(each.folder) in (folder, *folder.parents):
                return each.exclusions
        return Exclusions(folder)


class _Folder:
    """A folder as the database names it, and the photos that the library sees in it."""

    def __init__(self, path: str, exclusions: _Exclusions) -> None:
        self.album = self._path = ""
        self._photos: Mapping[str, str] = {}
        try:
            real = Path(os.path.realpath(path))
            album = next((each for each in (real, *real.parents) if is_photo_library(each)), real)
            found = photos_in(album, exclusions.of(album)) if album.is_dir() else []
        except (OSError, ValueError):  # a name that no folder can have; not ours to read
            return
        self.album, self._path = str(album), str(real)
        mains = {each.entry.path: each.entry.path for each in found}
        beside = {
            str(Path(each.entry.path).with_name(name)): each.entry.path
            for each in found
            for name in each.companions
        }
        self._photos = beside | mains

    def photo_of(self, name: str) -> str | None:
        """The path of the photo that a file is, or is one with; None if it is not taken."""
        return self._photos.get(os.path.join(self._path, name))  # noqa: PTH118  # may be no text

    def why_not(self, name: str) -> str:
        """Why a file is not taken."""
        try:
            if not Path(self._path, name).is_file():
                return "there is no such file"
        except (OSError, ValueError):
            return "this cannot be a path"
        if not is_photo_name(name):
            return "not a photo in a format that can be read"
        return _LEFT_OUT


def cover(folders: set[Path]) -> list[Registration]:
    """The fewest registrations that have these folders, and no other folder that holds photos.

    Together with those that are new in them.
    """
    if not folders:
        return []
    root = Path(os.path.commonpath(folders))
    if root == Path(root.anchor):  # all of this machine: its disks one by one
        disks: dict[str, set[Path]] = defaultdict(set)
        for folder in folders:
            disks[folder.parts[1] if len(folder.parts) > 1 else ""].add(folder)
        if len(disks) > 1:
            return [each for disk in disks.values() for each in cover(disk)]
    others = {each.path for each in folders_with_photos(root, recursive=True)} - folders
    mixed = {each for other in others for each in (other, *other.parents)}
    tops = set()
    for folder in folders - mixed:
        top = folder
        while top != root and top.parent not in mixed:
            top = top.parent
        tops.add(top)
    alone = [Registration(str(folder)) for folder in sorted(folders & mixed)]
    return alone + [Registration(str(top), recursive=True) for top in sorted(tops)]


def _find_columns(
    opened: sqlite3.Connection, database: Path, path: str | None, caption: str | None
) -> Columns:
    """The table whose column holds the paths of photos, and its column of long texts.

    Of several columns that of the most paths that exist, and of the longest texts. Columns that
    are given, as ``column`` or ``table.column``, count. Raises AlbumscopeError.
    """
    tables = _tables(opened)
    best: tuple[tuple[int, int, bool], str, str] | None = None
    for table, columns in tables.items():
        for column in columns:
            if path not in {None, column, f"{table}.{column}"}:
                continue
            values = [os.fsdecode(each) for each in _sample(opened, table, column)]
            named = [each for each in values if is_photo_name(os.path.basename(each))]  # noqa: PTH119
            there = sum(map(_exists, (database.absolute().parent / each for each in named)))
            score = there, len(named), "path" in column.lower()
            if (named or path) and (best is None or score > best[0]):
                best = score, table, column
    if best is None:
        known = "; ".join(f"{table}: {', '.join(columns)}" for table, columns in tables.items())
        raise AlbumscopeError(
            "{file} has no column {column}. Name one by --path-column; there are: {columns}",
            file=printable(database),
            column=path or "of paths of photos",
            columns=known or "no tables",
        )
    _, table, path_column = best
    others = [each for each in tables[table] if each != path_column]
    if caption is not None:
        named_caption = caption.removeprefix(f"{table}.")
        if named_caption not in others:
            raise AlbumscopeError(
                "Table {table} has no column {column}; there are: {columns}",
                table=table,
                column=caption,
                columns=", ".join(others),
            )
        return Columns(table, path_column, named_caption)
    lengths = {each: _mean_length(_sample(opened, table, each)) for each in others}
    longest = max(lengths, key=lengths.__getitem__, default=None)
    return Columns(
        table, path_column, longest if longest and lengths[longest] >= _SHORTEST else None
    )


def _tables(opened: sqlite3.Connection) -> dict[str, list[str]]:
    names = opened.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE"
        " 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
    ).fetchall()
    return {
        name: [column for _, column, *_ in opened.execute(f"PRAGMA table_info({_quoted(name)})")]
        for (name,) in names
    }


def _sample(opened: sqlite3.Connection, table: str, column: str) -> list[str | bytes]:
    """The beginnings of some texts of a column; of a path that is no UTF-8 it may be a blob."""
    quoted = _quoted(column)
    found = opened.execute(
        f"SELECT substr({quoted}, 1, {MAX_TEXT}) FROM {_quoted(table)}"
        f" WHERE typeof({quoted}) IN ('text', 'blob') LIMIT {_SAMPLE}"
    )
    return [value for (value,) in found]


def _mean_length(values: Sequence[str | bytes]) -> float:
    """Of the texts that people could have written of a photo; 0 without any."""
    lengths = [
        len(value) if " " in value and not value.startswith(_NO_CAPTION) else 0
        for value in values
        if isinstance(value, str)
    ]
    return sum(lengths) / len(lengths) if lengths else 0.0


def _read(opened: sqlite3.Connection, columns: Columns) -> list[tuple[object, object]]:
    caption = _quoted(columns.caption) if columns.caption else "NULL"
    return opened.execute(
        f"SELECT {_quoted(columns.path)}, substr({caption}, 1, {MAX_TEXT + 1})"
        f" FROM {_quoted(columns.table)}"
    ).fetchall()


def _exists(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
