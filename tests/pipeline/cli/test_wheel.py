"""The wheel, installed away from the checkout, holds all that the commands need."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from pipeline.cli import servers
from pipeline.settings import Settings
from tests.conftest import PROJECT_ROOT
from tests.pipeline.cli.test_demo import free_port
from tests.pipeline.dagster_dev import wait_for
from tests.search_app.browser import CHROMIUM, expect_pictures, loaded

BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"


@dataclass(frozen=True)
class Installed:
    """``albumscope`` as installed from the wheel, run from an empty working directory."""

    command: Path
    wheel: Path
    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> str:
        """What a command prints on standard output."""
        done = subprocess.run(
            [self.command, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def serving(self, command: str, path: str = "") -> Iterator[str]:
        """The address of a server that one of the commands starts."""
        port = free_port()
        url = f"http://{servers.LOCALHOST}:{port}"
        arguments = [str(self.command), command, "--port", str(port)]
        with servers.running(arguments, self.environment, self.folder) as process:
            wait_for(lambda: process.poll() is not None or is_there(url + path), command)
            yield url


def is_there(url: str) -> bool:
    try:
        return httpx.get(url, timeout=60).status_code == 200
    except httpx.HTTPError:
        return False


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
    names = {name.upper() for name in Settings.model_fields}
    environment = {name: value for name, value in os.environ.items() if name not in names}
    return Installed(python.with_name("albumscope"), wheel, elsewhere, environment)


@pytest.fixture(scope="module")
def demo(installed: Installed) -> Installed:
    """With the demo library."""
    installed.run("demo", "--no-serve")
    return installed


def test_the_wheel_has_every_file_of_the_packages(installed: Installed) -> None:
    listing = ["git", "ls-files", "-z", "pipeline", "search_app", "data/demo", "*.yaml"]
    files = subprocess.run(listing, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    names = set(zipfile.ZipFile(installed.wheel).namelist())
    for name in files.stdout.split("\0")[:-1]:
        is_code = name.startswith(("pipeline/", "search_app/"))
        assert (name if is_code else f"pipeline/_shipped/{name}") in names


def test_the_demo_is_searched_where_its_photos_were_installed(demo: Installed) -> None:
    (found,) = json.loads(demo.run("search", "a cat", "-k", "1", "--json"))
    assert Path(found["path"]).name == "cat-portrait.jpg"
    assert Path(found["path"]).is_relative_to(demo.command.parents[1])
    assert {path.name for path in demo.folder.iterdir()} == {"data"}


def test_the_page_speaks_other_languages_and_shows_pictures(demo: Installed) -> None:
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with demo.serving("serve") as url, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page(locale="ja-JP")
        page.goto(url)
        expect(page.get_by_role("heading", name="写真 28 枚")).to_be_visible()
        loaded(page)  # with what browser.js does
        expect_pictures(page)
        chromium.close()


def test_dagster_knows_the_assets(demo: Installed) -> None:
    query = {"query": "{ assetNodes { assetKey { path } } }"}
    with demo.serving("dagster") as url:

        def assets() -> set[str]:
            answer = httpx.post(f"{url}/graphql", json=query, timeout=60).json()
            return {node["assetKey"]["path"][-1] for node in answer["data"]["assetNodes"]}

        wait_for(lambda: "faiss_index" in assets(), "the assets")
