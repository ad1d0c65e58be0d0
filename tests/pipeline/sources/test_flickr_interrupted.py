"""Flickr albums while a sync is killed, stopped or told all there is to tell."""

import logging
import multiprocessing
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from pipeline.assets import sync
from pipeline.assets.instance import dagster_home, open_instance
from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.sources.flickr.listings import listing_key
from tests.pipeline.command_line import Run
from tests.pipeline.sources.flickr_library import (
    PARALLEL_DOWNLOADS,
    SIZE,
    FlickrLibrary,
    new_photo,
    photo_id,
    picture_of,
)
from tests.standins.flickr import Album, FlickrStandIn, make_albums
from tests.waiting import wait_for

KILLS = 2

# What test_crash.py lets this process import is of use here too.
_processes = multiprocessing.get_context("forkserver")


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
    def has_so_many() -> bool:
        assert is_alive(), "it ended too early"
        return library.downloads().total() >= number

    wait_for(has_so_many, f"{number} downloads", every=0.01)


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
    library.bring_in()
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

    def has_asked() -> bool:
        assert process.poll() is None
        return sum(request.where == "pictures" for request in list(flickr.requests)) >= 5

    wait_for(has_asked, "five requests", every=0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=15)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Stopped." in err


# --- The key -------------------------------------------------------------------------------------


@pytest.fixture
def loud(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file with all that is logged. Dagster is told to keep what all loggers say, too."""
    home = settings.data_dir / "own_dagster"
    shutil.copytree(dagster_home(settings), home)
    with (home / "dagster.yaml").open("a") as file:
        file.write("\npython_logs:\n  managed_python_loggers: [root]\n  python_log_level: DEBUG\n")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    console = {"config": {"log_level": "DEBUG"}}
    monkeypatch.setattr(sync, "_QUIET", {"loggers": {"console": console}})
    handler = logging.FileHandler(settings.data_dir / "debug.log")
    root, level = logging.getLogger(), logging.root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield settings.data_dir / "debug.log"
    root.setLevel(level)
    root.removeHandler(handler)
    handler.close()


def test_the_key_is_in_no_file_and_not_printed(
    flickr: FlickrStandIn,
    loud: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Run,
) -> None:
    monkeypatch.setenv("CAPTION_MODEL", "none")
    flickr.albums = [Album("72157788888888", "Two 2024", [new_photo(1), new_photo(2)])]
    for where in ("getList", "getPhotos"):
        flickr.fail_next("html_500", match=where)  # pages that repeat the key
        flickr.fail_next("too_many", match=where)
    well = run("sync")
    assert well.code == 0, well.err
    flickr.add_photo(flickr.albums[0], new_photo(3))
    flickr.fail_next("html_500", times=8, match="getPhotos")
    failed = run("sync")
    assert (failed.code, "HTTP 500" in failed.err) == (1, True)
    monkeypatch.setenv("FLICKR_API_KEY", "f" * 32)
    wrong = run("sync")
    assert "FLICKR_API_KEY" in wrong.error

    printed = "".join(each.out + each.err for each in (well, failed, wrong))
    data_dir = loud.parent
    written = {path: text_of(path) for path in data_dir.rglob("*") if path.is_file()}
    loud_ones = [path for path, text in written.items() if b"api_key=" in text]
    assert loud in loud_ones and any(path.suffix == ".db" for path in loud_ones)  # Dagster's events
    for key in (flickr.api_key, "f" * 32):
        assert key not in printed
        assert not [path for path, text in written.items() if key.encode() in text]


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
