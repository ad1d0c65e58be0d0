"""The library under a URL: an S3 server, two machines (a DATA_DIR each), real commands."""

import hashlib
import io
import json
import logging
import os
import re
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pipeline import settings as settings_module
from pipeline.library import under_way
from pipeline.library.library import Library
from pipeline.settings import Settings, load_settings
from pipeline.snapshot import publishing
from pipeline.snapshot.mirror import RemoteSnapshots
from pipeline.storage import sealed
from pipeline.storage.bucket import Bucket
from search_app.page import addresses, routes
from search_app.search import current as current_module
from search_app.search.current import CurrentSnapshot
from search_app.search.filters import Filters
from search_app.search.marks import Marking
from tests.conftest import DEMO_PHOTOS
from tests.pipeline.command_line import Run
from tests.pipeline.quick_model import use_quick_models
from tests.pipeline.quick_sync import bring_in
from tests.standins.bucket import SECRET, Objects, empty_bucket, s3_server
from tests.standins.flickr import FlickrStandIn, Photo, make_albums
from tests.waiting import wait_for

FIRST, SECOND = "first", "second"  # machines


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an S3 server."""
    with s3_server() as address:
        yield address


@pytest.fixture(autouse=True)
def bucket(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Objects:
    """An empty bucket, which the settings name."""
    made = empty_bucket(server, tmp_path, monkeypatch)
    monkeypatch.setenv("LIBRARY_URL", made.url)
    return made


@pytest.fixture
def on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Goes to a machine; returns its DATA_DIR."""

    def go(machine: str) -> Path:
        monkeypatch.setenv("DATA_DIR", str(tmp_path / machine))
        load_settings.cache_clear()
        return tmp_path / machine

    monkeypatch.setattr(under_way, "BEAT", 60.0)  # what is told of work would be counted, too
    go(FIRST)
    return go


@pytest.fixture
def flickr(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlickrStandIn]:
    """Two albums of three photos, the last of which cannot be had."""
    with FlickrStandIn(make_albums(2, 3)) as standin:
        standin.albums[1].photos[2].available = False
        for name, value in standin.environment.items():
            monkeypatch.setenv(name, value)
        yield standin


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An album of two photos."""
    path = tmp_path / "Trip 2021"
    path.mkdir()
    for name in ("cat-portrait", "drum"):
        shutil.copy(DEMO_PHOTOS / "Things and Places" / f"{name}.jpg", path)
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    use_quick_models(monkeypatch)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers look for a new snapshot whenever they are asked anything."""
    monkeypatch.setattr(current_module, "_LOOK_AGAIN_AFTER", 0.0)


def titles(current: CurrentSnapshot) -> set[str]:
    with current.searcher() as searcher:
        return {row["title"] for row in searcher.images(Filters())}


def name_of(current: CurrentSnapshot) -> str:
    with current.searcher() as searcher:
        return searcher.snapshot.name


