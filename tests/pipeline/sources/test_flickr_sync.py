"""Flickr albums in the library, end to end: a stand-in Flickr, real runs, real files."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from dagster._core.storage.tags import PARTITION_NAME_TAG
from numpy.typing import NDArray

from pipeline import retries
from pipeline.assets import sync
from pipeline.assets.instance import dagster_home, open_instance
from pipeline.assets.sync import SyncReport
from pipeline.library.library import Library
from pipeline.library.schemas import ALBUM_TABLES
from pipeline.photos.files import located
from pipeline.settings import Settings
from pipeline.snapshot import reading
from pipeline.sources.events import event_of_title
from pipeline.sources.flickr import listings
from pipeline.sources.flickr.listings import listing_key
from tests.conftest import DEMO_PHOTOS
from tests.pipeline.command_line import Run
from tests.pipeline.quick_model import use_quick_models
from tests.standins.flickr import (
    PASSING,
    Album,
    FlickrStandIn,
    Photo,
    User,
    make_albums,
    renditions,
)

SIZE = (120, 80)  # of the photos: the size below the original is 100 pixels
PARALLEL_DOWNLOADS = 8
KILLS = 3

Vectors = NDArray[np.float32]

# What test_crash.py lets this process import is of use here too.
_processes = multiprocessing.get_context("forkserver")


def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "BACKOFF", 0.005)
    use_quick_models(monkeypatch)


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    in_a_hurry(monkeypatch)


@dataclass(frozen=True)
class Prepared:
    """A library of the stand-in's albums, to be copied back to where it was made."""

    port: int
    data_dir: Path
    copy: Path


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    root = tmp_path_factory.mktemp("flickr")
    with pytest.MonkeyPatch.context() as monkeypatch, FlickrStandIn(four_albums()) as flickr:
        in_a_hurry(monkeypatch)
        given = {name.lower(): value for name, value in flickr.environment.items()}
        FlickrLibrary(
            flickr,
            Settings(data_dir=root / "library", **given),  # type: ignore[arg-type]
        ).sync_well()
    shutil.copytree(root / "library", root / "copy")
    return Prepared(flickr.port, root / "library", root / "copy")


@pytest.fixture
def flickr(prepared: Prepared) -> Iterator[FlickrStandIn]:
    """Four albums of five photos."""
    with FlickrStandIn(four_albums(), port=prepared.port) as standin:
        standin.faults.hold_seconds = standin.faults.slow_seconds = 0.05
        yield standin


@pytest.fixture
def library(flickr: FlickrStandIn, settings: Settings) -> "FlickrLibrary":
    """Nothing is in it yet."""
    return FlickrLibrary(flickr, settings)


@pytest.fixture
def synced_once(
    flickr: FlickrStandIn,
    settings: Settings,
    prepared: Prepared,
    monkeypatch: pytest.MonkeyPatch,
) -> "FlickrLibrary":
    """The stand-in's four albums are in it."""
    shutil.rmtree(prepared.data_dir)
    shutil.copytree(prepared.copy, prepared.data_dir)
    monkeypatch.setenv("DATA_DIR", str(prepared.data_dir))
    return FlickrLibrary(flickr, Settings())


@dataclass
class Synced:
    """What one sync did."""

    report: SyncReport
    calls: list[str]
    """Methods of the API, in the order in which they were called, failed calls too."""
    downloads: Counter[str]
    """By photo id, how often the stand-in served its picture whole."""
    albums: list[str]
    """The albums that a run materialised ``raw_images`` of, in order."""
    runs: list[dg.DagsterRun]


