"""Driving the pages in a real browser, as a person does."""

import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, TimeoutError, expect

from search_app.search.filters import Filters
from tests.search_app.searching import searcher_of

CHROMIUM = shutil.which("chromium")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    # Each page would come with the popups of an address bar that nobody sees, for 0.7 s of a CPU.
    # Only the last list of features counts, so what matters here of Playwright's is in it, too.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup,AimEnabled,"
    "AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,"
    "LensOverlay,MediaRouter,OptimizationHints,PaintHolding,PreconnectToSearch",
]
LOCALHOST = "127.0.0.1"
SERVE = [sys.executable, "-m", "pipeline.cli", "serve"]
PATIENCE = 90_000  # milliseconds; the first search loads the models, as other tests do meanwhile
MEGABYTE = 2**20

QUIET = """async patience => {
    const start = performance.now();
    let busy = start;
    while (performance.now() - busy < 200) {
        const app = document.querySelector('[data-testid=stApp]');
        const isDrawn = app?.dataset.testScriptState === 'notRunning';
        const unfinished = '[data-stale=true], [data-testid=stSkeleton]';
        if (!isDrawn || app.querySelector(unfinished)) busy = performance.now();
        if (busy - start > patience) throw new Error('the page is still being drawn');
        await new Promise(done => setTimeout(done, 20));
    }
}"""

expect.set_options(timeout=PATIENCE)


@dataclass(frozen=True)
class Server:
    """A running search page."""

    url: str
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text()


@contextmanager
def serving(
    data_dir: Path,
    log_file: Path,
    base_path: str = "",
    *,
    port: int | None = None,
    starts_syncs: bool = False,
) -> Iterator[Server]:
    """Run `albumscope serve` for a library, in the folder of the log."""
    port = port or free_port()
    url = f"http://{LOCALHOST}:{port}{base_path}"
    environment = {name: value for name, value in os.environ.items() if name != "DATA_DIR"}
    with log_file.open("w") as log:
        process = subprocess.Popen(
            [*SERVE, "--port", str(port), "--base-path", base_path],
            env=environment | {"DATA_DIR": str(data_dir)},
            cwd=log_file.parent,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    # It is an error for it to write more than a megabyte to a file: uploads stay in memory.
    if not starts_syncs:  # which write what they like
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (MEGABYTE, MEGABYTE))
    try:
        _wait_until_healthy(f"{url}/_stcore/health", process)
        yield Server(url, log_file)
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOCALHOST, 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            try:
                process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError("the page did not start") from None
    raise AssertionError("the page did not come up")


def photos(page: Page) -> Locator:
    """The titles of the photos on the wall, in order."""
    return page.locator(".wall-about b")


def tiles(page: Page) -> Locator:
    """The photos on the wall, in order; each is a link that opens the photo."""
    return page.locator(".wall-open")


def notes(page: Page) -> Locator:
    """What stands below the titles, in order: the score, if there is one, and the album."""
    return page.locator(".wall-about small")


def settled(page: Page) -> None:
    """Wait until what is left of the view before is gone, and what is there has its scripts.

    The page has to be at rest for a while: right after a click it has not yet begun to change.
    """
    page.evaluate(QUIET, PATIENCE)


def loaded(page: Page) -> None:
    """Wait until the page is there with its scripts, as a person does."""
    settled(page)
    if (box := page.locator(".st-key-q input")).count():
        expect(box).to_have_attribute("aria-keyshortcuts", "/")
    page.wait_for_load_state("networkidle")


def to_search_box(page: Page) -> None:
    """Press / until the box has the focus: on a busy machine the page may put up another one yet.

    Raises AssertionError if it never has.
    """
    box = page.get_by_label("Search", exact=True)
    for _ in range(10):
        page.keyboard.press("/")
        with suppress(AssertionError):
            expect(box).to_be_focused(timeout=2000)
            return
    expect(box).to_be_focused()


def enter(page: Page, text: str) -> None:
    box = page.get_by_label("Search", exact=True)
    box.fill(text)
    box.press("Enter")


