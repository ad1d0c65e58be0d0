"""The wheel, installed away from the checkout, holds all that the commands need."""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from pipeline.cli import servers
from pipeline.settings import Settings
from tests.conftest import LOOKING, PROJECT_ROOT
from tests.search_app.browser import CHROMIUM, CHROMIUM_FLAGS, expect_pictures, free_port, loaded
from tests.waiting import wait_for

BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"


@dataclass(frozen=True)
class Installed:
    """``albumscope`` as installed from the wheel, run from an empty working directory."""

    command: Path
    wheel: Path
    folder: Path
    environment: Mapping[str, str]

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [self.command, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """In an environment that has the wheel and the other packages of this one.

    This one has Albumscope by a ``.pth`` file, which Python reads in no folder that such a file
    leads to.
    """
    folder = tmp_path_factory.mktemp("installed")
    python = folder / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index")
    subprocess.run([sys.executable, "-c", BUILD, folder], cwd=PROJECT_ROOT, check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    subprocess.run([*pip, wheel], check=True)
    (packages,) = (folder / "venv" / "lib").glob("*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    names = {name.upper() for name in Settings.model_fields} - {*LOOKING}
    environment = {name: value for name, value in os.environ.items() if name not in names}
    return Installed(python.with_name("albumscope"), wheel, elsewhere, environment)


def test_the_wheel_has_every_file_of_the_packages(installed: Installed) -> None:
    shipped = ("data/demo", "dagster.yaml", "workspace.yaml", "CHANGELOG.md")
    listing = ["git", "ls-files", "-z", "pipeline", "search_app", *shipped]
    files = subprocess.run(listing, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    for name in files.stdout.split("\0")[:-1]:
        is_code = name.startswith(("pipeline/", "search_app/"))
        assert (name if is_code else f"pipeline/_shipped/{name}") in names
    assert any(name.endswith("/licenses/NOTICE.md") for name in names)


def test_the_demo_is_built_searched_and_served_until_it_is_stopped(installed: Installed) -> None:
    ports = free_port(), free_port()
    page, dagster = (f"http://{servers.LOCALHOST}:{port}" for port in ports)
    demo = installed.start("demo", "--port", str(ports[0]), "--dagster-port", str(ports[1]))
    try:
        assert demo.stderr is not None
        printed = ""
        for line in demo.stderr:
            printed += line
            if "Ctrl-C" in line:
                break
        assert page in printed
        assert dagster in printed

        found, _ = installed.start("search", "a cat", "-k", "1", "--json").communicate()
        cat = Path(json.loads(found)[0]["path"])
        assert cat.name == "cat-portrait.jpg"
        assert cat.is_relative_to(installed.command.parents[1])  # where the photos were installed
        assert {path.name for path in installed.folder.iterdir()} == {"data"}
        expect_japanese(page)
        wait_for(lambda: "faiss_index" in assets(dagster), "the assets")

        demo.terminate()  # Ctrl-C needs no handler for both servers to be stopped
        demo.communicate(timeout=60)
        assert demo.returncode == 0
    finally:
        demo.kill()
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex((servers.LOCALHOST, port))


def expect_japanese(url: str) -> None:
    """The page speaks other languages than English, and has its pictures and scripts."""
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = chromium.new_page(locale="ja-JP")
        page.goto(url)
        expect(page.get_by_role("heading", name="写真 28 枚")).to_be_visible()
        loaded(page)  # with what browser.js does
        expect_pictures(page)
        chromium.close()


def assets(url: str) -> set[str]:
    """Those that Dagster's UI knows."""
    query = {"query": "{ assetNodes { assetKey { path } } }"}
    answer = httpx.post(f"{url}/graphql", json=query, timeout=60).json()
    return {node["assetKey"]["path"][-1] for node in answer["data"]["assetNodes"]}
