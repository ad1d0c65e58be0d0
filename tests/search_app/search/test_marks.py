"""Favourites, tags and hidden photos: found at once, undone, and kept whatever is made anew."""

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from PIL import Image

from pipeline.errors import AlbumscopeError
from pipeline.library import journal
from pipeline.library.library import Library
from pipeline.library.marks import JOURNALS, TAGS
from pipeline.settings import Settings
from pipeline.snapshot import publishing
from pipeline.sources import folder
from search_app.search.filters import Filters
from search_app.search.marks import Action, Marking
from search_app.search.queries import Query
from search_app.search.searcher import Searcher
from tests.conftest import built_once
from tests.pipeline.quick_model import use_quick_models
from tests.pipeline.quick_sync import bring_in
from tests.search_app.searching import searcher_of

PHOTOS = ("blue", "gold", "green", "loved", "red")
RATING = 0x4746
KEYWORDS = """
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:subject><rdf:Bag><rdf:li>Old Harbour</rdf:li><rdf:li>boat</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>
"""


def with_five_photos(root: Path) -> Library:
    """``green`` has tags; Takeout calls ``loved`` a favourite; ``gold`` has stars."""
    (root / "photos").mkdir()
    for title in PHOTOS:
        exif = Image.Exif()
        if title == "gold":
            exif[RATING] = 5
        colour = title if title != "loved" else "black"
        Image.new("RGB", (8, 8), colour).save(root / "photos" / f"{title}.jpg", exif=exif)
    (root / "photos" / "green.jpg.xmp").write_text(KEYWORDS)
    (root / "photos" / "loved.jpg.json").write_text(
        '{"title": "loved.jpg", "photoTakenTime": {"timestamp": "0"}, "favorited": true}'
    )
    library = Library(Settings(data_dir=root / "library"))
    folder.register(library.storage, folder.Registration(str(root / "photos")))
    bring_in(library)
    return library


@pytest.fixture(autouse=True)
def _quick_models(monkeypatch: pytest.MonkeyPatch) -> None:
    use_quick_models(monkeypatch)