def search(page: Page, text: str) -> None:
    """Search for a text, and wait until the address says so: then all is drawn."""
    enter(page, text)
    page.wait_for_url(
        lambda url: parse_qs(urlsplit(url).query).get("q", [""]) == [text], timeout=PATIENCE
    )


def choose(page: Page, widget: str, option: str) -> None:
    settled(page)
    box = page.get_by_role("combobox", name=widget)
    box.scroll_into_view_if_needed()
    for _ in range(8):  # scrolling, or a page that is still being drawn, closes what is open
        box.click()
        with suppress(TimeoutError):
            page.get_by_role("option", name=option).click(timeout=4000)
            break
        page.keyboard.press("Escape")
    page.keyboard.press("Escape")


def upload(page: Page, path: Path) -> None:
    settled(page)
    page.get_by_role("button", name="Picture", exact=True).click()
    expect(page.get_by_role("button", name="Choose a picture", exact=True)).to_be_visible()
    page.locator("input[type=file]").set_input_files(path)


def find_similar(page: Page, position: int) -> None:
    settled(page)
    tiles(page).nth(position).hover()
    page.get_by_role("button", name="Find similar: ").nth(position).click()


def sort_by(page: Page, order: str) -> None:
    settled(page)
    page.get_by_label("Sort", exact=True).select_option(label=order)


def clear(page: Page) -> None:
    settled(page)
    page.get_by_role("button", name="Clear", exact=True).click()


def open_photo(page: Page, title: str) -> Locator:
    settled(page)
    page.locator(".wall-open", has=page.get_by_text(title, exact=True)).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name=title, exact=True)).to_be_visible()
    return dialog


def draw(page: Page, dialog: Locator, left: float, top: float, right: float, bottom: float) -> None:
    """Drag the mouse over the picture, from one corner to the other, in shares of its size."""
    picture = dialog.locator(".wall-stage img")
    if not picture.count():
        dialog.locator(".wall-panel").get_by_role("button", name="Search a part").click()
    expect(picture).to_have_js_property("complete", True)
    box = picture.bounding_box()
    assert box
    page.mouse.move(box["x"] + left * box["width"], box["y"] + top * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + right * box["width"], box["y"] + bottom * box["height"], steps=5)
    page.mouse.up()


def facet(page: Page, name: str) -> Locator:
    """What opens the values that photos can be filtered by; it has how many are chosen, too."""
    return page.locator(".facet > button").filter(has_text=re.compile(rf"^{name}\d*$"))


def values(page: Page) -> Locator:
    """The values of the facet that is open, each with its count."""
    return page.locator(".facet .values label")


def filter_by(page: Page, name: str, value: str) -> None:
    """Choose a value of a facet, or choose it no more."""
    settled(page)
    facet(page, name).click()
    page.get_by_role("checkbox", name=re.compile(rf"^{re.escape(value)} [\d,]+$")).click()
    page.keyboard.press("Escape")


@contextmanager
def options(page: Page) -> Iterator[Locator]:
    """What is set seldom, as long as it is open."""
    settled(page)
    page.get_by_role("button", name="Options").click()
    popover = page.get_by_test_id("stPopoverBody")
    expect(popover).to_be_visible()
    yield popover
    settled(page)
    page.keyboard.press("Escape")
    expect(popover).to_be_hidden()


def choose_mode(page: Page, mode: str) -> None:
    with options(page):
        choose(page, "Search mode", mode)


def slider(page: Page) -> Locator:
    """How probable a match has to be in order to be shown; it is one of the options."""
    return page.get_by_role("slider", name="Minimum probability")


def show_all(page: Page) -> None:
    """Show what hardly matches, too."""
    with options(page):
        slider(page).press("Home")
        expect(slider(page)).to_have_attribute("aria-valuetext", "0%")


def photo_id(data_dir: Path, title: str) -> int:
    photos = searcher_of(data_dir).images(Filters())
    return next(int(photo["image_id"]) for photo in photos if photo["title"] == title)


def expect_pictures(page: Page) -> None:
    """Every thumbnail on the page has arrived and can be seen."""
    settled(page)
    for picture in page.locator(".wall-tile img").all():
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 0
