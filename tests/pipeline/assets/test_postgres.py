"""What materialising from Dagster's UI does; with Postgres storage, as in docs/machines.md."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster_postgres import PostgresRunStorage

from pipeline.assets import sync
from pipeline.assets.instance import end_killed_runs, open_instance
from pipeline.assets.project import definitions
from pipeline.cli import servers
from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.snapshot import reading
from pipeline.sources import folder
from tests.conftest import DEMO_PHOTOS, PROJECT_ROOT
from tests.pipeline import dagster_dev
from tests.pipeline.command_line import Run
from tests.pipeline.dagster_dev import ALBUM_ASSETS
from tests.standins.postgres import initdb, postgres_server

WORKSPACE = f"""
load_from:
  - python_module:
      module_name: tests.pipeline.assets.two_albums_a_run
      working_directory: {PROJECT_ROOT}
      location_name: albumscope
"""


@pytest.fixture
def postgres() -> Iterator[str]:
    """The URL of a Postgres server of its own."""
    if not (command := initdb()):
        pytest.skip("Postgres is not installed: apt-get install postgresql")
    with postgres_server(command) as url:
        yield url


def dagster_yaml() -> str:
    """The project's dagster.yaml with the storage of docs/machines.md."""
    (storage,) = re.findall(
        r"```yaml\n(storage:\n  postgres:.*?)```",
        (PROJECT_ROOT / "docs" / "machines.md").read_text(),
        re.DOTALL,
    )
    return str(storage) + (PROJECT_ROOT / "dagster.yaml").read_text()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAGSTER_HOME that is set up as docs/machines.md says."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(dagster_yaml())
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


def test_a_database_that_is_not_there_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    monkeypatch.delenv("DAGSTER_POSTGRES_URL", raising=False)
    assert "DAGSTER_POSTGRES_URL" in run("sync").error
    url = f"postgresql+psycopg2://dagster@{servers.LOCALHOST}:9/postgres"
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    error = run("sync").error
    assert f"as {home / 'dagster.yaml'} describes it: connection to server" in error
    assert "port 9 failed" in error


def test_materialise_and_backfill_from_the_ui(
    postgres: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three albums are two runs, by two workers at a time; one fails, and is retried alone."""
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres)
    # Nor shall Dagster wait for five seconds, in case the first still needs a place in a pool.
    monkeypatch.setenv("DAGSTER_OP_CONCURRENCY_KEYS_ALLOTTED_FOR_STARTED_RUN_SECONDS", "0")
    workspace, photos = tmp_path / "workspace.yaml", tmp_path / "photos"
    workspace.write_text(WORKSPACE)
    for photo in (DEMO_PHOTOS / "Space and Flight").glob("*.jpg"):
        (photos / photo.stem).mkdir(parents=True)
        shutil.copy(photo, photos / photo.stem)
    settings = Settings(caption_model="none")
    library = Library(settings)
    folder.register(library.storage, folder.Registration(str(photos), recursive=True))
    with open_instance(settings) as instance, dagster_dev.dagster_dev(settings, workspace) as ask:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        # Set before any run, and not by default: Dagster would set it again, and fail at that.
        project = definitions(library)
        assets = [each for each in project.assets or () if isinstance(each, dg.AssetsDefinition)]
        assert {
            (pool.name, pool.limit, pool.from_default)
            for pool in instance.event_log_storage.get_pool_limits()
        } == {(asset.op.pool, 1, False) for asset in assets if asset.op.pool}
        assert dagster_dev.materialise(ask, "folder_albums") == "SUCCESS"
        albums = instance.get_dynamic_partitions("albums")
        known = set(instance.get_run_ids())
        failing, *others = albums
        failing_folder = photos / library.album(failing)["title"]
        failing_folder.rename(tmp_path / "away")

        state = dagster_dev.backfill(ask, ALBUM_ASSETS, albums)

        # many albums to a run, so that each model is loaded seldom; red, because one failed
        assert (state["status"], len(state["runs"])) == ("COMPLETED_FAILED", 2)
        end_killed_runs(instance)
        records = instance.get_run_records()
        first, second = (each for each in records if each.dagster_run.run_id not in known)
        statuses = {each.dagster_run.status.value for each in (first, second)}
        assert statuses == {"SUCCESS", "FAILURE"}
        pids = {dagster_dev.process_of(instance, each.dagster_run) for each in (first, second)}
        assert len(pids - {None, os.getpid()}) == 2
        assert first.start_time and first.end_time and second.start_time and second.end_time
        assert max(first.start_time, second.start_time) < min(first.end_time, second.end_time)
        for everything, *done_and_failed in dagster_dev.partitions(ask, ALBUM_ASSETS):
            assert (everything, done_and_failed) == ({*albums}, [{*others}, {failing}])

        (tmp_path / "away").rename(failing_folder)
        status = dagster_dev.materialise(ask, *ALBUM_ASSETS, "faiss_index", partition=failing)
        assert status == "SUCCESS"
        assert sync.sync(library, instance).published is False  # and neither is anything to do
        job = project.resolve_job_def("find_albums")
        assert job.execute_in_process(instance=instance).success
        assert dagster_dev.unsynced(ask, ALBUM_ASSETS) == {}
        done = instance.get_materialized_partitions(dg.AssetKey("siglip_embeddings"))
        assert done == set(albums)
    assert not list(home.rglob("*.db"))
    opened = reading.open_current(settings.data_dir)
    assert opened.manifest["tables"]["albums"] == len(albums)
    assert opened.manifest["tables"]["image_embeddings"] == len(albums)
    opened.close()
