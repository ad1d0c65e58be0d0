"""The stand-in for Flickr answers as Flickr does, and fails when it is told to."""

import io
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.conftest import DEMO_PHOTOS, PROJECT_ROOT
from tests.standins.flickr import KINDS, UNAVAILABLE, FlickrStandIn, albums_in, make_albums

EXTRAS = "license,date_taken,last_update,path_alias,geo,description,media,url_sq,url_s,url_l,url_o"


@pytest.fixture
def flickr() -> Iterator[FlickrStandIn]:
    with FlickrStandIn(make_albums(2, 12)) as standin:
        yield standin


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=5) as client:
        yield client


def ask(client: httpx.Client, flickr: FlickrStandIn, method: str, **params: Any) -> httpx.Response:
    common = {"api_key": flickr.api_key, "format": "json", "nojsoncallback": "1"}
    return client.get(
        flickr.api_url,
        params={**common, "method": method, "user_id": flickr.user_id, **params},
    )


def get_photos(client: httpx.Client, flickr: FlickrStandIn, **params: Any) -> dict[str, Any]:
    params = {"photoset_id": flickr.albums[0].id, "extras": EXTRAS, **params}
    return ask(client, flickr, "flickr.photosets.getPhotos", **params).json()["photoset"]


def get_list(client: httpx.Client, flickr: FlickrStandIn) -> list[dict[str, Any]]:
    return ask(client, flickr, "flickr.photosets.getList").json()["photosets"]["photoset"]


def test_lists_albums_and_their_photos_page_by_page(
    flickr: FlickrStandIn, client: httpx.Client
) -> None:
    albums = get_list(client, flickr)
    assert [album["title"]["_content"] for album in albums] == ["PyCon 2010", "Summer trip 2011"]
    pages = [get_photos(client, flickr, page=page, per_page=5) for page in (1, 2, 3)]
    assert [int(page["page"]) for page in pages] == [1, 2, 3]
    assert {(page["pages"], int(page["total"])) for page in pages} == {(3, 12)}
    ids = [photo["id"] for page in pages for photo in page["photo"]]
    assert ids == [photo.id for photo in flickr.albums[0].photos]
    assert [call.method for call in flickr.calls[1:]] == ["flickr.photosets.getPhotos"] * 3
    assert flickr.api_key not in repr(flickr.calls)


def test_a_photo_has_the_fields_that_were_asked_for(
    flickr: FlickrStandIn, client: httpx.Client
) -> None:
    photos = get_photos(client, flickr)["photo"]
    assert {type(photo["license"]) for photo in photos} == {int, str}
    assert {type(photo["latitude"]) for photo in photos} == {int, str}
    assert {"description" in photo for photo in photos} == {True, False}
    assert {"url_o" in photo for photo in photos} == {True, False}
    assert not any("url_l" in photo or "tags" in photo for photo in photos)
    assert "url_sq" not in get_photos(client, flickr, extras="tags")["photo"][0]


def test_pictures_have_the_sizes_that_the_api_says(
    flickr: FlickrStandIn, client: httpx.Client
) -> None:
    contents = set()
    for photo in get_photos(client, flickr)["photo"]:
        for size in ("sq", "s", "o"):
            if f"url_{size}" in photo:
                answer = client.get(photo[f"url_{size}"])
                image = Image.open(io.BytesIO(answer.content))
                assert image.size == (int(photo[f"width_{size}"]), int(photo[f"height_{size}"]))
                assert answer.headers["Content-Type"] == Image.MIME[image.format or ""]
                contents.add((size, answer.content))
    assert len(contents) == sum(flickr.downloads.values()) == len(flickr.downloads)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"api_key": "no"}, 100),
        ({"format": "yaml"}, 111),
        ({"method": "flickr.no"}, 112),
        ({"photoset_id": "1"}, 1),
        ({"user_id": "98765432@N01"}, 1),
        ({"user_id": "1@N00"}, 2),
    ],
)
def test_errors_come_with_status_200(
    flickr: FlickrStandIn, client: httpx.Client, wrong: dict[str, str], code: int
) -> None:
    params = {"photoset_id": flickr.albums[0].id, **wrong}
    answer = ask(client, flickr, params.pop("method", "flickr.photosets.getPhotos"), **params)
    assert (answer.status_code, answer.json()["stat"], answer.json()["code"]) == (200, "fail", code)


