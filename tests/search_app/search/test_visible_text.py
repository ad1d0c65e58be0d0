"""Text in pictures is searched for like any other words, and says where it stands."""

import pytest

from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.sources import folder
from search_app.search.queries import Query
from search_app.search.searcher import Searcher
from tests.pipeline.models.test_readers import slide
from tests.pipeline.quick_model import use_quick_models
from tests.pipeline.quick_sync import bring_in
from tests.search_app.searching import searcher_of


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    root = tmp_path_factory.mktemp("text")
    (root / "photos").mkdir()
    slide().save(root / "photos" / "one.jpg")
    for number in range(5):
        slide().crop((0, 800, 50 + number, 900)).save(root / "photos" / f"blank-{number}.jpg")
    library = Library(Settings(data_dir=root / "library", ocr=True))
    folder.register(library.storage, folder.Registration(str(root / "photos")))
    with pytest.MonkeyPatch.context() as patch:
        use_quick_models(patch)
        bring_in(library)
    return searcher_of(root / "library")


@pytest.mark.parametrize("query", ["registration", '"to pycon"', '"pycon registration"'])
def test_is_found(searcher: Searcher, query: str) -> None:
    (best,) = searcher.search(Query(query, mode="text"))
    assert best.title == "one"
    assert best.words


def test_says_where_it_stands(searcher: Searcher) -> None:
    (best,) = searcher.search(Query('"registration"', mode="text"))
    lines = searcher.details(best.image_id)["lines"]
    assert [line["text"] for line in lines] == ["Welcome to PyCon", "Registration"]
    assert all(len(line["corners"]) == 8 and line["score"] > 0.9 for line in lines)
    assert searcher.snapshot.manifest["tables"]["visible_text"] == 1
