"""Fixtures shared by all tests: libraries of their own, and the demo library, built once."""

import gc
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
from filelock import FileLock

from tests import workers
from tests.pipeline.command_line import Result, Run

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEMO_PHOTOS = PROJECT_ROOT / "data" / "demo"
INPUTS = PROJECT_ROOT / "tests" / "inputs"  # odd files and answers that people met

# No test may talk to the real Flickr with the key in a developer's .env.
os.environ["ENV_FILE"] = os.devnull

# What takes as long again as all else is tested by itself, and is in the demo library.
LOOKING = ("OCR", "FACES")
os.environ |= dict.fromkeys(LOOKING, "off")

# Several tests run at once: models with a thread for each core would get into each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test may look for models on a hub, or wait until that fails.
os.environ["HF_HUB_OFFLINE"] = "1"

# Where the tests run in the background SIGINT may be ignored, and children would inherit that.
with suppress(ValueError):
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Collecting the tests imports all that they need, which makes no garbage: see below.
gc.disable()

Albumscope = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: workers.rank(item.nodeid))


def pytest_collection_finish() -> None:
    """Let Python's collector leave alone what modules made: it stays, and would be looked at often.

    By now nearly all that tests import is there.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)  # unknown where there are no workers, and in each of them
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> workers.Groups:
    return workers.Groups(config, log)


@pytest.fixture(scope="session", autouse=True)
def _quick_dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    from tests.quick_dagster import make_empty_databases, quick_dagster

    with quick_dagster(built_once(tmp_path_factory, "dagster", make_empty_databases)):
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick_duckdb() -> Iterator[None]:
    """Connections open in a tenth of the time: none checks the full-text extension's signature.

    Several tests run at once, so one thread each will do.
    """

    def connect(
        database: str = ":memory:", read_only: bool = False, config: Mapping[str, Any] | None = None
    ) -> duckdb.DuckDBPyConnection:
        quick = {"threads": 1, "allow_unsigned_extensions": True}
        return duckdb_connect(database, read_only, quick | dict(config or {}))

    duckdb_connect = duckdb.connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duckdb, "connect", connect)
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_gazetteer() -> Iterator[None]:
    """A process of the tests publishes a hundred times, and would read all towns each time."""
    from pipeline.snapshot import places

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "Gazetteer", cache(places.Gazetteer))
        yield


@pytest.fixture(autouse=True)
def _settings_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Each test has an empty DATA_DIR and none of the settings of whoever runs it."""
    from pipeline.settings import Settings, load_settings

    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "library"))
    for name in LOOKING:
        monkeypatch.setenv(name, "off")
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
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs the command line in this process, which has the models loaded already."""
    from pipeline.cli import main
    from pipeline.settings import load_settings

    def run_here(*arguments: str | Path) -> Result:
        load_settings.cache_clear()
        monkeypatch.setattr(sys, "argv", ["albumscope", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            main.main()
        out, err = capfd.readouterr()
        return Result(int(end.value.code or 0), out, err)

    loggers = [logging.getLogger(name) for name in ("dagster", "pipeline")]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    yield run_here
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers = handlers


def built_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, build: Callable[[Path], object]
) -> Path:
    """A folder that ``build`` makes once for all workers of a run; for reading only."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    with FileLock(root / f"{name}.lock"):
        if not (root / f"{name}.is_built").exists():
            (root / name).mkdir()
            build(root / name)
            (root / f"{name}.is_built").touch()
    return root / name


@pytest.fixture(scope="session")
def demo_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DATA_DIR of the demo photos."""
    from pipeline.assets import sync
    from pipeline.assets.instance import open_instance
    from pipeline.library.library import Library
    from pipeline.settings import Settings
    from pipeline.snapshot import reading
    from pipeline.sources import folder

    def build(root: Path) -> None:
        library = Library(Settings(data_dir=root / "library", ocr=True, faces=True))
        folder.register(library.storage, folder.Registration(str(DEMO_PHOTOS), recursive=True))
        with open_instance(library.settings) as instance:
            assert not sync.sync(library, instance).failed
        *older, _ = reading.names(root / "library")
        for name in older:  # from before the faces and the text in photos
            shutil.rmtree(reading.snapshots_folder(root / "library") / name)

    return built_once(tmp_path_factory, "demo", build) / "library"


@pytest.fixture
def demo_copy(demo_library: Path, data_dir: Path) -> Path:
    """A copy of the demo library that the test may change."""
    shutil.copytree(demo_library, data_dir)
    return data_dir


@pytest.fixture(scope="session")
def siglip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SigLIP with random weights and a tokenizer of eight words, as transformers saves them."""
    from tests.pipeline.tiny_models import save_siglip_of_eight_words

    return built_once(tmp_path_factory, "siglip", save_siglip_of_eight_words)
