"""Libraries of earlier releases are opened by this one, with nothing made anew: see make.py."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.library import tables
from pipeline.settings import load_settings
from pipeline.snapshot import reading
from tests.pipeline.command_line import Run
from tests.pipeline.libraries.make import albums
from tests.standins.flickr import FlickrStandIn

KEPT = sorted(Path(__file__).parent.glob("*.tar.xz"))


@pytest.fixture
def flickr(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlickrStandIn]:
    """What was on Flickr then is there still."""
    with FlickrStandIn(albums()) as standin:
        for name, value in standin.environment.items():
            monkeypatch.setenv(name, value)
        for name in ("OCR", "FACES"):
            monkeypatch.setenv(name, "on")
        yield standin


@pytest.fixture(params=KEPT, ids=[path.name for path in KEPT])
def library(request: pytest.FixtureRequest, flickr: FlickrStandIn, data_dir: Path) -> Path:
    """The DATA_DIR of a library that an earlier release made."""
    with tarfile.open(request.param) as tar:
        tar.extractall(data_dir, filter="data")
    return data_dir


@pytest.mark.usefixtures("library")
def test_it_is_searched_and_nothing_is_made_anew(run: Run, flickr: FlickrStandIn) -> None:
    synced = run("sync", "--json")
    report = json.loads(synced.out)
    assert (report["albums"], report["failed"], report["published"]) == ([], {}, True)
    assert "Trip 2021" in " ".join(report["warnings"])  # it is away, and kept
    assert not flickr.downloads
    rows = {row["title"]: row for row in run("images", "--json").json}
    assert rows.keys() == {"cat portrait", "drum", "rowing boats", "sunset"}
    assert rows["drum"]["event_name"] == "Fair"
    for words, title in {"a cat": "cat portrait", "loud": "drum", "rowing": "rowing boats"}.items():
        assert run("search", words, "--json").json[0]["title"] == title
    (favourite,) = run("search", "is:favourite", "--json").json
    assert favourite["title"] == "cat portrait"


def test_one_of_a_newer_version_is_told(
    run: Run, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("sync")
    before = {path: path.read_bytes() for path in library.rglob("*.parquet")}
    monkeypatch.setattr(reading, "FORMAT", reading.FORMAT - 1)
    assert "published by a newer version of Albumscope" in run("search", "boats").error
    monkeypatch.setattr(tables, "FORMAT", tables.FORMAT - 1)
    (library / "files.json").unlink()
    assert "written by a newer version of Albumscope" in run("sync").err
    assert {path: path.read_bytes() for path in library.rglob("*.parquet")} == before
    assert load_settings().data_dir == library
