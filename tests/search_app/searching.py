"""A searcher of a library, for tests of the search alone."""

from pathlib import Path

from pipeline.settings import Settings
from pipeline.snapshot import reading
from search_app.search.searcher import Searcher


def searcher_of(data_dir: Path) -> Searcher:
    """A searcher of the current snapshot of the library in DATA_DIR."""
    return Searcher(reading.open_current(data_dir), Settings(data_dir=data_dir))
