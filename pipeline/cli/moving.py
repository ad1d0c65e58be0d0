"""Moving in and out: import."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import JsonFlag, open_library
from pipeline.cli.terminal import print_fields, print_json, print_rows, progress_bars, say
from pipeline.errors import AlbumscopeError

if TYPE_CHECKING:
    from pipeline.moving import Takeover


def import_(
    given: Annotated[
        Path, typer.Argument(metavar="FILE|DIR", help="The scripts' database, or its folder.")
    ],
    path_column: Annotated[
        str | None, typer.Option(help="Of folder scripts: the column of paths, if it is not found.")
    ] = None,
    caption_column: Annotated[
        str | None, typer.Option(help="Likewise the column of descriptions.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what there is.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Take over what older scripts made: pictures, vectors and descriptions, without making them
    again.

    Shows what there is, and asks. What the scripts have stays as it is. May be repeated: what was
    taken over already is left alone.
    """
    from pipeline.moving.database import look

    if dry_run and yes:
        raise typer.BadParameter("Give --dry-run or --yes, not both")
    if as_json and not (dry_run or yes):
        raise typer.BadParameter("--json asks nothing: give --dry-run or --yes with it")
    library = open_library()
    with _bars() as progress:
        takeover = look(library, given, path_column, caption_column, progress)
    found, told = takeover.found, len(takeover.not_taken)
    if not as_json:
        print_fields(found)
        _print_not_taken(takeover)
        for hint in takeover.hints:
            say(hint)
    news: list[str] = []
    is_wanted = takeover.is_new and not dry_run and _is_wanted(yes)
    if is_wanted:
        with _bars() as progress:
            news = takeover.take(progress)
    if as_json:
        not_taken = [each._asdict() for each in takeover.not_taken]
        print_json({**found, "not_taken": not_taken, "is_taken": is_wanted, "news": news})
        return
    for each in news:
        say(each)
    _print_not_taken(takeover, told)
    if is_wanted:
        say("Taken over; `albumscope sync` makes what is missing and publishes it.")
    else:
        say("Nothing was changed." if takeover.is_new else "Nothing is new.")


@contextmanager
def _bars() -> Iterator[Callable[[str, str, int], None]]:
    """Bars that are told of rows: of what kind, of which album, how many of it by now."""
    with progress_bars() as (_, on_progress):
        yield lambda kind, title, done: on_progress(kind, {"album_id": title, "title": title}, done)


def _is_wanted(yes: bool) -> bool:
    """Ask, if somebody can answer. Raises AlbumscopeError if it is not wanted, or not known."""
    if yes:
        return True
    if sys.stdin.isatty() and typer.confirm("Take this over?", err=True):
        return True
    raise AlbumscopeError("Nothing was changed: give --yes to take this over")


def _print_not_taken(takeover: "Takeover", told: int = 0) -> None:
    rows = [each._asdict() for each in takeover.not_taken[told:]]
    if rows:
        print_rows(rows, as_json=False, empty="")
        say(f"These rows of the database are not, or not wholly, taken over: {len(rows):,}")
