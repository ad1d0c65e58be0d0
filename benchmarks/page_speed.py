"""How long does a search take on the page, from Enter to the first results, in a large library?

    python benchmarks/page_speed.py [--photos 100000] [--library FOLDER] [--queries 100]

Chromium types a query and presses Enter; measured is until the new results are in the page and
painted, and until the picture of the first is there. Beside it stands the same query opened in a
fresh tab, and what the search alone takes. No two queries are the same. Then it scrolls quickly
through the whole wall, and clicks on a photo far down in it. On the map, where all photos are said
to lie in clusters, it drags for five seconds; beside it stands the same with one photo, as no
graphics card may be there to draw. Growth is told of the last
fifty queries against the first fifty, of the time and of the memory of the server, after the caches
have been filled by a hundred others. Memory is what the server has for itself: of the mapped files
of the snapshot more and more is looked at, but lies in memory that others can have.
"""

import argparse
import math
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
from large_library import make_library
from playwright.sync_api import Page, sync_playwright
from report import Line, p95, print_table

from pipeline.cli import servers
from pipeline.settings import Settings
from pipeline.snapshot import reading
from search_app.search.queries import Query
from search_app.search.searcher import Searcher

QUERIES = (
    *("two dogs", "a cat", "boats on a lake shore", "kite in the sky", "a drum"),
    *("a clock", "espresso", "a pagoda", "a sunset", "a rocket"),
)
WARM_UP = 100  # queries
COMPARED = 50  # queries at the beginning and at the end
FIRST_TILES = 60
PAINTED = """async () => {
    const first = () => document.querySelector('.wall-open')?.href;
    const frame = () => new Promise(done => requestAnimationFrame(done));
    const before = first(), start = performance.now();
    const waiting = () => performance.now() - start < 20000;
    document.activeElement.dispatchEvent(
        new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}));
    while (first() === before && waiting()) await frame();
    await frame();
    const painted = performance.now() - start;
    const picture = () => document.querySelector('.wall-open img');
    while (!(picture()?.complete && picture().naturalWidth) && waiting()) await frame();
    await frame();
    return [painted, performance.now() - start];
}"""
SCROLLED = """async () => {
    const scroller = document.querySelector('[data-testid=stMain]'), start = performance.now();
    let frames = 0, longest = 0, last = start, most = 0;
    await new Promise(done => requestAnimationFrame(function step(now) {
        frames++;
        longest = Math.max(longest, now - last);
        last = now;
        most = Math.max(most, document.querySelectorAll('.wall-tile').length);
        scroller.scrollTop += 400;
        if (now - start < 5000) requestAnimationFrame(step);
        else done();
    }));
    return [1000 * frames / (performance.now() - start), longest, most];
}"""
COUNTED = """() => {
    window.counted = {frames: 0, longest: 0, start: performance.now(), last: performance.now()};
    requestAnimationFrame(function step(now) {
        if (!window.counted) return;
        counted.frames++;
        counted.longest = Math.max(counted.longest, now - counted.last);
        counted.last = now;
        requestAnimationFrame(step);
    });
}"""
FRAMES = """() => {
    const {frames, longest, start, last} = counted;
    window.counted = null;
    return [1000 * frames / (last - start), longest];
}"""
CLICKED = """async () => {
    const frame = () => new Promise(done => requestAnimationFrame(done));
    const seen = [...document.querySelectorAll('.wall-open')].find(tile => {
        const {top, bottom} = tile.getBoundingClientRect();
        return top > 100 && bottom < innerHeight - 100;
    });
    const start = performance.now();
    seen.click();
    while (!document.querySelector('.pswp__img')) await frame();
    await frame();
    return performance.now() - start;
}"""


@contextmanager
def open_page(settings: Settings) -> Iterator[tuple[Page, psutil.Process]]:
    """The search page in Chromium, showing photos, and the process of its server."""
    with socket.socket() as probe:
        probe.bind((servers.LOCALHOST, 0))
        port = probe.getsockname()[1]
    command = servers.page_command(servers.LOCALHOST, port)
    with (
        servers.running(command, servers.environment(settings), settings.data_dir) as process,
        sync_playwright() as playwright,
    ):
        servers.wait_until_open({port: process}, servers.LOCALHOST)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(f"http://{servers.LOCALHOST}:{port}/?least=0")
        page.wait_for_selector(".wall-open", timeout=60_000)
        yield page, psutil.Process(process.pid)
        browser.close()


def search(page: Page, number: int) -> tuple[float, float]:
    """Milliseconds from Enter to the first results that are painted, and to the first picture."""
    box = page.get_by_label("Search", exact=True)
    box.fill(f"{QUERIES[number % len(QUERIES)]} {number}")
    page.wait_for_timeout(100)
    painted, pictured = page.evaluate(PAINTED)
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    page.wait_for_timeout(150)
    return painted, pictured


def scroll(page: Page) -> tuple[float, float, float, float]:
    """Scroll through all photos for five seconds, and click on one of them.

    Returns frames a second, the longest frame (ms), the most tiles in the page, and the
    milliseconds until the photo that was clicked on is shown.
    """
    page.goto(page.url.partition("?")[0])
    page.wait_for_selector(".wall-open img")
    page.wait_for_timeout(3000)
    frames, longest, most = page.evaluate(SCROLLED)
    page.wait_for_timeout(1000)
    clicked = page.evaluate(CLICKED)
    return frames, longest, most, clicked


