"""On a disk and in a bucket, files are read, listed and replaced alike."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.errors import AlbumscopeError
from pipeline.storage import Storage
from pipeline.storage.bucket import Bucket
from pipeline.storage.bucket_storage import BucketStorage
from pipeline.storage.disk import DiskStorage
from tests.standins.bucket import empty_bucket, s3_server

TABLE, PICTURE = "tables/exif/trip.parquet", "photos/trip/1.jpg"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture(params=["disk", "bucket"])
def opened(
    request: pytest.FixtureRequest, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], Storage]:
    """Opens the storage as another machine does."""
    if request.param == "disk":
        return lambda: DiskStorage(tmp_path / "library")
    url = empty_bucket(server, tmp_path, monkeypatch).url
    machines = iter(range(9))
    return lambda: BucketStorage(Bucket(url), tmp_path / f"machine {next(machines)}")


def test_what_one_writes_all_read(opened: Callable[[], Storage]) -> None:
    here, there = opened(), opened()
    assert not there.exists(TABLE) and there.version(TABLE) == "" and there.names("tables") == []
    for read in (there.read, there.local):
        with pytest.raises(FileNotFoundError):
            read(TABLE)
    here.write_text(TABLE, "one")
    here.write_text(PICTURE, "picture")
    here.write_text("events.toml", "events")
    there.refresh()
    for storage in (here, there):
        assert storage.read(TABLE) == storage.local(TABLE).read_bytes() == b"one"
        assert storage.read("events.toml") == b"events"
        assert storage.names("tables/exif") == ["trip.parquet"]
        assert list(storage.walk("tables")) == [TABLE]
        assert list(storage.walk("tables/exi")) == []
        assert storage.local(PICTURE).name == "1.jpg"
        assert storage.where(TABLE).endswith(f"/{TABLE}")

    before = there.version(TABLE)
    here.write_text(TABLE, "two")
    there.refresh()
    assert there.version(TABLE) == here.version(TABLE) != before
    assert there.read(TABLE) == b"two"

    here.delete(TABLE, "tables/exif/never-was.parquet")
    here.delete_folder("photos/trip")
    here.delete_folder("photos/never-was")
    there.refresh()
    for storage in (here, there):
        assert not storage.exists(TABLE) and not list(storage.walk("photos"))


def test_a_write_that_fails_leaves_the_old_file(opened: Callable[[], Storage]) -> None:
    storage = opened()
    storage.write_text(TABLE, "one")

    def write(path: Path) -> None:
        path.write_text("half")
        assert storage.names("tables/exif") == ["trip.parquet"]
        raise OSError(28, "No space left on device")

    with pytest.raises(AlbumscopeError, match="the disk is full"):
        storage.replace(TABLE, write)
    assert storage.read(TABLE) == b"one"
    assert storage.names("tables/exif") == ["trip.parquet"]


@pytest.fixture
def bucket(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    return Bucket(empty_bucket(server, tmp_path, monkeypatch).url)


def test_copies_may_be_deleted(bucket: Bucket, tmp_path: Path) -> None:
    storage = BucketStorage(bucket, tmp_path / "copies")
    storage.write_text(TABLE, "one")
    storage.write_text(PICTURE, "picture")
    shutil.rmtree(tmp_path / "copies")
    assert storage.read(TABLE) == b"one"
    assert storage.local(PICTURE).read_text() == "picture"
    assert len([path for path in (tmp_path / "copies").rglob("*") if path.is_file()]) == 2


def test_a_copy_that_another_process_replaced_is_not_missed(bucket: Bucket, tmp_path: Path) -> None:
    one, other = (BucketStorage(bucket, tmp_path / "copies") for _ in range(2))
    one.write_text(TABLE, "one")
    copy = one.local(TABLE)
    other.write_text(TABLE, "two")
    assert not copy.exists()
    assert one.read(TABLE) == one.local(TABLE).read_bytes() == b"two"


def test_a_picture_is_known_by_its_content(bucket: Bucket, tmp_path: Path) -> None:
    here, there = (BucketStorage(bucket, tmp_path / name) for name in ("here", "there"))
    here.write_text(PICTURE, "before")
    assert there.local(PICTURE).read_text() == "before"
    here.write_text(PICTURE, "after")
    known = hashlib.sha256(b"after").hexdigest()
    assert there.local(PICTURE, known).read_text() == "after"  # without being told