def test_users_are_found_by_name_and_by_address(
    flickr: FlickrStandIn, client: httpx.Client
) -> None:
    for method, params in {
        "flickr.people.findByUsername": {"username": "Ada Example"},
        "flickr.urls.lookupUser": {"url": "https://www.flickr.com/photos/ada-example/"},
    }.items():
        assert ask(client, flickr, method, **params).json()["user"]["id"] == flickr.user_id
        assert ask(client, flickr, method, username="No", url="/photos/no").json()["code"] == 1


def test_changes_move_the_dates_that_flickr_moves(
    flickr: FlickrStandIn, client: httpx.Client
) -> None:
    def dates() -> tuple[list[str], str]:
        first = get_photos(client, flickr)["photo"][0]
        return [album["date_update"] for album in get_list(client, flickr)], first["lastupdate"]

    one, other = flickr.albums
    photo = one.photos[0]
    (a, b), lastupdate = dates()
    flickr.edit_photo(photo, title="New")
    flickr.replace_picture(photo)
    assert dates()[0] == [a, b]
    assert dates()[1] > lastupdate
    lastupdate = dates()[1]
    flickr.edit_album(other, title="New")
    assert (dates()[0][0], dates()[0][1] > b, dates()[1]) == (a, True, lastupdate)
    (a, b), _ = dates()
    flickr.move_photo(photo, one, other)
    assert all(new > old for new, old in zip(dates()[0], (a, b), strict=True))
    assert other.photos[-1] is photo


def test_photos_that_are_not_ready_and_videos(flickr: FlickrStandIn, client: httpx.Client) -> None:
    video, *photos = flickr.albums[0].photos
    video.media = "video"
    for photo in photos:
        photo.ready = False
    assert len(get_photos(client, flickr)["photo"]) == 12
    answers = get_photos(client, flickr, media="photos")["photo"]
    assert {(answer["farm"], answer["media_status"]) for answer in answers} == {
        (0, "ready"),
        (66, "processing"),
    }
    album = get_list(client, flickr)[0]
    assert int(album.get("count_videos", album.get("videos"))) == 1


def test_an_album_can_change_between_two_pages(flickr: FlickrStandIn, client: httpx.Client) -> None:
    album = flickr.albums[0]
    flickr.between_pages = lambda: flickr.remove_photo(album, album.photos[0])
    pages = [get_photos(client, flickr, page=page, per_page=6) for page in (1, 2)]
    assert [len(page["photo"]) for page in pages] == [6, 5]
    assert [int(page["total"]) for page in pages] == [12, 11]


def test_pictures_of_photos_that_are_gone(flickr: FlickrStandIn, client: httpx.Client) -> None:
    gone, replaced, *_ = flickr.albums[0].photos
    first, second, *_ = (photo["url_s"] for photo in get_photos(client, flickr)["photo"])
    assert client.get(second).status_code == 200
    flickr.delete_photo(gone)
    flickr.replace_picture(replaced)
    for url in (first, second):
        assert client.get(url).headers["Location"] == UNAVAILABLE
    gone.gone_status = 410
    assert client.get(first).status_code == 410
    assert client.get(first, follow_redirects=True).status_code == 410
    assert client.get(get_photos(client, flickr)["photo"][0]["url_s"]).status_code == 200