def drag_map(page: Page, photos: int) -> tuple[float, float]:
    """Frames a second, and the longest frame (ms), of dragging a map of so many photos."""
    random = np.random.default_rng(0)
    towns = random.uniform((-50, -170), (65, 170), (300, 2))
    around = random.normal(0, 0.5, (photos, 2))
    latitudes, longitudes = (towns[random.integers(len(towns), size=photos)] + around).T.tolist()
    places = {
        "count": photos,
        "at": [*range(photos)],
        "latitudes": latitudes,
        "longitudes": longitudes,
        "towns": [],
    }
    page.route("**/wall/places.json*", lambda route: route.fulfill(json=places))
    page.goto(f"{page.url.partition('?')[0]}?view=map")
    box = page.locator(".wall-map-canvas canvas").bounding_box(timeout=60_000)
    assert box
    page.wait_for_timeout(8000)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(COUNTED)
    started = time.perf_counter()
    while (seconds := time.perf_counter() - started) < 5:
        page.mouse.move(x + 300 * math.sin(2 * seconds), y + 100 * math.sin(3 * seconds))
    frames, longest = page.evaluate(FRAMES)
    page.mouse.up()
    page.unroute("**/wall/places.json*")
    return frames, longest


def own_memory(server: psutil.Process) -> float:
    """The memory of the server in MB, without the files that it has mapped."""
    memory = server.memory_info()
    return float(memory.rss - memory.shared) / 1e6


def fresh(page: Page, number: int) -> float:
    """Milliseconds until a tab that is opened with the query shows results."""
    start = time.perf_counter()
    assert page.context.browser
    tab = page.context.browser.new_page(viewport=page.viewport_size)
    tab.goto(f"{page.url.partition('?')[0]}?least=0&q={QUERIES[number]}+{number}")
    tab.wait_for_selector(".wall-open", timeout=60_000)
    took = 1000 * (time.perf_counter() - start)
    tab.close()
    return took


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--library", type=Path, help="a large library that was made before")
    parser.add_argument("--queries", type=int, default=100, help="at least 100")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = arguments.library or Path(root)
        if not (folder / "library").exists():
            make_library(folder, arguments.photos)
        measure(Settings(data_dir=folder / "library"), arguments.queries)


def measure(settings: Settings, queries: int) -> None:
    """Search without the page, then on the page."""
    searcher = Searcher(reading.open_current(settings.library_dir), settings)
    photos = searcher.snapshot.manifest["tables"]["images"]
    alone = []
    for number in range(COMPARED):
        start = time.perf_counter()
        text = f"{QUERIES[number % len(QUERIES)]} {number}"
        searcher.find(Query(text, k=None, fold=True)).matches.at(range(FIRST_TILES))
        alone.append(1000 * (time.perf_counter() - start))
    with open_page(settings) as (page, server):
        print("warming up", file=sys.stderr)
        for number in range(WARM_UP):
            search(page, number)
        memory = [own_memory(server)]
        times, pictures = [], []
        for number in range(WARM_UP, WARM_UP + queries):
            painted, pictured = search(page, number)
            times.append(painted)
            pictures.append(pictured)
            memory.append(own_memory(server))
        tabs = [fresh(page, number) for number in range(5)]
        frames, longest, most, clicked = scroll(page)
        of_map, longest_of_map = drag_map(page, photos)
        of_one, _ = drag_map(page, 1)
    median = statistics.median(times)
    first, last = statistics.median(times[:COMPARED]), statistics.median(times[-COMPARED:])
    before, after = statistics.median(memory[:COMPARED]), statistics.median(memory[-COMPARED:])
    print_table(
        f"The page, {photos:,} photos",
        [
            Line(
                "Enter to first results painted, warm",
                f"median {median:.0f} ms, p95 {p95(times):.0f} ms",
                f"the same in a fresh tab {statistics.median(tabs):.0f} ms",
                f"{statistics.median(tabs) / median:.1f}×",
                "median ≤ 250 ms",
                median <= 250,
            ),
            Line(
                "until the picture of the first is there, too",
                f"median {statistics.median(pictures):.0f} ms, p95 {p95(pictures):.0f} ms",
            ),
            Line(
                f"growth of the time over {queries} queries",
                f"{first:.0f} ms → {last:.0f} ms",
                ratio=f"{last / first:.2f}×",
                limit="≤ 1.05×",
                reached=last <= 1.05 * first,
            ),
            Line(
                f"growth of the server's memory over {queries} queries",
                f"{before:.0f} MB → {after:.0f} MB",
                ratio=f"{after / before:.3f}×",
                limit="≤ 1.02×",
                reached=after <= 1.02 * before,
            ),
            Line(
                "scrolling quickly through all of them",
                f"{frames:.0f} frames a second, the longest {longest:.0f} ms",
                f"at most {most:.0f} tiles in the page",
                limit="≥ 55 frames a second",
                reached=frames >= 55,
            ),
            Line(
                "from a click far down to the photo",
                f"{clicked:.0f} ms",
                limit="≤ 100 ms",
                reached=clicked <= 100,
            ),
            Line(
                f"dragging a map of {photos:,} photos",
                f"{of_map:.0f} frames a second, the longest {longest_of_map:.0f} ms",
                f"a map of one: {of_one:.0f} frames a second",
                f"{of_map / of_one:.2f}×",
                "≥ 55 frames a second",
                of_map >= 55,
            ),
            Line("of which the search alone", f"median {statistics.median(alone[5:]):.0f} ms"),
        ],
        "`--queries 1000` tells the growth over a thousand; it takes a quarter of an hour.",
    )


if __name__ == "__main__":
    main()
