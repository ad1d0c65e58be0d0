"""Fixtures of the search tests."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline import sync
from pipeline.instance import open_instance
from pipeline.library import Library
from pipeline.settings import Settings
from pipeline.sources import folder

DEMO_PHOTOS = Path(__file__).resolve().parents[2] / "data" / "demo"
ODD_ALBUM = "$x$ :red[hi] <i>"
ODD_TITLE = "*a* [x](y) <b> >= :streamlit:"


def sync_folder(data_dir: Path, photos: Path) -> None:
    """Add a folder to the library and publish."""

    def work() -> sync.SyncReport:
        library = Library(Settings(data_dir=data_dir))
        folder.register(library.store, folder.Registration(str(photos)))
        with open_instance(library.settings) as instance:
            return sync.sync(library, instance)

    # Dagster wants no event loop but its own, and a browser test has Playwright's in its thread.
    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(work).result().failed


@pytest.fixture(scope="session")
def odd_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DATA_DIR of a library of photos with odd names, one of which is gone; read only."""
    root = tmp_path_factory.mktemp("odd")
    album = root / ODD_ALBUM
    album.mkdir()
    for source, name in {
        "Northern Light 2015/kite.jpg": os.fsencode(f"{ODD_TITLE}.jpg"),
        "Things and Places/pagoda.jpg": os.fsencode("京都の東京駅.jpg"),
        "Nature Walks 2018/sunset.jpg": os.fsencode("Вечер в Москве.jpg"),
        "Things and Places/espresso.jpg": b"caf\xe9.jpg",
        "Things and Places/clock.jpg": b"gone.jpg",
    }.items():
        shutil.copy(DEMO_PHOTOS / source, album / os.fsdecode(name))
    sync_folder(root / "library", album)
    (album / "gone.jpg").unlink()
    return root / "library"
