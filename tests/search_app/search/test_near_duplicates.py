"""Photos that are nearly the same stand behind the best one of them; with the real encoder."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.snapshot.vector_index import VectorIndex
from search_app.search.filters import Filters
from search_app.search.near_duplicates import NearDuplicates
from search_app.search.queries import Query
from search_app.search.searcher import Searcher
from tests.search_app.conftest import DEMO_PHOTOS, sync_folder
from tests.search_app.search.test_filters import EXIF, TAKEN
from tests.search_app.searching import searcher_of

NOON = datetime(2015, 6, 21, 12)
DOGS = DEMO_PHOTOS / "Nature Walks 2018" / "two-dogs.jpg"
SAME = {"dogs", "copy", "small", "burst"}
OTHERS = {"an hour later", "day only", "another day only", "cat"}
QUERY = "two dogs"


def save(image: Image.Image, path: Path, taken: datetime) -> None:
    exif = Image.Exif()
    exif.get_ifd(EXIF)[TAKEN] = taken.strftime("%Y:%m:%d %H:%M:%S")
    image.save(path, exif=exif, quality=85)


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    root = tmp_path_factory.mktemp("alike")
    album = root / "album"
    album.mkdir()
    with Image.open(DOGS) as opened:
        dogs = opened.convert("RGB")
    width, height = dogs.size
    burst = dogs.crop((width // 80, height // 80, width, height))
    save(dogs, album / "dogs.jpg", NOON)
    shutil.copy(album / "dogs.jpg", album / "copy.jpg")
    save(dogs.reduce(2), album / "small.jpg", NOON)
    save(burst, album / "burst.jpg", NOON + timedelta(seconds=2))
    save(burst, album / "an hour later.jpg", NOON + timedelta(hours=1))
    with Image.open(DEMO_PHOTOS / "Northern Light 2015" / "kite.jpg") as opened:
        kite = opened.convert("RGB")
    # A cosine of 0.991: enough for a burst, but these may be of any time of that day.
    midnight, (width, height) = NOON.replace(hour=0), kite.size
    top, bottom = height // 40, height - height // 40
    left = kite.crop((0, top, width * 95 // 100, bottom))
    right = kite.crop((width * 5 // 100, top, width, bottom))
    save(left, album / "day only.jpg", midnight)
    save(right, album / "another day only.jpg", midnight)
    with Image.open(DEMO_PHOTOS / "Things and Places" / "cat-portrait.jpg") as cat:
        save(cat.convert("RGB"), album / "cat.jpg", NOON)
    sync_folder(root / "library", album)
    return searcher_of(root / "library")


def tiles(hits: list) -> list[set[str]]:  # type: ignore[type-arg]
    return [{hit.title, *(other.title for other in hit.near_duplicates)} for hit in hits]


def test_only_what_is_nearly_the_same_is_folded(searcher: Searcher) -> None:
    found = tiles(searcher.search(Query(QUERY, k=100, fold=True)))
    assert SAME in found
    assert sorted(map(len, found)) == [1] * len(OTHERS) + [len(SAME)]
    assert len(searcher.browse(Filters(), k=100)) == len(SAME | OTHERS)


def test_the_best_stands_for_the_others_and_k_counts_tiles(searcher: Searcher) -> None:
    query = Query(QUERY, k=100)
    plain = searcher.search(query)
    folded = searcher.search(Query(QUERY, k=3, fold=True))
    assert len(folded) == 3
    assert [hit.rank for hit in folded] == [1, 2, 3]
    tile = next(hit for hit in folded if hit.near_duplicates)
    in_order = [hit.title for hit in plain if hit.title in SAME]
    assert [tile.title, *(other.title for other in tile.near_duplicates)] == in_order
    firsts = [title for title in (hit.title for hit in plain) if title not in set(in_order[1:])]
    assert [hit.title for hit in folded] == firsts[:3]


@pytest.mark.parametrize("sort", ["newest", "oldest", "album"])
def test_another_order_folds_the_same(searcher: Searcher, sort: str) -> None:
    hits = searcher.search(Query(QUERY, k=100, sort=sort, fold=True))  # type: ignore[arg-type]
    assert SAME in tiles(hits)
    assert len(hits) == len(OTHERS) + 1


def test_without_vectors_only_copies_are_folded(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, photos = searcher.snapshot.images, len(searcher.snapshot.images)
    monkeypatch.setattr(
        searcher.snapshot, "images", VectorIndex(images._files, np.full(photos, -1), photos)
    )
    titles = [
        title
        for (title,) in searcher.snapshot.cursor().execute("SELECT title FROM images").fetchall()
    ]
    found = NearDuplicates(searcher.snapshot).tiles(np.arange(len(titles)))
    assert [{titles[at] for at in tile} for tile in found if len(tile) > 1] == [{"dogs", "copy"}]
    assert sorted(at for tile in found for at in tile) == list(range(len(titles)))


def test_nothing_folds_to_nothing(searcher: Searcher) -> None:
    assert NearDuplicates(searcher.snapshot).tiles(np.arange(0)) == []
    assert not searcher.search(Query("tag:nowhere", fold=True))


def test_no_two_demo_photos_are_folded(demo_library: Path) -> None:
    demo = searcher_of(demo_library)
    assert not [
        hit for hit in demo.search(Query("-tag:nowhere", k=100, fold=True)) if hit.near_duplicates
    ]
