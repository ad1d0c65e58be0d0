"""What photos and people say of them, found in a library: words, people, times, emoji."""

import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.sources import folder
from search_app.search.filters import Filters
from search_app.search.queries import Query
from search_app.search.ranking import Mode
from search_app.search.searcher import Searcher
from tests.conftest import INPUTS
from tests.pipeline.quick_model import use_quick_models
from tests.pipeline.quick_sync import bring_in
from tests.search_app.searching import searcher_of
from tests.standins.flickr import Album, FlickrStandIn, Photo

SCAN = "1924-01-01 00:00:00"
FLICKR = [
    Photo("101", "Circa", taken=SCAN, granularity=8),
    Photo("102", "Year", taken=SCAN, granularity=6),
    Photo("103", "Month", taken=SCAN, granularity=4),
    Photo("104", "Unknown", taken=None),
    Photo(
        "105",
        "Cake 🎂",
        description='Tea &amp; <a href="https://example.org/tea" rel="nofollow">cake</a>',
        taken="2015-01-01 10:00:00",
    ),
    Photo("106", "Dog 🐕", taken=None, picture=INPUTS / "metadata" / "xmp-words.jpg"),
]
ALBUM = Album("1001", "Scans", FLICKR, description="<b>Old</b> &quot;photos&quot;")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the library, the folder and the stand-in of its photos are."""
    root = tmp_path_factory.mktemp("said")
    shutil.copytree(INPUTS / "metadata", root / "photos")
    with pytest.MonkeyPatch.context() as patch, FlickrStandIn([ALBUM]) as flickr:
        use_quick_models(patch)
        for name, value in flickr.environment.items():
            patch.setenv(name, value)
        patch.setenv("FLICKR_SIZE", "o")  # of which Flickr leaves XMP as it is
        library = Library(Settings(data_dir=root / "library"))
        folder.register(library.storage, folder.Registration(str(root / "photos")))
        bring_in(library)
        yield root


@pytest.fixture(scope="module")
def searcher(root: Path) -> Searcher:
    return searcher_of(root / "library")


def found(searcher: Searcher, text: str, mode: Mode | None = None) -> list[str]:
    return [hit.title or "" for hit in searcher.search(Query(text, mode=mode, k=100))]


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("trawlers", ["Harbour at dusk"]),
        ('"come home before the storm"', ["Harbour at dusk"]),
        ("tag:storm", ["Harbour at dusk"]),
        ("tag:heron", ["From the sidecar"]),
        ("tag:lantern", ["Parade"]),
        ("speaker", ["Opening keynote", "Dog 🐕"]),
        ('"boat race"', ["takeout photo"]),  # the name of the file, for want of a title
        ('person:"person one"', ["takeout photo"]),
        ("rating:4", ["Opening keynote", "Dog 🐕"]),
        ("rating:1..3", []),
        ('creator:"a. photographer"', ["Harbour at dusk"]),
        ("place:aarhus", ["Harbour at dusk", "Opening keynote", "Dog 🐕"]),
        ("aarhus", ["Harbour at dusk"]),
        ("near:0,0,5km", []),
        ("near:56.15,10.21,5km", ["Opening keynote", "Dog 🐕"]),
        ("🎂", ["Cake 🎂"]),
        ("🐕", ["Dog 🐕"]),
        ("🚀", []),
        ('"🎂"', ["Cake 🎂"]),
        ("nofollow", []),
        ("quot", []),
        ("amp", []),
        ("taken:1924", ["Circa", "Year", "Month"]),
        ("taken:1924-01", ["Month"]),
        ("taken:1924-01-01", []),
        ("taken:2018-03-04", ["date only"]),
        ("taken:1920..1930", ["Circa", "Year", "Month"]),
    ],
)
def test_what_is_said_is_found(searcher: Searcher, query: str, titles: list[str]) -> None:
    assert sorted(found(searcher, query, "text" if ":" not in query else None)) == sorted(titles)


def test_people_are_told_more_than_models(root: Path, searcher: Searcher) -> None:
    """The captions of all photos have the word: first comes the one with it in its title."""
    assert found(searcher, "picture all parade", "text")[0] == "Parade"


def test_what_is_known_of_a_photo_from_flickr_and_of_its_file(searcher: Searcher) -> None:
    by_title = {row["title"]: row for row in searcher.images(Filters())}
    cake, dog = by_title["Cake 🎂"], by_title["Dog 🐕"]
    assert (cake["description"], cake["links"]) == ("Tea & cake", ["https://example.org/tea"])
    assert dog["description"] == "A speaker on the main stage"  # Flickr has none
    assert (dog["rating"], dog["tags"]) == (4, ["keynote"])
    (album,) = searcher.details(cake["image_id"])["albums"]
    assert (album["description"], album["links"]) == ('Old "photos"', [])
    precisions = [by_title[title]["taken_precision"] for title in ("Circa", "Year", "Month")]
    assert precisions == ["circa", "year", "month"]
    assert by_title["Unknown"]["taken_at"] is None


def test_photos_are_in_the_order_of_the_instant_and_show_their_own_clock(
    searcher: Searcher,
) -> None:
    newest = searcher.search(Query("taken:2024-05-01", sort="newest"))
    assert [(hit.title, hit.taken_at) for hit in newest] == [
        ("clock west", datetime(2024, 5, 1, 19, 0)),
        ("clock east", datetime(2024, 5, 1, 19, 1)),
    ]


def test_a_changed_sidecar_renews_what_it_says_and_embeds_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sidecar = root / "photos" / "sidecar.jpg.xmp"
    library = Library(Settings(data_dir=root / "library"))
    (album,) = (each for each in library.albums() if each["source"] == "folder")

    def rows(table: str) -> dict[str, Any]:
        return {
            row["image_id"]: {**row, "attempts": 1}
            for row in library.tables.read(table, album["album_id"]).to_pylist()
        }

    tables = ("llm_captions", "siglip_embeddings", "caption_embeddings")
    before = {table: rows(table) for table in tables}
    sidecar.write_text(sidecar.read_text().replace("heron", "great egret"))
    os.utime(sidecar, ns=(1, 1))
    bring_in(Library(Settings(data_dir=root / "library")))
    assert {table: rows(table) for table in tables} == before
    assert found(searcher_of(root / "library"), "tag:heron") == []
    assert found(searcher_of(root / "library"), "egret", "text") == ["From the sidecar"]
    sidecar.unlink()
    bring_in(Library(Settings(data_dir=root / "library")))
    assert found(searcher_of(root / "library"), "egret", "text") == []
