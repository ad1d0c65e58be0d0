"""Keeping a library elsewhere, and getting it back: backup, restore."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.terminal import exit_if, say
from pipeline.errors import count
from pipeline.settings import load_settings


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put it.")],
) -> None:
    """Write all that a sync cannot make again by itself into one file.

    That is the tables, what people said of faces and marked, the folders that were added, events
    and the settings, without keys and tokens. A sync may be at work meanwhile.
    """
    from pipeline.library.backup import back_up
    from pipeline.storage.opening import open_storage

    settings = load_settings()
    written = back_up(open_storage(settings), settings, folder)
    size = written.path.stat().st_size / 1e6
    say(f"{count(written.files, 'file')}, {size:,.1f} MB: {written.path}")
    exit_if({file: f"{file} is damaged, and not in it" for file in written.damaged})


def restore(
    source: Annotated[
        Path, typer.Argument(metavar="DIR|FILE", help="A backup, or where they lie: the newest.")
    ],
) -> None:
    """Make the empty library that the settings name that of a backup.

    Keys and tokens are not in a backup: `albumscope token create` makes tokens anew.
    """
    from pipeline.library.backup import restore as restore_into
    from pipeline.storage.opening import open_storage

    settings = load_settings()
    restored = restore_into(open_storage(settings), settings, source)
    say(f"{count(restored.files, 'file')} restored: `albumscope sync` publishes them.")
    if restored.settings:
        say("Set otherwise when it was backed up; before that sync, set what you want of it:")
        say("\n".join(restored.settings))
    say("Tokens for programs are not in a backup: `albumscope token create NAME` makes new ones.")
