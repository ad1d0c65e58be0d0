"""`albumscope demo`: the library is built, both pages answer, and both stop with it."""

import socket
import subprocess
import sys

import httpx
import pytest

from pipeline.cli import servers


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((servers.LOCALHOST, 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((servers.LOCALHOST, port)) == 0


@pytest.mark.usefixtures("demo_copy")
def test_demo_serves_both_pages_until_it_is_stopped() -> None:
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
        demo.terminate()  # Ctrl-C needs no handler for both servers to be stopped
        demo.communicate(timeout=60)
        assert demo.returncode == 0
    finally:
        demo.kill()
    assert not any(answers(port) for port in ports)
