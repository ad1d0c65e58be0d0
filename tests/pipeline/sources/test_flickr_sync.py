"""Flickr albums in the library, end to end: a stand-in Flickr, real runs, real files."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline import retries
from pipeline.settings import Settings
from pipeline.sources.flickr import listings
from pipeline.sources.flickr.listings import listing_key
from tests.conftest import DEMO_PHOTOS
from tests.pipeline.sources.flickr_library import SIZE, FlickrLibrary, in_a_hurry, new_photo
from tests.standins.flickr import PASSING, Album, FlickrStandIn, make_albums

# --- All of it, and then nothing ----------------------------------------------------------------


def test_ten_albums_come_in_whole_with_one_request_in_five_failing(
    monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    in_a_hurry(monkeypatch)
    with FlickrStandIn(make_albums(10, 20, size=SIZE)) as flickr:
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
        assert library.published("SELECT count(*) FROM images") == [(200,)]

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
    assert set(synced.runs) == {None, album.id}
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


def test_albums_are_retitled_put_into_another_order_added_and_deleted(
    flickr: FlickrStandIn, synced_once: FlickrLibrary
) -> None:
    retitled, gone, turned, _ = flickr.albums
    added = Album("72157799999999", "Nouveau 2024", [new_photo(1), new_photo(2)])
    flickr.edit_album(retitled, title="EuroPython 2016 in Bilbao")
    flickr.reorder(turned, reversed(turned.photos))
    flickr.add_album(added)
    flickr.delete_album(gone)
    synced = synced_once.sync_quickly()
    assert sorted(synced.albums) == sorted([retitled.id, turned.id, added.id])
    assert sorted(synced.downloads) == [photo.id for photo in added.photos]
    synced_once.assert_same_as_flickr()
    events = synced_once.published(
        f"SELECT event_name, event_year FROM albums WHERE album_id = '{retitled.id}'"
    )
    assert events == [("EuroPython 2016", 2016)]
    assert not [path for path in synced_once.settings.data_dir.rglob(f"*{gone.id}*")
                if "dagster" not in path.parts]  # fmt: skip


def test_an_album_is_emptied_and_deleted(flickr: FlickrStandIn, synced_once: FlickrLibrary) -> None:
    album = flickr.albums[1]
    flickr.edit_album(album, photos=[])
    synced_once.bring_in()
    assert not any(path.startswith(album.id) for path in synced_once.pictures())
    assert synced_once.published("SELECT count(*) FROM images") == [(15,)]
    flickr.delete_album(album)
    synced_once.sync_quickly()
    synced_once.assert_same_as_flickr()
    assert not synced_once.tables.storage.exists(listing_key(album.id))


@pytest.mark.parametrize(("source", "target"), [(0, 3), (3, 0)])
def test_a_moved_photo_is_not_fetched_described_or_embedded_again(
    flickr: FlickrStandIn, synced_once: FlickrLibrary, source: int, target: int
) -> None:
    here, there = flickr.albums[source], flickr.albums[target]
    moved = here.photos[2]
    made = {
        table: synced_once.rows(table, here)[moved.id]["created_at"]
        for table in synced_once.made[1:]
    }
    flickr.move_photo(moved, here, there)

    synced = synced_once.sync_quickly()

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
    assert library.sync_quickly().downloads == {p.id: 1 for a in flickr.albums for p in a.photos}
    library.assert_same_as_flickr()

    flickr.remove_photo(first, shared)
    synced = library.sync_quickly()
    assert (synced.downloads, synced.albums) == ({}, [first.id])
    library.assert_same_as_flickr()

    flickr.add_photo(first, shared)
    flickr.delete_album(second)
    assert library.sync_quickly().downloads == {}
    library.assert_same_as_flickr()


def test_a_picture_replaced_in_one_album_is_replaced_in_the_other(
    flickr: FlickrStandIn, synced_once: FlickrLibrary
) -> None:
    first, second = flickr.albums[:2]
    shared = first.photos[1]
    flickr.add_photo(second, shared)
    assert synced_once.bring_in() == {}
    flickr.replace_picture(shared)
    assert synced_once.sync_quickly(second.id, first.id).downloads == {shared.id: 1}
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

    assert not set(library.sync_quickly().downloads) & {p.id for p in [video, *not_ready, *gone]}

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

    soon = library.sync_quickly()
    assert (soon.calls, soon.runs) == (["flickr.photosets.getList"], [])

    for photo in not_ready:
        flickr.edit_photo(photo, ready=True)
    flickr.edit_photo(gone[1], available=True)
    assert library.sync_quickly().runs == []
    monkeypatch.setattr(listings, "NOT_READY_AFTER", timedelta(0))
    later = library.sync_quickly()
    assert later.albums == [album.id]
    library.assert_same_as_flickr(left_out=[video, gone[0], gone[2]])
    assert library.sync_quickly().runs == []


@pytest.mark.parametrize("state", [{"available": False}, {"ready": False}])
def test_a_replacement_that_cannot_be_had_is_no_work_for_ever(
    flickr: FlickrStandIn, synced_once: FlickrLibrary, state: dict[str, bool]
) -> None:
    album, photo = flickr.albums[0], flickr.albums[0].photos[0]
    flickr.replace_picture(photo, **state)
    synced_once.sync_quickly(album.id)
    assert synced_once.rows("raw_images", album)[photo.id]["error"]
    again = synced_once.sync_quickly()
    assert (again.calls, again.runs) == (["flickr.photosets.getList"], [])
    flickr.edit_photo(photo, available=True, ready=True)
    synced_once.sync_quickly(album.id)
    synced_once.assert_same_as_flickr()


def test_a_photo_that_failed_three_times_for_a_passing_reason_gets_another_chance(
    flickr: FlickrStandIn, library: FlickrLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "ATTEMPTS", 2)
    flickr.albums = flickr.albums[:1]
    album, photo = flickr.albums[0], flickr.albums[0].photos[0]
    flickr.fail_next("503", times=1_000_000, where="pictures", match=photo.id)
    for _ in range(3):
        assert library.sync_quickly().albums
        library.assert_same_as_flickr(left_out=[photo])
    assert library.sync_quickly().runs == []
    flickr.faults.ordered.clear()
    library.sync_quickly(album.id)
    library.assert_same_as_flickr()


def test_a_picture_replaced_without_a_sign_of_its_album_is_found_by_a_look(
    flickr: FlickrStandIn, synced_once: FlickrLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    album = flickr.albums[2]
    flickr.replace_picture(album.photos[0])
    assert synced_once.sync_quickly().calls == ["flickr.photosets.getList"]
    assert synced_once.sync_quickly(album.id).downloads == {album.photos[0].id: 1}
    synced_once.assert_same_as_flickr()

    flickr.replace_picture(album.photos[1])
    monkeypatch.setattr(listings, "LIST_AGAIN_AFTER", timedelta(0))
    assert synced_once.sync_quickly().downloads == {album.photos[1].id: 1}
    synced_once.assert_same_as_flickr()


def test_an_edited_title_comes_in_without_the_picture(
    flickr: FlickrStandIn, synced_once: FlickrLibrary
) -> None:
    album, photo = flickr.albums[1], flickr.albums[1].photos[4]
    before = {table: synced_once.rows(table, album)[photo.id] for table in synced_once.made}
    flickr.edit_photo(photo, title="Another title", tags="new words")
    assert synced_once.sync_quickly(album.id).downloads == {}
    synced_once.assert_same_as_flickr()
    after = {table: synced_once.rows(table, album)[photo.id] for table in synced_once.made}
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
    library.bring_in()
    assert library.published(
        "SELECT taken_at, round(latitude, 2), round(longitude, 2) FROM exif ORDER BY image_id"
    ) == [
        (datetime(1999, 3, 4, 5, 6, 7), -33.5, 1.25),
        (None, None, None),
        (datetime(2014, 4, 29, 14, 25, 26), 56.16, 10.21),
    ]
