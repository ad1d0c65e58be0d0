"""Asking for photos: images, search; and of one file: exif, describe."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from pipeline.cli.options import AlbumOption, EventOption, JsonFlag, YearOption
from pipeline.cli.terminal import print_fields, print_json, print_rows, say, warn
from pipeline.errors import AlbumscopeError, PhotoError, count
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from PIL.Image import Image

    from pipeline.models.captioners import Captioner
    from search_app.search.filters import Filters
    from search_app.search.searcher import Searcher

PhotoFile = Annotated[Path, typer.Argument(help="A photo file.", show_default=False)]
QUERY_SIDE = 768
"""Length in pixels that the short side of a picture searched with should have: any model's, and
room to spare."""


def images(
    event: EventOption = None,
    year: YearOption = None,
    album_id: AlbumOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the photos in the library."""
    from search_app.api.rows import LibraryPhoto

    with _searcher() as searcher:
        found = searcher.images(_filters(event, year, album_id))
    rows = [LibraryPhoto(**row).model_dump() for row in found]
    columns = ("image_id", "title", "album_title", "width", "height", "relative_path")
    print_rows(rows, as_json=as_json, columns=columns, empty="No photo matches")


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
    from search_app.api.rows import FoundPhoto
    from search_app.search.queries import Query
    from search_app.search.ranking import Mode

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
    empty = "Nothing found: no photo fits the words, fields and filters of the query"
    with _searcher() as searcher:
        hits, less_likely = map(list, searcher.find(query))
        warn(searcher.understand(query.text).problems)
        rows = [FoundPhoto.of(hit).model_dump() for hit in hits]
        if explain:
            rows = [row | asdict(searcher.provenance(row["image_id"])) for row in rows]
    if less_likely:
        empty = "Nothing surely matches"
    if as_json and not hits:
        say(empty)
    if explain and hits and not as_json:
        _print_explained(rows)
    else:
        columns = ("rank", "probability", "title", "album_title", "caption", "path")
        print_rows(rows, as_json=as_json, columns=columns, empty=empty)
    if less_likely and not (as_json and hits):  # programs know what they asked for
        how_many = len(hits) + len(less_likely)
        more = f" -k {how_many}" if how_many > k else ""
        say(
            f"{count(len(less_likely), 'less likely photo')}, with a probability below {least:g}:"
            f" `--min-probability 0{more}` shows {'it' if len(less_likely) == 1 else 'them'}"
        )


def exif(file: PhotoFile, as_json: JsonFlag = False) -> None:
    """Print what one file, and the sidecars beside it, say of the photo; nothing is stored."""
    from pipeline.photos.metadata import read_metadata
    from pipeline.photos.sidecars import Sidecars

    with _about(file):
        values = read_metadata(file, Sidecars().of(str(file)))
    in_json: dict[str, Any] = dict(values)
    for name in ("raw", "regions", "said"):
        in_json[name] = json.loads(in_json[name]) if in_json[name] else None
    if as_json:
        print_json(in_json)
    else:
        known = {name: value for name, value in in_json.items() if value is not None}
        print_fields({name: value for name, value in known.items() if name != "raw"})
        if not known:
            say("The file says nothing of the photo")


def describe(file: PhotoFile, as_json: JsonFlag = False) -> None:
    """Describe one file as `sync` would; nothing is stored."""
    from pipeline.models.captioners import PhotoContext
    from pipeline.models.captioners.loading import load_captioner
    from pipeline.photos.decoding import open_photo
    from pipeline.photos.files import title_of_file
    from pipeline.photos.metadata import read_metadata
    from pipeline.photos.sidecars import Sidecars

    settings = load_settings()
    captioner = load_captioner(
        settings.caption_model, settings.ollama_host, settings.caption_language
    )
    if captioner is None:
        raise AlbumscopeError("CAPTION_MODEL is 'none': set it to 'embedded' to describe photos")
    with _about(file):
        photo = open_photo(file, captioner.image_size)
        metadata = read_metadata(file, Sidecars().of(str(file)))
        title = metadata["title"] or title_of_file(file.name)
        context = PhotoContext(title, file.resolve().parent.name, metadata)
        with nullcontext() if as_json else _aloud(captioner):
            values = asdict(captioner.describe(photo, context))
    print_json(values) if as_json else print_fields(values)


@contextmanager
def _searcher() -> "Iterator[Searcher]":
    """What answers all that one command asks, so that it is all of one snapshot."""
    from search_app.search.current import CurrentSnapshot

    with closing(CurrentSnapshot(load_settings())) as current, current.searcher() as searcher:
        yield searcher


def _is_file(path: str | Path) -> bool:
    with suppress(OSError):  # a name may be too long to ask for
        return Path(path).is_file()
    return False


@contextmanager
def _about(file: str | Path) -> Iterator[None]:
    """Name the file that a PhotoError is about."""
    from pipeline.photos.files import printable

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

    from pipeline.models.captioners import SlowCaptioner

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
    from search_app.search.filters import Filters

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
        from pipeline.photos.decoding import open_photo

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
