"""The command ``albumscope``: its subcommands, and how it ends.

What is slow to import (Dagster, torch) is imported by the subcommands that need it.
"""

import atexit
import gc
import io
import logging
import sys

import typer

from pipeline.cli import (
    albums,
    backups,
    check,
    moving,
    photos,
    serving,
    snapshots,
    sync,
    tokens,
    watching,
)
from pipeline.cli.terminal import SayHandler, fail, fail_unexpectedly
from pipeline.errors import AlbumscopeError
from pipeline.settings import load_settings

_INTERRUPTED = 130  # what Typer makes of Ctrl-C

app = typer.Typer(
    help="Search Flickr albums and photo folders by words, by picture and by part of a picture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _command in (
    *(albums.albums, albums.add_folder, albums.remove_folder, albums.forget),
    *(sync.sync, watching.watch, albums.status),
    *(photos.images, photos.search, photos.exif, photos.describe, snapshots.snapshots),
    *(check.check, moving.export, backups.backup, backups.restore),
    *(serving.serve, serving.dagster, serving.demo, serving.mcp),
):
    app.command()(_command)
app.add_typer(tokens.app, name="token")
app.command("import")(moving.import_)


def main() -> None:
    """Run the command line; errors are one line on standard error, never a traceback."""
    # Imports make hundreds of thousands of objects and no garbage. Looking for some all the same,
    # then and once more at the end, takes a second.
    gc.disable()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # what the terminal's encoding cannot show
    atexit.register(gc.freeze)
    logging.getLogger("dagster").setLevel(logging.CRITICAL)  # what fails is reported below
    logging.getLogger("pipeline").addHandler(SayHandler(logging.WARNING))
    try:
        app()
    except AlbumscopeError as error:
        fail(str(error))
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            fail("Stopped. What was done is kept; run the command again to go on.", code=130)
        raise
    except Exception as error:
        from pipeline.storage.disk import disk_advice

        if advice := disk_advice(error):
            fail(f"{getattr(error, 'filename', None) or load_settings().data_dir}: {advice}")
        fail_unexpectedly(error)
    finally:
        gc.enable()
