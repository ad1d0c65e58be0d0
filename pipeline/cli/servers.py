"""Starting the search page and Dagster's UI as processes of their own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import SecretStr

import search_app
from pipeline.errors import AlbumscopeError
from pipeline.settings import Settings
from pipeline.shipped import shipped

LOCALHOST = "127.0.0.1"
_PAGE = Path(search_app.__file__).with_name("app.py")


def page_command(host: str, port: int, base_path: str = "") -> list[str]:
    """The command that serves the search page, below a path if one is given."""
    return [
        *(sys.executable, "-m", "streamlit", "run", str(_PAGE)),
        *("--server.address", host, "--server.port", str(port), "--server.headless", "true"),
        *("--browser.gatherUsageStats", "false"),
        *(("--server.baseUrlPath", base_path) if base_path else ()),
    ]


def dagster_command(host: str, port: int) -> list[str]:
    """The command that serves Dagster's UI and runs its daemon."""
    workspace = str(shipped("workspace.yaml"))
    # It would say that `dg dev` is to be used instead, which works in a checkout alone.
    unsaid = "ignore:Function `dev_command` is superseded:FutureWarning"
    return [
        *(sys.executable, "-W", unsaid, "-m", "dagster", "dev", "--workspace", workspace),
        *("--host", host, "--port", str(port), "--log-level", "warning"),
    ]


def environment(settings: Settings) -> dict[str, str]:
    """The environment of the servers: this process's, with all settings spelt out."""
    values = {name.upper(): _as_text(value) for name, value in settings if value is not None}
    return {
        # glibc would keep what threads free in up to eight arenas a core: 200 MB more, and growing
        "MALLOC_ARENA_MAX": "2",
        **os.environ,
        **values,
    }


def _as_text(value: object) -> str:
    """A setting as the environment has it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def require_free(host: str, port: int, option: str) -> None:
    """Raise AlbumscopeError if something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AlbumscopeError(
                f"Cannot serve on {host}:{port} ({error.strerror}): choose another with {option}"
            ) from error


def heed_signals() -> None:
    """Let SIGTERM stop the Dagster that this process starts or becomes.

    Dagster does with SIGTERM as with SIGINT, which what a script starts in the background ignores.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a server in ``folder`` until the ``with`` block ends; then stop it and wait for it."""
    process = subprocess.Popen(command, env=environment, cwd=folder, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):  # it, or a process that it started, hangs
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_open(processes: Mapping[int, "subprocess.Popen[bytes]"], host: str) -> None:
    """Wait until each server answers on its port (the key), or one of them has stopped."""
    for port in processes:
        while all(process.poll() is None for process in processes.values()):
            with socket.socket() as probe:
                if probe.connect_ex((host, port)) == 0:
                    break
            time.sleep(0.2)


def wait_for_any(processes: Mapping[str, "subprocess.Popen[bytes]"]) -> str:
    """Wait until one of the servers has stopped; returns its name."""
    while True:
        for name, process in processes.items():
            try:
                process.wait(0.5)
            except subprocess.TimeoutExpired:
                continue
            return name
