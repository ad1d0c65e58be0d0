"""What the library is made of::

    tables/<table>/<album id>.parquet              see tables.py; of table albums one a source
    tables/<table>/<producer>/<album id>.parquet   vectors, kept for every model
    folders/<registration>.json                    the folders that were added
    events.toml                                    which events albums belong to
    flickr/albums/<album id>.json                  the photos of an album as Flickr listed them
    photos/<album id>/<photo id>.jpg               those from Flickr
    snapshots/                                     see snapshot/reading.py

These lie in DATA_DIR, or below LIBRARY_URL with copies in DATA_DIR. What a machine keeps for itself
lies in its DATA_DIR::

    status.json    how far albums were found to be; may be deleted
    files.json     what the tables' files were found to hold; may be deleted
    dagster/       Dagster's own storage
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from pipeline.storage import Storage
from pipeline.storage.disk import TEMPORARY

_LEFTOVER_AGE = 24 * 3600.0  # seconds; no writer works on one file that long


def small_files(storage: Storage, folders: Iterable[str] = ("folders",)) -> Iterator[str]:
    """The keys of the JSON files in these folders of the library."""
    for folder in folders:
        yield from [key for key in storage.walk(folder) if key.endswith(".json")]


def sweep(library_dir: Path) -> None:
    """Delete the temporary files that killed writers left behind."""
    for folder in ("tables", "photos", "flickr"):
        for file in (library_dir / folder).rglob(f".*{TEMPORARY}"):
            with suppress(FileNotFoundError):
                if time.time() - file.stat().st_ctime > _LEFTOVER_AGE:
                    file.unlink()
