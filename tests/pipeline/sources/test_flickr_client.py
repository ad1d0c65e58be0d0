"""The Flickr client against a stand-in that fails in all the ways Flickr does."""

import json
import logging
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, cast

import hpack
import httpx
import pytest
from PIL import Image

from pipeline import retries
from pipeline.errors import AlbumscopeError, PhotoError
from pipeline.settings import Settings
from pipeline.sources.flickr import pictures as pictures_module
from pipeline.sources.flickr import retries as flickr_retries
from pipeline.sources.flickr.api import FlickrApi
from pipeline.sources.flickr.errors import AlbumGone, FlickrError, FlickrUnavailable
from pipeline.sources.flickr.parsing import FlickrPhoto, parse_album, parse_photo
from pipeline.sources.flickr.pictures import PictureServer
from pipeline.sources.flickr.rate_limit import RateLimit
from pipeline.sources.flickr.transport import Transport
from pipeline.storage.disk import DiskStorage
from tests.standins.flickr import KINDS, STRANGER, Album, FlickrStandIn, Photo, make_albums

MODIFIED = datetime(2015, 7, 2, 11, 28, 40)


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "BACKOFF", 0.01)
    monkeypatch.setattr(flickr_retries, "TIMEOUT", 0.3)


@pytest.fixture
def flickr() -> Iterator[FlickrStandIn]:
    with FlickrStandIn(make_albums(5, 7)) as standin:
        standin.faults.hold_seconds = 0.4
        yield standin


@pytest.fixture
def api(settings: Settings) -> Iterator[FlickrApi]:
    transport = Transport(settings)
    yield FlickrApi(transport)
    transport.close()


