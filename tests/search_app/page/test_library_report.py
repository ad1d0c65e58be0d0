"""What the Library page tells: albums with their failures, what is new, snapshots."""

import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from pipeline.errors import AlbumscopeError
from pipeline.library.library import Library
from pipeline.library.schemas import SCHEMAS
from pipeline.settings import Settings
from pipeline.snapshot import reading
from search_app.page import library_report
from search_app.page.library_report import AlbumChange
from tests.conftest import DEMO_PHOTOS, built_once
from tests.search_app.conftest import sync_folder

HARBOUR = "Harbour *2021*"


@pytest.fixture(scope="session")
def grown_library(demo_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo library after a second snapshot, which brought two photos; one more is broken.

    For reading only.
    """

    def build(root: Path) -> None:
        shutil.copytree(demo_library, root / "library")
        album = root / HARBOUR
        album.mkdir()
        for name, source in {"quay": "rowing-boats", "crane": "kite"}.items():
            photo = next(DEMO_PHOTOS.rglob(f"{source}.jpg")).read_bytes()
            (album / f"{name}.jpg").write_bytes(photo + b"another")
        (album / "broken.jpg").write_text("no photo")
        sync_folder(root / "library", album)

    return built_once(tmp_path_factory, "grown", build) / "library"


@pytest.fixture
def grown_copy(grown_library: Path, data_dir: Path) -> Path:
    """A copy that the test may change."""
    shutil.copytree(grown_library, data_dir)
    return data_dir


def test_albums_tell_how_far_they_are_and_what_failed(grown_library: Path) -> None:
    albums = library_report.albums(Library(Settings(data_dir=grown_library)))
    *demo, harbour = albums
    assert harbour.title == HARBOUR
    assert [album.state for album in albums] == ["complete"] * 5
    assert [album.failed for album in albums] == [0, 0, 0, 0, 1]
    assert harbour.stages["raw_images"] == {"done": 2, "missing": 0, "failed": 1}
    (failure,) = harbour.failures
    assert (failure["photo"], failure["stage"]) == ("broken.jpg", "raw_images")
    assert failure["reason"] == "not a photo in a format that can be read"
    stages = library_report.totals(albums)
    assert stages["llm_captions"]["done"] == sum(album.photos for album in demo) + 2
    assert library_report.share_done(stages, "llm_captions") == 1
    assert library_report.share_done({}, "llm_captions") is None


def test_work_that_is_left_and_a_folder_that_is_away_show_in_the_state(grown_copy: Path) -> None:
    library = Library(Settings(data_dir=grown_copy))
    first, *_ = library.albums()
    library.storage.delete(library.tables.key("llm_captions", first["album_id"]))
    (part,) = library.tables.partitions("albums")
    rows = library.tables.read("albums", part).to_pylist()
    rows[-1]["folder"] = b"/no/such/folder"
    library.tables.write("albums", part, pa.Table.from_pylist(rows, SCHEMAS["albums"]))
    albums = library_report.albums(library)
    assert albums[0].state == "incomplete"
    assert albums[0].stages["llm_captions"]["missing"] == albums[0].photos
    assert (albums[-1].title, albums[-1].state) == (HARBOUR, "away")
    assert albums[-1].reason and "is its disk mounted" in albums[-1].reason


def test_what_failed_is_work_again_once_somebody_says_so(grown_copy: Path) -> None:
    library = Library(Settings(data_dir=grown_copy))
    *_, harbour = library.albums()
    assert library.work_left(harbour) == {}
    library.try_again(harbour)
    assert library.work_left(harbour) == {"raw_images": 1}


def test_a_snapshot_is_compared_with_the_one_before(grown_copy: Path) -> None:
    first, second = reading.names(grown_copy)
    found = library_report.changes(grown_copy, second)
    assert found
    assert (found.before, found.new, found.gone) == (first, 2, 0)
    # new photos are described, too, but nothing else is described anew
    assert (found.described, found.albums) == (0, [AlbumChange(HARBOUR, 2, 0, 0, "new")])
    assert len(found.new_photos) == 2
    assert library_report.changes(grown_copy, first) is None

    folder = reading.snapshots_folder(grown_copy)
    shutil.copytree(folder / first, folder / "third")
    with duckdb.connect(str(folder / "third" / "catalog.duckdb")) as catalog:
        ((title, image_id),) = catalog.execute(
            "SELECT title, image_id FROM captions JOIN album_images USING (image_id)"
            " JOIN albums USING (album_id) LIMIT 1"
        ).fetchall()
        catalog.execute("UPDATE captions SET caption = 'other' WHERE image_id = ?", [image_id])
    found = library_report.changes(grown_copy, "third")
    assert found
    assert (found.before, found.new, found.gone, found.new_photos) == (second, 0, 2, [])
    assert found.described == 1
    assert found.albums == [
        AlbumChange(title, 0, 0, 1, None),
        AlbumChange(HARBOUR, 0, 2, 0, "gone"),
    ]

    shutil.copy(folder / first / "catalog.duckdb", folder / "third")
    (folder / second / "catalog.duckdb").write_bytes(b"damaged")
    with pytest.raises(AlbumscopeError, match=f"Snapshot {second} is damaged"):
        library_report.changes(grown_copy, "third")
    settings = Settings(data_dir=grown_copy)
    third, damaged, _ = library_report.snapshots(settings, reading.kept(settings))
    assert third.manifest
    assert damaged.manifest is None
    assert "is damaged" in str(damaged.problem)


def test_photos_count_for_the_year_they_were_taken_or_their_event_was(grown_library: Path) -> None:
    now = reading.open_current(grown_library)
    years = library_report.photos_by_year(now)
    # of the two new photos one tells that it was taken in 2015, the other is of an album of 2021
    assert years == {2012: 1, 2014: 1, 2015: 8, 2018: 9, 2021: 1, None: 10}
    assert list(years)[-1] is None


def test_indexes_tell_their_size_and_recall(grown_library: Path) -> None:
    now = reading.open_current(grown_library)
    images, captions = library_report.indexes(now.manifest)
    folder = reading.snapshots_folder(grown_library) / now.name
    assert images.megabytes == (folder / "images.faiss").stat().st_size / 1e6
    assert (images.of, captions.of) == ("images", "captions")
    assert (images.vectors, images.kind) == (30, "exact, half precision")
    assert 0.98 <= images.recall <= 1
