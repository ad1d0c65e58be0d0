"""Serving the search page, Dagster's UI and assistants: serve, dagster, demo, mcp."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import servers
from pipeline.cli.albums import add_folder
from pipeline.cli.options import BasePathOption, HostOption, PortOption
from pipeline.cli.sync import sync
from pipeline.cli.terminal import say
from pipeline.errors import AlbumscopeError
from pipeline.settings import load_settings
from pipeline.shipped import shipped


def serve(
    host: HostOption = servers.LOCALHOST,
    port: PortOption = 8501,
    base_path: BasePathOption = None,
) -> None:
    """Serve the search page."""
    settings = load_settings()
    if base_path is None:
        base_path = settings.base_path
    servers.require_free(host, port, "--port")
    say(f"Search page: http://{host}:{port}{base_path}")
    command = servers.page_command(host, port, base_path)
    environment = servers.environment(settings)
    os.execve(command[0], command, environment)


def dagster(
    host: HostOption = servers.LOCALHOST,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Dagster's UI.")] = 3000,
) -> None:
    """Serve Dagster's UI, and run its schedule and sensor."""
    from pipeline.assets.instance import dagster_home, open_instance

    servers.require_free(host, port, "--port")
    settings = load_settings()
    home = dagster_home(settings)
    open_instance(settings).dispose()  # whose database is made now, before several processes do
    say(f"Dagster's UI: http://{host}:{port}")
    command = servers.dagster_command(host, port)
    os.chdir(home)
    servers.heed_signals()
    os.execve(command[0], command, {**servers.environment(settings), "DAGSTER_HOME": str(home)})


def mcp() -> None:
    """Let an assistant search the library, by the Model Context Protocol over stdin and stdout."""
    import anyio

    from search_app.api import assistant

    anyio.run(assistant.serve, load_settings())


def demo(
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Only build the library.")] = False,
    port: PortOption = 8501,
    dagster_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of Dagster's UI.")
    ] = 3000,
) -> None:
    """Build the demo library and open the search page and Dagster's UI."""
    host = servers.LOCALHOST
    if not no_serve:
        servers.require_free(host, port, "--port")
        servers.require_free(host, dagster_port, "--dagster-port")
    add_folder(shipped("data/demo"), recursive=True)
    sync()
    if no_serve:
        return
    from pipeline.assets.instance import dagster_home

    settings = load_settings()
    home = dagster_home(settings)
    environment = {**servers.environment(settings), "DAGSTER_HOME": str(home)}
    links = {"DAGSTER_URL": f"http://{host}:{dagster_port}"}
    page_command = servers.page_command(host, port, settings.base_path)
    dagster_command = servers.dagster_command(host, dagster_port)
    servers.heed_signals()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that both are stopped then too
    with (
        servers.running(page_command, environment | links, Path.cwd()) as page,
        servers.running(dagster_command, environment, home) as dagster,
    ):
        try:
            servers.wait_until_open({port: page, dagster_port: dagster}, host)
            say(f"Search page:  http://{host}:{port}{settings.base_path}")
            say(f"Dagster's UI: http://{host}:{dagster_port}")
            say("Stop both with Ctrl-C.")
            stopped = servers.wait_for_any({"search page": page, "Dagster UI": dagster})
        except KeyboardInterrupt:
            say("Stopped.")
            return
    raise AlbumscopeError(f"The {stopped} stopped by itself; the lines above say why")
