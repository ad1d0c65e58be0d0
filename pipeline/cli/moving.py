"""Moving in and out: import, export."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import JsonFlag, open_library
from pipeline.cli.site import (
    OriginalsFlag,
    PeopleFlag,
    PositionsFlag,
    SiteOption,
    write_site,
)
from pipeline.cli.terminal import print_fields, print_json, print_rows, progress_bars, say
from pipeline.errors import AlbumscopeError, count

if TYPE_CHECKING:
    from pipeline.library.library import Library
    from pipeline.moving import Takeover
    from pipeline.snapshot.reading import Snapshot


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


def export(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]", help="Where to write; sidecars go beside their photos else."
        ),
    ] = None,
    sidecars: Annotated[
        bool, typer.Option("--sidecars", help="XMP sidecars: what the library knows of each photo.")
    ] = False,
    tables: Annotated[
        str | None, typer.Option(metavar="FORMAT", help="All tables, as parquet, csv or json.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only show which sidecars would change.")
    ] = False,
    album_ids: Annotated[
        list[str] | None,
        typer.Option("--album-id", help="Only sidecars, or the site, of this album; repeatable."),
    ] = None,
    site: SiteOption = None,
    with_positions: PositionsFlag = False,
    with_people: PeopleFlag = False,
    originals: OriginalsFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Write what the library knows, as other programs read it, or a web site of its photos.

    A sidecar that is there keeps all that people said in it. With --check the exit code is 1 if any
    would change. Hidden photos are never on a site; positions, people and originals only if asked
    for. Written again into the same folder, it is brought up to date.
    """
    if sum((sidecars or check, tables is not None, site is not None)) != 1:
        raise typer.BadParameter("Give --sidecars, --check, --tables FORMAT or --site DIR")
    if site is not None:
        write_site(site, album_ids or (), with_positions, with_people, originals)
        return
    if tables is None:
        _export_sidecars(folder, album_ids, check=check, as_json=as_json)
        return
    if tables not in {"parquet", "csv", "json"}:
        raise typer.BadParameter("--tables is one of parquet, csv, json")
    if folder is None or album_ids:
        raise typer.BadParameter("--tables needs a DIR, and writes all albums")
    from pipeline.moving import tables as all_tables

    library = open_library()
    with _snapshot(library) as snapshot:
        counts = all_tables.export(library, snapshot, folder, tables)  # type: ignore[arg-type]
    rows = [{"table": table, "rows": number} for table, number in counts.items()]
    print_rows(rows, as_json=as_json, empty="")


def _export_sidecars(
    folder: Path | None, album_ids: list[str] | None, *, check: bool, as_json: bool
) -> None:
    from pipeline.moving import sidecars

    library = open_library()
    for album_id in album_ids or []:
        library.album(album_id)  # an unknown one is an error before any work
    with _snapshot(library) as snapshot, progress_bars() as (on_start, on_progress):
        on_start(snapshot.manifest["tables"]["images"])
        rows = [
            each._asdict()
            for each in sidecars.export(
                library,
                snapshot,
                folder,
                album_ids,
                check=check,
                progress=lambda done: on_progress("photos", {"album_id": "", "title": ""}, done),
            )
        ]
    failed = [row for row in rows if row["error"]]
    if as_json:
        print_json(rows)
    elif check or failed:
        print_rows(rows if check else failed, as_json=False, empty="")
    new = sum(row["is_new"] for row in rows)
    if not as_json:
        would = "would be " if check else ""
        changed = len(rows) - len(failed) - new
        say(f"{count(new, 'sidecar')} {would}new, {changed:,} {would}changed.")
    if failed or (check and rows):
        sys.exit(1)


@contextmanager
def _snapshot(library: "Library") -> "Iterator[Snapshot]":
    """The current snapshot. Raises AlbumscopeError without one."""
    from pipeline.snapshot import reading
    from pipeline.snapshot.mirror import remote_snapshots

    if remote := remote_snapshots(library.settings):
        remote.follow()
    snapshot = reading.open_current(library.settings.library_dir, library.settings.library_url)
    with closing(snapshot):
        yield snapshot


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
