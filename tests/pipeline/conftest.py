"""Fixtures for the tests of the pipeline."""

import os
import shutil
import subprocess

import pytest

from pipeline.settings import Settings
from tests.pipeline.quick_sync import QuickRun, use_quick_runs
from tests.standins.flickr import FlickrStandIn


@pytest.fixture
def settings(flickr: FlickrStandIn, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of the stand-in of the test's module; in the environment too, for the command line."""
    for name, value in flickr.environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


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
