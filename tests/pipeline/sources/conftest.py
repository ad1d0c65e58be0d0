"""The stand-in for Flickr, and libraries of its albums."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.settings import Settings
from tests.pipeline.sources.flickr_library import FlickrLibrary, four_albums, in_a_hurry
from tests.standins.flickr import FlickrStandIn


@dataclass(frozen=True)
class Prepared:
    """A library of the stand-in's albums, to be copied back to where it was made."""

    port: int
    data_dir: Path
    copy: Path


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    root = tmp_path_factory.mktemp("flickr")
    with pytest.MonkeyPatch.context() as monkeypatch, FlickrStandIn(four_albums()) as flickr:
        in_a_hurry(monkeypatch)
        given = {name.lower(): value for name, value in flickr.environment.items()}
        FlickrLibrary(
            flickr,
            Settings(data_dir=root / "library", **given),  # type: ignore[arg-type]
        ).sync_quickly()
    shutil.copytree(root / "library", root / "copy")
    return Prepared(flickr.port, root / "library", root / "copy")


@pytest.fixture
def flickr(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlickrStandIn]:
    """Four albums of five photos."""
    in_a_hurry(monkeypatch)
    with FlickrStandIn(four_albums(), port=prepared.port) as standin:
        standin.faults.hold_seconds = standin.faults.slow_seconds = 0.05
        yield standin


@pytest.fixture
def library(flickr: FlickrStandIn, settings: Settings) -> FlickrLibrary:
    """Nothing is in it yet."""
    return FlickrLibrary(flickr, settings)


@pytest.fixture
def synced_once(
    flickr: FlickrStandIn,
    settings: Settings,
    prepared: Prepared,
    monkeypatch: pytest.MonkeyPatch,
) -> FlickrLibrary:
    """The stand-in's four albums are in it."""
    shutil.rmtree(prepared.data_dir)
    shutil.copytree(prepared.copy, prepared.data_dir)
    monkeypatch.setenv("DATA_DIR", str(prepared.data_dir))
    return FlickrLibrary(flickr, Settings())
