"""The library survives killed processes and many processes at once."""

import multiprocessing
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from PIL import Image

from pipeline.assets import sync
from pipeline.assets.instance import UNFINISHED, dagster_home, open_instance
from pipeline.library.library import Library
from pipeline.library.schemas import SCHEMAS
from pipeline.settings import Settings
from pipeline.snapshot import reading
from pipeline.sources import folder
from pipeline.storage.disk import DiskStorage
from tests.pipeline.quick_model import use_quick_models

KILLS = 20

# Children are forked from a process that has imported what is slow to import.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["pipeline.assets.sync"])


def sync_library(data_dir: Path, album_ids: tuple[str, ...] = ()) -> None:
    """What runs in a child: a sync like any other, failing loudly, with models that take no time.

    Most kills then hit what has to survive them: files, tables, Dagster's storage, snapshots.
    """
    use_quick_models(pytest.MonkeyPatch())
    library = Library(Settings(data_dir=data_dir))
    with open_instance(library.settings) as instance:
        report = sync.sync(library, instance, album_ids)
    assert not report.failed, report.failed


def start_sync(data_dir: Path, *album_ids: str) -> "multiprocessing.context.ForkServerProcess":
    process = _processes.Process(target=sync_library, args=(data_dir, album_ids))
    process.start()
    return process


def sync_and_wait(data_dir: Path) -> None:
    process = start_sync(data_dir)
    process.join(120)
    assert process.exitcode == 0


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
    made."""
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


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    make_photos(root, albums=2, photos=2)
    return root


@pytest.fixture(scope="module")
def undisturbed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    data_dir = tmp_path_factory.mktemp("undisturbed")
    add_folder(data_dir, photos)
    sync_and_wait(data_dir)
    return contents(data_dir)


def test_killed_at_any_moment(photos: Path, undisturbed: dict[str, object], data_dir: Path) -> None:
    moments = random.Random(2024)
    killed = 0
    for _ in range(KILLS):
        shutil.rmtree(data_dir, ignore_errors=True)
        add_folder(data_dir, photos)
        process = start_sync(data_dir)
        process.join(moments.uniform(0.05, 2.5))
        process.kill()
        process.join()
        killed += process.exitcode == -9
        sync_and_wait(data_dir)
        assert contents(data_dir) == undisturbed
    assert killed > KILLS / 2, "most syncs were through before they could be killed"


@pytest.mark.parametrize("made", ["", "CREATE TABLE event_logs (id INTEGER)"])
def test_killed_while_dagster_makes_its_database(data_dir: Path, made: str) -> None:
    settings = Settings(data_dir=data_dir)
    database = dagster_home(settings) / "history" / "runs" / "index.db"
    database.parent.mkdir(parents=True)
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(made)
    database.touch()
    for _ in range(2):
        with open_instance(settings) as instance:
            instance.add_dynamic_partitions("albums", ["a"])
            assert instance.get_dynamic_partitions("albums") == ["a"]  # and it is kept


def test_eight_albums_by_eight_processes(data_dir: Path, tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", albums=8, photos=2)
    add_folder(data_dir, tmp_path / "photos")
    library = Library(Settings(data_dir=data_dir))
    with open_instance(library.settings) as instance:
        sync.find_albums(library, instance)
    processes = [start_sync(data_dir, album["album_id"]) for album in library.albums()]
    for process in processes:
        process.join(240)
    assert [process.exitcode for process in processes] == [0] * 8
    current = reading.open_current(data_dir)
    assert current.manifest["tables"]["images"] == 16
    assert current.manifest["tables"]["image_embeddings"] == 16
