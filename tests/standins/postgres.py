"""A Postgres server of its own, as Debian installs it."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.cli import servers


def initdb() -> str | None:
    """The command that makes a cluster; None where Postgres is not installed."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return shutil.which("initdb", path=str(installed[-1]) if installed else None)


@contextmanager
def postgres_server(initdb: str) -> Iterator[str]:
    """The URL of a database; the server is never run as root, which it would refuse."""
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as root, socket.socket() as probe:
        if user:
            shutil.chown(root, user)
        data = f"{root}/data"
        subprocess.run(
            [initdb, "-D", data, "-U", "dagster", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True, capture_output=True, user=user, cwd=root,
        )  # fmt: skip
        probe.bind((servers.LOCALHOST, 0))
        port = probe.getsockname()[1]
        probe.close()
        command = [str(Path(initdb).with_name("postgres")), "-D", data, "-p", str(port), "-k", root]
        server = subprocess.Popen([*command, "-h", servers.LOCALHOST, "-F"], user=user, cwd=root)
        servers.wait_until_open({port: server}, servers.LOCALHOST)
        try:
            yield f"postgresql+psycopg2://dagster@{servers.LOCALHOST}:{port}/postgres"
        finally:
            server.terminate()
            server.wait(20)
