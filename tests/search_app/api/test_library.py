"""A library in Python."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import NotInLibraryError, QueryError
from search_app import open_library
from search_app.api.answers import Asked
from search_app.api.library import Wanted


def test_a_library_is_searched_and_shown_in_a_notebook(demo_library: Path) -> None:
    with open_library(demo_library) as library:
        photos = library.search("a dog", event=["Nature Walks 2018"], min_probability=0)
        assert photos[0].title == "two dogs"
        assert photos.total == len(photos) == 9
        shown = photos[:2]._repr_html_()
        assert shown.count('src="data:image/jpeg;base64,') == 2
        assert "two dogs</figcaption>" in shown
        assert photos.to_arrow()["image_id"][0].as_py() == photos[0].image_id
        assert list(photos.to_pandas()["title"]) == [photo.title for photo in photos]
        assert library.photo(photos[0].image_id).albums[0].title == "Nature Walks 2018"
        assert library.picture(photos[0].image_id).height == 480
        assert len(library.similar(photos[0].image_id, limit=3)) == 3
        assert sum(album.photo_count for album in library.albums()) == 28
        with pytest.raises(QueryError, match="limit: Input should be"):
            library.search(limit=0)
        with pytest.raises(QueryError, match="limit: Input should be"):
            library.similar(photos[0].image_id, limit=0)
        with pytest.raises(QueryError, match=r"tag\[1\]: String should have"):
            library.search(tag=["dog", "x" * 201])
        for beyond in (-1, 2**63, 2**70):
            with pytest.raises(NotInLibraryError):
                library.photo(beyond)
    assert {*Wanted.__annotations__} == {*Asked.model_fields} - {"q", "limit", "offset"}


def test_what_is_heavy_is_imported_when_it_is_needed() -> None:
    code = "import sys, search_app; assert not {'numpy', 'duckdb', 'pydantic'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)
