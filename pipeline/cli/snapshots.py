"""What was published: snapshots."""

from typing import Annotated, Any

import typer

from pipeline.cli.options import JsonFlag
from pipeline.cli.terminal import print_rows, say
from pipeline.errors import AlbumscopeError
from pipeline.settings import Settings, load_settings


def snapshots(
    publish: Annotated[str | None, typer.Option(metavar="NAME", help="Make it current.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the snapshots; with --publish make one of them current."""
    from pipeline.snapshot import publishing, reading
    from pipeline.snapshot.mirror import remote_snapshots

    settings = load_settings()
    if publish is not None:
        publishing.make_current(settings.library_dir, publish, remote_snapshots(settings))
        say(f"The search uses snapshot {publish} from now on.")
        return
    current = reading.published_name(settings)
    rows = [
        {"name": name, "current": name == current} | _snapshot_summary(settings, name)
        for name in reading.kept(settings)
    ]
    print_rows(rows, as_json=as_json, empty="No snapshot yet: `albumscope sync` publishes one")


def _snapshot_summary(settings: Settings, name: str) -> dict[str, Any]:
    from pipeline.snapshot import reading

    try:
        manifest = reading.manifest_of(settings, name)
    except AlbumscopeError as error:
        return {"created_at": None, "photos": None, "megabytes": None, "state": str(error)}
    size = sum(file["bytes"] for file in manifest["files"].values())
    return {
        "created_at": manifest["created_at"],
        "photos": manifest["tables"]["images"],
        "megabytes": round(size / 1e6, 1),
        "state": "good",
    }
