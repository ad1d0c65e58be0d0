"""The addresses of pictures: what is served, to whom, and how long a browser may keep it."""

import io
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pipeline.models.imagenet import IMAGE_SIZE
from pipeline.photos.decoding import open_photo
from pipeline.photos.thumbhash import thumbhash
from pipeline.settings import Settings
from search_app.page import addresses, routes, wall
from search_app.search.current import CurrentSnapshot
from search_app.search.filters import Filters
from search_app.search.hits import Found
from search_app.search.queries import Query
from search_app.search.searcher import Searcher
from tests.search_app.conftest import DEMO_PHOTOS, sync_folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """The DATA_DIR of a library with a photo of its own, and one that is a link to elsewhere."""
    album = tmp_path / "Album"
    album.mkdir()
    shutil.copy(DEMO_PHOTOS / "Things and Places" / "drum.jpg", album)
    (tmp_path / "private.jpg").write_bytes(
        (DEMO_PHOTOS / "Things and Places" / "clock.jpg").read_bytes()
    )
    (album / "link.jpg").symlink_to(tmp_path / "private.jpg")
    sync_folder(tmp_path / "library", album)
    return tmp_path / "library"


@pytest.fixture
def searcher(library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Searcher]:
    current = CurrentSnapshot(Settings(data_dir=library))
    monkeypatch.setattr(routes, "current_snapshot", lambda: current)
    with current.searcher() as searcher:
        yield searcher


@pytest.fixture
def client(searcher: Searcher) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=[routes.mount("")])) as client:
        yield client


def photo(searcher: Searcher, title: str) -> dict[str, Any]:
    return next(row for row in searcher.images(Filters()) if row["title"] == title)


def test_pictures_have_the_size_that_is_shown_and_are_kept(
    client: TestClient, searcher: Searcher
) -> None:
    drum = photo(searcher, "drum")
    grid = client.get(addresses.picture(drum, "grid"))
    whole = Image.open(DEMO_PHOTOS / "Things and Places" / "drum.jpg")
    width, height = Image.open(io.BytesIO(grid.content)).size
    assert height == 480
    assert abs(width / height - whole.width / whole.height) < 0.01  # nothing is cut off
    assert grid.headers["content-type"] == "image/jpeg"
    assert "immutable" in grid.headers["cache-control"]
    large = client.get(addresses.picture(drum, "large"))
    assert max(Image.open(io.BytesIO(large.content)).size) <= 1600
    outdated = client.get(f"/app/static/photos/{drum['image_id']}/grid?v=another")
    assert outdated.headers["cache-control"] == "private, no-cache"


def test_a_tile_has_the_colours_of_its_photo_with_it(
    client: TestClient, searcher: Searcher
) -> None:
    drum = DEMO_PHOTOS / "Things and Places" / "drum.jpg"
    found = Found(searcher.browse(Filters(), k=None), [])
    held = wall.hold(searcher, Query(), None, lambda: found, None, is_search=False, is_scored=False)
    asked = {"results": held.token, "first": 0, "count": 60}
    tiles = client.get("/app/static/wall/tiles.json", params=asked).json()
    hashes = {tile["title"]: tile["thumbhash"] for tile in tiles}
    assert hashes["drum"] == thumbhash(open_photo(drum, IMAGE_SIZE))
    assert len(hashes["drum"]) <= 32
    assert hashes["link"] != hashes["drum"]


def test_nothing_but_the_photos_of_the_library_is_served(
    client: TestClient, searcher: Searcher
) -> None:
    link = client.get(addresses.picture(photo(searcher, "link"), "large"))
    assert link.status_code == 404
    assert link.headers["content-type"].startswith("image/svg")
    assert "link to a file outside" in link.text
    drum = photo(searcher, "drum")["image_id"]
    for path in (
        *("../../../../etc/passwd", "1/grid", f"{drum}/../../private.jpg", f"{drum}/nothing"),
        *("9" * 5000 + "/grid", f"{2**63}/grid"),
        *(f"{drum}/part?part=1,2", f"{drum}/part?part=0,0,nan,5", f"{2**70}/grid", "x/grid"),
        "..%2f..%2fprivate.jpg/grid",
    ):
        answer = client.get(f"/app/static/photos/{path}")
        assert answer.status_code == 404, path
        assert not answer.headers["content-type"].startswith(("image/jpeg", "image/png"))


