"""A web site of files alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.terminal import progress_bars, say, warn
from pipeline.errors import count
from pipeline.settings import load_settings

SiteOption = Annotated[
    Path | None,
    typer.Option("--site", metavar="DIR", help="A web site of files alone, for any web host."),
]
PositionsFlag = Annotated[
    bool, typer.Option("--with-positions", help="The site tells where photos were taken.")
]
PeopleFlag = Annotated[bool, typer.Option("--with-people", help="The site tells who is on photos.")]
OriginalsFlag = Annotated[
    bool, typer.Option("--originals", help="The site has the files, with all that is in them.")
]


def write_site(
    folder: Path,
    album_ids: Sequence[str],
    with_positions: bool,
    with_people: bool,
    originals: bool,
) -> None:
    """Write the site, or bring it up to date, and say what it has."""
    if originals and not (with_positions and with_people):
        raise typer.BadParameter(
            "--originals has all that the files tell, of positions and people as well:"
            " give --with-positions and --with-people, too"
        )
    from search_app.search.current import CurrentSnapshot
    from search_app.site.contents import Wanted
    from search_app.site.writing import export as write

    wanted = Wanted(album_ids, with_positions, with_people, originals)
    with (
        CurrentSnapshot(load_settings()).searcher() as searcher,
        progress_bars() as (on_start, on_progress),
    ):

        def progress(kind: str, done: int, photos: int) -> None:
            on_start(photos)
            on_progress(kind, {"album_id": "", "title": ""}, done)

        report = write(searcher, folder, wanted, progress)
    warn([f"Photo {photo} is left out: {reason}" for photo, reason in report.left_out.items()])
    photos, new = count(report.photos, "photo"), report.new_pictures
    say(f"{photos}, {new:,} of them with new pictures: {folder / 'index.html'}")