def without_paths(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Pictures from Flickr lie in each machine's own DATA_DIR."""
    return [{name: value for name, value in row.items() if name != "path"} for row in rows]


def published(bucket: Objects) -> str:
    return bucket.read("snapshots/current").decode().strip()


@pytest.mark.usefixtures("flickr")
def test_another_machine_finds_the_same(
    run: Run,
    on: Callable[[str], Path],
    bucket: Objects,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = on(FIRST)
    assert run("add-folder", folder).code == 0
    synced = json.loads(run("sync", "--json").out)
    assert (len(synced["albums"]), synced["photos_failed"]) == (3, 1)
    # All of the library is there, and here are copies and Dagster's storage.
    assert {path.name for path in first.iterdir()} <= {
        *("dagster", "copies", "flickr", "status.json")
    }
    assert {key.split("/")[0] for key in bucket.names()} == {
        *("tables", "folders", "flickr", "photos", "snapshots")
    }
    assert len(bucket.names("photos/")) == 5
    name = published(bucket)
    (here,) = first.glob(f"copies/*/snapshots/{name}")
    assert (here / "catalog.duckdb").exists()
    assert set(bucket.names(f"snapshots/{name}/")) == {
        f"snapshots/{name}/{file.name}" for file in here.iterdir()
    }

    queries = [["a cat"], ["harbour", "--mode", "text"], ["--min-probability", "0", "wood"]]
    asked = [["search", *query, "--explain"] for query in queries] + [["images"], ["snapshots"]]
    answers = [without_paths(run(*each, "--json").json) for each in asked]
    assert answers[0][0]["title"] == "cat portrait"
    status = run("status", "--json").json
    (failed,) = status["failed"]
    assert failed["stage"] == "raw_images"
    assert status["snapshot"] == name

    second = on(SECOND)
    assert not second.exists()
    assert [without_paths(run(*each, "--json").json) for each in asked] == answers
    assert run("status", "--json").json == status
    # Nothing of Flickr's is here until it is looked at.
    assert not list(second.rglob("*.jpg"))
    monkeypatch.setenv("FLICKR_PICTURES", "false")
    load_settings.cache_clear()
    current = CurrentSnapshot(load_settings())
    monkeypatch.setattr(routes, "current_snapshot", lambda: current)
    with (
        TestClient(Starlette(routes=[routes.mount("")])) as client,
        current.searcher() as searcher,
    ):
        for photo in searcher.images(Filters()):
            picture = client.get(addresses.picture(photo, "large"))
            assert picture.status_code == 200, photo
            # a folder's photos stay where they are; here they are at the same place
            assert (str(second) in photo["path"]) == (photo["source"] == "flickr")
            size = Image.open(io.BytesIO(picture.content)).size
            assert size[0] / size[1] == pytest.approx(photo["width"] / photo["height"], rel=0.02)
    assert len(list(second.rglob("*.jpg"))) == 5

    assert not run("sync", "--json").json["published"]
    for root in (first, second):
        written = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())
        assert SECRET.encode() not in written


@pytest.mark.usefixtures("quick", "impatient")
def test_what_one_machine_hides_the_others_hide(
    run: Run, on: Callable[[str], Path], folder: Path
) -> None:
    run("add-folder", folder)
    bring_in(Library(Settings()))
    here = CurrentSnapshot(Settings())
    on(SECOND)
    there = CurrentSnapshot(Settings())
    assert titles(here) == titles(there) == {"cat portrait", "drum"}
    with here.searcher() as searcher:
        (cat,) = (row for row in searcher.images(Filters()) if row["title"] == "cat portrait")
        searcher.marks.mark(Marking("hide", [cat["image_id"]]))
    assert titles(here) == titles(there) == {"drum"}


@pytest.mark.usefixtures("quick", "impatient", "quick_runs")
def test_an_update_is_taken_up_once_it_is_here(
    run: Run,
    on: Callable[[str], Path],
    bucket: Objects,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run("add-folder", folder)
    bring_in(Library(Settings()))
    on(SECOND)
    current = CurrentSnapshot(Settings())
    before = name_of(current)
    assert titles(current) == {"cat portrait", "drum"}

    on(FIRST)
    shutil.copy(DEMO_PHOTOS / "Things and Places" / "clock.jpg", folder)
    assert run("sync", "--json").json["published"]

    may_go_on = threading.Event()
    download = Bucket.download

    def slow_download(self: Bucket, key: str, file: Path) -> None:
        may_go_on.wait()
        download(self, key, file)

    monkeypatch.setattr(Bucket, "download", slow_download)
    for _ in range(3):
        assert name_of(current) == before  # which goes on serving meanwhile
        assert titles(current) == {"cat portrait", "drum"}
    may_go_on.set()
    wait_for(lambda: name_of(current) == published(bucket), "the new snapshot", every=0.05)
    assert titles(current) == {"cat portrait", "drum", "clock"}

    run("remove-folder", folder)
    assert run("sync", "--json").json["published"]
    wait_for(lambda: name_of(current) == published(bucket), "the new snapshot", every=0.05)
    assert titles(current) == set()
    assert not [key for key in bucket.names("tables/") if "trip-2021" in key]
    assert not bucket.names("folders/")

    # A machine that was not there goes back to what it never had a copy of.
    on("third")
    names = [row["name"] for row in run("snapshots", "--json").json]
    assert (len(names), names[0]) == (3, before)
    assert run("snapshots", "--publish", before).code == 0
    wait_for(lambda: name_of(current) == before, "the one before", every=0.05)
    assert published(bucket) == before
    assert not run("sync", "--json").json["published"]
    assert published(bucket) == before


def requests(caplog: pytest.LogCaptureFixture) -> Counter[str]:
    """The requests that the server logged, by kind."""
    found = [re.search(r"(GET|PUT|POST|DELETE|HEAD) /(\S+)", line) for line in caplog.messages]
    return Counter("list" if "list-type" in each[2] else each[1] for each in found if each)


@pytest.mark.usefixtures("quick", "quick_runs")
def test_flickr_albums_are_synced_from_any_machine(
    run: Run,
    on: Callable[[str], Path],
    bucket: Objects,
    flickr: FlickrStandIn,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run("sync")
    served = sum(flickr.downloads.values())
    with caplog.at_level(logging.INFO, "werkzeug"):
        caplog.clear()
        assert not run("sync", "--json").json["published"]
        # Of tables/, folders/, flickr/, photos/, people/, marks/, searches/, tokens/, imported/ and
        # events.toml each one, two of snapshots/, and twice what is current; however many albums,
        # up to 1,000 files in each.
        assert requests(caplog) == {"list": 12, "GET": 2}

    on(SECOND)
    flickr.add_photo(flickr.albums[0], Photo("50000000099"))
    assert len(run("sync", "--json").json["albums"]) == 1
    assert sum(flickr.downloads.values()) == served + 1

    # A photo that moves is not downloaded again, though its picture was never here.
    on("third")
    moved = flickr.albums[0].photos[0]
    flickr.move_photo(moved, *flickr.albums)
    bring_in(Library(Settings()))
    assert sum(flickr.downloads.values()) == served + 1
    one, other = (album.id for album in flickr.albums)
    assert f"photos/{one}/{moved.id}.jpg" not in bucket.names()
    assert f"photos/{other}/{moved.id}.jpg" in bucket.names()

    def picture() -> bytes:
        """As a reader has it that may have a copy of what it was before."""
        data_dir = on("reader")
        with CurrentSnapshot(Settings()).searcher() as searcher:
            path = Path(searcher.file(searcher.photo(int(moved.id))))
        assert path.is_relative_to(data_dir)
        assert path.read_bytes() == bucket.read(f"photos/{other}/{moved.id}.jpg")
        return path.read_bytes()

    before = picture()
    on(FIRST)
    flickr.replace_picture(moved)
    flickr.delete_album(flickr.albums[0])
    run("sync", other)
    assert picture() != before
    on(FIRST)
    run("sync")
    assert [key for key in bucket.names() if one in key] == []


@pytest.mark.usefixtures("quick", "impatient", "quick_runs")
def test_what_must_not_be_published_or_taken_up(
    run: Run,
    on: Callable[[str], Path],
    bucket: Objects,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run("add-folder", folder)
    bring_in(Library(Settings()))
    before = published(bucket)
    on(SECOND)
    current = CurrentSnapshot(Settings())

    # Of two that publish at the same time the first wins.
    on(FIRST)
    verify = publishing._verify

    def be_late(written: Path) -> None:
        verify(written)
        bucket.write("snapshots/current", f"{before} \n".encode())  # by somebody else

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "_verify", be_late)
        (folder / "drum.jpg").unlink()
        assert "Another machine published" in run("sync").error
    assert published(bucket) == before
    assert {key.split("/")[1] for key in bucket.names("snapshots/2")} == {before}
    assert run("sync", "--json").json["published"]

    # A file that is not what was written is seen before anybody opens it.
    index = f"snapshots/{published(bucket)}/images.faiss"
    bucket.write(index, bucket.read(index)[:-1] + b"?")
    assert name_of(current) == before
    on("third")
    assert "images.faiss is not what was written" in run("search", "cat").error


def test_files_that_did_not_change_are_sent_once(
    bucket: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[str] = []
    for way in ("upload", "download"):
        original = getattr(Bucket, way)

        def spy(
            self: Bucket, one: Any, other: Any, original: Callable[..., None] = original
        ) -> None:
            moved.append((one if isinstance(one, str) else other).partition("/")[2])
            original(self, one, other)

        monkeypatch.setattr(Bucket, way, spy)

    writer = RemoteSnapshots(Bucket(bucket.url), tmp_path / "writer")
    reader = RemoteSnapshots(Bucket(bucket.url), tmp_path / "reader")
    for name, catalog in (("1", b"one"), ("2", b"two")):
        written = tmp_path / "writer" / ".unfinished"
        written.mkdir(parents=True)
        files = {"catalog.duckdb": catalog, "images.faiss": b"vectors"}
        for file, content in files.items():
            (written / file).write_bytes(content)
        sums = {
            file: {"sha256": hashlib.sha256(content).hexdigest()} for file, content in files.items()
        }
        (written / "manifest.json").write_text(sealed.to_json({"files": sums}))
        changed = {"catalog.duckdb", "manifest.json", *(["images.faiss"] if name == "1" else [])}
        writer.mirror()
        writer.push(written, name, keep=5)
        assert bucket.read(f"snapshots/{name}/images.faiss") == b"vectors"
        assert set(moved) == {f"{name}/{file}" for file in changed}
        moved.clear()
        reader.follow()
        assert (tmp_path / "reader" / name / "images.faiss").read_bytes() == b"vectors"
        assert set(moved) == {f"{name}/{file}" for file in changed}
        moved.clear()


def test_what_is_wrong_is_said_in_one_line(
    run: Run, bucket: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (["status"], ["sync"], ["search", "cat"], ["snapshots"], ["albums"]):

        def error(part: str, command: list[str] = command, **environment: str) -> None:
            with monkeypatch.context() as patch:
                for name, value in environment.items():
                    patch.setenv(name, value)
                    if not value:
                        patch.delenv(name)
                line = run(*command).error
            assert part in line
            assert SECRET not in line

        kind = command[0]
        error("as s3://bucket/library", LIBRARY_URL="https://bucket/library")
        error("…@", LIBRARY_URL=f"s3://key:{SECRET}@bucket/library")
        error("There is no bucket 'nowhere'", LIBRARY_URL="s3://nowhere/library")
        error(
            "set AWS_ACCESS_KEY_ID",
            LIBRARY_URL=f"{bucket.url}/{kind}1",
            AWS_ACCESS_KEY_ID="",
            AWS_SECRET_ACCESS_KEY="",
        )
        error(
            "cannot be reached, or hangs up: check the network and AWS_ENDPOINT_URL",
            LIBRARY_URL=f"{bucket.url}/{kind}2",
            AWS_ENDPOINT_URL="http://127.0.0.1:9",
        )
        monkeypatch.setattr("moto.settings.INITIAL_NO_AUTH_ACTION_COUNT", 0)
        error("refuses (InvalidAccessKeyId): check AWS_ACCESS_KEY_ID", LIBRARY_URL=bucket.url)
        monkeypatch.setattr("moto.settings.INITIAL_NO_AUTH_ACTION_COUNT", float("inf"))
    assert f"Nothing is published in {bucket.url} yet" in run("search", "cat").error


def test_keys_may_stand_beside_the_settings(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text(f"AWS_SECRET_ACCESS_KEY={SECRET}\n")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setattr(settings_module, "ENV_FILE", file)
    assert run("status", "--json").json["albums"] == []
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == SECRET
