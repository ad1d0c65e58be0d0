"""Dagster's instance: where it keeps runs, events and partitions."""

from pathlib import Path

import dagster as dg
import psutil
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from dagster._core.storage.runs import SqliteRunStorage

from pipeline.settings import PROJECT_ROOT, Settings
from pipeline.store import explain_disk_errors, replace_file

_DEFAULT_FOLDER = "data/dagster"  # as written in dagster.yaml


def dagster_home(settings: Settings) -> Path:
    """Return Dagster's folder: DAGSTER_HOME where it is set, else ``dagster`` in DATA_DIR.

    It gets the project's ``dagster.yaml`` with its folders put there, so that the command line and
    ``dagster dev`` share one instance; one that already lies in DAGSTER_HOME is left as it is.
    Raises AlbumscopeError on disk trouble.
    """
    home = settings.dagster_home or settings.data_dir / "dagster"
    file = home / "dagster.yaml"
    configuration = (PROJECT_ROOT / "dagster.yaml").read_text()
    configuration = configuration.replace(f": {_DEFAULT_FOLDER}", f": {home}")
    with explain_disk_errors(file):
        is_ours = settings.dagster_home is None
        if not file.exists() or (is_ours and file.read_text() != configuration):
            replace_file(file, lambda path: path.write_text(configuration))
    return home


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Open the instance that ``dagster dev`` uses too; close it by using it in a ``with``."""
    return dg.DagsterInstance.from_config(str(dagster_home(settings)))


def end_killed_runs(instance: dg.DagsterInstance) -> None:
    """Mark the runs whose process was killed as failed, and free their places in pools.

    Dagster's own monitoring sees those that ``dagster dev`` started while it lives; this sees the
    others too: a killed ``albumscope sync``, a machine that lost its power. Only where the
    instance is of one machine, whose processes can be looked at.
    """
    if not isinstance(instance.run_storage, SqliteRunStorage):
        return
    for record in instance.get_run_records(dg.RunsFilter(statuses=list(IN_PROGRESS_RUN_STATUSES))):
        run = record.dagster_run
        pid = _pid(instance, run.run_id)
        if pid is None or record.start_time is None or _is_alive(pid, record.start_time):
            continue
        instance.report_run_failed(run, f"Its process {pid} was killed")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _pid(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The process that said last that it executes the run."""
    pid = None
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        event = entry.dagster_event
        said = event.engine_event_data.metadata.get("pid") if event else None
        if said is not None:
            pid = int(str(said.value))
    return pid


def _is_alive(pid: int, since: float) -> bool:
    """Whether a process that ran at that time (seconds since the epoch) still does."""
    try:
        return psutil.Process(pid).create_time() < since + 1  # not another one of the same number
    except psutil.Error:
        return False
