"""The library survives killed processes and many processes at once."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.assets import sync
from pipeline.assets.instance import dagster_home, open_instance
from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.snapshot import reading
from tests.pipeline.assets.killing import (
    add_folder,
    contents,
    killed_and_mended,
    make_photos,
    start_sync,
)

KILLS = 3


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    make_photos(root, albums=2, photos=2)
    return root


@pytest.fixture(scope="module")
def undisturbed(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    data_dir = tmp_path_factory.mktemp("undisturbed")
    add_folder(data_dir, photos)
    start_sync(data_dir).join()  # in a child, so that the first to be killed has all imported
    return contents(data_dir)


def test_killed_at_any_moment(photos: Path, undisturbed: dict[str, object], data_dir: Path) -> None:
    moments = random.Random(2024)
    killed = 0
    for _ in range(KILLS):
        was_killed, found = killed_and_mended(data_dir, photos, moments.uniform(0.05, 2.5))
        killed += was_killed
        assert found == undisturbed
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


def test_four_albums_by_four_processes(data_dir: Path, tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", albums=4, photos=2)
    add_folder(data_dir, tmp_path / "photos")
    library = Library(Settings(data_dir=data_dir))
    with open_instance(library.settings) as instance:
        sync.find_albums(library, instance)
    processes = [start_sync(data_dir, album["album_id"]) for album in library.albums()]
    for process in processes:
        process.join(240)
    assert [process.exitcode for process in processes] == [0] * 4
    current = reading.open_current(data_dir)
    assert current.manifest["tables"]["images"] == 8
    assert current.manifest["tables"]["image_embeddings"] == 8
