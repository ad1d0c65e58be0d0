"""Which albums there are, and how far each is: albums, add-folder, remove-folder, status."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.options import NO_ALBUMS, JsonFlag, UserOption, found_albums, open_library
from pipeline.cli.terminal import exit_if, print_json, print_rows, say, warn
from pipeline.errors import AlbumError, AwayError, count
from pipeline.rows import Row

if TYPE_CHECKING:
    from pipeline.library.library import Library


def albums(user_id: UserOption = None, as_json: JsonFlag = False) -> None:
    """List the albums of all sources, with photo counts, what is synced and what is new.

    With --json also what is left out, and why.
    """
    from search_app.api.rows import Album

    library = open_library(user_id)
    found, failed, left_out = found_albums(library)
    rows = []
    for album in found.values():
        row: Row = album
        reason = None
        try:
            state, new = library.state(album)
        except AlbumError as error:
            if not isinstance(error, AwayError):  # of which the source has warned
                warn([str(error)])
            state, new, reason = "away", 0, str(error)
        rows.append(
            Album.of(row).model_dump()
            | {"synced": library.synced(album["album_id"]), "new": new, "state": state}
            | {"reason": reason}
        )
    if rows:
        library.remember()
    if as_json:
        none = dict.fromkeys((*Album.model_fields, "synced", "new"))
        rows += [
            {**none, "title": path, "state": "left out", "reason": reason}
            for path, reason in left_out.items()
        ]
    columns = ("album_id", "title", "event_name", "event_year", "photo_count", "synced")
    if rows or as_json or not failed:
        print_rows(rows, as_json=as_json, columns=(*columns, "new", "state"), empty=NO_ALBUMS)
    exit_if(failed)


def add_folder(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of photos.")],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Each folder below with photos is an album.")
    ] = False,
    title: Annotated[str | None, typer.Option(help="The album's title; else its folder's.")] = None,
    event: Annotated[str | None, typer.Option(help="The event's name.")] = None,
    year: Annotated[int | None, typer.Option(help="The event's year.", min=1800, max=2999)] = None,
    event_type: Annotated[str | None, typer.Option(help="Conference, trip, meeting, …")] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Leave out what matches, as in a .gitignore (may be repeated). A file .albumignore"
            " in any folder does the same.",
        ),
    ] = None,
) -> None:
    """Register DIR as an album. Photos stay where they are; `sync` then brings them in."""
    from pipeline.sources.folder import Registration, register
    from pipeline.sources.folder.source import Folder

    if title and recursive:
        raise typer.BadParameter("--title names one album; with -r they go by their folders' names")
    library = open_library()
    path = str(folder.expanduser().resolve())
    given = Registration(path, recursive, title, event, year, event_type, exclude or [])
    register(library.storage, given)
    albums = library.find_albums(Folder.name).albums
    added = [album for album in albums if album["root"] == os.fsencode(path)]
    photos = sum(album["photo_count"] for album in added)
    say(
        f"Added {count(len(added), 'album')} with {count(photos, 'photo')}."
        " `albumscope sync` brings them in."
    )


def remove_folder(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that was added.")],
) -> None:
    """Take a folder's albums out of the library. The photos themselves are left alone."""
    from pipeline.sources.folder import unregister

    unregister(open_library().storage, str(folder.expanduser().resolve()))
    say("Removed. `albumscope sync` takes its photos out of the search.")


def forget(
    album_id: Annotated[str | None, typer.Argument(help="An album that is away.")] = None,
    faces: Annotated[
        bool, typer.Option("--faces", help="All faces and the names that were given to them.")
    ] = False,
) -> None:
    """Say that an album which is away is gone: the next `sync` drops what is known of it.

    With --faces, delete every face and name at once, from all snapshots too: one is made without
    them, and the older ones are deleted.
    """
    if faces == (album_id is not None):
        raise typer.BadParameter("Name an album that is away, or give --faces")
    library = open_library()
    if album_id is None:
        _forget_faces(library)
        return
    album = library.forget(album_id)
    say(f"Forgot {album['title']}. `albumscope sync` takes its photos out of the search.")


def _forget_faces(library: "Library") -> None:
    import duckdb

    from pipeline.snapshot import publishing, reading

    library.forget_faces()
    if reading.kept(library.settings):
        publishing.publish(library, duckdb.connect, run_id="", alone=True)
    say("Forgot all faces and the names that were given to them.")
    if library.settings.faces:
        say("The next `albumscope sync` looks for faces anew, unless FACES is off.")


def status(as_json: JsonFlag = False) -> None:
    """Show, for each album and stage, what is done, missing and failed; snapshot and models."""
    from pipeline.snapshot import reading

    library = open_library()
    settings = library.settings
    rows: list[dict[str, Any]] = [
        {
            "album_id": album["album_id"],
            "title": album["title"],
            "stages": library.status(album),
            "is_away": bool(album.get("is_away")),
        }
        for album in library.albums()
    ]
    not_taken = library.not_taken()
    failed = [failure for album in library.albums() for failure in library.failures(album)]
    if rows:
        library.remember()
    models = {
        "embedding": settings.embed_model,
        "caption": settings.caption_model,
        "text": settings.text_model,
    }
    current = reading.published_name(settings)
    if as_json:
        print_json(
            {
                "albums": rows,
                "failed": failed,
                "not_taken": not_taken,
                "snapshot": current,
                "models": models,
            }
        )
        return
    table = [
        {
            "album": f"{row['title']} (away)" if row["is_away"] else row["title"],
            **_in_words(row["stages"]),
        }
        for row in rows
    ]
    print_rows(table, as_json=False, empty=NO_ALBUMS)
    if failed:
        print_rows(failed, as_json=False, empty="")
    if any(not_taken.values()):
        counts = [count(files, kind) for kind, files in not_taken.items() if files]
        say("Not taken: " + ", ".join(counts))
    say(f"Snapshot: {current or 'none published yet'}")
    say("Models: " + ", ".join(f"{use} {name}" for use, name in models.items()))


def _in_words(stages: dict[str, dict[str, int]]) -> dict[str, str]:
    """ "28 done, 1 failed" for each stage."""
    return {
        table: ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "0"
        for table, counts in stages.items()
    }
