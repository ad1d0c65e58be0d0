"""What a snapshot is made from, and whether the newest one is made from what there is now."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipeline.errors import AlbumscopeError
from pipeline.library.corrections import PEOPLE
from pipeline.library.marks import TAGS
from pipeline.library.schemas import SCHEMAS, VECTOR_TABLES
from pipeline.snapshot.mirror import remote_snapshots
from pipeline.snapshot.reading import FORMAT, named_current, names, read_manifest

if TYPE_CHECKING:
    from pipeline.library.library import Library


ALL_TABLES = tuple(SCHEMAS)


class InputFile(NamedTuple):
    """A file of a table of the library. ``version`` is another whenever the file is."""

    table_name: str
    partition: str
    version: str


def input_files(library: "Library", tables: Iterable[str] = ALL_TABLES) -> Sequence[InputFile]:
    """The files that a snapshot is made from, or those of some tables.

    Among all are what people say of faces and tags, as of tables ``people`` and ``marks/tag``.
    """
    files = [
        InputFile(table, partition, library.tables.version(table, partition))
        for table in tables
        for partition in library.tables.partitions(table)
    ]
    if tables is ALL_TABLES:
        files += [
            InputFile(journal.folder, name, "")
            for journal in (PEOPLE, TAGS)
            for name in journal.names(library.storage)
        ]
    return files


def fingerprint(library: "Library", files: Sequence[InputFile]) -> str:
    """What is another whenever any of these files is, or what makes vectors or snapshots."""
    settings = library.settings
    grouping = f"{settings.face_likeness} {settings.faces_a_person}"
    digest = hashlib.sha256(f"{FORMAT} {producers(library)} {grouping}".encode())
    for file in files:
        digest.update(f"{file}\n".encode())
    return digest.hexdigest()


def producers(library: "Library") -> dict[str, str]:
    """Who makes the vectors, by table."""
    return {table: library.stages[table].producer for table in VECTOR_TABLES}


def is_due(library: "Library") -> bool:
    """Whether there is something to publish: readers find no good snapshot, or not the newest
    tables in it. A library without albums that never published anything has nothing."""
    data_dir = library.settings.library_dir
    if remote := remote_snapshots(library.settings):
        remote.mirror()
    current = named_current(data_dir)
    if current is None and not library.albums():
        return False
    now = fingerprint(library, input_files(library))
    return not (is_good(data_dir, current) and newest_if_same(data_dir, now))


def newest_if_same(data_dir: Path, fingerprint: str) -> tuple[str, dict[str, Any]] | None:
    """Name and manifest of the newest snapshot, if it is made from what has this fingerprint."""
    for name in names(data_dir)[-1:]:
        try:
            manifest = read_manifest(data_dir, name)
        except AlbumscopeError:
            return None
        if manifest.get("inputs") == fingerprint and manifest.get("format") == FORMAT:
            return name, manifest
    return None


def is_good(data_dir: Path, name: str | None) -> bool:
    """Whether there is such a snapshot, and its files are as its manifest says."""
    try:
        return name is not None and bool(read_manifest(data_dir, name))
    except AlbumscopeError:
        return False
