"""Dagster's instance: where it keeps runs, events and partitions."""

from pathlib import Path

import dagster as dg

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
