"""Whether what was written is still what it was: check."""

import sys

from pipeline.cli.options import JsonFlag, open_library
from pipeline.cli.terminal import print_rows


def check(as_json: JsonFlag = False) -> None:
    """Read every file of the library and its snapshots; name the damaged ones and what to do.

    Nothing is changed. The exit code is 1 if anything is damaged.
    """
    from pipeline.assets.database import damaged_databases
    from pipeline.library.checking import SYNC, Damage, damaged_files
    from pipeline.snapshot import reading

    library = open_library()
    settings = library.settings
    found = list(damaged_files(library))
    newest = reading.names(settings.library_dir)[-1:]
    in_use = {*newest, reading.current_name(settings.library_dir)}
    for path, reason in reading.damaged_files(settings.library_dir):
        folder = path.parent
        is_pointer = path.name == "current"
        advice = (
            "run `albumscope sync`, which publishes anew"
            if is_pointer or folder.name in in_use
            else f"delete {folder}: it is an older snapshot, which nobody reads"
        )
        found.append(Damage(str(path), reason, advice))
    home = settings.dagster_home or settings.data_dir / "dagster"
    ours = settings.dagster_home is None
    found += [
        Damage(str(path), reason, SYNC if ours else "restore it, or delete it: runs are forgotten")
        for path, reason in damaged_databases(home)
    ]
    rows = [damage._asdict() for damage in found]
    print_rows(rows, as_json=as_json, empty="Every file is as it was written.")
    sys.exit(1 if rows else 0)
