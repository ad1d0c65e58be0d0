"""What the library is made of::

    tables/<table>/<album id>.parquet              see tables.py; of table albums one a source
    tables/<table>/<producer>/<album id>.parquet   vectors, kept for every model
    folders/<registration>.json                    the folders that were added
    people/<when>-<hex>.json                       what they say of faces: corrections.py
    marks/<kind>/<when>-<hex>.json                 what they mark photos with: marks.py
    searches/<when>-<hex>.json                     searches that they save: searches.py
    tokens/<sha256>.json                           who may read over the API: tokens.py
    imported/<when>-<hex>.json                     descriptions that were moved in: imported.py
    events.toml, queries.toml                      what they write: events of albums, judged queries
    flickr/albums/<album id>.json                  the photos of an album as Flickr listed them
    photos/<album id>/<photo id>.jpg               those from Flickr
    snapshots/                                     see snapshot/reading.py
    running/<host>-<process>.json                  what is being worked on now: under_way.py

These lie in DATA_DIR, or below LIBRARY_URL with copies in DATA_DIR. What a machine keeps for itself
lies in its DATA_DIR::

    status.json    how far albums were found to be; may be deleted
    files.json     what the tables' files were found to hold; may be deleted
    dagster/       Dagster's own storage
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from pipeline.storage import Storage
from pipeline.storage.disk import TEMPORARY, is_left_over

SMALL = ("folders", "people", "marks", "searches", "tokens", "imported")
"""The folders of what people say, in small files."""


def small_files(storage: Storage, folders: Iterable[str] = SMALL) -> Iterator[str]:
    """The keys of the JSON files in these folders of the library."""
    for folder in folders:
        yield from [key for key in storage.walk(folder) if key.endswith(".json")]


def sweep(library_dir: Path, folders: Iterable[str] = ("tables", "photos", "flickr")) -> None:
    """Delete the temporary files that killed writers left behind, here and in these folders."""
    here = library_dir.glob(f".*{TEMPORARY}")
    below = ((library_dir / folder).rglob(f".*{TEMPORARY}") for folder in folders)
    for file in chain(here, *below):
        if is_left_over(file):
            file.unlink(missing_ok=True)
