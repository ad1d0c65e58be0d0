"""Dagster's instance: where it keeps runs, events and partitions."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC
from pathlib import Path

import dagster as dg
import psutil

# There is no public way to tell whether the instance is of one machine.
from dagster._core.storage.runs import SqliteRunStorage
from filelock import FileLock

from pipeline.errors import AlbumscopeError
from pipeline.settings import Settings
from pipeline.shipped import shipped
from pipeline.storage.disk import disk_advice, explain_disk_errors, replace_file

UNFINISHED = [
    status
    for status in dg.DagsterRunStatus
    if status.value not in {"SUCCESS", "FAILURE", "CANCELED"}
]
"""What a run may be that is queued or at work."""

_PROCESS_TAG = "albumscope/process"
_DEFAULT_FOLDER = "data/dagster"  # as written in dagster.yaml
_POOLS = {"flickr", "gpu", "captioner"}  # of the assets


def dagster_home(settings: Settings) -> Path:
    """Return Dagster's folder: DAGSTER_HOME where it is set, else ``dagster`` in DATA_DIR.

    It gets the project's ``dagster.yaml`` with its folders put there, so that the command line and
    ``dagster dev`` share one instance; one that already lies in DAGSTER_HOME is left as it is.
    Raises AlbumscopeError on disk trouble.
    """
    home = settings.dagster_home or settings.data_dir / "dagster"
    file = home / "dagster.yaml"
    configuration = shipped("dagster.yaml").read_text()
    configuration = configuration.replace(f": {_DEFAULT_FOLDER}", f": {home}")
    with explain_disk_errors(file):
        is_ours = settings.dagster_home is None
        if not file.exists() or (is_ours and file.read_text() != configuration):
            replace_file(file, lambda path: path.write_text(configuration))
    return home


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Open the instance that ``dagster dev`` uses too; close it by using it in a ``with``.

    Raises AlbumscopeError if its ``dagster.yaml`` cannot be read or its database not reached.
    """
    home = dagster_home(settings)
    with FileLock(home / ".opening.lock"):
        _drop_half_made_events(home / "history" / "runs" / "index.db")
        try:
            instance = dg.DagsterInstance.from_config(str(home))
            _limit_pools(instance)
        except Exception as error:  # Dagster, YAML and each database raise their own
            if disk_advice(error):
                raise
            reason = getattr(error.__cause__, "orig", error)  # a driver's words, not SQLAlchemy's
            raise AlbumscopeError(
                f"Dagster's storage cannot be opened as {home / 'dagster.yaml'} describes it:"
                f" {' '.join(str(reason).split())}"
            ) from error
        return instance


def _limit_pools(instance: dg.DagsterInstance) -> None:
    """Set each pool's limit to the ``default_limit`` of dagster.yaml, once, in a shared database.

    Left to Dagster it is set by the first step that needs a place, and again when dagster.yaml
    names another. On Postgres that fails if another step has just done it, or if it was done
    before (https://github.com/dagster-io/dagster/issues/33552), and the run with it.
    """
    limit = instance.global_op_concurrency_default_limit
    if limit is None or isinstance(instance.run_storage, SqliteRunStorage):
        return
    events = instance.event_log_storage
    done = {pool.name for pool in events.get_pool_limits() if not pool.from_default}
    for pool in _POOLS - done:
        events.set_concurrency_slots(pool, limit)


def _drop_half_made_events(database: Path) -> None:
    """Delete the database of events if whoever was making it was killed before it was done.

    Dagster would take it for whole, and never find its tables. Its version is written last.
    """
    if not database.exists():
        return
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
        is_whole = ("alembic_version",) in tables and connection.execute(
            "SELECT version_num FROM alembic_version"
        ).fetchall()
    if not is_whole:
        for suffix in ("", "-wal", "-shm", "-journal"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)


def process_tag() -> dict[str, str]:
    """The tag of a run that this process executes itself."""
    return {_PROCESS_TAG: str(os.getpid())}


def end_killed_runs(instance: dg.DagsterInstance) -> None:
    """Mark the runs whose process was killed as failed, and free their places in pools.

    Dagster's own monitoring sees those that ``dagster dev`` started while it lives; this sees the
    others too: a killed ``albumscope sync``, a machine that lost its power. Only where the
    instance is of one machine, whose processes can be looked at.
    """
    if not isinstance(instance.run_storage, SqliteRunStorage):
        return
    for record in instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED)):
        run = record.dagster_run
        process = _process(instance, record)
        if process and not _is_alive(*process):
            instance.report_run_failed(run, f"Its process {process[0]} was killed")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _process(instance: dg.DagsterInstance, record: dg.RunRecord) -> tuple[int, float] | None:
    """The process that executes a run, and a time (seconds since the epoch) when it lived."""
    run = record.dagster_run
    if _PROCESS_TAG in run.tags:
        created = record.create_timestamp
        return int(run.tags[_PROCESS_TAG]), created.replace(
            tzinfo=created.tzinfo or UTC
        ).timestamp()
    process = None
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event else None
        if pid is not None:
            process = int(str(pid.value)), entry.timestamp
    return process


def _is_alive(pid: int, since: float) -> bool:
    try:
        return psutil.Process(pid).create_time() < since + 1  # not another one of the same number
    except psutil.Error:
        return False
