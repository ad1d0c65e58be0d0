"""Fixtures of the search tests."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Dialog,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.sources import folder
from tests.conftest import DEMO_PHOTOS, built_once
from tests.pipeline.quick_model import use_quick_models
from tests.pipeline.quick_sync import bring_in
from tests.search_app.browser import CHROMIUM, CHROMIUM_FLAGS, LOCALHOST, Server, serving
from tests.search_app.faces import faces

WINDOW: ViewportSize = {"width": 1440, "height": 1300}
ODD_ALBUM = "=$x$ :red[hi] <img src=x onerror=alert(1)>"
ODD_TITLE = "*a* [x](y) <b> >= :streamlit:"


def sync_folder(data_dir: Path, photos: Path) -> None:
    """Add a folder to the library and publish."""
    library = Library(Settings(data_dir=data_dir))
    folder.register(library.storage, folder.Registration(str(photos)))
    bring_in(library)


@pytest.fixture(scope="session")
def odd_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DATA_DIR of a library of photos with odd names, one of which is gone; read only."""

    def build(root: Path) -> None:
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

    return built_once(tmp_path_factory, "odd", build) / "library"


@pytest.fixture(scope="session")
def face_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos with faces, ``photos``, and a library of it, ``library``; read only."""

    def build(root: Path) -> None:
        (root / "photos").mkdir()
        for name, photo in faces().items():
            photo.save(root / "photos" / f"{name}.jpg", quality=95)
        library = Library(Settings(data_dir=root / "library", faces=True))
        folder.register(library.storage, folder.Registration(str(root / "photos")))
        with pytest.MonkeyPatch.context() as patch:
            use_quick_models(patch)
            bring_in(library)

    return built_once(tmp_path_factory, "faces", build)


@pytest.fixture(scope="package")
def chromium(demo_library: Path) -> Iterator[Browser]:
    """Started after the library is built, and stopped before other tests build theirs.

    Dagster wants no event loop but its own.
    """
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Iterator[BrowserContext]:
    """Somebody's browser, which remembers nothing of the tests of other files."""
    with chromium.new_context(viewport=WINDOW, reduced_motion="reduce") as context:
        yield context


@pytest.fixture(scope="package")
def demo_server(demo_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(demo_library, tmp_path_factory.mktemp("page") / "log") as server:
        yield server


@contextmanager
def watched(tab: Page) -> Iterator[None]:
    """Within it the tab may talk to nothing but the page's server, and no photo's text runs."""
    elsewhere: list[str] = []
    alerts: list[str] = []

    def on_request(request: Request) -> None:
        elsewhere.append(request.url)

    def on_dialog(dialog: Dialog) -> None:
        alerts.append(dialog.message)
        dialog.dismiss()

    tab.on("request", on_request)
    tab.on("dialog", on_dialog)
    try:
        yield
    finally:  # the next test may use the same tab, even if this one could not open the page
        tab.remove_listener("request", on_request)
        tab.remove_listener("dialog", on_dialog)
    assert alerts == []
    local = re.compile(rf"(https?://{re.escape(LOCALHOST)}:|data:|blob:)")
    assert [url for url in elsewhere if not local.match(url)] == []


@pytest.fixture
def page(browser: BrowserContext) -> Iterator[Page]:
    """A tab of its own."""
    tab = browser.new_page()
    with watched(tab):
        yield tab
        tab.close()


@pytest.fixture(scope="package")
def demo_tab(chromium: Browser) -> Page:
    """What tests open the demo library's page in: a new tab takes twice the computing."""
    return chromium.new_context(viewport=WINDOW, reduced_motion="reduce").new_page()


@pytest.fixture
def demo(demo_tab: Page, demo_server: Server) -> Iterator[Page]:
    """The page of the demo library, just opened."""
    with watched(demo_tab):
        demo_tab.mouse.move(0, 0)
        demo_tab.set_viewport_size(WINDOW)
        demo_tab.goto(demo_server.url)
        expect(demo_tab.get_by_role("heading", name="28 photos")).to_be_visible()
        yield demo_tab
        demo_tab.unroute_all(behavior="ignoreErrors")
        demo_tab.evaluate("sessionStorage.clear(); localStorage.clear()")