@pytest.fixture
def pictures(settings: Settings, folder: Path) -> Iterator[PictureServer]:
    server = PictureServer(settings, DiskStorage(folder))
    yield server
    server.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the retries would have waited."""
    waits: list[float] = []
    monkeypatch.setattr(retries, "sleep_using_event", lambda event: waits.append)
    return waits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where pictures are downloaded to."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


def ids(things: list[Any], name: str) -> list[str]:
    return [getattr(thing, name) for thing in things]


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def url_of(flickr: FlickrStandIn, api: FlickrApi, size: str = "b", photo: int = 0) -> str:
    url = api.photos(flickr.albums[0].id, flickr.user_id)[photo].picture(size)
    assert url
    return url


# The API


@pytest.mark.parametrize("kind", KINDS["api"])
def test_passing_faults_of_the_api_are_retried(
    flickr: FlickrStandIn, api: FlickrApi, kind: str
) -> None:
    flickr.fail_next(kind, times=2)
    expected = [album.id for album in flickr.albums]
    assert ids(api.albums(flickr.user_id), "album_id") == expected
    attempts = 1 if kind == "slow" else 3
    assert [request.where for request in flickr.requests] == ["api"] * attempts


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("3", 3, 3),
        ("in 200 s", 100, 200),  # as a date
        ("86400", 600, 600),
        ("soon", 0, 1),
        ("-5", 0, 1),
        ("nan", 0, 1),
    ],
)
def test_retry_after_is_honoured(
    flickr: FlickrStandIn,
    api: FlickrApi,
    waits: list[float],
    retry_after: str,
    least: float,
    most: float,
) -> None:
    if retry_after == "in 200 s":
        retry_after = format_datetime(datetime.now(UTC) + timedelta(seconds=200))
    flickr.fail_next("too_many", retry_after=retry_after)
    flickr.fail_next("503", retry_after=retry_after)
    assert api.albums(flickr.user_id)
    assert [least <= wait <= most for wait in waits] == [True, True], waits


def test_waits_grow_and_differ(flickr: FlickrStandIn, api: FlickrApi, waits: list[float]) -> None:
    flickr.fail_next("html_500", times=99)
    with pytest.raises(FlickrUnavailable, match="HTTP 500"):
        api.albums(flickr.user_id)
    assert len(flickr.requests) == retries.ATTEMPTS
    assert waits == sorted(waits) and waits[-1] > 30 * retries.BACKOFF
    assert len(set(waits)) == len(waits)


def test_an_unreachable_flickr_passes(
    flickr: FlickrStandIn, api: FlickrApi, waits: list[float]
) -> None:
    flickr.stop()
    with pytest.raises(FlickrUnavailable, match="check the network"):
        api.albums(flickr.user_id)


def test_a_wrong_key_an_unknown_user_and_album_are_not_retried(
    flickr: FlickrStandIn, settings: Settings, api: FlickrApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(error: type[AlbumscopeError], text: str, call: Callable[[], object]) -> None:
        flickr.requests.clear()
        with pytest.raises(error, match=text) as raised:
            call()
        assert len(flickr.requests) == 1
        assert "\n" not in str(raised.value)

    album = flickr.albums[0].id
    fails(AlbumGone, "no album 12", lambda: api.photos("12", flickr.user_id))
    fails(FlickrError, "no user '9@N09'", lambda: api.albums("9@N09"))
    fails(FlickrError, "no user '9@N09'", lambda: api.photos(album, "9@N09"))
    flickr.api_key = "another"
    fails(FlickrError, "check FLICKR_API_KEY", lambda: api.albums(flickr.user_id))
    fails(FlickrError, "check FLICKR_API_KEY", lambda: api.user_id("Ada Example"))


def test_settings_that_cannot_work_say_so(settings: Settings) -> None:
    with pytest.raises(FlickrError, match="set FLICKR_API_KEY"):
        Transport(settings.model_copy(update={"flickr_api_key": None}))
    for url in (
        "",
        "api.flickr.com",
        "ftp://flickr.com",
        settings.flickr_api_url[:-6],
    ):
        with pytest.raises(FlickrError, match="FLICKR_API_URL") as raised:
            Transport(settings.model_copy(update={"flickr_api_url": url})).call("flickr.x")
        assert not isinstance(raised.value, FlickrUnavailable)


def test_the_key_is_in_no_log_line_error_or_file(
    flickr: FlickrStandIn,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    data_dir: Path,
    waits: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retries, "ATTEMPTS", 3)
    for name in ("", "httpx", "httpcore.http11", "hpack.hpack", "hpack.table"):
        caplog.set_level(logging.DEBUG, name)
    key = flickr.api_key
    transport = Transport(settings)
    api = FlickrApi(transport)
    flickr.fail_next("html_500")
    assert api.albums(flickr.user_id)

    errors: list[BaseException] = []

    def fails(call: Callable[[], object]) -> None:
        with pytest.raises(FlickrError) as raised:
            call()
        error: BaseException | None = raised.value
        while error:
            errors.append(error)
            error = error.__cause__ or error.__context__

    for kind in KINDS["api"]:
        if kind != "slow":
            flickr.fail_next(kind, times=retries.ATTEMPTS)
            fails(lambda: api.albums(flickr.user_id))
    fails(lambda: transport.call(f"flickr.{key}"))  # which Flickr's message repeats
    # A redirect that repeats the query, to which httpcore listens.
    flickr.delete_photo(flickr.albums[0].photos[0])
    flickr.unavailable_url = f"{flickr.origin}/?api_key={key}"
    gone = f"{flickr.origin}/static/65535/50000000000_secret_b.jpg"
    redirected = Transport(settings.model_copy(update={"flickr_api_url": gone}))
    fails(lambda: redirected.call("flickr.x"))
    assert flickr.requests[-1].where == "pictures"  # and so was not followed
    flickr.stop()
    fails(lambda: api.albums(flickr.user_id))
    # What would be logged where the connection is HTTP/2.
    hpack.Encoder().encode([(b":path", f"/?api_key={key}&format=json".encode())])

    seen = [(str(error), repr(error), str(vars(error))) for error in errors]
    assert key not in repr(seen) and len(seen) > 8
    loggers = {record.name for record in caplog.records}
    assert {"httpx", "httpcore.http11", "pipeline.flickr"} <= loggers
    assert "hpack.hpack" not in loggers  # its lines hold the key in compressed form
    assert "…" in caplog.text and key not in caplog.text
    written = b"".join(path.read_bytes() for path in data_dir.rglob("*") if path.is_file())
    assert written and key.encode() not in written


@pytest.mark.parametrize(
    "given",
    [
        "25925838@N00",
        "https://www.flickr.com/photos/25925838@N00/",
        "flickr.com/people/25925838%40N00",
        "https://www.flickr.com/photos/ada-example/albums/72157700000000",
        "https://www.flickr.com/people/ada-example",
        "Ada Example",
        " ada-example ",
    ],
)
def test_a_user_is_given_as_id_name_or_address(
    flickr: FlickrStandIn, api: FlickrApi, given: str
) -> None:
    assert api.user_id(given) == flickr.user_id
    assert bool(flickr.calls) == ("2592" not in given)


@pytest.mark.parametrize("given", ["Nobody", "https://www.flickr.com/photos/nobody/", "  ", None])
def test_an_unknown_user_names_the_setting(api: FlickrApi, given: str | None) -> None:
    with pytest.raises(FlickrError, match="FLICKR_USER_ID"):
        api.user_id(given)


# Listings


def test_listings_are_paged(flickr: FlickrStandIn, api: FlickrApi) -> None:
    flickr.max_per_page = 2
    album = flickr.albums[0]
    album.photos[3].media = "video"
    assert ids(api.albums(flickr.user_id), "album_id") == [album.id for album in flickr.albums]
    photos = api.photos(album.id, flickr.user_id)
    assert ids(photos, "photo_id") == [each.id for each in album.photos if each.media == "photo"]
    assert [call.params["page"] for call in flickr.calls] == ["1", "2", "3"] * 2
    assert {call.params["per_page"] for call in flickr.calls} == {"500"}
    assert {photo.owner for photo in photos} == {flickr.user_id}


def test_empty_listings(flickr: FlickrStandIn, api: FlickrApi) -> None:
    flickr.add_album(Album("1", "Empty"))
    assert api.albums(STRANGER.nsid) == []
    assert api.photos("1", flickr.user_id) == []
    assert len(flickr.calls) == 2


@pytest.mark.parametrize("past_the_end", ["empty", "error"])
@pytest.mark.parametrize("change", ["delete", "delete two pages", "add", "move"])
def test_no_album_is_missed_when_the_list_changes_between_two_pages(
    flickr: FlickrStandIn, api: FlickrApi, change: str, past_the_end: Any
) -> None:
    flickr.max_per_page = 2
    flickr.past_the_end = past_the_end
    changes: dict[str, Callable[[], object]] = {
        "delete": lambda: flickr.delete_album(flickr.albums[0]),
        "delete two pages": lambda: flickr.albums.__delitem__(slice(0, 4)),
        "add": lambda: flickr.add_album(Album("7", "New")),
        "move": lambda: flickr.albums.insert(0, flickr.albums.pop()),
    }
    flickr.between_pages = changes[change]
    expected = {album.id for album in flickr.albums}
    found = set(ids(api.albums(flickr.user_id), "album_id"))
    now = {album.id for album in flickr.albums}
    assert expected & now <= found <= now
    assert len(found) == len(flickr.albums)


@pytest.mark.parametrize("past_the_end", ["empty", "error"])
def test_no_photo_is_missed_when_the_album_changes_between_two_pages(
    flickr: FlickrStandIn, api: FlickrApi, past_the_end: Any
) -> None:
    flickr.max_per_page = 6
    flickr.past_the_end = past_the_end
    album = flickr.albums[0]
    flickr.between_pages = lambda: flickr.remove_photo(album, album.photos[0])
    photos = api.photos(album.id, flickr.user_id)
    assert ids(photos, "photo_id") == [photo.id for photo in album.photos]


def test_a_list_that_keeps_changing_is_given_up(flickr: FlickrStandIn, api: FlickrApi) -> None:
    flickr.max_per_page = 2

    def rotate() -> None:
        flickr.albums.insert(0, flickr.albums.pop())
        flickr.between_pages = rotate

    rotate()
    with pytest.raises(FlickrUnavailable, match="changed each time"):
        api.albums(flickr.user_id)
    assert len(flickr.calls) == 9


class Answers:
    """A transport that gives the same answer again and again."""

    def __init__(self, **answer: object) -> None:
        self.answer = answer
        self.calls = 0

    def call(self, method: str, **params: str | int) -> dict[str, Any]:
        self.calls += 1
        return self.answer


def test_a_total_that_counts_more_than_is_shown_is_not_believed_for_ever() -> None:
    answers = Answers(photosets={"photoset": [{"id": 5}, {"id": "6"}], "pages": "1", "total": "3"})
    albums = FlickrApi(cast("Transport", answers)).albums("1@N01")
    assert (ids(albums, "album_id"), answers.calls) == (["5", "6"], 2)


@pytest.mark.parametrize("answer", [{}, {"photosets": None}, {"photosets": []}])
def test_an_answer_without_a_list_is_no_empty_list(answer: dict[str, object]) -> None:
    with pytest.raises(FlickrUnavailable):
        FlickrApi(cast("Transport", Answers(**answer))).albums("1@N01")


# Parsing


def test_a_photo_with_everything() -> None:
    photo = parse_photo(
        {
            "id": 50, "secret": "abc", "title": "夜の港 🌃", "description": {"_content": "<b>"},
            "tags": "one two", "machine_tags": "geo:lat=1 two", "license": "4", "views": "12",
            "dateupload": "1436000000", "lastupdate": 1436000001,
            "datetaken": "2015-07-02 11:28:40", "datetakenunknown": 0,
            "latitude": "39.938447", "longitude": -86.261, "accuracy": "16",
            "pathalias": "ada", "ownername": "Ada", "media": "photo", "media_status": "ready",
            "farm": 66, "url_l": "https://x/b.jpg", "url_sq": "https://x/s.jpg", "height_l": "1",
        },
        "1@N01",
    )  # fmt: skip
    assert photo == FlickrPhoto(
        photo_id="50", secret="abc", title="夜の港 🌃", description="", links=(),
        tags=("one", "two", "geo:lat=1"), owner="1@N01", owner_name="Ada", license="CC BY 2.0",
        uploaded_at=datetime(2015, 7, 4, 8, 53, 20), taken_at=datetime(2015, 7, 2, 11, 28, 40),
        taken_precision="exact",
        last_update=datetime(2015, 7, 4, 8, 53, 21), latitude=39.938447, longitude=-86.261,
        views=12, page_url="https://www.flickr.com/photos/ada/50/", is_video=False, is_ready=True,
        pictures={"b": "https://x/b.jpg", "s": "https://x/s.jpg"},
    )  # fmt: skip


def test_a_photo_with_nothing_or_nonsense() -> None:
    fields = re.findall(
        r"\w+",
        "secret title description tags machine_tags license views dateupload lastupdate datetaken"
        " datetakenunknown latitude longitude accuracy pathalias ownername media media_status"
        " url_l",
    )
    bare = parse_photo({"id": "5"}, "1@N01", "Ada")
    assert bare == parse_photo({"id": 5, **dict.fromkeys(fields)}, "1@N01", "Ada")
    assert (bare.title, bare.tags, bare.pictures, bare.picture("b")) == ("", (), {}, None)
    assert (bare.page_url, bare.is_ready) == ("https://www.flickr.com/photos/1@N01/5/", True)
    odd_values: list[object] = ["abc", "", [], {}, "1e999", 10**30, "nan", True, "\ud83d"]
    for nonsense in odd_values:
        odd = parse_photo({"id": "5", **dict.fromkeys(fields, nonsense)}, "1@N01")
        assert odd.photo_id == "5"
        odd.model_dump_json()


@pytest.mark.parametrize(
    ("raw", "field", "expected"),
    [
        ({"datetaken": "0000-00-00 00:00:00"}, "taken_at", None),
        ({"datetaken": "2015-07-02 11:28:40", "datetakenunknown": "1"}, "taken_at", None),
        ({"dateupload": "99999999999999"}, "uploaded_at", None),
        ({"dateupload": "60"}, "last_update", datetime(1970, 1, 1, 0, 1)),
        ({"latitude": "abc", "longitude": 3}, "longitude", None),
        ({"latitude": 91, "longitude": 3}, "latitude", None),
        ({"latitude": "nan", "longitude": 3}, "latitude", None),
        ({"latitude": 0, "longitude": 0, "accuracy": 0}, "latitude", None),
        ({"latitude": "1", "longitude": "2", "accuracy": "0"}, "latitude", None),
        ({"latitude": 0, "longitude": "2.5", "accuracy": 16}, "latitude", 0.0),
        ({"license": 0}, "license", "All Rights Reserved"),
        ({"license": "16"}, "license", "CC BY-NC-ND 4.0"),
        ({"license": 99}, "license", "Flickr license 99"),
        ({"farm": "0"}, "is_ready", False),
        ({"media_status": "processing"}, "is_ready", False),
        ({"media": "video"}, "is_video", True),
        ({"description": "plain"}, "description", "plain"),
        ({"title": 2015}, "title", "2015"),
    ],
)
def test_fields_of_photos(raw: dict[str, object], field: str, expected: object) -> None:
    assert getattr(parse_photo({"id": "5", **raw}, "1@N01"), field) == expected


def test_albums_of_both_spellings() -> None:
    album = parse_album(
        {
            "id": 7, "owner": "2@N02", "title": {"_content": "京都"}, "description": {},
            "photos": "3", "videos": 1, "date_create": "60", "date_update": 120,
        },
        "1@N01",
    )  # fmt: skip
    assert (album.album_id, album.owner, album.title) == ("7", "2@N02", "京都")
    assert (album.photo_count, album.video_count) == (3, 1)
    assert (album.created_at.minute, album.updated_at.minute) == (1, 2)
    assert parse_album({"id": 7, "count_photos": 4}, "1@N01").photo_count == 4
    assert parse_album({"id": "7", "date_update": "x"}, "1@N01").owner == "1@N01"


@pytest.mark.parametrize(
    ("there", "asked", "expected"),
    [
        ("sqtmn-zcbhko", "b", "b"),
        ("sqtmn-zc", "b", "c"),
        ("sqtmn-", "k", "-"),
        ("sqko", "b", "k"),
        ("sq", "b", None),
        ("sqt", "s", "s"),
        ("sqt", "q", "q"),
        ("qm", "t", "m"),
        ("tm", "q", "t"),
        ("b", "o", "b"),
    ],
)
def test_sizes_fall_back(there: str, asked: str, expected: str | None) -> None:
    photo = parse_photo({"id": "5"}, "1@N01").model_copy(
        update={"pictures": {letter: letter for letter in there}}
    )
    assert photo.picture(asked) == expected


# The limit


def test_four_processes_keep_to_the_limit_together(tmp_path: Path) -> None:
    code = (
        "import time; from pathlib import Path\n"
        "from pipeline.sources.flickr.rate_limit import RateLimit\n"
        f"limit = RateLimit(Path({str(tmp_path / 'calls.json')!r}), 20, 2.5)\n"
        "for _ in range(8): limit.wait(); print(time.time())"
    )
    command = [sys.executable, "-c", code]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    times = sorted(float(line) for each in running for line in each.communicate()[0].split())
    assert len(times) == 32
    # As much shorter than the period as it may take from being counted to being made.
    assert min(late - early for early, late in zip(times, times[20:], strict=False)) > 1.5
    assert times[-1] - times[0] < 60


def test_the_limit_outlives_a_run_and_a_clock_that_was_wrong(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pipeline.flickr")
    path = tmp_path / "new" / "calls.json"
    for _ in range(2):
        RateLimit(path, 2, 1).wait()
    assert not caplog.messages
    RateLimit(path, 2, 1).wait()
    assert len(caplog.messages) == 1 and "limit" in caplog.text
    path.write_text(json.dumps([time.time() + 1e6] * 2))
    start = time.monotonic()
    RateLimit(path, 2, 0.5).wait()
    assert 0.4 < time.monotonic() - start < 30
    path.write_text("damaged")
    RateLimit(path, 2, 1).wait()
    assert len(json.loads(path.read_text())) == 1


def test_every_attempt_counts(flickr: FlickrStandIn, api: FlickrApi, data_dir: Path) -> None:
    flickr.fail_next("503", times=2)
    api.albums(flickr.user_id)
    api.photos(flickr.albums[0].id, flickr.user_id)
    counted = json.loads((data_dir / "flickr" / "calls.json").read_text())
    assert len(counted) == len(flickr.requests) == 4


# Pictures


class SharedByNone(httpx.Client):
    """A client that two threads may not use at a time, as httpx with HTTP/2."""

    @contextmanager
    def stream(self, *args: Any, **options: Any) -> Iterator[httpx.Response]:
        assert not self.__dict__.setdefault("used", False)
        self.used = True
        try:
            with super().stream(*args, **options) as response:
                yield response
        finally:
            self.used = False


def test_downloads_several_at_a_time(
    flickr: FlickrStandIn,
    api: FlickrApi,
    pictures: PictureServer,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flickr.faults.picture_rate = 0.5
    flickr.faults.kinds = [kind for kind in flickr.faults.kinds if kind != "photo_unavailable"]
    photos = [p for a in flickr.albums for p in api.photos(a.id, flickr.user_id)]
    counted = len(flickr.calls)

    def download(photo: FlickrPhoto) -> None:
        path = folder / f"{photo.photo_id}.jpg"
        pictures.download(photo.picture("b") or "", path.name, photo.last_update)
        assert path.stat().st_mtime == photo.last_update.replace(tzinfo=UTC).timestamp()

    opened: list[SharedByNone] = []

    def open_client() -> httpx.Client:
        opened.append(SharedByNone())
        return opened[-1]

    monkeypatch.setattr(pictures_module, "open_client", open_client)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(download, photos))
    assert len(opened) <= 8
    assert len(names(folder)) == len(photos) == 35
    assert len({path.read_bytes() for path in folder.iterdir()}) == 35
    assert len(flickr.calls) == counted


@pytest.mark.parametrize("kind", KINDS["pictures"])
def test_faults_of_downloads(
    flickr: FlickrStandIn,
    api: FlickrApi,
    pictures: PictureServer,
    folder: Path,
    kind: str,
    waits: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retries, "ATTEMPTS", 4)
    url = url_of(flickr, api)
    path = folder / "a.jpg"
    flickr.fail_next(kind, times=2, where="pictures")
    if kind == "photo_unavailable":
        with pytest.raises(PhotoError, match="no longer on Flickr") as raised:
            pictures.download(url, path.name, MODIFIED)
        assert not raised.value.transient
        assert names(folder) == []
        return
    pictures.download(url, path.name, MODIFIED)
    Image.open(path).load()
    attempts = sum(request.where == "pictures" for request in flickr.requests)
    assert attempts == (1 if kind == "slow" else 3)
    if kind == "slow":
        return
    path.write_text("before")
    flickr.fail_next(kind, times=99, where="pictures")
    with pytest.raises(PhotoError) as raised:
        pictures.download(url, path.name, MODIFIED)
    assert raised.value.transient and "\n" not in str(raised.value)
    assert (path.read_text(), names(folder)) == ("before", ["a.jpg"])


@pytest.mark.parametrize("status", [302, 404, 410])
def test_a_removed_photo_is_gone_at_once(
    flickr: FlickrStandIn, api: FlickrApi, pictures: PictureServer, folder: Path, status: Any
) -> None:
    url = url_of(flickr, api)
    photo = flickr.albums[0].photos[0]
    photo.gone_status = status
    flickr.delete_photo(photo)
    flickr.requests.clear()
    with pytest.raises(PhotoError, match="no longer on Flickr") as raised:
        pictures.download(url, "a.jpg", MODIFIED)
    assert not raised.value.transient
    assert (len(flickr.requests), names(folder)) == (1, [])


def test_a_picture_that_is_not_whole_never_gets_its_name(
    flickr: FlickrStandIn, settings: Settings, api: FlickrApi, pictures: PictureServer,
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    whole = tmp_path / "whole.jpg"
    Image.effect_noise((400, 300), 90).convert("RGB").save(whole)
    for part in (whole.read_bytes()[:-20_000], b"<html>", b"", b"\xff\xd8\xff"):
        cut = tmp_path / "cut.jpg"
        cut.write_bytes(part)
        photo = Photo(str(10 + len(part)), size=(400, 300), picture=cut)
        flickr.add_photo(flickr.albums[0], photo)
        url = url_of(flickr, api, "o", -1)
        path = folder / "a.jpg"
        flickr.requests.clear()
        with pytest.raises(PhotoError) as raised:
            pictures.download(url, path.name, MODIFIED)
        assert raised.value.transient
        assert (len(flickr.requests), names(folder)) == (3, [])
    monkeypatch.setattr(pictures_module, "MOST_BYTES", 1000)
    with pytest.raises(PhotoError, match="larger than"):
        pictures.download(url_of(flickr, api), path.name, MODIFIED)
    assert names(folder) == []


def test_only_allowed_hosts_are_asked(
    flickr: FlickrStandIn, settings: Settings, api: FlickrApi, folder: Path
) -> None:
    url = url_of(flickr, api)
    other = flickr.origin.replace("127.0.0.1", "localhost")
    path = folder / "a.jpg"
    flickr.requests.clear()
    pictures = PictureServer(settings, DiskStorage(folder))
    for wrong in (
        url.replace(flickr.origin, other),
        url.replace("//127.0.0.1", "//127.0.0.1@localhost"),
        "file:///etc/hostname",
        "//",
        "https://[",
        "",
    ):
        with pytest.raises(PhotoError):
            pictures.download(wrong, path.name, MODIFIED)
    flickr.unavailable_url = other + "/x.jpg"
    flickr.fail_next("photo_unavailable", where="pictures")
    with pytest.raises(PhotoError, match="'localhost', which is not among FLICKR_IMAGE_HOSTS"):
        pictures.download(url, path.name, MODIFIED)
    assert len(flickr.requests) == 1
    both = settings.model_copy(update={"flickr_image_hosts": ("127.*", "LOCAL*")})
    PictureServer(both, DiskStorage(folder)).download(
        url.replace(flickr.origin, other), path.name, MODIFIED
    )


def test_redirects_are_followed_three_times(
    flickr: FlickrStandIn, api: FlickrApi, pictures: PictureServer, folder: Path
) -> None:
    url = url_of(flickr, api)
    path = folder / "a.jpg"
    flickr.unavailable_url = url.removeprefix(flickr.origin)
    flickr.fail_next("photo_unavailable", times=3, where="pictures")
    pictures.download(url, path.name, MODIFIED)
    assert path.stat().st_mtime == MODIFIED.replace(tzinfo=UTC).timestamp()
    flickr.fail_next("photo_unavailable", times=4, where="pictures")
    with pytest.raises(PhotoError, match="without end"):
        pictures.download(url, path.name, MODIFIED)


def test_without_a_network_no_further_photo_is_tried(
    flickr: FlickrStandIn,
    api: FlickrApi,
    pictures: PictureServer,
    folder: Path,
    waits: list[float],
) -> None:
    url = url_of(flickr, api)
    flickr.stop()
    with pytest.raises(FlickrUnavailable, match=r"127\.0\.0\.1 cannot be reached"):
        pictures.download(url, "a.jpg", MODIFIED)
    assert names(folder) == []
