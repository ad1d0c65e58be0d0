"""Searches that people save: each user's own, the last word counts."""

from pathlib import Path

import pytest

from pipeline.errors import AlbumscopeError
from pipeline.library.searches import SEARCHES
from pipeline.settings import Settings
from pipeline.storage.opening import open_storage
from search_app.search.saved import SavedSearches


def test_searches_are_saved_and_forgotten(tmp_path: Path) -> None:
    storage = open_storage(Settings(data_dir=tmp_path))
    saved = SavedSearches(storage)
    saved.save("  Talks  of 2018 ", "q=talk&year=2018", "Ann@example.org")
    saved.save("dogs", "q=dogs", "ann@example.org")
    saved.save("dogs", "q=two+dogs", "ann@example.org")
    saved.save("cats", "q=cats", "")
    assert [*saved.of("ANN@example.org").items()] == [
        ("dogs", "q=two+dogs"),
        ("Talks of 2018", "q=talk&year=2018"),
    ]
    saved.forget("dogs", "ann@example.org")
    SEARCHES.condense(storage)
    assert list(SavedSearches(storage).of("ann@example.org")) == ["Talks of 2018"]
    assert list(saved.of("")) == ["cats"]
    with pytest.raises(AlbumscopeError, match="up to 100 characters"):
        saved.save("x" * 101, "q=dogs", "")
