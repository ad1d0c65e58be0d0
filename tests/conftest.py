"""Fixtures shared by all tests: libraries of their own, and the demo library, built once."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEMO_PHOTOS = PROJECT_ROOT / "data" / "demo"

# No test may look for models on a hub, or wait until that fails.
os.environ["HF_HUB_OFFLINE"] = "1"

# Where the tests run in the background SIGINT may be ignored, and children would inherit that.
with suppress(ValueError):
    signal.signal(signal.SIGINT, signal.default_int_handler)

Albumscope = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def _settings_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Each test has an empty DATA_DIR and none of the settings of whoever runs it."""
    from pipeline.settings import Settings, load_settings

    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "library"))
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """This test's DATA_DIR."""
    return tmp_path / "library"


@pytest.fixture
def albumscope() -> Albumscope:
    """Runs the command line as a user does: ``albumscope("sync", "--json")``."""

    def run(
        *arguments: str | Path | bytes, env: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *arguments],
            env={**os.environ, **(env or {})},
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def demo_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DATA_DIR of the demo photos, synced; for reading only."""
    from pipeline import sync
    from pipeline.instance import open_instance
    from pipeline.library import Library
    from pipeline.settings import Settings
    from pipeline.sources import folder

    library = Library(Settings(data_dir=tmp_path_factory.mktemp("demo") / "library"))
    folder.register(library.store, folder.Registration(str(DEMO_PHOTOS), recursive=True))
    with open_instance(library.settings) as instance:
        report = sync.sync(library, instance)
    assert not report.failed
    return library.settings.data_dir


@pytest.fixture
def demo_copy(demo_library: Path, data_dir: Path) -> Path:
    """A copy of the demo library that the test may change."""
    shutil.copytree(demo_library, data_dir)
    return data_dir
