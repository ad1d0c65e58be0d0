"""Bringing the library up to date: sync."""

import gc
import sys
from contextlib import redirect_stderr
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, TextIO, cast

import typer

from pipeline.cli.options import (
    NO_ALBUMS,
    JsonFlag,
    SizeOption,
    UserOption,
    chosen,
    found_albums,
    open_library,
)
from pipeline.cli.terminal import (
    WithoutDagstersWords,
    exit_if,
    print_json,
    print_rows,
    progress_bars,
    say,
    warn,
)
from pipeline.errors import AlbumError, AwayError, SourceError, count

if TYPE_CHECKING:
    from pipeline.assets.sync import SyncReport
    from pipeline.library.library import Library


def sync(
    album_ids: Annotated[list[str] | None, typer.Argument(help="Albums to sync; else all.")] = None,
    all_albums: Annotated[bool, typer.Option("--all", help="All albums (as without ids).")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Try once more what failed, however often.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is to do.")] = False,
    user_id: UserOption = None,
    size: SizeOption = None,
    event: Annotated[str | None, typer.Option(help="The named albums' event.")] = None,
    year: Annotated[int | None, typer.Option(help="Its year.", min=1800, max=2999)] = None,
    event_type: Annotated[str | None, typer.Option(help="Conference, trip, meeting, …")] = None,
    album_title: Annotated[str | None, typer.Option(help="The named album's title.")] = None,
    moved: Annotated[
        bool, typer.Option("--moved", help="The library was moved: keep its Dagster storage.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Find albums, bring in what is new or changed, and publish it.

    What --event, --year, --event-type and --album-title say of the named albums is kept in
    events.toml in DATA_DIR.
    """
    from pipeline.sources.events import Override, remember

    if album_ids and all_albums:
        raise typer.BadParameter("Give album ids or --all, not both")
    given: dict[str, Any] = {"event": event, "year": year, "type": event_type, "title": album_title}
    overrides = any(value is not None for value in given.values())
    if overrides and not album_ids:
        raise typer.BadParameter("Name the albums that --event and the like are about")
    if album_title and len(album_ids or []) > 1:
        raise typer.BadParameter("--album-title is about one album")
    library = open_library(user_id, size)
    if dry_run and overrides:
        raise typer.BadParameter("--dry-run remembers nothing: leave out --event and the like")
    if dry_run:
        _print_what_is_to_do(library, album_ids or [], as_json)
        return
    if overrides:
        chosen(found_albums(library).albums, album_ids or [])
        for album_id in album_ids or []:
            remember(library.storage, Override(album=album_id, **given))
    gc.freeze()
    gc.enable()  # a sync may take hours
    report = _sync(library, album_ids or [], again=again, moved=moved)
    warn(report.warnings)
    if as_json:
        print_json(asdict(report))
    elif report.snapshot is None and not report.failed:
        say(NO_ALBUMS)
    elif report.albums or not report.failed:
        done = "Published what changed" if report.published else "Nothing new"
        if report.albums:
            done = f"{count(len(report.albums), 'album')} brought up to date"
        say(f"{done}; the newest snapshot is {report.snapshot or 'none yet'}.")
    if report.photos_failed:
        say(f"{count(report.photos_failed, 'photo')} failed: `albumscope status` says why.")
    exit_if(report.failed)


def _sync(library: "Library", album_ids: list[str], *, again: bool, moved: bool) -> "SyncReport":
    """Sync, and once more if that failed because a database of Dagster's was damaged."""
    from pipeline.assets.instance import open_instance, set_aside_damaged_databases
    from pipeline.assets.sync import sync as run_sync
    from search_app.search.judging import found_by_words

    def run() -> "SyncReport":
        with (
            progress_bars() as (on_start, library.on_progress),
            redirect_stderr(cast("TextIO", WithoutDagstersWords(sys.stderr))),
            open_instance(library.settings, moved=moved) as instance,
        ):
            return run_sync(library, instance, album_ids, on_start, found_by_words, again=again)

    try:
        return run()
    except Exception:
        if not set_aside_damaged_databases(library.settings):
            raise
        return run()


def _print_what_is_to_do(library: "Library", album_ids: list[str], as_json: bool) -> None:
    albums, failed, _ = found_albums(library)
    rows = []
    for album in chosen(albums, album_ids):
        try:
            rows.append(library.work(album, afresh=bool(album_ids)))
        except AwayError:
            pass  # of which the source has warned
        except AlbumError as error:
            warn([str(error)])
        except SourceError as error:
            failed[album["source"]] = str(error)
            break
    if rows or as_json or not (albums or failed):
        print_rows(rows, as_json=as_json, empty=NO_ALBUMS)
    if rows and not as_json:
        total = {name: sum(row[name] for row in rows) for name in ("new", "kept", "removed")}
        downloads = sum(row["to_download"] for row in rows)
        megabytes = sum(row["megabytes"] for row in rows)
        say(
            f"In all: {count(total['new'], 'photo')} new or changed, {total['kept']:,} kept,"
            f" {total['removed']:,} removed; {downloads:,} to download, about {megabytes:,.1f} MB."
        )
    exit_if(failed)
