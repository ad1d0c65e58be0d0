"""Dagster with Postgres storage, set up as docs/machines.md says, and two workers at a time."""

import os
import re
from collections.abc import Iterator, Sequence
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
from tests.standins.postgres import initdb, postgres_server


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


def test_runs_spread_over_two_workers(
    postgres: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """28 albums are two runs. Each photo of the demo is an album here, of two files that differ.

    With fewer the first could be done before the second starts.
    """
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres)
    # Nor shall Dagster wait for five seconds, in case the first still needs a place in a pool.
    monkeypatch.setenv("DAGSTER_OP_CONCURRENCY_KEYS_ALLOTTED_FOR_STARTED_RUN_SECONDS", "0")
    for photo in DEMO_PHOTOS.rglob("*.jpg"):
        (tmp_path / "photos" / photo.stem).mkdir(parents=True)
        for number in range(2):
            copy = tmp_path / "photos" / photo.stem / f"{number}.jpg"
            copy.write_bytes(photo.read_bytes() + bytes([number]))
    settings = Settings(caption_model="none")
    library = Library(settings)
    folder.register(library.storage, folder.Registration(str(tmp_path / "photos"), recursive=True))
    with open_instance(settings) as instance:
        assert isinstance(instance.run_storage, PostgresRunStorage)
        # Set before any run, and not by default: Dagster would set it again, and fail at that.
        assets = [
            each
            for each in definitions(library).assets or ()
            if isinstance(each, dg.AssetsDefinition)
        ]
        assert {
            (pool.name, pool.limit, pool.from_default)
            for pool in instance.event_log_storage.get_pool_limits()
        } == {(asset.op.pool, 1, False) for asset in assets if asset.op.pool}
        sync.find_albums(library, instance)
        (found,) = instance.get_runs()
        albums = instance.get_dynamic_partitions("albums")

        def runs() -> Sequence[dg.RunRecord]:
            """Those of the backfill."""
            return [each for each in instance.get_run_records() if each.dagster_run != found]

        with dagster_dev.dagster_dev(settings) as ask:
            dagster_dev.start_backfill(ask, dagster_dev.ALBUM_ASSETS, albums)
            dagster_dev.wait_for(
                lambda: len(runs()) == 2 and all(each.dagster_run.is_finished for each in runs()),
                "both runs",
            )
            end_killed_runs(instance)
            first, second = runs()
            assert first.dagster_run.is_success and second.dagster_run.is_success
            assert dagster_dev.materialise(ask, "faiss_index") == "SUCCESS"

        pids = {dagster_dev.process_of(settings, each.dagster_run) for each in (first, second)}
        assert len(pids - {None, os.getpid()}) == 2
        assert max(first.start_time, second.start_time) < min(first.end_time, second.end_time)
        assert sync.sync(library, instance).published is False  # and neither is anything to do
        done = instance.get_materialized_partitions(dg.AssetKey("siglip_embeddings"))
        assert done == set(albums)
    assert not list(home.rglob("*.db"))
    opened = reading.open_current(settings.data_dir)
    assert opened.manifest["tables"]["albums"] == len(albums)
    assert opened.manifest["tables"]["image_embeddings"] == 2 * len(albums)
    opened.close()
