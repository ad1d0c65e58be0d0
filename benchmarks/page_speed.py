"""How long does a search take on the page, from Enter to the first results, in a large library?

    python benchmarks/page_speed.py [--photos 100000] [--rounds 30]

The library is made from the demo photos: their rows are repeated in albums of 100 with ids of their
own, and each vector is turned a little at random (as far as the demo photos of one kind are apart,
cosine about 0.9), so that results differ. Chromium types a query and presses Enter; measured is
until the new photos are in the page and painted. Beside it stands the same query opened in a fresh
tab, and what the engine alone takes.
"""

import argparse
import shutil
import socket
import statistics
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import psutil
import pyarrow as pa
from playwright.sync_api import Page, sync_playwright

from pipeline import servers, snapshot, sync
from pipeline.instance import open_instance
from pipeline.library import Library
from pipeline.settings import PROJECT_ROOT, Settings
from pipeline.sources import folder
from search_app.engine import Query, SearchEngine

QUERIES = (
    *("two dogs", "a cat", "boats on a lake shore", "kite in the sky", "a drum"),
    *("a clock", "espresso", "a pagoda", "a sunset", "a rocket"),
)
ALBUM = 100  # photos
PAINTED = """async () => {
    const first = () => document.querySelector('[class*=st-key-card-]')?.className;
    const before = first(), start = performance.now();
    document.activeElement.dispatchEvent(
        new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}));
    while (first() === before && performance.now() - start < 20000)
        await new Promise(done => requestAnimationFrame(done));
    await new Promise(done => requestAnimationFrame(done));
    return performance.now() - start;
}"""


def make_library(root: Path, photos: int) -> Settings:
    """Publish a library of so many photos."""
    settings = Settings(data_dir=root)
    library = Library(settings)
    demo = str(PROJECT_ROOT / "data" / "demo")
    folder.register(library.store, folder.Registration(demo, recursive=True))
    with open_instance(settings) as instance:
        assert not sync.sync(library, instance).failed
    random = np.random.default_rng(7)
    tables = {
        table: pa.concat_tables(
            library.store.read(table, album["album_id"]) for album in library.albums()
        )
        for table in library.stages
    }
    ids = tables["raw_images"]["image_id"].to_pylist()
    (source,) = library.store.parts("albums")
    found = library.store.read("albums", source)
    albums = found.to_pylist()
    made = []
    for number in range(photos // ALBUM):
        album = f"made-{number:05}"
        made.append(albums[number % len(albums)] | {"album_id": album, "title": f"Album {number}"})
        rows = random.integers(len(ids), size=ALBUM)
        for table, original in tables.items():
            place = {image_id: at for at, image_id in enumerate(original["image_id"].to_pylist())}
            taken = original.take([place[ids[row]] for row in rows if ids[row] in place])
            new_ids = pa.array(range(number * ALBUM + 1, (number + 1) * ALBUM + 1), pa.int64())
            taken = _with(taken, "image_id", new_ids)
            if "embedding" in taken.column_names:
                taken = _with(taken, "embedding", _turned(taken["embedding"], random))
            library.store.write(table, album, taken)
    library.store.write("albums", source, pa.Table.from_pylist(made, found.schema))
    snapshot.publish(library, duckdb.connect, "benchmark")
    return settings


def _with(table: pa.Table, column: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(column), table.schema.field(column), values)


def _turned(vectors: pa.ChunkedArray, random: np.random.Generator) -> pa.Array:
    plain = np.array(vectors.to_pylist(), np.float32)
    noise = random.normal(size=plain.shape).astype(np.float32)
    noise *= 0.48 / np.linalg.norm(noise, axis=1, keepdims=True)  # cosine 0.9
    turned = plain + noise
    return pa.array(list(turned / np.linalg.norm(turned, axis=1, keepdims=True)))


def search(page: Page, text: str) -> float:
    """Milliseconds from Enter to the first results that are painted."""
    box = page.get_by_label("Search", exact=True)
    box.fill(text)
    page.wait_for_timeout(200)
    took: float = page.evaluate(PAINTED)
    page.wait_for_selector('[data-test-script-state="notRunning"]')
    page.wait_for_timeout(300)
    return took


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        settings = make_library(Path(root) / "library", arguments.photos)
        measure(settings, arguments.rounds)


def measure(settings: Settings, rounds: int) -> None:
    """Search with the engine alone, then on the page."""
    engine = SearchEngine(settings)
    engine.search(Query(text="warm up"))
    alone = []
    for number in range(rounds):
        start = time.perf_counter()
        engine.search(Query(text=f"{QUERIES[number % len(QUERIES)]} {number}", k=21, fold=True))
        alone.append(1000 * (time.perf_counter() - start))
    with socket.socket() as probe:
        probe.bind((servers.LOCALHOST, 0))
        port = probe.getsockname()[1]
    url = f"http://{servers.LOCALHOST}:{port}"
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
        page.goto(f"{url}/?least=0")
        page.wait_for_selector("[class*=st-key-card-]", timeout=60_000)
        for text in ("warm up", "once more"):
            search(page, text)
        memory = psutil.Process(process.pid).memory_info().rss
        times = [search(page, f"{QUERIES[n % len(QUERIES)]} {n}") for n in range(rounds)]
        grown = psutil.Process(process.pid).memory_info().rss - memory
        fresh = []
        for number in range(5):
            start = time.perf_counter()
            tab = browser.new_page(viewport={"width": 1440, "height": 1000})
            tab.goto(f"{url}/?least=0&q={QUERIES[number]}+{number + rounds}")
            tab.wait_for_selector("[class*=st-key-card-]", timeout=60_000)
            fresh.append(1000 * (time.perf_counter() - start))
            tab.close()
        browser.close()
    for name, values in (
        ("engine alone", alone),
        ("Enter to painted", times),
        ("fresh tab", fresh),
    ):
        high = sorted(values)[int(0.95 * (len(values) - 1))]
        print(f"{name:>18}: median {statistics.median(values):6.0f} ms, p95 {high:6.0f} ms")
    print(f"memory of the page after {rounds} more searches: {grown / 2**20:+.0f} MB")


if __name__ == "__main__":
    main()