def test_a_photo_that_is_gone_and_one_whose_album_is_away(
    client: TestClient, searcher: Searcher, tmp_path: Path
) -> None:
    address = addresses.picture(photo(searcher, "drum"), "large")
    album, elsewhere = tmp_path / "Album", tmp_path / "elsewhere"
    (album / "drum.jpg").rename(tmp_path / "drum.jpg")
    assert "the file is gone" in client.get(address).text
    album.rename(elsewhere)
    assert "its album is away" in client.get(address).text
    album.mkdir()  # where a disk is mounted
    assert "its album is away" in client.get(address).text


def test_where_one_has_to_sign_in_an_address_needs_a_key(
    client: TestClient, searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    drum = photo(searcher, "drum")
    without = addresses.picture(drum, "grid")
    monkeypatch.setattr(addresses, "sign_in_secret", lambda: "a secret of the server")
    assert client.get(without).status_code == 403
    given = addresses.picture(drum, "grid")
    assert client.get(given).status_code == 200
    assert client.get(given.replace("/grid", "/large")).status_code == 403
    until = re.findall("until=([0-9]+)", given)[0]
    later = given.replace(until, str(int(until) + 86400))
    assert client.get(later).status_code == 403
    now = time.time()
    for hours, status in ((23, 200), (48, 403)):
        with monkeypatch.context() as later_on:
            later_on.setattr(time, "time", lambda hours=hours: now + hours * 3600)
            assert client.get(given).status_code == status
    archive = addresses.for_script("/photos.zip")
    assert client.post(archive, data={"ids": str(drum["image_id"])}).status_code == 200
    elsewhere = archive.replace(".zip", ".csv")
    assert client.post(elsewhere, data={"ids": str(drum["image_id"])}).status_code == 403
    with TestClient(Starlette(routes=[routes.mount("/tools/photos")])) as client_of_a_path:
        assert client_of_a_path.get(f"/tools/photos{given}").status_code == 200
        assert client_of_a_path.get(f"/tools/photos{without}").status_code == 403


@pytest.mark.parametrize(
    ("url", "grid", "large"),
    [
        (
            "https://live.staticflickr.com/65535/53_0a1b_b.jpg",
            "https://live.staticflickr.com/65535/53_0a1b_z.jpg",
            "https://live.staticflickr.com/65535/53_0a1b_b.jpg",
        ),
        # a photo that is no larger, of 500 pixels, has no larger pictures
        (
            "https://live.staticflickr.com/65535/53_0a1b.jpg",
            "https://live.staticflickr.com/65535/53_0a1b.jpg",
            "https://live.staticflickr.com/65535/53_0a1b.jpg",
        ),
        (
            "https://live.staticflickr.com/65535/53_0a1b_c.jpg",
            "https://live.staticflickr.com/65535/53_0a1b_z.jpg",
            "https://live.staticflickr.com/65535/53_0a1b_c.jpg",
        ),
        # an original has a secret of its own, and other hosts are not Flickr
        ("https://live.staticflickr.com/65535/53_0a1b_o.jpg", None, None),
        ("https://evil.example/65535/53_0a1b_b.jpg", None, None),
        (None, None, None),
    ],
)
def test_pictures_of_flickr_come_from_its_servers_unless_that_is_turned_off(
    monkeypatch: pytest.MonkeyPatch, url: str | None, grid: str | None, large: str | None
) -> None:
    row = {"image_id": 53, "image_url": url, "sha256": "abc"}
    own = "/app/static/photos/53/{}?v=abc"
    assert addresses.picture(row, "grid") == (grid or own.format("grid"))
    assert addresses.picture(row, "large") == (large or own.format("large"))
    monkeypatch.setattr(addresses, "load_settings", lambda: Settings(flickr_pictures=False))
    assert addresses.picture(row, "grid") == own.format("grid")
