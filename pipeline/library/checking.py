"""Whether the library's files are as they were written: every byte of them is read."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import AlbumscopeError, PhotoError
from pipeline.library.files import SMALL, small_files
from pipeline.library.library import Library
from pipeline.photos.files import sha256_of
from pipeline.sources.events import overrides
from pipeline.storage import sealed

SYNC = "run `albumscope sync`: it sets it aside and makes what was in it anew"


class Damage(NamedTuple):
    """A file that is not as it was written, what is wrong with it, and what to do."""

    file: str
    reason: str
    advice: str


def damaged_files(library: Library) -> Iterator[Damage]:
    """The files of the library that are damaged or missing; snapshots are left out.

    The next sync looks for itself at all tables if one of them is damaged.
    """
    tables = list(_damaged_tables(library))
    if tables:
        library.tables.forget_contents()
    yield from tables
    yield from _damaged_pictures(library)
    for key in small_files(library.storage, (*SMALL, "flickr/albums")):
        if not sealed.is_as_written(library.storage.local(key)):
            yield Damage(library.storage.where(key), "it is not what was written", SYNC)
    try:
        overrides(library.storage)
    except AlbumscopeError as error:
        yield Damage(library.storage.where("events.toml"), str(error), "mend it in an editor")
    for path in (
        library.settings.library_dir / "files.json",
        library.settings.data_dir / "status.json",
    ):
        if path.exists() and not sealed.is_as_written(path):
            yield Damage(str(path), "it is not what was written", "nothing: it is made anew")


def _damaged_tables(library: Library) -> Iterator[Damage]:
    storage = library.storage
    for key in library.tables.missing():
        yield Damage(storage.where(key), "it is missing", SYNC)
    for key in storage.walk("tables"):
        if key.endswith(".parquet") and not sealed.is_as_written(storage.local(key)):
            yield Damage(storage.where(key), "it is not what was written", SYNC)


def _damaged_pictures(library: Library) -> Iterator[Damage]:
    """Of the pictures that the library has itself: those that were downloaded."""
    for album_id in library.tables.partitions("raw_images"):
        try:
            rows = library.tables.read("raw_images", album_id, ["path", "sha256"]).to_pylist()
        except AlbumscopeError:  # it is told of as a table
            continue
        for row in rows:
            key = os.fsdecode(row["path"] or b"")
            if not row["sha256"] or Path(key).is_absolute():
                continue
            try:
                is_as_written = sha256_of(str(library.storage.local(key))) == row["sha256"]
                reason = "" if is_as_written else "it is not what was downloaded"
            except (FileNotFoundError, PhotoError):
                reason = "it is missing"
            if reason:
                advice = (
                    "delete it, if it is there, and run `albumscope sync`: it is downloaded anew"
                )
                yield Damage(library.storage.where(key), reason, advice)
