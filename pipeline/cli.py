"""The command ``albumscope``: each function here is a subcommand of the same name.

What is slow to import (Dagster, torch) is imported by the subcommands that need it.
"""

import atexit
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from pipeline import servers
from pipeline.errors import AlbumError, AlbumscopeError, PhotoError, SourceError
from pipeline.settings import PROJECT_ROOT, FlickrSize, Settings, load_settings
from pipeline.terminal import (
    SayHandler,
    count,
    exit_if,
    fail,
    fail_unexpectedly,
    print_fields,
    print_json,
    print_rows,
    progress_bars,
    say,
    warn,
)

if TYPE_CHECKING:
    from PIL.Image import Image

    from pipeline.captioners import Captioner
    from pipeline.library import Library
    from search_app.engine import SearchEngine
    from search_app.filters import Filters

app = typer.Typer(
    help="Search Flickr albums and photo folders by words, by picture and by part of a picture.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
PhotoFile = Annotated[Path, typer.Argument(help="A photo file.", show_default=False)]
EventOption = Annotated[str | None, typer.Option("--event", help="Only this event.")]
YearOption = Annotated[int | None, typer.Option("--year", help="Only events of this year.")]
AlbumOption = Annotated[str | None, typer.Option("--album-id", help="Only this album.")]
UserOption = Annotated[
    str | None,
    typer.Option("--user-id", help="A Flickr user: id, name or page [default: FLICKR_USER_ID]"),
]
SizeOption = Annotated[
    str | None,
    typer.Option(
        help="Letter of the size to download: s q t m n - z c b h k o [default: FLICKR_SIZE]"
    ),
]
HostOption = Annotated[str, typer.Option(help="Address to serve on.")]
PortOption = Annotated[int, typer.Option(min=1, max=65535, help="Port of the search page.")]

NO_ALBUMS = (
    "No albums yet: add photos with `albumscope add-folder DIR`, or set FLICKR_API_KEY and"
    " FLICKR_USER_ID, and run `albumscope sync`"
)
_ALBUM_COLUMNS = (
    *("album_id", "source", "title", "event_name", "event_year", "event_type", "photo_count"),
    *("updated_at", "url"),
)
_HIT_COLUMNS = (
    *("rank", "image_id", "path", "album_id", "album_title", "event_name", "event_year", "title"),
    *("caption", "score", "probability", "image_url", "page_url", "found_by", "words"),
)
_INTERRUPTED = 130  # what Typer makes of Ctrl-C
QUERY_SIDE = 768
"""Length in pixels that the short side of a picture searched with should have: any model's, and
room to spare."""
DEMO_FOLDER = PROJECT_ROOT / "data" / "demo"


def main() -> None:
    """Run the command line; errors are one line on standard error, never a traceback."""
    # Imports make hundreds of thousands of objects and no garbage. Looking for some all the same,
    # then and once more at the end, takes a second.
    gc.disable()
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
        from pipeline.store import disk_advice

        if advice := disk_advice(error):
            fail(f"{getattr(error, 'filename', None) or load_settings().data_dir}: {advice}")
        fail_unexpectedly(error)
    finally:
        gc.enable()


@app.command()
def albums(user_id: UserOption = None, as_json: JsonFlag = False) -> None:
    """List the albums of all sources, with photo counts, what is synced and what is new."""
    library = _library(user_id)
    found, failed = _found_albums(library)
    rows = []
    for album in found.values():
        try:
            news = library.news(album)
        except AlbumError as error:
            warn([str(error)])
            news = {"new": 0, "state": "away"}
        rows.append(
            {name: album[name] for name in _ALBUM_COLUMNS}
            | {"synced": library.synced(album["album_id"]), **news}
        )
    columns = ("album_id", "title", "event_name", "event_year", "photo_count", "synced")
    if rows or as_json or not failed:
        print_rows(rows, as_json=as_json, columns=(*columns, "new", "state"), empty=NO_ALBUMS)
    exit_if(failed)


@app.command()
def add_folder(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of photos.")],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Each folder below with photos is an album.")
    ] = False,
    title: Annotated[str | None, typer.Option(help="The album's title; else its folder's.")] = None,
    event: Annotated[str | None, typer.Option(help="The event's name.")] = None,
    year: Annotated[int | None, typer.Option(help="The event's year.", min=1800, max=2999)] = None,
    event_type: Annotated[str | None, typer.Option(help="Conference, trip, meeting, …")] = None,
) -> None:
    """Register DIR as an album. Photos stay where they are; `sync` then brings them in."""
    from pipeline.sources import folder as source

    if title and recursive:
        raise typer.BadParameter("--title names one album; with -r they go by their folders' names")
    library = _library()
    path = str(folder.expanduser().resolve())
    source.register(
        library.store,
        source.Registration(path, recursive, title, event, year, event_type),
    )
    found = source.find_albums(library.store).albums.to_pylist()
    added = [row for row in found if row["root"] == os.fsencode(path)]
    photos = sum(row["photo_count"] for row in added)
    say(
        f"Added {count(len(added), 'album')} with {count(photos, 'photo')}."
        " `albumscope sync` brings them in."
    )


