"""Bringing photos into a library, and a searcher of it, for tests of the search alone."""

from pathlib import Path

import duckdb

from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.snapshot import publishing, reading
from search_app.search.searcher import Searcher


def searcher_of(data_dir: Path) -> Searcher:
    """A searcher of the current snapshot of the library in DATA_DIR."""
    return Searcher(reading.open_current(data_dir), Settings(data_dir=data_dir))


def bring_in(library: Library) -> None:
    """What a sync does, without Dagster's seconds for it."""
    for listing in library.ask_sources()[0].values():
        library.catalogue(listing)
    for album in library.albums():
        for stage in library.stages.values():
            stage.refresh(album)
    publishing.publish(library, duckdb.connect, run_id="test")
