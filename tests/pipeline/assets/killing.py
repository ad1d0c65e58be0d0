"""Syncs that are killed, and what a library holds after them; see benchmarks/kills.py, too."""

import multiprocessing
import shutil
import signal
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from PIL import Image

from pipeline.assets import sync
from pipeline.assets.instance import UNFINISHED, open_instance
from pipeline.library.library import Library
from pipeline.library.schemas import SCHEMAS
from pipeline.settings import Settings
from pipeline.snapshot import reading
from pipeline.sources import folder
from pipeline.storage.disk import TEMPORARY, DiskStorage
from tests.pipeline.quick_model import use_quick_models

# Children are forked from a process that has imported what is slow to import.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["pipeline.assets.project", "pandas"])


def sync_library(data_dir: Path, album_ids: tuple[str, ...] = ()) -> None:
    """A sync like any other, failing loudly, with models that take no time.

    Most kills then hit what has to survive them: files, tables, Dagster's storage, snapshots.
    """
    library = Library(Settings(data_dir=data_dir))
    with pytest.MonkeyPatch.context() as patch, open_instance(library.settings) as instance:
        use_quick_models(patch)
        report = sync.sync(library, instance, album_ids)
    assert not report.failed, report.failed


def start_sync(data_dir: Path, *album_ids: str) -> "multiprocessing.context.ForkServerProcess":
    """Sync in a child."""
    process = _processes.Process(target=sync_library, args=(data_dir, album_ids))
    process.start()
    return process


def make_photos(root: Path, albums: int, photos: int) -> None:
    for album in range(albums):
        for photo in range(photos):
            path = root / f"Trip {2010 + album}" / f"photo {photo}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            color = (20 * album % 255, 60 * photo % 255, 120)
            Image.new("RGB", (64, 48), color).save(path)


def add_folder(data_dir: Path, photos: Path) -> None:
    folder.register(DiskStorage(data_dir), folder.Registration(str(photos), recursive=True))


def contents(data_dir: Path) -> dict[str, object]:
    """All that a library holds, without names of snapshots, and when and in which run rows were
    made.

    Raises AssertionError if somebody who was killed left anything behind.
    """
    assert list(data_dir.rglob(f"*{TEMPORARY}")) == []
    tables = Library(Settings(data_dir=data_dir)).tables
    found: dict[str, object] = {
        f"{table}/{part}": [
            {name: value for name, value in row.items() if name not in {"created_at", "run_id"}}
            for row in tables.read(table, part).to_pylist()
        ]
        for table in SCHEMAS
        for part in tables.partitions(table)
    }
    name = reading.current_name(data_dir)
    assert name is not None
    current = data_dir / "snapshots" / name
    assert sorted(path.name for path in (data_dir / "snapshots").iterdir()) == sorted(
        [".lock", "current", *reading.names(data_dir)]
    )
    with duckdb.connect(str(current / "catalog.duckdb"), read_only=True) as connection:
        for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            if table in {"albums", "images", "exif", "captions", "image_embeddings", "provenance"}:
                rows = connection.execute(
                    "SELECT COLUMNS(lambda name: name NOT IN ('created_at', 'run_id'))"
                    f" FROM {table} ORDER BY rowid"
                )
                found[f"catalog/{table}"] = rows.fetchall()
    for index in ("images.faiss", "captions.faiss"):
        found[index] = (current / index).read_bytes()
    with open_instance(Settings(data_dir=data_dir)) as instance:
        found["partitions"] = sorted(instance.get_dynamic_partitions("albums"))
        found["runs under way"] = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    return found


def killed_and_mended(
    data_dir: Path, photos: Path, seconds: float
) -> tuple[bool, dict[str, object]]:
    """Kill a first sync after so many seconds, and sync again, here.

    Returns whether it was killed before it was through, and what the library then holds.
    """
    shutil.rmtree(data_dir, ignore_errors=True)
    add_folder(data_dir, photos)
    process = start_sync(data_dir)
    process.join(seconds)
    process.kill()
    process.join()
    sync_library(data_dir)
    return process.exitcode == -signal.SIGKILL, contents(data_dir)
