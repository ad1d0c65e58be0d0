"""Dagster's instance: where it keeps runs, events and partitions."""

import logging
import os
import re
import sqlite3
from contextlib import closing
from datetime import UTC
from pathlib import Path

import dagster as dg

# There is no public way to tell whether the instance is of one machine.
from dagster._core.storage.runs import SqliteRunStorage
from filelock import FileLock

from pipeline.assets.database import set_aside_damaged
from pipeline.errors import AlbumscopeError
from pipeline.library.under_way import is_alive
from pipeline.settings import Settings
from pipeline.shipped import shipped
from pipeline.storage.disk import disk_advice, explain_disk_errors, replace_file

log = logging.getLogger(__name__)

UNFINISHED = [
    status
    for status in dg.DagsterRunStatus
    if status.value not in {"SUCCESS", "FAILURE", "CANCELED"}
]
"""What a run may be that is queued or at work."""

RETRIED_BY_TAG = "dagster/auto_retry_run_id"
"""Dagster's tag of a failed run that it has started again."""

_WILL_RETRY_TAG = "dagster/will_retry"  # and of one that it is about to
_RECENT = 50  # runs
_PROCESS_TAG = "albumscope/process"
_LIBRARY_KEY = "albumscope/library"  # of what is remembered in Dagster's storage
_BASE_DIR = re.compile(r"""^\s*base_dir: *["']?([^\s"'#]+)""", re.MULTILINE)
_POOLS = {"flickr", "gpu", "captioner", "ocr", "faces"}  # of the assets


def dagster_home(settings: Settings) -> Path:
    """Return Dagster's folder: DAGSTER_HOME where it is set, else ``dagster`` in DATA_DIR.

    It gets the project's ``dagster.yaml``, so that the command line and ``dagster dev`` share one
    instance; one that already lies in DAGSTER_HOME is left as it is. Raises AlbumscopeError on disk
    trouble.
    """
    home = settings.dagster_home or settings.data_dir / "dagster"
    file = home / "dagster.yaml"
    configuration = shipped("dagster.yaml").read_text()
    with explain_disk_errors(file):
        is_ours = settings.dagster_home is None
        if not file.exists() or (is_ours and file.read_text() != configuration):
            replace_file(file, lambda path: path.write_text(configuration))
    return home


def open_instance(settings: Settings, *, moved: bool = False) -> dg.DagsterInstance:
    """Open the instance that ``dagster dev`` uses too; close it by using it in a ``with``.

    ``moved`` says that its library used to lie elsewhere. Raises AlbumscopeError if it is the
    instance of another library, its ``dagster.yaml`` cannot be read or its database not reached.
    """
    home = dagster_home(settings)
    with FileLock(home / ".opening.lock"):
        try:
            return _open(home, settings, moved=moved)
        except AlbumscopeError:
            if not set_aside_damaged_databases(settings):
                raise
            return _open(home, settings, moved=moved)


def _open(home: Path, settings: Settings, *, moved: bool) -> dg.DagsterInstance:
    try:
        _drop_half_made_events(home / "history" / "runs" / "index.db")
        _require_whole_paths(home / "dagster.yaml")
        instance = dg.DagsterInstance.from_config(str(home))
        _limit_pools(instance)
        keep_to_one_library(instance, settings, moved=moved)
    except AlbumscopeError:
        raise
    except Exception as error:  # Dagster, YAML and each database raise their own
        if disk_advice(error):
            raise
        reason = getattr(error.__cause__, "orig", error)  # a driver's words, not SQLAlchemy's
        raise AlbumscopeError(
            f"Dagster's storage cannot be opened as {home / 'dagster.yaml'} describes it:"
            f" {' '.join(str(reason).split())}"
        ) from error
    return instance


def set_aside_damaged_databases(settings: Settings) -> bool:
    """Set aside what is damaged of Dagster's databases, if they are this library's alone.

    Returns whether anything was. What they held is made anew, but for the history of runs.
    """
    if settings.dagster_home is not None:
        return False
    warnings = set_aside_damaged(settings.data_dir / "dagster")
    for warning in warnings:
        log.warning("%s", warning)
    return bool(warnings)


def check_dagster_home(settings: Settings) -> None:
    """Raise AlbumscopeError if DAGSTER_HOME, where it is set, cannot be that of the library."""
    home = settings.dagster_home
    if home and (home / "dagster.yaml").exists():
        _require_whole_paths(home / "dagster.yaml")
        with dg.DagsterInstance.from_config(str(home)) as instance:
            keep_to_one_library(instance, settings)


def keep_to_one_library(
    instance: dg.DagsterInstance, settings: Settings, *, moved: bool = False
) -> None:
    """Make the instance that of this library alone. Raises AlbumscopeError if it is another's.

    Each library has the partitions of its own albums, and deletes all others. Which library it is
    is remembered in Dagster's own storage, which several machines may share: by LIBRARY_URL, or by
    the path of DATA_DIR, which they then all mount at the same one.
    """
    library = settings.library_url or str(settings.data_dir.resolve())
    storage = instance.daemon_cursor_storage
    owner = storage.get_cursor_values({_LIBRARY_KEY}).get(_LIBRARY_KEY)
    if owner == library:
        return
    # Without partitions there is nothing to delete: the owner's LIBRARY_URL may have been mistyped.
    has_albums = bool(owner and instance.get_dynamic_partitions("albums"))
    if owner and has_albums and not moved and not _is_moved_along(instance, settings, owner):
        raise AlbumscopeError(
            f"Dagster's storage in {instance.root_directory} is that of the library {owner}, and"
            f" cannot be that of {library} too: set DAGSTER_HOME to another folder (with Postgres,"
            " DAGSTER_POSTGRES_URL to another database). If it is the same library, which was"
            " moved, run `albumscope sync --moved` once"
        )
    storage.set_cursor_values({_LIBRARY_KEY: library})


def _is_moved_along(instance: dg.DagsterInstance, settings: Settings, owner: str) -> bool:
    """Whether Dagster's storage lies in DATA_DIR, so that both were moved together."""
    return (
        settings.library_url is None
        and Path(owner).is_absolute()
        and isinstance(instance.run_storage, SqliteRunStorage)
        and Path(instance.root_directory).resolve().is_relative_to(settings.data_dir.resolve())
    )


def _require_whole_paths(configuration: Path) -> None:
    """Raise AlbumscopeError if a folder in dagster.yaml is another from each working directory."""
    for folder in _BASE_DIR.findall(configuration.read_text()):
        if not Path(folder).is_absolute():
            raise AlbumscopeError(
                f"base_dir: {folder} in {configuration} is another folder wherever a command is"
                " started: give the whole path, or leave the section out, for folders in"
                f" {configuration.parent}"
            )


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


def runs_under_way(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that are queued or at work, and those that failed and are about to be retried."""
    unfinished = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    retried = instance.get_runs(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], tags={_WILL_RETRY_TAG: "true"}),
        limit=_RECENT,
    )
    return [*unfinished, *(run for run in retried if RETRIED_BY_TAG not in run.tags)]


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
        if process and not is_alive(*process):
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