class FlickrLibrary:
    """A library that is synced with the stand-in."""

    def __init__(self, flickr: FlickrStandIn, settings: Settings) -> None:
        self.flickr = flickr
        self.settings = settings
        self.tables = Library(settings).tables

    def sync(self, *album_ids: str) -> Synced:
        requests, downloads = len(self.flickr.requests), self.downloads()
        with open_instance(self.settings) as instance:
            known = {run.run_id for run in instance.get_runs()}
            report = sync.sync(Library(self.settings), instance, album_ids)
            runs = [run for run in instance.get_runs() if run.run_id not in known]
            albums = [
                str(event.partition)
                for run in reversed(runs)
                for event in (
                    entry.asset_materialization
                    for entry in instance.all_logs(
                        run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
                    )
                )
                if event and event.asset_key == dg.AssetKey("raw_images")
            ]
        calls = [
            request.target.partition("?")[0]
            for request in self.flickr.requests[requests:]
            if request.where == "api"
        ]
        return Synced(report, calls, self.downloads() - downloads, albums, runs)

    def sync_well(self, *album_ids: str) -> Synced:
        synced = self.sync(*album_ids)
        assert not synced.report.failed
        return synced

    def downloads(self) -> Counter[str]:
        with self.flickr.lock:
            served = Counter(self.flickr.downloads)
        counts: Counter[str] = Counter()
        for path, times in served.items():
            counts[photo_id(path)] += times
        return counts

    def rows(self, table: str, album: Album) -> dict[str, dict[str, Any]]:
        """The rows of an album by photo id, in the album's order."""
        rows = self.tables.read(table, album.id).to_pylist()
        return {str(row["image_id"]): row for row in rows}

    def status(self, album: Album) -> tuple[dict[str, dict[str, int]], list[dict[str, Any]]]:
        library = Library(self.settings)
        row = library.album(album.id)
        return library.status(row), library.failures(row)

    def pictures(self) -> dict[str, bytes]:
        """All files under photos/, but for those that a killed process was writing."""
        root = self.settings.data_dir / "photos"
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }

    def published(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the catalogue of the current snapshot."""
        name = reading.current_name(self.settings.data_dir)
        path = self.settings.data_dir / "snapshots" / str(name) / "catalog.duckdb"
        with duckdb.connect(
            str(path), read_only=True, config={"file_search_path": str(path.parent)}
        ) as connection:
            return connection.execute(query).fetchall()

    def files(self) -> dict[str, tuple[int, int]]:
        """What a sync must leave alone if there is nothing to do."""
        root = self.settings.data_dir
        return {
            str(path.relative_to(root)): (path.stat().st_ino, path.stat().st_mtime_ns)
            for folder in ("tables", "photos", "snapshots", "flickr/albums")
            for path in (root / folder).rglob("*")
            if path.is_file()
        }

    def assert_same_as_flickr(self, left_out: Sequence[Photo] = ()) -> None:
        """Tables, disk, snapshot and partitions hold what Flickr shows, and nothing else."""
        shown = {
            album.id: [photo for photo in album.photos if photo not in left_out]
            for album in self.flickr.albums
        }
        assert self.pictures() == {
            f"{album_id}/{photo.id}.jpg": picture_of(self.flickr, photo)
            for album_id, photos in shown.items()
            for photo in photos
        }
        for album in self.flickr.albums:
            ids = [photo.id for photo in shown[album.id]]
            for table in ALBUM_TABLES:
                good = [id for id, row in self.rows(table, album).items() if row["error"] is None]
                assert good == ids, table
            rows = self.rows("raw_images", album)
            for photo in shown[album.id]:
                row = rows[photo.id]
                path = self.settings.data_dir / "photos" / album.id / f"{photo.id}.jpg"
                assert located(self.settings.data_dir, row["path"]) == str(path)
                assert (row["title"], row["secret"]) == (photo.title, photo.secret)
        assert set(self.tables.partitions("raw_images")) == {
            a.id for a in self.flickr.albums if a.photos
        }
        members = self.published("SELECT album_id, image_id FROM album_images ORDER BY rowid")
        assert members == [(key, int(photo.id)) for key in shown for photo in shown[key]]
        ids = list(dict.fromkeys(int(photo.id) for photos in shown.values() for photo in photos))
        for table in ("images", "exif", "captions"):
            assert self.published(f"SELECT image_id FROM {table} ORDER BY rowid") == [
                (image_id,) for image_id in ids
            ]
        assert sorted(self.published("SELECT image_id FROM image_embeddings")) == sorted(
            (image_id,) for image_id in ids
        )
        titles = [(album.id, album.title) for album in self.flickr.albums]
        assert self.published("SELECT album_id, title FROM albums ORDER BY rowid") == titles
        with open_instance(self.settings) as instance:
            partitions = instance.get_dynamic_partitions("albums")
        assert sorted(partitions) == sorted(shown)


def four_albums() -> list[Album]:
    return make_albums(4, 5, size=SIZE)


def photo_id(path: str) -> str:
    """Of the path of a picture."""
    return path.rpartition("/")[2].partition("_")[0]


def picture_of(flickr: FlickrStandIn, photo: Photo) -> bytes:
    """What is served of a photo of which there is no size above ``FLICKR_SIZE``."""
    sizes = renditions(photo)
    extras = ("url_l", "url_c", "url_z", "url_m", "url_n", "url_s", "url_t")
    picture = flickr.picture(next(sizes[extra].path for extra in extras if extra in sizes))
    assert isinstance(picture, bytes)
    return picture


def new_photo(number: int, **fields: Any) -> Photo:
    return Photo(id=str(60_000_000_000 + number), title=f"New {number}", size=SIZE, **fields)


# --- All of it, and then nothing ----------------------------------------------------------------


def test_forty_albums_come_in_whole_with_one_request_in_five_failing(
    monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    with FlickrStandIn(make_albums(40, 50, size=SIZE)) as flickr:
        for name, value in flickr.environment.items():
            monkeypatch.setenv(name, value)
        flickr.faults.api_rate = flickr.faults.picture_rate = 0.2
        flickr.faults.hold_seconds = flickr.faults.slow_seconds = 0.02
        library = FlickrLibrary(flickr, Settings())

        first = library.sync_well()

        assert sum(flickr.faults.given.values()) > 0.15 * len(flickr.requests)
        assert set(flickr.faults.given) >= set(PASSING)
        assert sorted(first.report.albums) == sorted(album.id for album in flickr.albums)
        assert first.downloads == {p.id: 1 for album in flickr.albums for p in album.photos}
        library.assert_same_as_flickr()
        assert library.published("SELECT count(*) FROM images") == [(2000,)]

        flickr.faults.api_rate = flickr.faults.picture_rate = 0
        before = library.files()
        second = library.sync_well()
        assert second.calls == ["flickr.photosets.getList"]
        assert (second.downloads, second.runs) == ({}, [])
        assert library.files() == before


# --- Changes ------------------------------------------------------------------------------------


def test_only_what_changed_in_one_album_is_brought_in(
    flickr: FlickrStandIn, synced_once: FlickrLibrary
) -> None:
    library, album = synced_once, flickr.albums[1]
    removed, replaced, same = album.photos[:2], album.photos[2], album.photos[3]
    added = [new_photo(number) for number in range(3)]
    before = library.rows("siglip_embeddings", album)
    for photo in removed:
        flickr.remove_photo(album, photo)
    for photo in added:
        flickr.add_photo(album, photo)
    flickr.replace_picture(replaced)

    synced = library.sync_well()

    assert synced.albums == [album.id]
    assert {run.tags.get(PARTITION_NAME_TAG) for run in synced.runs} == {None, album.id}
    assert sorted(synced.calls) == [
        "flickr.photosets.getList",
        "flickr.photosets.getPhotos",
    ]
    assert synced.downloads == {photo.id: 1 for photo in [*added, replaced]}
    library.assert_same_as_flickr()
    after = library.rows("siglip_embeddings", album)
    assert after[same.id] == before[same.id]
    assert after[replaced.id]["embedding"] != before[replaced.id]["embedding"]
    assert library.sync_well().runs == []


def test_an_album_is_retitled(flickr: FlickrStandIn, synced_once: FlickrLibrary) -> None:
    flickr.edit_album(flickr.albums[0], title="EuroPython 2016 in Bilbao")
    synced = synced_once.sync_well()
    assert (synced.downloads, synced.albums) == ({}, [flickr.albums[0].id])
    synced_once.assert_same_as_flickr()
    events = synced_once.published("SELECT event_name, event_year FROM albums LIMIT 1")
    assert events == [("EuroPython 2016", 2016)]


def test_an_album_is_put_into_another_order(
    flickr: FlickrStandIn, synced_once: FlickrLibrary
) -> None:
    flickr.reorder(flickr.albums[2], reversed(flickr.albums[2].photos))
    synced = synced_once.sync_well()
    assert (synced.downloads, synced.albums) == ({}, [flickr.albums[2].id])
    synced_once.assert_same_as_flickr()


def test_a_new_album_comes_in(flickr: FlickrStandIn, synced_once: FlickrLibrary) -> None:
    album = Album("72157799999999", "Nouveau 2024", [new_photo(1), new_photo(2)])
    flickr.add_album(album)
    synced = synced_once.sync_well()
    assert synced.albums == [album.id]
    assert sorted(synced.downloads) == [photo.id for photo in album.photos]
    synced_once.assert_same_as_flickr()


def test_an_album_is_deleted(flickr: FlickrStandIn, synced_once: FlickrLibrary) -> None:
    album = flickr.albums[1]
    flickr.delete_album(album)
    synced = synced_once.sync_well()
    assert (synced.downloads, synced.albums) == ({}, [])
    synced_once.assert_same_as_flickr()
    assert not [path for path in synced_once.settings.data_dir.rglob(f"*{album.id}*")
                if "dagster" not in path.parts]  # fmt: skip


def test_an_album_is_emptied_and_deleted(flickr: FlickrStandIn, synced_once: FlickrLibrary) -> None:
    album = flickr.albums[1]
    flickr.edit_album(album, photos=[])
    synced_once.sync_well()
    assert not any(path.startswith(album.id) for path in synced_once.pictures())
    assert synced_once.published("SELECT count(*) FROM images") == [(15,)]
    flickr.delete_album(album)
    synced_once.sync_well()
    synced_once.assert_same_as_flickr()
    assert not synced_once.tables.storage.exists(listing_key(album.id))


@pytest.mark.parametrize(("source", "target"), [(0, 3), (3, 0)])
def test_a_moved_photo_is_not_fetched_described_or_embedded_again(
    flickr: FlickrStandIn, synced_once: FlickrLibrary, source: int, target: int
) -> None:
    here, there = flickr.albums[source], flickr.albums[target]
    moved = here.photos[2]
    made = {
        table: synced_once.rows(table, here)[moved.id]["created_at"] for table in ALBUM_TABLES[1:]
    }
    flickr.move_photo(moved, here, there)

    synced = synced_once.sync_well()

    assert (synced.downloads, sorted(synced.albums)) == ({}, sorted([here.id, there.id]))
    synced_once.assert_same_as_flickr()
    for table, created_at in made.items():
        assert synced_once.rows(table, there)[moved.id]["created_at"] == created_at


def test_a_photo_in_two_albums_is_fetched_once_and_leaves_one_of_them(
    flickr: FlickrStandIn, library: FlickrLibrary
) -> None:
    flickr.albums = make_albums(2, 2, size=SIZE)
    first, second = flickr.albums
    shared = first.photos[1]
    flickr.add_photo(second, shared)
    assert library.sync_well().downloads == {p.id: 1 for a in flickr.albums for p in a.photos}
    library.assert_same_as_flickr()

    flickr.remove_photo(first, shared)
    synced = library.sync_well()
    assert (synced.downloads, synced.albums) == ({}, [first.id])
    library.assert_same_as_flickr()

    flickr.add_photo(first, shared)
    flickr.delete_album(second)
    assert library.sync_well().downloads == {}
    library.assert_same_as_flickr()


def test_a_picture_replaced_in_one_album_is_replaced_in_the_other(
    flickr: FlickrStandIn, synced_once: FlickrLibrary
) -> None:
    first, second = flickr.albums[:2]
    shared = first.photos[1]
    flickr.add_photo(second, shared)
    assert synced_once.sync_well().downloads == {}
    flickr.replace_picture(shared)
    assert synced_once.sync_well(second.id, first.id).downloads == {shared.id: 1}
    synced_once.assert_same_as_flickr()


# --- What Flickr has not, or not yet -------------------------------------------------------------


def test_photos_not_ready_and_unavailable_and_videos_are_left_out(
    flickr: FlickrStandIn, library: FlickrLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    album = flickr.albums[0]
    video = new_photo(1, media="video")
    not_ready = [new_photo(number, ready=False) for number in (2, 3, 4)]  # told in either way
    gone = [
        new_photo(10, available=False, gone_status=302),
        new_photo(11, available=False, gone_status=404),
        new_photo(12, available=False, gone_status=410),
    ]
    for photo in [video, *not_ready, *gone]:
        flickr.add_photo(album, photo)

    assert not set(library.sync_well().downloads) & {p.id for p in [video, *not_ready, *gone]}

    library.assert_same_as_flickr(left_out=[video, *not_ready, *gone])
    rows = library.rows("raw_images", album)
    assert video.id not in rows
    for photo in not_ready:
        assert "still working on it" in rows[photo.id]["error"]
    for photo in gone:
        assert "no longer on Flickr" in rows[photo.id]["error"]
    stages, failures = library.status(album)
    assert stages["raw_images"] == {"done": 5, "missing": 0, "failed": 6}
    assert stages["siglip_embeddings"] == {"done": 5, "missing": 0, "failed": 0}
    assert {failure["stage"] for failure in failures} == {"raw_images"}
    pages = {failure["photo"].split("/")[-2] for failure in failures}
    assert pages == {p.id for p in [*not_ready, *gone]}

    soon = library.sync_well()
    assert (soon.calls, soon.runs) == (["flickr.photosets.getList"], [])

    for photo in not_ready:
        flickr.edit_photo(photo, ready=True)
    flickr.edit_photo(gone[1], available=True)
    assert library.sync_well().runs == []
    monkeypatch.setattr(listings, "NOT_READY_AFTER", timedelta(0))
    later = library.sync_well()
    assert later.albums == [album.id]
    library.assert_same_as_flickr(left_out=[video, gone[0], gone[2]])
    assert library.sync_well().runs == []


@pytest.mark.parametrize("state", [{"available": False}, {"ready": False}])
def test_a_replacement_that_cannot_be_had_is_no_work_for_ever(
    flickr: FlickrStandIn, synced_once: FlickrLibrary, state: dict[str, bool]
) -> None:
    album, photo = flickr.albums[0], flickr.albums[0].photos[0]
    flickr.replace_picture(photo, **state)
    synced_once.sync_well(album.id)
    assert synced_once.rows("raw_images", album)[photo.id]["error"]
    again = synced_once.sync_well()
    assert (again.calls, again.runs) == (["flickr.photosets.getList"], [])
    flickr.edit_photo(photo, available=True, ready=True)
    synced_once.sync_well(album.id)
    synced_once.assert_same_as_flickr()


def test_a_photo_that_failed_three_times_for_a_passing_reason_gets_another_chance(
    flickr: FlickrStandIn, library: FlickrLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "ATTEMPTS", 2)
    flickr.albums = flickr.albums[:1]
    album, photo = flickr.albums[0], flickr.albums[0].photos[0]
    flickr.fail_next("503", times=1_000_000, where="pictures", match=photo.id)
    for _ in range(3):
        assert library.sync_well().albums
        library.assert_same_as_flickr(left_out=[photo])
    assert library.sync_well().runs == []
    flickr.faults.ordered.clear()
    library.sync_well(album.id)
    library.assert_same_as_flickr()


def test_a_picture_replaced_without_a_sign_of_its_album_is_found_by_a_look(
    flickr: FlickrStandIn, synced_once: FlickrLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    album = flickr.albums[2]
    flickr.replace_picture(album.photos[0])
    assert synced_once.sync_well().calls == ["flickr.photosets.getList"]
    assert synced_once.sync_well(album.id).downloads == {album.photos[0].id: 1}
    synced_once.assert_same_as_flickr()

    flickr.replace_picture(album.photos[1])
    monkeypatch.setattr(listings, "LIST_AGAIN_AFTER", timedelta(0))
    assert synced_once.sync_well().downloads == {album.photos[1].id: 1}
    synced_once.assert_same_as_flickr()


def test_an_edited_title_comes_in_without_the_picture(
    flickr: FlickrStandIn, synced_once: FlickrLibrary
) -> None:
    album, photo = flickr.albums[1], flickr.albums[1].photos[4]
    before = {table: synced_once.rows(table, album)[photo.id] for table in ALBUM_TABLES}
    flickr.edit_photo(photo, title="Another title", tags="new words")
    assert synced_once.sync_well(album.id).downloads == {}
    synced_once.assert_same_as_flickr()
    after = {table: synced_once.rows(table, album)[photo.id] for table in ALBUM_TABLES}
    assert after.pop("raw_images")["downloaded_at"] == before.pop("raw_images")["downloaded_at"]
    titled, untitled = after.pop("caption_embeddings"), before.pop("caption_embeddings")
    assert titled["caption_sha256"] != untitled["caption_sha256"]
    assert after == before
    published = f"SELECT title, tags FROM images WHERE image_id = {photo.id}"
    assert synced_once.published(published) == [("Another title", ["new", "words"])]


def test_date_and_place_are_the_cameras_or_else_flickrs(
    flickr: FlickrStandIn, library: FlickrLibrary
) -> None:
    cups = DEMO_PHOTOS / "Northern Light 2015" / "colorful-cups.jpg"
    flickrs: dict[str, Any] = {"taken": "1999-03-04 05:06:07", "latitude": -33.5, "longitude": 1.25}
    photos = [
        new_photo(1, **flickrs),
        new_photo(2, taken=None),
        new_photo(3, picture=cups, **flickrs),
    ]
    flickr.albums = [Album("72157788888888", "Dates and places", photos)]
    library.sync_well()
    assert library.published(
        "SELECT taken_at, round(latitude, 2), round(longitude, 2) FROM exif ORDER BY image_id"
    ) == [
        (datetime(1999, 3, 4, 5, 6, 7), -33.5, 1.25),
        (None, None, None),
        (datetime(2014, 4, 29, 14, 25, 26), 56.16, 10.21),
    ]


# --- Killed, or stopped, in the middle of a download ---------------------------------------------


def run_sync(data_dir: Path, environment: dict[str, str]) -> None:
    """What runs in a child."""
    settings = {name.lower(): value for name, value in environment.items()}
    library = Library(Settings(data_dir=data_dir, **settings))  # type: ignore[arg-type]
    with open_instance(library.settings) as instance:
        sync.sync(library, instance)


def slow_down(flickr: FlickrStandIn, seconds: float) -> None:
    """Let each picture take this long."""
    flickr.faults.picture_rate, flickr.faults.kinds = 1.0, ("slow",)
    flickr.faults.in_a_row, flickr.faults.slow_seconds = 10**9, seconds


def wait_for_downloads(library: FlickrLibrary, number: int, is_alive: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while library.downloads().total() < number:
        assert is_alive() and time.monotonic() < deadline, "it ended too early"
        time.sleep(0.01)


def test_killed_during_downloads(flickr: FlickrStandIn, library: FlickrLibrary) -> None:
    flickr.albums = make_albums(2, 40, size=SIZE)
    slow_down(flickr, 0.4)
    wholes: list[set[str]] = []
    for kill in range(KILLS):
        before = library.downloads().total()
        process = _processes.Process(
            target=run_sync, args=(library.settings.data_dir, flickr.environment)
        )
        process.start()
        wait_for_downloads(library, before + 5 + 4 * kill, process.is_alive)
        time.sleep(0.05 * kill)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        pictures = library.pictures()
        wholes.append({photo_id(name.replace(".", "_")) for name in pictures})
        photos = {photo.id: photo for album in flickr.albums for photo in album.photos}
        for name, picture in pictures.items():
            assert picture == picture_of(flickr, photos[Path(name).stem])
    assert all(earlier < later for earlier, later in pairwise(wholes))

    flickr.faults.picture_rate = 0.0
    at_the_last_kill = wholes[-1]
    synced = library.sync_well()

    assert not set(synced.downloads) & at_the_last_kill
    assert set(library.downloads()) == set(photos)
    twice = library.downloads() - Counter(dict.fromkeys(photos, 1))
    assert twice.total() <= KILLS * PARALLEL_DOWNLOADS
    library.assert_same_as_flickr()


def test_a_photo_removed_after_a_kill_leaves_the_disk(
    flickr: FlickrStandIn, library: FlickrLibrary
) -> None:
    """Its picture was whole, but in no table yet."""
    flickr.albums = flickr.albums[:2]
    album, photo = flickr.albums[0], flickr.albums[0].photos[0]
    library.sync_well()
    # what the kill left is the same
    library.tables.storage.delete(library.tables.key("raw_images", album.id), listing_key(album.id))
    flickr.remove_photo(album, photo)
    library.sync_well()
    library.assert_same_as_flickr()


def start_command(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_during_downloads_keeps_what_is_whole(
    flickr: FlickrStandIn, library: FlickrLibrary
) -> None:
    flickr.albums = make_albums(2, 40, size=SIZE)
    slow_down(flickr, 0.6)
    process = start_command("sync")
    wait_for_downloads(library, 10, lambda: process.poll() is None)
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - started < 15
    assert (process.returncode, out) == (130, "")
    assert err.strip().startswith("Error: Stopped.") and "Traceback" not in err
    whole = {Path(name).stem for name in library.pictures()}
    assert 10 <= len(whole) < 80

    flickr.faults.picture_rate = 0.0
    assert not set(library.sync_well().downloads) & whole
    library.assert_same_as_flickr()


def test_ctrl_c_does_not_wait_for_retries(flickr: FlickrStandIn, library: FlickrLibrary) -> None:
    flickr.fail_next("too_many", times=1000, where="pictures", retry_after=120)
    process = start_command("sync")
    deadline = time.monotonic() + 300
    while sum(request.where == "pictures" for request in list(flickr.requests)) < 5:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=15)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Stopped." in err


# --- The key -------------------------------------------------------------------------------------

AS_LOUD_AS_CAN_BE = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, filename=sys.argv.pop(1))
from pipeline.assets import sync
from pipeline import retries
sync._QUIET = {"loggers": {"console": {"config": {"log_level": "DEBUG"}}}}
retries.BACKOFF = 0.02
from pipeline.cli import main
import pytest
from tests.pipeline.quick_model import use_quick_models
use_quick_models(pytest.MonkeyPatch())
main.main()
"""


def test_the_key_is_in_no_file_and_not_printed(
    flickr: FlickrStandIn,
    library: FlickrLibrary,
    monkeypatch: pytest.MonkeyPatch,
    albumscope: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    """Dagster is told to keep what all loggers say, at level DEBUG."""
    data_dir = library.settings.data_dir
    home = data_dir / "own_dagster"
    shutil.copytree(dagster_home(library.settings), home)
    with (home / "dagster.yaml").open("a") as file:
        file.write("\npython_logs:\n  managed_python_loggers: [root]\n  python_log_level: DEBUG\n")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    flickr.albums = [Album("72157788888888", "Two 2024", [new_photo(1), new_photo(2)])]

    def sync_loudly() -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", AS_LOUD_AS_CAN_BE, str(data_dir / "debug.log"), "sync"]
        return subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    for where in ("getList", "getPhotos"):
        flickr.fail_next("html_500", match=where)  # pages that repeat the key
        flickr.fail_next("too_many", match=where)
    well = sync_loudly()
    assert well.returncode == 0, well.stderr
    flickr.add_photo(flickr.albums[0], new_photo(3))
    flickr.fail_next("html_500", times=8, match="getPhotos")
    failed = sync_loudly()
    assert (failed.returncode, "HTTP 500" in failed.stderr) == (1, True)
    wrong = albumscope("sync", env={"FLICKR_API_KEY": "f" * 32})
    assert (wrong.returncode, wrong.stdout, len(wrong.stderr.strip().splitlines())) == (1, "", 1)
    assert "FLICKR_API_KEY" in wrong.stderr

    printed = "".join(each.stdout + each.stderr for each in (well, failed, wrong))
    written = {path.name: text_of(path) for path in data_dir.rglob("*") if path.is_file()}
    loud = [name for name, text in written.items() if b"api_key=" in text]
    assert "debug.log" in loud and any(name.endswith(".db") for name in loud)  # Dagster's events
    for key in (flickr.api_key, "f" * 32):
        assert key not in printed
        assert not [name for name, text in written.items() if key.encode() in text]


def text_of(path: Path) -> bytes:
    """The bytes of a file, and what they hold if they are compressed."""
    content = path.read_bytes()
    if path.suffix == ".parquet":
        content += repr(pq.read_table(path).to_pylist()).encode()
    if path.suffix == ".duckdb":
        with duckdb.connect(
            str(path), read_only=True, config={"file_search_path": str(path.parent)}
        ) as connection:
            for names in connection.execute(
                "SELECT schema_name, table_name FROM duckdb_tables()"
            ).fetchall():
                table = ".".join(f'"{name}"' for name in names)
                content += repr(connection.execute(f"FROM {table}").fetchall()).encode()
    return content


# --- The command line ----------------------------------------------------------------------------


@pytest.fixture
def run(settings: Settings, run: Run) -> Run:
    """The command line, with the stand-in's settings."""
    return run


def test_albums_say_what_is_new_in_each(flickr: FlickrStandIn, run: Run) -> None:
    def states() -> list[tuple[str, int, int, int | None, str]]:
        columns = ("title", "photo_count", "synced", "new", "state")
        return [tuple(album[name] for name in columns) for album in run("albums", "--json").json]

    titles = [album.title for album in flickr.albums]
    assert states() == [(title, 5, 0, 5, "new") for title in titles]
    assert run("sync").code == 0
    assert states() == [(title, 5, 5, 0, "complete") for title in titles]
    flickr.add_photo(flickr.albums[1], new_photo(1))
    flickr.add_photo(flickr.albums[1], new_photo(2))
    flickr.add_album(Album("72157799999999", "New 2024", [new_photo(3)]))
    assert states() == [
        ("New 2024", 1, 0, 1, "new"),
        (titles[0], 5, 5, 0, "complete"),
        (titles[1], 7, 5, None, "changed"),
        (titles[2], 5, 5, 0, "complete"),
        (titles[3], 5, 5, 0, "complete"),
    ]


def test_a_dry_run_counts_and_changes_nothing(
    flickr: FlickrStandIn, library: FlickrLibrary, run: Run
) -> None:
    def counts(*arguments: str) -> list[tuple[int, int, int, int]]:
        columns = ("new", "kept", "removed", "to_download")
        rows = run("sync", "--dry-run", "--json", *arguments).json
        return [tuple(row[name] for name in columns) for row in rows]

    assert counts() == [(5, 0, 0, 5)] * 4
    assert not library.tables.partitions("albums") and not library.pictures()
    assert "20 to download, about 5.6 MB" in run("sync", "--dry-run").err
    library.sync_well()
    before = library.files()
    assert counts() == [(0, 5, 0, 0)] * 4
    first, second = flickr.albums[:2]
    flickr.move_photo(first.photos[0], first, second)
    flickr.add_photo(second, new_photo(1))
    flickr.replace_picture(second.photos[0])
    flickr.replace_picture(flickr.albums[2].photos[0])  # which only a look can find
    assert counts() == [(0, 4, 1, 0), (3, 4, 0, 2), (0, 5, 0, 0), (0, 5, 0, 0)]
    assert counts(flickr.albums[2].id) == [(1, 4, 0, 1)]
    assert library.files() == before and not flickr.downloads.keys() & {new_photo(1).id}


def test_what_is_said_of_an_album_is_kept_in_events_toml(
    flickr: FlickrStandIn, library: FlickrLibrary, run: Run
) -> None:
    album = flickr.albums[1]
    said = ("--event", "東京 trip", "--year", "2011", "--event-type", "trip")
    assert run("sync", album.id, *said, "--album-title", "Day 1").code == 0
    events = (library.settings.data_dir / "events.toml").read_text()
    for text in (album.id, "東京 trip", "2011", '"trip"', "Day 1"):
        assert text in events
    shown = {row["album_id"]: row for row in run("albums", "--json").json}
    columns = ("title", "event_name", "event_year", "event_type", "state")
    assert [shown[album.id][name] for name in columns] == [
        *("Day 1", "東京 trip", 2011, "trip", "complete")
    ]
    assert set(library.tables.partitions("raw_images")) == {album.id}
    found = run(
        "search", "harbour", "--mode", "text", "--event", "東京 trip", "--year", "2011", "--json"
    ).json
    assert {(hit["album_id"], hit["album_title"]) for hit in found} == {(album.id, "Day 1")}
    # Said later, and of the same album: the rest stays.
    assert run("sync", album.id, "--year", "2012").code == 0
    (row,) = [row for row in run("albums", "--json").json if row["album_id"] == album.id]
    assert [row[name] for name in columns] == [*("Day 1", "東京 trip", 2012, "trip", "complete")]


def test_events_toml_with_a_pattern_and_with_a_mistake(
    flickr: FlickrStandIn, library: FlickrLibrary, run: Run
) -> None:
    for album, title in zip(
        flickr.albums,
        ("PyCon JP 2024 Conference Day1", "PyCon mini 東海 2025", "Sprint", "pycon jp 2024 party"),
        strict=True,
    ):
        flickr.edit_album(album, title=title)

    def events() -> list[tuple[str, int, str]]:
        columns = ("event_name", "event_year", "event_type")
        return [tuple(album[name] for name in columns) for album in run("albums", "--json").json]

    assert events() == [
        ("PyCon JP 2024", 2024, None),
        ("PyCon mini 東海 2025", 2025, None),
        ("Sprint", None, None),
        ("pycon jp 2024", 2024, None),
    ]
    library.settings.data_dir.mkdir(exist_ok=True)
    file = library.settings.data_dir / "events.toml"
    file.write_text(
        '# ours\n[[event]]\nalbum = "PyCon JP 2024*"\nevent = "PyCon JP 2024"\n'
        'type = "conference"\n[[event]]\nalbum = "Sprint"\nyear = 2023\n'
    )
    assert events() == [
        ("PyCon JP 2024", 2024, "conference"),
        ("PyCon mini 東海 2025", 2025, None),
        ("Sprint", 2023, None),
        ("PyCon JP 2024", 2024, "conference"),
    ]
    for mistake in ('year = "soon"\nalbum = "x"', 'albums = "x"', "album = 5", "nonsense"):
        file.write_text(f"[[event]]\n{mistake}\n")
        for command in (("albums",), ("sync",), ("sync", "--dry-run")):
            assert str(file) in run(*command).error
    assert not library.tables.partitions("raw_images")


@pytest.mark.parametrize(
    ("title", "event", "year"),
    [
        ("PyCon JP 2024 Conference Day1", "PyCon JP 2024", 2024),
        ("PyCon mini 東海 2025", "PyCon mini 東海 2025", 2025),
        ("PyCon JP 2024年9月27日", "PyCon JP 2024", 2024),
        ("Things and Places", "Things and Places", None),
        ("Photo 20240927", "Photo 20240927", None),
        ("", "", None),
    ],
)
def test_the_event_of_a_title(title: str, event: str, year: int | None) -> None:
    assert event_of_title(title) == (event, year)


def test_another_size_is_downloaded(
    flickr: FlickrStandIn, library: FlickrLibrary, run: Run
) -> None:
    flickr.albums = make_albums(1, 3, size=(900, 600))
    for photo in flickr.albums[0].photos:
        photo.downloadable = True
    assert run("sync", "--size", "z").code == 0
    widths = {max(row["width"], row["height"])
              for row in library.rows("raw_images", flickr.albums[0]).values()}  # fmt: skip
    assert widths == {640}
    assert "--size is one of" in run("sync", "--size", "x").err


@pytest.mark.parametrize("given", ["Ada Example", "https://www.flickr.com/photos/ada-example/"])
def test_the_user_is_given_by_name_or_by_page(
    flickr: FlickrStandIn, run: Run, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.delenv("FLICKR_USER_ID")
    for _ in range(2):
        assert len(run("albums", "--user-id", given, "--json").json) == 4
    asked = Counter(call.method for call in flickr.calls)
    assert asked.pop("flickr.photosets.getList") == 2
    assert asked.total() == 1  # the name is asked for once


def test_another_users_albums_do_not_send_away_the_first_ones(
    flickr: FlickrStandIn, synced_once: FlickrLibrary, run: Run
) -> None:
    flickr.user = User("11111111@N02", "Second", None)
    flickr.users.append(flickr.user)
    mine, flickr.albums = flickr.albums, [Album("72157711111111", "Hers 2020", [new_photo(1)])]
    assert run("sync", "--user-id", "Second").code == 0
    albums = {album["album_id"] for album in run("albums", "--user-id", "Second", "--json").json}
    assert albums == {"72157711111111", *(album.id for album in mine)}
    assert synced_once.published("SELECT count(*) FROM images") == [(21,)]


@pytest.mark.parametrize("command", [("albums",), ("sync",), ("sync", "--dry-run")])
def test_what_concerns_all_of_flickr_is_one_line(
    flickr: FlickrStandIn, run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    assert "Nobody" in run(*command, "--user-id", "Nobody").error
    with monkeypatch.context() as other:
        other.setenv("FLICKR_API_KEY", "f" * 32)
        assert "FLICKR_API_KEY" in run(*command).error
    calls = len(flickr.requests)
    assert calls <= 3  # none was tried again
    flickr.fail_next("503", times=8)
    assert "try again later" in run(*command).error
    flickr.stop()
    assert "cannot be reached" in run(*command).error


def test_an_unknown_album_is_one_line(run: Run) -> None:
    for command in (("sync", "123"), ("sync", "123", "--dry-run"), ("sync", "123", "--year", "9")):
        result = run(*command)
        if "--year" in command:
            assert result.code == 2
        else:
            assert "'123'" in result.error


def test_what_is_there_is_kept_while_flickr_is_down(
    flickr: FlickrStandIn, synced_once: FlickrLibrary, run: Run
) -> None:
    before = synced_once.files()
    flickr.stop()
    assert "cannot be reached" in run("sync").error
    albums = run("albums", "--json")
    assert albums.code == 1 and len(json.loads(albums.out)) == 4
    assert synced_once.files() == before


def test_an_album_that_is_made_private_meanwhile_holds_up_no_other(
    flickr: FlickrStandIn, library: FlickrLibrary
) -> None:
    hidden = flickr.albums[1]
    listed = list(flickr.albums)
    get_list = flickr._get_list

    def as_before(params: dict[str, str]) -> dict[str, Any]:
        here, flickr.albums = flickr.albums, listed
        try:
            return get_list(params)
        finally:
            flickr.albums = here

    flickr.delete_album(hidden)
    flickr._get_list = as_before  # type: ignore[method-assign]
    synced = library.sync()
    assert set(synced.report.failed) == {hidden.id}
    assert hidden.id in synced.report.failed[hidden.id]
    assert len(synced.report.albums) == 3
    flickr._get_list = get_list  # type: ignore[method-assign]
    library.sync_well()
    library.assert_same_as_flickr()
