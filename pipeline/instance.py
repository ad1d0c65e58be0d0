"""Dagster's instance: where it keeps runs, events and partitions."""

import os
from pathlib import Path

import dagster as dg

from pipeline.settings import PROJECT_ROOT, Settings
from pipeline.store import explain_disk_errors, replace_file

_DEFAULT_FOLDER = "data/dagster"  # as written in dagster.yaml


def dagster_home(settings: Settings) -> Path:
    """Return Dagster's folder: DAGSTER_HOME where it is set, else ``dagster`` in DATA_DIR.

    The latter gets the project's ``dagster.yaml`` with its folders put there, so that the command
    line and ``dagster dev`` share one instance. Raises AlbumscopeError on disk trouble.
    """
    if home := os.environ.get("DAGSTER_HOME"):
        return Path(home)
    folder = settings.data_dir / "dagster"
    configuration = (PROJECT_ROOT / "dagster.yaml").read_text()
    configuration = configuration.replace(f": {_DEFAULT_FOLDER}", f": {folder}")
    file = folder / "dagster.yaml"
    with explain_disk_errors(file):
        if not file.exists() or file.read_text() != configuration:
            replace_file(file, lambda path: path.write_text(configuration))
    return folder


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Open the instance that ``dagster dev`` uses too; close it by using it in a ``with``."""
    return dg.DagsterInstance.from_config(str(dagster_home(settings)))
