"""Examples of searches: those that find something, in the language of the page."""

from pathlib import Path

import pytest

from pipeline.errors import AlbumscopeError
from pipeline.models.encoders.text_loading import load_text_encoder
from pipeline.settings import Settings
from search_app.page import examples
from search_app.page.language import LANGUAGES, in_language
from search_app.search.queries import Query
from search_app.search.searcher import Searcher
from search_app.search.spaces import VectorSpace, VectorSpaces
from tests.search_app.searching import searcher_of


@pytest.fixture
def searcher(demo_library: Path) -> Searcher:
    return searcher_of(demo_library)


def test_vectors_of_another_model_are_said_to_be_so(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaces = VectorSpaces.of(searcher.snapshot, "cpu")
    other = VectorSpace(searcher.snapshot.images, lambda: load_text_encoder("embedded", "cpu"))
    monkeypatch.setattr(searcher, "_spaces", spaces._replace(visual=other))
    with pytest.raises(AlbumscopeError, match="run `albumscope sync`"):
        searcher.search(Query("two dogs"))
    examples._found.clear()
    assert examples.examples(searcher) == []
    examples._found.clear()


@pytest.mark.parametrize("code", LANGUAGES)
def test_there_are_examples_in_each_language_that_find_something(
    searcher: Searcher, code: str
) -> None:
    with in_language(code):
        found = examples.examples(searcher)
    assert len(found) == 4
    assert all(
        searcher.search(Query(text, min_probability=Settings().min_probability)) for text in found
    )
