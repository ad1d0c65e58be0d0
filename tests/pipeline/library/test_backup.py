"""Backups: from a disk into a bucket and back, with nothing made anew."""

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.library import backup
from pipeline.settings import load_settings
from pipeline.storage.opening import open_storage
from search_app.search.current import CurrentSnapshot
from search_app.search.filters import Filters
from search_app.search.marks import Marking
from tests.conftest import DEMO_PHOTOS
from tests.pipeline.command_line import Run
from tests.pipeline.quick_model import QuickModel, use_quick_models
from tests.standins.bucket import empty_bucket, s3_server

pytestmark = pytest.mark.usefixtures("quick_runs")

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> QuickModel:
    return use_quick_models(monkeypatch)


@pytest.fixture
def library(run: Run, model: QuickModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photos, one of them tagged, in an album whose event somebody named; its DATA_DIR."""
    monkeypatch.setenv("NOTIFY_URLS", f"json://user:{KEY}@example.org")
    monkeypatch.setenv("OLLAMA_HOST", "http://user:hunter2@localhost:11434")
    photos = tmp_path / "Trip 2021"
    photos.mkdir()
    for name in ("cat-portrait", "drum"):
        shutil.copy(DEMO_PHOTOS / "Things and Places" / f"{name}.jpg", photos)
    assert run("add-folder", photos).code == 0
    (album,) = run("albums", "--json").json
    assert run("sync", album["album_id"], "--event", "Carnival", "--year", "2021").code == 0
    with CurrentSnapshot(load_settings()).searcher() as searcher:
        (drum,) = (row for row in searcher.images(Filters()) if row["title"] == "drum")
        searcher.marks.mark(Marking("add_tag", [drum["image_id"]], "loud"))
    return load_settings().data_dir


def elsewhere(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> None:
    monkeypatch.setenv("DATA_DIR", str(data_dir))
    load_settings.cache_clear()


def found(run: Run) -> tuple[object, object]:
    """What is found by a tag that somebody gave; all photos."""
    assert run("sync").code == 0
    return run("search", "loud", "--mode", "text", "--json").json, run("images", "--json").json


def test_into_a_bucket_and_back(
    run: Run,
    library: Path,
    model: QuickModel,
    server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = found(run)
    assert [row["title"] for row in before[0]] == ["drum"]  # type: ignore[attr-defined]
    made = model.embedded, model.described
    assert run("token", "create", "revoked-later").code == 0
    monkeypatch.setenv("SYNC_TIMEZONE", "Asia/Tokyo")
    load_settings.cache_clear()
    assert run("backup", tmp_path / "kept").code == 0
    (first,) = (tmp_path / "kept").iterdir()
    with tarfile.open(first) as tar:
        settings = tar.extractfile("settings.env")
        assert settings
        text = settings.read().decode()
    assert "# NOTIFY_URLS was set" in text
    assert "CAPTION_MODEL=embedded" in text
    assert KEY.encode() not in first.read_bytes()
    assert b"hunter2" not in first.read_bytes()

    bucket = empty_bucket(server, tmp_path, monkeypatch)
    monkeypatch.setenv("LIBRARY_URL", bucket.url)
    monkeypatch.delenv("NOTIFY_URLS")
    monkeypatch.delenv("SYNC_TIMEZONE")
    elsewhere(monkeypatch, tmp_path / "second")
    restored = run("restore", tmp_path / "kept")
    assert restored.code == 0
    otherwise = {"SYNC_TIMEZONE=Asia/Tokyo", "# NOTIFY_URLS was set; keys are not kept"}
    told = restored.err.splitlines()
    assert otherwise <= set(told) and not any(line.startswith("DATA_DIR=") for line in told)
    assert run("token", "list", "--json").json == []
    assert found(run) == before
    assert "a backup is restored into an empty library" in run("restore", first).error.lower()
    assert run("backup", tmp_path / "kept again").code == 0

    monkeypatch.delenv("LIBRARY_URL")
    elsewhere(monkeypatch, tmp_path / "third")
    assert run("restore", tmp_path / "kept again").code == 0
    assert found(run) == before
    assert (model.embedded, model.described) == made


def test_what_is_no_good_backup_is_told_before_anything_is_written(
    run: Run, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (table,) = (library / "tables/exif_metadata").iterdir()
    table.write_bytes(table.read_bytes()[:-9] + b"something")
    lacking = run("backup", tmp_path)
    assert (lacking.code, f"{table} is damaged, and not in it" in lacking.err) == (1, True)
    (good,) = tmp_path.glob("*.tar")

    elsewhere(monkeypatch, tmp_path / "second")
    assert "There is no backup in" in run("restore", tmp_path / "Trip 2021").error
    assert "There is no backup " in run("restore", tmp_path / "none.tar").error
    bad = tmp_path / "bad.tar"
    bad.write_bytes(good.read_bytes().replace(b'"Carnival"', b'"Carnivor"'))
    assert "events.toml is not what was written" in run("restore", bad).error
    bad.write_bytes(good.read_bytes()[:5000])
    assert "is no whole backup" in run("restore", bad).error
    monkeypatch.setattr(backup, "FORMAT", 0)
    assert "by a newer version of Albumscope" in run("restore", good).error
    assert not list(open_storage(load_settings()).walk("tables"))
    assert "There is nothing to back up yet" in run("backup", tmp_path).error