@app.command()
def remove_folder(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that was added.")],
) -> None:
    """Take a folder's albums out of the library. The photos themselves are left alone."""
    from pipeline.sources import folder as source

    source.unregister(_library().store, str(folder.expanduser().resolve()))
    say("Removed. `albumscope sync` takes its photos out of the search.")


@app.command()
def sync(
    album_ids: Annotated[list[str] | None, typer.Argument(help="Albums to sync; else all.")] = None,
    all_albums: Annotated[bool, typer.Option("--all", help="All albums (as without ids).")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is to do.")] = False,
    user_id: UserOption = None,
    size: SizeOption = None,
    event: Annotated[str | None, typer.Option(help="The named albums' event.")] = None,
    year: Annotated[int | None, typer.Option(help="Its year.", min=1800, max=2999)] = None,
    event_type: Annotated[str | None, typer.Option(help="Conference, trip, meeting, …")] = None,
    album_title: Annotated[str | None, typer.Option(help="The named album's title.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Find albums, bring in what is new or changed, and publish it.

    What --event, --year, --event-type and --album-title say of the named albums is kept in
    events.toml in DATA_DIR.
    """
    from pipeline.sources.events import Override, remember

    if album_ids and all_albums:
        raise typer.BadParameter("Give album ids or --all, not both")
    said: dict[str, Any] = {"event": event, "year": year, "type": event_type, "title": album_title}
    is_said = any(value is not None for value in said.values())
    if is_said and not album_ids:
        raise typer.BadParameter("Name the albums that --event and the like are about")
    if album_title and len(album_ids or []) > 1:
        raise typer.BadParameter("--album-title is about one album")
    library = _library(user_id, size)
    if dry_run and is_said:
        raise typer.BadParameter("--dry-run remembers nothing: leave out --event and the like")
    if dry_run:
        _print_what_is_to_do(library, album_ids or [], as_json)
        return
    if is_said:
        _chosen(_found_albums(library)[0], album_ids or [])
        for album_id in album_ids or []:
            remember(library.store, Override(album=album_id, **said))
    from pipeline.instance import open_instance
    from pipeline.sync import sync as run_sync

    gc.freeze()
    gc.enable()  # a sync may take hours
    with (
        progress_bars() as (on_start, library.on_progress),
        open_instance(library.settings) as instance,
    ):
        report = run_sync(library, instance, album_ids or [], on_start)
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


@app.command()
def status(as_json: JsonFlag = False) -> None:
    """Show, for each album and stage, what is done, missing and failed; snapshot and models."""
    from pipeline import snapshot

    library = _library()
    settings = library.settings
    rows = [
        {"album_id": album["album_id"], "title": album["title"], "stages": library.status(album)}
        for album in library.albums()
    ]
    failed = [failure for album in library.albums() for failure in library.failures(album)]
    models = {
        "embedding": settings.embed_model,
        "caption": settings.caption_model,
        "text": settings.text_model,
    }
    current = snapshot.published_name(settings)
    if as_json:
        print_json({"albums": rows, "failed": failed, "snapshot": current, "models": models})
        return
    table = [{"album": row["title"], **_in_words(row["stages"])} for row in rows]
    print_rows(table, as_json=False, empty=NO_ALBUMS)
    if failed:
        print_rows(failed, as_json=False, empty="")
    say(f"Snapshot: {current or 'none published yet'}")
    say("Models: " + ", ".join(f"{use} {name}" for use, name in models.items()))


@app.command()
def images(
    event: EventOption = None,
    year: YearOption = None,
    album_id: AlbumOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the photos in the library."""
    engine = _engine()
    rows = engine.images(_filters(event, year, album_id))
    columns = ("image_id", "title", "album_title", "width", "height", "relative_path")
    print_rows(rows, as_json=as_json, columns=columns, empty="No photo matches")


@app.command()
def search(
    text: Annotated[
        str, typer.Argument(help="What the photo shows; see docs/search.md.", show_default=False)
    ] = "",
    image: Annotated[
        list[str] | None,
        typer.Option(help="A photo file, or the image_id of a photo in the library; repeatable."),
    ] = None,
    event: EventOption = None,
    year: YearOption = None,
    album_id: AlbumOption = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many photos.")] = 20,
    mode: Annotated[
        str | None,
        typer.Option(help="visual, caption, text or hybrid [default: hybrid; with --image visual]"),
    ] = None,
    min_probability: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Only what matches with this probability, from 0 to 1 [default: MIN_PROBABILITY]",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what found each photo, and what made its rows.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Search the current snapshot by words, by picture, or by both."""
    from search_app.engine import Mode, Query

    if mode is not None and mode not in get_args(Mode):
        raise typer.BadParameter(f"--mode is one of {', '.join(get_args(Mode))}")
    ids, photos = _pictures(image or [])
    least = load_settings().min_probability if min_probability is None else min_probability
    query = Query(
        # in front, where no quotation that is left open swallows them
        text=" ".join([*(f"photo:{image_id}" for image_id in ids), text]),
        images=photos,
        filters=_filters(event, year, album_id),
        mode=mode,  # type: ignore[arg-type]  # checked above
        k=k,
        min_probability=least,
    )
    engine = _engine()
    hits = engine.search(query)
    warn(engine.understand(query.text).problems)
    rows = [{name: row[name] for name in _HIT_COLUMNS} for row in map(asdict, hits)]
    empty = "Nothing found: no photo fits the words, fields and filters of the query"
    if not hits and (nearest := engine.search(replace(query, k=1, min_probability=0))):
        empty = (
            f"Nothing matches. The nearest photo has a probability of"
            f" {nearest[0].probability:.3f}, below {least:g}: `--min-probability 0` shows it"
        )
    if as_json and not hits:
        say(empty)
    if explain:
        rows = [row | asdict(engine.provenance(row["image_id"])) for row in rows]
    if explain and hits and not as_json:
        _print_explained(rows)
        return
    columns = ("rank", "probability", "title", "album_title", "caption", "path")
    print_rows(rows, as_json=as_json, columns=columns, empty=empty)


@app.command()
def exif(file: PhotoFile, as_json: JsonFlag = False) -> None:
    """Print the EXIF data of one file; nothing is stored."""
    from pipeline.exif import read_exif

    with _about(file):
        values = read_exif(file)
    if as_json:
        print_json(values | {"raw": json.loads(values["raw"]) if values["raw"] else None})
    else:
        known = {name: value for name, value in values.items() if value is not None}
        print_fields({name: value for name, value in known.items() if name != "raw"})
        if not known:
            say("No EXIF data")


@app.command()
def describe(file: PhotoFile, as_json: JsonFlag = False) -> None:
    """Describe one file as `sync` would; nothing is stored."""
    from pipeline.captioners import PhotoContext
    from pipeline.captioners.loading import load_captioner
    from pipeline.exif import read_exif
    from pipeline.photos import open_photo
    from pipeline.sources.folder import title_of_file

    settings = load_settings()
    captioner = load_captioner(
        settings.caption_model, settings.ollama_host, settings.caption_language
    )
    if captioner is None:
        raise AlbumscopeError("CAPTION_MODEL is 'none': set it to 'embedded' to describe photos")
    with _about(file):
        photo = open_photo(file, captioner.image_size)
        exif_data = read_exif(file)
        title, album = title_of_file(file.name), file.resolve().parent.name
        context = PhotoContext(title, album, exif_data)
        with nullcontext() if as_json else _aloud(captioner):
            values = asdict(captioner.describe(photo, context))
    print_json(values) if as_json else print_fields(values)


@app.command()
def snapshots(
    publish: Annotated[str | None, typer.Option(metavar="NAME", help="Make it current.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the snapshots; with --publish make one of them current."""
    from pipeline import snapshot
    from pipeline.remote_snapshots import remote_snapshots

    settings = load_settings()
    if publish is not None:
        snapshot.make_current(settings.library_dir, publish, remote_snapshots(settings))
        say(f"The search uses snapshot {publish} from now on.")
        return
    current = snapshot.published_name(settings)
    rows = [
        {"name": name, "current": name == current} | _snapshot_summary(settings, name)
        for name in snapshot.kept(settings)
    ]
    print_rows(rows, as_json=as_json, empty="No snapshot yet: `albumscope sync` publishes one")


@app.command()
def serve(host: HostOption = servers.LOCALHOST, port: PortOption = 8501) -> None:
    """Serve the search page."""
    servers.require_free(host, port, "--port")
    say(f"Search page: http://{host}:{port}")
    command = servers.page_command(host, port)
    environment = servers.environment(load_settings())
    os.chdir(PROJECT_ROOT)  # where the page's configuration lies
    os.execve(command[0], command, environment)


@app.command()
def dagster(
    host: HostOption = servers.LOCALHOST,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Dagster's UI.")] = 3000,
) -> None:
    """Serve Dagster's UI, and run its schedule and sensor."""
    from pipeline.instance import dagster_home, open_instance

    servers.require_free(host, port, "--port")
    settings = load_settings()
    home = dagster_home(settings)
    open_instance(settings).dispose()  # whose database is made now, before several processes do
    say(f"Dagster's UI: http://{host}:{port}")
    command = servers.dagster_command(host, port)
    os.chdir(home)
    os.execve(command[0], command, {**servers.environment(settings), "DAGSTER_HOME": str(home)})


@app.command()
def demo(
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Only build the library.")] = False,
    port: PortOption = 8501,
    dagster_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of Dagster's UI.")
    ] = 3000,
) -> None:
    """Build the demo library and open the search page and Dagster's UI."""
    if not DEMO_FOLDER.is_dir():
        raise AlbumscopeError(f"The demo photos are not in {DEMO_FOLDER}: run this from a checkout")
    host = servers.LOCALHOST
    if not no_serve:
        servers.require_free(host, port, "--port")
        servers.require_free(host, dagster_port, "--dagster-port")
    add_folder(DEMO_FOLDER, recursive=True)
    sync()
    if no_serve:
        return
    from pipeline.instance import dagster_home

    settings = load_settings()
    home = dagster_home(settings)
    environment = {**servers.environment(settings), "DAGSTER_HOME": str(home)}
    links = {"DAGSTER_URL": f"http://{host}:{dagster_port}"}
    page_command = servers.page_command(host, port)
    dagster_command = servers.dagster_command(host, dagster_port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that both are stopped then too
    with (
        servers.running(page_command, environment | links, PROJECT_ROOT) as page,
        servers.running(dagster_command, environment, home) as dagster,
    ):
        try:
            servers.wait_until_open({port: page, dagster_port: dagster}, host)
            say(f"Search page:  http://{host}:{port}")
            say(f"Dagster's UI: http://{host}:{dagster_port}")
            say("Stop both with Ctrl-C.")
            stopped = servers.wait_for_any({"search page": page, "Dagster UI": dagster})
        except KeyboardInterrupt:
            say("Stopped.")
            return
    raise AlbumscopeError(f"The {stopped} stopped by itself; the lines above say why")


def _library(user_id: str | None = None, size: str | None = None) -> "Library":
    from pipeline.library import Library

    if size is not None and size not in get_args(FlickrSize):
        raise typer.BadParameter(f"--size is one of {' '.join(get_args(FlickrSize))}")
    if user_id is not None and load_settings().flickr_api_key is None:
        raise AlbumscopeError(
            "Flickr needs a key: set FLICKR_API_KEY"
            " (get one at https://www.flickr.com/services/apps/create/)"
        )
    given = {"flickr_user_id": user_id, "flickr_size": size}
    update = {name: value for name, value in given.items() if value is not None}
    return Library(load_settings().model_copy(update=update))


def _found_albums(library: "Library") -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The albums that there are now by id, and the reason for each source that cannot be asked."""
    albums: dict[str, dict[str, Any]] = {}
    parts = set(library.store.parts("albums"))
    failed = {}
    for source, find in library.sources.items():
        try:
            found = find()
        except SourceError as error:
            failed[source] = str(error)
            continue
        warn(found.warnings)
        albums |= {row["album_id"]: row for row in found.albums.to_pylist()}
        parts.discard(found.part)
    for part in sorted(parts):  # of sources that were not asked
        albums |= {row["album_id"]: row for row in library.store.read("albums", part).to_pylist()}
    return albums, failed


def _chosen(albums: dict[str, dict[str, Any]], album_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The albums of these ids, or all without any. Raises AlbumscopeError for an unknown one."""
    for unknown in set(album_ids) - set(albums):
        raise AlbumscopeError(f"No album {unknown!r}: `albumscope albums` lists the ids")
    return [albums[album_id] for album_id in album_ids or albums]


def _engine() -> "SearchEngine":
    from search_app.engine import SearchEngine

    return SearchEngine(load_settings())


def _is_file(path: str | Path) -> bool:
    with suppress(OSError):  # a name may be too long to ask for
        return Path(path).is_file()
    return False


@contextmanager
def _about(file: str | Path) -> Iterator[None]:
    """Name the file that a PhotoError is about."""
    from pipeline.sources.folder import printable

    if not _is_file(file):
        raise AlbumscopeError(f"{printable(file)} is not a file: give the path of a photo")
    try:
        yield
    except PhotoError as error:
        raise AlbumscopeError(f"{printable(file)}: {error}") from error


@contextmanager
def _aloud(captioner: "Captioner") -> Iterator[None]:
    """Show a caption on a terminal as it grows, until it is finished."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from pipeline.captioners import SlowCaptioner

    console = Console(stderr=True)
    if not console.is_terminal or not isinstance(captioner, SlowCaptioner):
        yield
        return
    looking = Text(f"{captioner.name} is looking …")
    with Live(looking, console=console, transient=True, refresh_per_second=12) as live:

        def show(caption: str) -> None:
            if caption:
                live.update(Text("".join(filter(str.isprintable, caption))))

        captioner.on_text = show
        yield


def _filters(event: str | None, year: int | None, album_id: str | None) -> "Filters":
    from search_app.filters import Filters

    return Filters(
        events=(event,) if event is not None else (),
        years=(year,) if year is not None else (),
        album_ids=(album_id,) if album_id is not None else (),
    )


def _pictures(named: list[str]) -> "tuple[list[str], list[Image]]":
    """The ids of photos in the library, and the photos that are files."""
    ids, photos = [], []
    for name in named:
        if name.isdecimal() and not _is_file(name):
            ids.append(name)
            continue
        from pipeline.photos import open_photo

        with _about(name):
            photos.append(open_photo(name, QUERY_SIDE))
    return ids, photos


def _print_explained(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        found_by = [f"{f['part']} (rank {f['rank']}, {f['score']:.3f})" for f in row["found_by"]]
        print_fields(
            {
                "rank": row["rank"],
                "photo": row["path"],
                "probability": row["probability"],
                "found by": found_by,
                "matching words": row["words"],
                "albums": [album["title"] for album in row["albums"]],
                "on Flickr": row["page_url"],
                "snapshot": row["snapshot"],
                **{
                    origin["asset"]: " ".join(
                        filter(None, [origin["producer"], origin["run_url"] or "no run is known"])
                    )
                    for origin in row["origins"]
                },
            }
        )
        typer.echo()


def _print_what_is_to_do(library: "Library", album_ids: list[str], as_json: bool) -> None:
    albums, failed = _found_albums(library)
    rows = []
    for album in _chosen(albums, album_ids):
        try:
            rows.append(library.work(album, afresh=bool(album_ids)))
        except AlbumError as error:
            warn([str(error)])
        except SourceError as error:
            failed[album["source"]] = str(error)
            break
    if rows or as_json or not failed:
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


def _in_words(stages: dict[str, dict[str, int]]) -> dict[str, str]:
    """ "28 done, 1 failed" for each stage."""
    return {
        table: ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "0"
        for table, counts in stages.items()
    }


def _snapshot_summary(settings: Settings, name: str) -> dict[str, Any]:
    from pipeline import snapshot

    try:
        manifest = snapshot.manifest_of(settings, name)
    except AlbumscopeError as error:
        return {"created_at": None, "photos": None, "megabytes": None, "state": str(error)}
    size = sum(file["bytes"] for file in manifest["files"].values())
    return {
        "created_at": manifest["created_at"],
        "photos": manifest["tables"]["images"],
        "megabytes": round(size / 1e6, 1),
        "state": "good",
    }


if __name__ == "__main__":
    main()
