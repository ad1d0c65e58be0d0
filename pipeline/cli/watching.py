"""Bringing in what changes in folders as soon as it has: watch."""

from pathlib import Path

from pipeline.cli import sync
from pipeline.cli.options import open_library
from pipeline.cli.terminal import count, say, warn
from pipeline.errors import AlbumscopeError
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
    import watchfiles

    from pipeline.sources.folder import registrations

    storage = open_library().storage
    roots = [Path(each.folder) for each in registrations(storage)]
    there = [root for root in roots if root.is_dir()]
    if not there:
        raise AlbumscopeError("No folder to watch: add one with `albumscope add-folder DIR`")
    changes = watchfiles.watch(
        *there,
        watch_filter=None,
        debounce=LONGEST_MS,
        step=QUIET_MS,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
    )
    next(changes)  # from now on nothing is missed, whatever changes during the first sync
    _sync()
    say(f"Watching {', '.join(map(printable, there))}; Ctrl-C ends it.")
    for changed in changes:
        if changed:
            say(f"{count(len(changed), 'change')} in the folders.")
            _sync()


def _sync() -> None:
    """Sync, and go on watching whatever fails."""
    try:
        sync.sync()
    except AlbumscopeError as error:
        warn([str(error)])
    except SystemExit:
        pass  # what failed has been told
