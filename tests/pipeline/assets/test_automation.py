"""Nightly sync, for real: Dagster's daemon, its schedule, its sensor, the runs that they start."""

import os
import signal
import time
from collections.abc import Callable, Iterator

import dagster as dg
import pytest

from pipeline.assets import sync
from pipeline.assets.automation import nightly_sync
from pipeline.assets.instance import open_instance
from pipeline.assets.partitions import TITLE_TAG, albums_of_run, groups, run_tags
from pipeline.errors import AlbumscopeError
from pipeline.library.library import Library
from pipeline.settings import Settings, load_settings
from pipeline.snapshot import reading
from tests.pipeline import dagster_dev
from tests.pipeline.quick_sync import bring_in
from tests.standins.flickr import FlickrStandIn, Photo, make_albums
from tests.waiting import wait_for

EVERY_MINUTE = "* * * * *"


@pytest.fixture
def flickr(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlickrStandIn]:
    """Three albums of two photos; the settings point to them."""
    with FlickrStandIn(make_albums(3, 2)) as stand_in:
        for name, value in stand_in.environment.items():
            monkeypatch.setenv(name, value)
        yield stand_in


@pytest.fixture
def library(flickr: FlickrStandIn, monkeypatch: pytest.MonkeyPatch) -> Library:
    """Of what is on Flickr."""
    monkeypatch.setenv("SYNC_SCHEDULE", EVERY_MINUTE)
    monkeypatch.setenv("CAPTION_MODEL", "none")
    load_settings.cache_clear()
    return Library(load_settings())


@pytest.fixture
def instance(library: Library) -> Iterator[dg.DagsterInstance]:
    """Dagster's, which knows the albums; they are brought in and published."""
    with open_instance(library.settings) as instance:
        assert not sync.find_albums(library, instance).failed
        bring_in(library)
        yield instance


def runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """All runs, oldest first."""
    return list(reversed(instance.get_runs()))


def assets_of(run: dg.DagsterRun) -> set[str]:
    return {key.to_user_string() for key in run.asset_selection or []}


def photos_in_snapshot(library: Library) -> dict[str, int]:
    """The number of photos by album's title, as those who search see them."""
    opened = reading.open_current(library.settings.data_dir)
    counts = opened.cursor().execute(
        "SELECT albums.title, count(*) FROM albums JOIN album_images USING (album_id)"
        " JOIN images USING (image_id) GROUP BY ALL"
    )
    found = dict(counts.fetchall())
    opened.close()
    return found


def test_two_nights(flickr: FlickrStandIn, library: Library, instance: dg.DagsterInstance) -> None:
    """In the first night one album changed, one is gone, one is new; a worker is killed meanwhile.

    In the second night nothing changed.
    """
    changed, gone, *_ = flickr.albums
    before = len(runs(instance))
    photos = [Photo(id=str(10_000 + number), title=f"late {number}") for number in range(3)]
    for photo in photos:
        flickr.add_photo(changed, photo)
    flickr.delete_album(gone)
    (new,) = make_albums(1, 2)
    new.id, new.title = "4711", "EuroPython 2026 Sprints"
    for number, photo in enumerate(new.photos):
        photo.id = str(20_000 + number)
        photo.latitude = photo.longitude = None  # which spares the run all towns
    flickr.add_album(new)
    flickr.fail_next("timeout", times=len(photos), where="pictures")
    flickr.faults.hold_seconds = 3.0  # long enough to be killed meanwhile

    def new_runs() -> list[dg.DagsterRun]:
        return runs(instance)[before:]

    def album_runs() -> list[dg.DagsterRun]:
        return [run for run in new_runs() if "raw_images" in assets_of(run)]

    with dagster_dev.dagster_daemon(library.settings):
        started = len(flickr.requests)
        wait_for(lambda: any(map(is_of(changed.title), album_runs())), "the runs")
        (victim,) = filter(is_of(changed.title), album_runs())
        wait_for(
            lambda: any(request[1] == "pictures" for request in flickr.requests[started:]),
            "downloads to begin",
        )
        pid = dagster_dev.process_of(instance, victim)
        assert pid
        os.kill(pid, signal.SIGKILL)

        def published() -> bool:
            done = new_runs()
            return (
                all(run.is_finished for run in done)
                and {"faiss_index"} in map(assets_of, done)
                and photos_in_snapshot(library).get("EuroPython 2026 Sprints") == 2
            )

        wait_for(published, "the new snapshot")
        first_night = new_runs()

        calls = len(flickr.calls)
        wait_for(lambda: len(flickr.calls) > calls, "the second night")
        time.sleep(12)  # the sensor has looked meanwhile
        assert [call[1] for call in flickr.calls[calls:]] == ["flickr.photosets.getList"]
        assert new_runs() == first_night

    found, *others = first_night
    assert assets_of(found) == {"flickr_albums"}
    titles = {run.tags[TITLE_TAG] for run in others if "raw_images" in assets_of(run)}
    assert titles == {changed.title, new.title}
    statuses = [run.status.value for run in first_night if is_of(changed.title)(run)]
    assert statuses == ["FAILURE", "SUCCESS"]  # killed, and taken up again
    assert [assets_of(run) for run in others].count({"faiss_index"}) == 1
    assert photos_in_snapshot(library) == {
        album.title: len(album.photos) for album in flickr.albums
    }
    partitions = set(instance.get_dynamic_partitions("albums"))
    assert partitions == {album.id for album in flickr.albums}
    assert not (library.settings.data_dir / "photos" / gone.id).exists()


def is_of(title: str) -> Callable[[dg.DagsterRun], bool]:
    """Whether a run is that of one album alone."""
    return lambda run: run.tags.get(TITLE_TAG) == title and "raw_images" in assets_of(run)


def test_wrong_schedule_and_time_zone_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AlbumscopeError, match=r"SYNC_SCHEDULE='daily' is no cron schedule"):
        nightly_sync(Settings(sync_schedule="daily"))
    monkeypatch.setenv("SYNC_TIMEZONE", "Mars/Olympus")
    load_settings.cache_clear()
    with pytest.raises(AlbumscopeError, match=r"SYNC_TIMEZONE='Mars/Olympus'.*Asia/Tokyo"):
        load_settings()


@pytest.mark.parametrize(
    ("pending", "expected"),
    [
        ("", []),
        ("abcdefg", ["abcdefg"]),
        ("aceg", ["a", "c", "e", "g"]),
        ("gba", ["ab", "g"]),
    ],
)
def test_a_run_takes_neighbouring_albums(pending: str, expected: list[str]) -> None:
    assert ["".join(group) for group in groups("abcdefg", pending)] == expected


def test_a_run_takes_so_many_albums_at_most() -> None:
    partitions = [str(number) for number in range(60)]
    found = list(groups(partitions, partitions))
    assert [len(group) for group in found] == [25, 25, 10]
    run = dg.DagsterRun("sync_album", tags=run_tags(found[1], {}))
    assert albums_of_run(run, partitions) == found[1]
