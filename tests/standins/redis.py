"""A Redis server of its own, as Debian installs it."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.cli import servers


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The URL of a server that keeps nothing."""
    with socket.socket() as probe:
        probe.bind((servers.LOCALHOST, 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", servers.LOCALHOST, "--save", ""]
    with servers.running([*command, "--loglevel", "warning"], os.environ, folder) as process:
        servers.wait_until_open({port: process}, servers.LOCALHOST)
        yield f"redis://{servers.LOCALHOST}:{port}"