@pytest.mark.parametrize(("where", "kind"), [(w, kind) for w in KINDS for kind in KINDS[w]])
def test_faults_come_when_ordered_and_then_are_over(
    flickr: FlickrStandIn, client: httpx.Client, where: Any, kind: str
) -> None:
    picture = get_photos(client, flickr)["photo"][0]["url_s"]
    flickr.faults.hold_seconds = 0.2

    def request() -> httpx.Response:
        return client.get(picture) if where == "pictures" else ask(client, flickr, "flickr.x")

    flickr.fail_next(kind, where=where, retry_after=7)
    started = time.monotonic()
    if kind in {"timeout", "cut"}:
        with pytest.raises(httpx.RemoteProtocolError):
            request()
    else:
        answer = request()
        status = {"too_many": 429, "html_500": 500, "502": 502, "503": 503}
        assert answer.status_code == status.get(kind, 302 if kind == "photo_unavailable" else 200)
        if kind in {*status, "wrong_type"}:
            assert answer.headers["Content-Type"].startswith("text/html")
            assert answer.headers["Retry-After"] == "7"
            assert (flickr.api_key in answer.text) == (where == "api")
        if kind == "unavailable_code":
            assert answer.json()["code"] == 105
    if kind in {"timeout", "slow"}:
        assert time.monotonic() - started > 0.1
    assert flickr.requests[-1].fault == kind
    assert request().status_code == 200
    assert flickr.requests[-1].fault is None


def test_faults_by_chance(flickr: FlickrStandIn, client: httpx.Client) -> None:
    flickr.faults.api_rate = 0.3
    flickr.faults.kinds = ("too_many", "503", "photo_unavailable")
    statuses = [ask(client, flickr, "flickr.x").status_code for _ in range(100)]
    assert 15 < 100 - statuses.count(200) < 40
    assert set(statuses) == {200, 429, 503}
    assert sum(flickr.faults.given.values()) == 100 - statuses.count(200)


def test_a_stop_ends_what_is_held_open_and_a_start_goes_on(client: httpx.Client) -> None:
    with FlickrStandIn() as flickr, ThreadPoolExecutor() as threads:
        flickr.faults.hold_seconds = 60
        flickr.fail_next("timeout")
        held = threads.submit(ask, client, flickr, "flickr.x")
        while not flickr.requests:
            time.sleep(0.01)
        flickr.stop()
        assert isinstance(held.exception(timeout=5), httpx.HTTPError)
        with pytest.raises(httpx.ConnectError):
            ask(client, flickr, "flickr.x")
        flickr.start()
        assert ask(client, flickr, "flickr.x").status_code == 200


def test_serves_two_thousand_pictures_in_seconds(client: httpx.Client) -> None:
    with FlickrStandIn(make_albums(4, 500)) as flickr, ThreadPoolExecutor(4) as threads:
        urls = [
            photo["url_s"]
            for album in flickr.albums
            for photo in get_photos(client, flickr, photoset_id=album.id)["photo"]
        ]
        answers = list(threads.map(client.get, urls))
        assert len({answer.content for answer in answers}) == len(flickr.downloads) == 2000


def test_serves_a_folder_of_photos(client: httpx.Client) -> None:
    with FlickrStandIn(albums_in(DEMO_PHOTOS)) as flickr:
        assert get_list(client, flickr)[0]["title"]["_content"] == "Nature Walks 2018"
        photo = get_photos(client, flickr)["photo"][0]
        assert photo["title"] == "Aitzgorri mountains"
        original = client.get(photo["url_o"]).content
    assert original == (DEMO_PHOTOS / "Nature Walks 2018/aitzgorri-mountains.jpg").read_bytes()


def test_can_be_started_by_hand(client: httpx.Client) -> None:
    command = [sys.executable, "-m", "tests.standins.flickr", "--port", "0", "--albums", "3"]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        settings = {}
        while "FLICKR_USER_ID" not in settings:
            name, _, value = process.stdout.readline().strip().partition("=")
            settings[name] = value
        answer = client.get(settings["FLICKR_API_URL"], params={"nojsoncallback": "1"})
        process.terminate()
    assert answer.json()["code"] == 111
