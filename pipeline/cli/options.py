"""Options that several commands take, and the library that they are about."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple, get_args

import typer

from pipeline.cli.terminal import warn
from pipeline.errors import AlbumscopeError
from pipeline.settings import FlickrSize, load_settings, read_base_path

if TYPE_CHECKING:
    from pipeline.library.library import Library
    from pipeline.sources import Album


def _read_base_path(text: str | None) -> str | None:
    try:
        return text and read_base_path(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
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
BasePathOption = Annotated[
    str | None,
    typer.Option(
        callback=_read_base_path,
        help="Path that the page lies below, as a proxy passes it on [default: BASE_PATH]",
    ),
]

NO_ALBUMS = (
    "No albums yet: add photos with `albumscope add-folder DIR`, or set FLICKR_API_KEY and"
    " FLICKR_USER_ID, and run `albumscope sync`"
)


def open_library(user_id: str | None = None, size: str | None = None) -> "Library":
    """The library that the settings name, with another Flickr user or size if given."""
    from pipeline.library.library import Library

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


class FoundAlbums(NamedTuple):
    """The albums that there are now by id, the reason for each source that cannot be asked, and
    that for each file or folder that is left out."""

    albums: dict[str, "Album"]
    failed: dict[str, str]
    left_out: dict[str, str]


def found_albums(library: "Library") -> FoundAlbums:
    """Ask all sources for their albums; those of a source that cannot be asked are as they were."""
    albums: dict[str, Album] = {}
    not_asked = set(library.tables.partitions("albums"))
    listings, failed = library.ask_sources()
    for listing in listings.values():
        warn(listing.warnings)
        albums |= {album["album_id"]: album for album in listing.albums}
        not_asked.discard(listing.partition)
    for partition in sorted(not_asked):
        rows = library.tables.read("albums", partition).to_pylist()
        albums |= {row["album_id"]: row for row in rows}
    left_out = {path: why for each in listings.values() for path, why in each.left_out.items()}
    return FoundAlbums(albums, failed, left_out)


def chosen(albums: dict[str, "Album"], album_ids: Sequence[str]) -> list["Album"]:
    """The albums of these ids, or all without any. Raises AlbumscopeError for an unknown one."""
    for unknown in set(album_ids) - set(albums):
        raise AlbumscopeError(f"No album {unknown!r}: `albumscope albums` lists the ids")
    return [albums[album_id] for album_id in album_ids or albums]
