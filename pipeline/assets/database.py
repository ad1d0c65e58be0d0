"""Dagster's own SQLite databases, where it keeps them in files: whether they are whole.

Nothing of the library lies in them: partitions are made anew from its catalogue.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from pipeline.storage import DAMAGED


def damaged_databases(home: Path) -> Iterator[tuple[Path, str]]:
    """The databases in Dagster's folder that SQLite finds damaged, and what it says of each."""
    for path in sorted(home.rglob("*.db")):
        try:
            with closing(
                sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            ) as database:
                (told,), *_ = database.execute("PRAGMA quick_check(1)").fetchall()
        except sqlite3.OperationalError:  # locked, or away: not damaged
            continue
        except sqlite3.DatabaseError as error:
            told = str(error)
        if told != "ok":
            yield path, " ".join(told.split())


def set_aside_damaged(home: Path) -> list[str]:
    """Rename the damaged ones; Dagster makes new ones. Returns a warning for each."""
    warnings = []
    for path, told in damaged_databases(home):
        for suffix in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.replace(path.with_name(path.name + DAMAGED))
        warnings.append(
            f"Dagster's database {path} was damaged ({told}): it is set aside as"
            f" {path.name}{DAMAGED}, and the history of runs begins anew"
        )
    return warnings
