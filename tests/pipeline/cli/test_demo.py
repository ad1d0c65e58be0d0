"""`albumscope demo`: the library is built, both pages answer, and both stop with it."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from pipeline.cli import servers
from tests.conftest import Albumscope


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((servers.LOCALHOST, 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((servers.LOCALHOST, port)) == 0


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_demo_serves_both_pages_until_it_is_stopped(
    demo_copy: Path, stop: signal.Signals, albumscope: Albumscope
) -> None:
    ports = free_port(), free_port()
    command = [
        *(sys.executable, "-m", "pipeline.cli", "demo"),
        *("--port", str(ports[0]), "--dagster-port", str(ports[1])),
    ]
    demo = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert demo.stderr is not None
        printed = ""
        for line in demo.stderr:
            printed += line
            if "Ctrl-C" in line:
                break
        for port in ports:
            assert f"http://127.0.0.1:{port}" in printed
            assert httpx.get(f"http://127.0.0.1:{port}", timeout=60).status_code == 200
        found = albumscope("search", "a cat", "--json", "-k", "1")
        assert json.loads(found.stdout)[0]["path"].endswith("cat-portrait.jpg")
        demo.send_signal(stop)
        demo.communicate(timeout=60)
        assert demo.returncode == 0
    finally:
        demo.kill()
    assert not any(answers(port) for port in ports)
