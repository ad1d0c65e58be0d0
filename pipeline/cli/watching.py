"""Bringing in what changes in folders as soon as it has: watch."""

from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from pipeline.cli import sync
from pipeline.cli.options import open_library
from pipeline.cli.terminal import say, warn
from pipeline.errors import AlbumscopeError, count
from pipeline.photos.files import printable

QUIET_MS = 5_000
"""Changes are brought in once there was none for so long: a file that is being copied changes."""
LONGEST_MS = 50_000
"""Though not later than this after the first, where changes never end."""
_TICK_MS = 1_000


def watch() -> None:
    """Bring in what changes in the folders that were added, once it has stopped changing.

    Runs until it is stopped. A folder of another machine tells of no changes by itself: set
    WATCHFILES_FORCE_POLLING=1 to have it looked at again and again.
    """
    if not _roots():
        raise AlbumscopeError("No folder to watch: add one with `albumscope add-folder DIR`")
    while True:
        _watch()


def _watch() -> None:
    """Watch until a disk comes or goes, of which the folders themselves tell nothing."""
    import watchfiles

    roots = _roots()
    there = _there(roots)
    changes = watchfiles.watch(
        *(root for root in roots if root.is_dir()),
        watch_filter=lambda _, path: not _is_in_a_library(Path(path), roots),
        debounce=LONGEST_MS,
        step=QUIET_MS,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
    )
    with closing(changes):
        next(changes)  # from now on nothing is missed, whatever changes during the first sync
        _sync()
        say(f"Watching {', '.join(map(printable, roots))}; Ctrl-C ends it.")
        for changed in changes:
            if changed:
                say(f"{count(len(changed), 'change')} in the folders.")
                _sync()
            elif _there(roots) != there:
                say("A disk came or went.")
                return


def _roots() -> list[Path]:
    from pipeline.sources.folder import registrations

    return [Path(each.folder) for each in registrations(open_library().storage)]


def _there(roots: Sequence[Path]) -> object:
    """What is another when a disk comes or goes, or a folder that was added."""
    import psutil

    folders = {}
    for root in roots:
        with suppress(OSError):
            status = root.stat()
            folders[root] = status.st_dev, status.st_ino
    mounts = {each.mountpoint for each in psutil.disk_partitions(all=True)}
    return folders, {each for each in mounts if _is_below(Path(each), roots)}


def _is_in_a_library(path: Path, roots: Sequence[Path]) -> bool:
    """Whether a path is of what a sync writes itself."""
    from pipeline.sources.folder.exclusions import is_library

    return any(is_library(folder) for folder in path.parents if _is_below(folder, roots))


def _is_below(path: Path, roots: Sequence[Path]) -> bool:
    return any(path.is_relative_to(root) for root in roots)


def _sync() -> None:
    """Sync, and go on watching whatever fails."""
    try:
        sync.sync()
    except AlbumscopeError as error:
        warn([str(error)])
    except SystemExit:
        pass  # what failed has been told
