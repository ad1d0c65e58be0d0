"""Dagster at a third of its cost, for runs in the process of the tests.

Dagster makes a database for each run by reading eighty migrations, and opens it anew for each of
the run's events. Here new databases are copies of empty ones, and stay open as long as an instance,
and what is written there need not outlive a loss of power.
It starts four processes for each run, which copy what the run prints: here that is left alone.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage import local_compute_log_manager, sql
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage


def make_empty_databases(folder: Path) -> None:
    """One of each kind: of runs, of schedules, of all events, and of the events of a run."""
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        instance.event_log_storage.get_logs_for_run("run")


@contextmanager
def quick_dagster(empty: Path) -> Iterator[None]:
    """Within it new databases are copied from those in the folder ``empty``."""
    empty_ones = {path.name: path for path in empty.rglob("*.db")}
    engines: dict[tuple[str, int], sqlalchemy.Engine] = {}
    scripts: dict[str | None, ScriptDirectory] = {}
    dispose, read = dg.DagsterInstance.dispose, ScriptDirectory.from_config

    def create_engine(url: str, **options: Any) -> sqlalchemy.Engine:
        database = Path(str(sqlalchemy.make_url(url).database))
        if not database.exists():
            empty = empty_ones.get(database.name, empty_ones["run.db"])
            try:
                database.write_bytes(empty.read_bytes())
            except OSError:  # as of a full disk, which Dagster shall meet itself
                database.unlink(missing_ok=True)
        # Of a file that was replaced it is another.
        key = url, database.stat().st_ino if database.exists() else 0
        if key not in engines:
            engine = sql.create_engine(url, **options | {"poolclass": sqlalchemy.QueuePool})
            engine.dispose = lambda close=True: None  # type: ignore[method-assign]
            sqlalchemy.event.listen(engine, "connect", write_at_leisure)
            engines[key] = engine
        return engines[key]

    def write_at_leisure(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    def dispose_engines(instance: dg.DagsterInstance) -> None:
        dispose(instance)
        while engines:
            engines.popitem()[1].pool.dispose()

    def read_once(config: Config) -> ScriptDirectory:
        folder = config.get_main_option("script_location")
        if folder not in scripts:
            scripts[folder] = read(config)
        return scripts[folder]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptDirectory, "from_config", read_once)
        patch.setattr(dg.DagsterInstance, "dispose", dispose_engines)
        patch.setattr(local_compute_log_manager, "mirror_stream_to_file", lambda *_: nullcontext())
        for module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
            patch.setattr(module, "create_engine", create_engine)
        yield