@pytest.fixture
def library(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Of five photos; the test may change it, and not the photos."""
    five = built_once(tmp_path_factory, "five", with_five_photos)
    shutil.copytree(five / "library", data_dir)
    return Library(Settings(data_dir=data_dir))


def searcher(library: Library) -> Searcher:
    return searcher_of(library.settings.data_dir)


def publish(library: Library) -> Searcher:
    publishing.publish(library, duckdb.connect, run_id="test")
    return searcher(library)


def found(searcher: Searcher, text: str, **filters: Any) -> set[str]:
    query = Query(text, filters=Filters(**filters), mode="text")
    return {hit.title or "" for hit in searcher.search(query)}


def mark(
    searcher: Searcher, action: Action, *titles: str, tag: str = "", user: str = ""
) -> Marking:
    rows = searcher.snapshot.cursor().execute("SELECT title, image_id FROM images").fetchall()
    ids = [image_id for title, image_id in rows if title in titles]
    return searcher.marks.mark(Marking(action, ids, tag, user))


def test_favourites_are_the_askers_own_and_what_photos_say(library: Library) -> None:
    one = searcher(library)
    assert found(one, "is:favourite") == {"loved", "gold"}
    mark(one, "favourite", "red", "green", user="Ada@example.org")
    undo = mark(one, "unfavourite", "loved", "blue", user="ada@example.org")

    for page in (one, publish(library)):
        assert found(page, "is:favourite", user="ada@example.org") == {"red", "green", "gold"}
        assert found(page, "is:favorite", user="grace@example.org") == {"loved", "gold"}
        assert found(page, "-is:favourite", user="ada@example.org") == {"loved", "blue"}
        hits = page.browse(Filters(marked=("favourite",), user="ada@example.org"))
        assert {hit.title for hit in hits} == {"red", "green", "gold"}
    one.marks.mark(undo)
    assert found(one, "is:favourite", user="ada@example.org") == {"red", "green", "gold", "loved"}


def test_a_search_is_another_where_a_mark_makes_it_so(library: Library) -> None:
    one = searcher(library)

    def versions() -> list[str]:
        asked = (Query("boat"), Query("is:favourite"), Query(filters=Filters(tags=("boat",))))
        marks = one.marks.now()
        return [marks.version(each.filters, one.understand(each.text)) for each in asked]

    def changed(action: Action, tag: str = "") -> list[bool]:
        before = versions()
        mark(one, action, "red", tag=tag)
        return [now != then for now, then in zip(versions(), before, strict=True)]

    assert changed("favourite") == [False, True, False]
    assert changed("add_tag", "boat") == [False, False, True]
    assert changed("hide") == [True, True, True]


def test_hidden_photos_are_found_by_nothing_until_asked_for(library: Library) -> None:
    one = searcher(library)
    assert found(one, "boat") == {"green"}
    (green,) = one.search(Query("boat", mode="text"))
    undo = mark(one, "hide", "green", "red")

    shown = {"blue", "gold", "loved"}
    assert {hit.title for hit in one.browse(Filters())} == shown
    assert one.counts("tags") == one.counts("tags", Query("picture", mode="text")) == {"picture": 3}
    assert {row["title"] for row in one.images(Filters())} == shown
    assert found(one, "picture") == shown
    for query in ("boat", "tag:boat", "rating:1..4", "green", '"all in all" tag:boat'):
        assert found(one, query) == set()
    assert found(one, "is:hidden") == {"green", "red"}
    assert found(one, "is:hidden tag:boat") == {"green"}
    assert found(one, "is:hidden is:favourite") == set()
    assert {hit.title for hit in one.browse(Filters(marked=("hidden",)))} == {"green", "red"}
    assert one.details(green.image_id)["title"] == "green"

    assert mark(one, "hide", "green").image_ids == []
    one.marks.mark(undo)
    assert found(one, "boat") == {"green"}


def test_what_is_hidden_looks_like_nothing(demo_library: Path, tmp_path: Path) -> None:
    demo = searcher_of(shutil.copytree(demo_library, tmp_path / "library"))
    kite, *others = demo.search(Query("a kite in the sky"))
    demo.marks.mark(Marking("hide", [kite.image_id]))
    for query in (
        Query("a kite in the sky"),
        Query("kite", mode="text"),
        Query(f"photo:{others[0].image_id}", k=100),
        Query("a kite in the sky", sort="newest", fold=True),
    ):
        assert kite.image_id not in {hit.image_id for hit in demo.search(query)}
    assert [hit.image_id for hit in demo.search(Query("kite is:hidden"))] == [kite.image_id]


def test_tags_count_at_once_and_their_words_once_published(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = searcher(library)
    assert found(one, "tag:picture") == set(PHOTOS)  # of the captions
    undo = mark(one, "add_tag", "red", "green", tag=" Old  harbour ")
    assert undo.image_ids == [_id(one, "red")]  # the other has it
    mark(one, "add_tag", "blue", tag="Lighthouse")
    mark(one, "remove_tag", "green", tag="BOAT")
    mark(one, "remove_tag", "red", tag="picture")

    monkeypatch.setattr(publishing, "ANEW_UP_TO", 0)  # or else all is made from nothing
    for page in (one, publish(library)):
        assert found(page, "tag:oldharbour") == {"red", "green"}
        assert found(page, "tag:lighthouse") == {"blue"}
        assert found(page, "tag:boat") == set()
        assert found(page, "-tag:picture") == {"red"}
        assert {hit.title for hit in page.browse(Filters(tags=("old harbour",)))} == {
            "red",
            "green",
        }
        assert page.counts("tags") == {"Old Harbour": 2, "Lighthouse": 1, "picture": 4}
        red, green = (page.details(_id(page, title)) for title in ("red", "green"))
        assert (red["tags"], red["caption"]["tags"]) == (["Old harbour"], [])
        assert (green["tags"], green["caption"]["tags"]) == (["Old Harbour"], ["picture"])
    assert found(page, "lighthouse") == {"blue"}
    assert found(page, "harbour") == {"red", "green"}
    assert found(page, "boat") == set()
    assert [each.name.value for each in page.suggest("lighth", "en")] == ["Lighthouse"]

    page.marks.mark(undo)
    assert found(page, "tag:oldharbour") == {"green"}
    assert found(publish(library), "harbour") == {"green"}


def test_marks_survive_another_place_and_other_bytes(tmp_path: Path) -> None:
    library = with_five_photos(tmp_path)
    one = searcher(library)
    mark(one, "hide", "blue", "red")
    mark(one, "add_tag", "red", tag="lighthouse")
    photos = tmp_path / "photos"
    (tmp_path / "elsewhere").mkdir()
    (photos / "red.jpg").rename(tmp_path / "elsewhere" / "scarlet.jpg")
    Image.new("RGB", (8, 8), "navy").save(photos / "blue.jpg")
    folder.register(library.storage, folder.Registration(str(tmp_path / "elsewhere")))

    bring_in(library)

    assert found(searcher(library), "is:hidden") == {"blue", "scarlet"}
    assert found(searcher(library), "is:hidden tag:lighthouse") == {"scarlet"}
    assert found(searcher(library), "lighthouse", marked=("hidden",)) == {"scarlet"}


def test_many_files_of_marks_become_one(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MANY", 3)
    one = searcher(library)
    for tag in ("one", "two", "three"):
        mark(one, "add_tag", "red", tag=tag)
    mark(one, "remove_tag", "red", tag="two")
    files = JOURNALS["tag"].names(library.storage)
    another = publish(library)
    assert len(files) == 4
    assert len(TAGS.names(library.storage)) == 1
    for page in (one, another):
        assert page.details(_id(page, "red"))["tags"] == ["one", "three"]
    assert not publishing.publish(library, duckdb.connect, run_id="again").is_new


@pytest.mark.parametrize("typed", ["", " \u3000", "a" * 101, "a\x00b"])
def test_what_is_no_tag_is_told(library: Library, typed: str) -> None:
    with pytest.raises(AlbumscopeError, match="A tag is a word or a few"):
        mark(searcher(library), "add_tag", "red", tag=typed)


def test_a_damaged_mark_keeps_nobody_from_searching(library: Library) -> None:
    mark(searcher(library), "hide", "red")
    (file,) = (library.settings.data_dir / "marks" / "hidden").iterdir()
    file.write_text(file.read_text().replace("true", "fals"))
    assert found(searcher(library), "-tag:boat") == set(PHOTOS) - {"green"}
    assert library.set_aside_damaged()
    assert found(searcher(library), "is:hidden") == set()


def _id(searcher: Searcher, title: str) -> int:
    return next(row["image_id"] for row in searcher.images(Filters()) if row["title"] == title)
