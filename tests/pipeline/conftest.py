"""Fixtures for the tests of the pipeline."""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.settings import Settings, load_settings
from tests.pipeline.command_line import Result, Run
from tests.pipeline.quick_sync import QuickRun, use_quick_runs
from tests.standins.flickr import FlickrStandIn


@pytest.fixture
def settings(flickr: FlickrStandIn, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of the stand-in of the test's module; in the environment too, for the command line."""
    for name, value in flickr.environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs the command line in this process, which has the models loaded already."""

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


@pytest.fixture
def quick_runs(monkeypatch: pytest.MonkeyPatch) -> list[QuickRun]:
    """Syncs do without Dagster's runs; which they would have started."""
    return use_quick_runs(monkeypatch)


def _is_there_a_gpu() -> bool:
    import torch  # takes seconds, in each worker that collects the tests

    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def gpu() -> None:
    """Skips the test where there is none."""
    if not _is_there_a_gpu():
        pytest.skip("there is no GPU")


@pytest.fixture
def no_gpu() -> None:
    """Skips the test where there is one."""
    if _is_there_a_gpu():
        pytest.skip("there is a GPU")


@pytest.fixture(scope="session")
def unprivileged() -> list[str]:
    """What to put before a command so that permissions count for it, whoever runs the tests.

    Skips the test where that cannot be had.
    """
    if os.geteuid() != 0:
        return []
    prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    if not shutil.which("setpriv") or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("root here cannot do without its right to read everything")
    return prefix
