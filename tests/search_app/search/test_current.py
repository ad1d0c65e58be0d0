"""Searches while snapshots are published: each is of one snapshot, and none is kept for nothing."""

import multiprocessing
import random
import re
import resource
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest
from PIL import Image

from pipeline.errors import AlbumscopeError
from pipeline.library.library import Library
from pipeline.models.encoders import Vectors
from pipeline.settings import Settings
from pipeline.snapshot import publishing, reading
from pipeline.snapshot.reading import Snapshot
from pipeline.sources import folder
from search_app.search.current import CurrentSnapshot
from search_app.search.filters import Filters
from search_app.search.hits import Hit
from search_app.search.queries import Query
from search_app.search.searcher import Searcher
from tests.pipeline.quick_model import QuickModel, use_quick_models
from tests.pipeline.quick_sync import bring_in
from tests.waiting import wait_for

ALL = 1000


class QuickEncoder(QuickModel):
    """Embeds what is searched for, too."""

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        return self.encode_prepared([self.prepare(image) for image in images])

    def match_probability(self, cosines: Vectors) -> None:
        return None


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    use_quick_models(monkeypatch)
    for encoder in (
        "pipeline.library.stages.siglip_embeddings.load_encoder",
        "pipeline.library.stages.caption_embeddings.load_text_encoder",
        "search_app.search.spaces.load_encoder",
        "search_app.search.spaces.load_text_encoder",
    ):
        monkeypatch.setattr(encoder, lambda *_: QuickEncoder())


class Publisher:
    """Publishes snapshots of an album; the titles of a snapshot's photos tell which it is."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(data_dir=root / "library")
        self._album = root / "Album"
        self._album.mkdir()
        self._published = 0

    def publish(self, photos: int) -> str:
        """Publish so many photos, none of which was there before; returns the snapshot's name."""
        self._published += 1
        for photo in self._album.iterdir():
            photo.unlink()
        for number in range(photos):
            colour = (number % 256, 5 * number % 256, 11 * number % 256)
            name = f"{self._published}of{photos} {number}.png"
            Image.new("RGB", (9, 9), colour).save(self._album / name)
        library = Library(self.settings)
        folder.register(library.storage, folder.Registration(str(self._album)))
        return bring_in(library).name

    def go_back(self, name: str) -> None:
        publishing.make_current(self.settings.library_dir, name)


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path)


def titles(current: CurrentSnapshot) -> set[str]:
    with current.searcher() as searcher:
        return {row["title"].split()[0] for row in searcher.images(Filters())}


def test_what_is_published_is_searched_from_then_on(publisher: Publisher) -> None:
    first = publisher.publish(4)
    current = CurrentSnapshot(publisher.settings)
    assert titles(current) == {"1of4"}
    publisher.publish(3)
    assert titles(current) == {"2of3"}
    publisher.go_back(first)
    assert titles(current) == {"1of4"}


def test_without_a_snapshot_it_says_what_to_do(data_dir: Path) -> None:
    with pytest.raises(AlbumscopeError, match="albumscope sync"):
        CurrentSnapshot(Settings(data_dir=data_dir))


def test_a_damaged_new_snapshot_is_passed_over(
    publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    name = publisher.publish(4)
    current = CurrentSnapshot(publisher.settings)
    snapshots = reading.snapshots_folder(publisher.settings.library_dir)
    shutil.copytree(snapshots / name, snapshots / "99990101-000000-000000")
    (snapshots / "99990101-000000-000000" / "images.faiss").write_bytes(b"")
    (snapshots / "current").write_text("99990101-000000-000000")
    caplog.clear()
    for _ in range(3):
        assert titles(current) == {"1of4"}
    assert [record.getMessage().count("is damaged") for record in caplog.records] == [1]


def test_a_search_sees_one_snapshot_whenever_another_is_published(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is published at each of a search's looks at the catalogue, in one search after another."""
    large, small = publisher.publish(20), publisher.publish(3)
    named = reading.snapshots_folder(publisher.settings.library_dir) / "current"
    named.write_text(large)
    current = CurrentSnapshot(publisher.settings)
    with current.searcher() as searcher:
        similar = f"photo:{searcher.images(Filters())[-1]['image_id']}"
        queries = [
            Query(f"{similar} tag:picture", filters=Filters(tags=("picture",)), k=ALL, fold=True),
            Query("picture", sort="newest", k=ALL),
        ]
        expected = list(map(searcher.search, queries))
    assert list(map(len, map(titles_of, expected))) == [19, 20]
    cursor = Snapshot.cursor
    for query, hits in zip(queries, expected, strict=True):
        looks, step = 1, 1
        while step <= looks:
            named.write_text(large)
            looks = 0

            def look(snapshot: Snapshot, at: int = step) -> duckdb.DuckDBPyConnection:
                nonlocal looks
                looks += 1
                if looks == at:
                    named.write_text(small)
                return cursor(snapshot)

            with monkeypatch.context() as patch, current.searcher() as searcher:
                patch.setattr(Snapshot, "cursor", look)
                assert searcher.search(query) == hits
            assert titles(current) == {"2of3"}
            step += 1
        assert step > 2


def test_the_old_snapshot_is_closed_after_its_last_search(publisher: Publisher) -> None:
    first = publisher.publish(4)
    current = CurrentSnapshot(publisher.settings)
    with current.searcher() as one:
        with current.searcher() as other:
            assert one is other
            second = publisher.publish(3)
            assert titles(current) == {"2of3"}
        assert len(one.search(Query("picture", k=ALL))) == 4
        assert names_open(publisher) == {first, second}
    with pytest.raises(duckdb.Error):
        one.images(Filters())
    assert names_open(publisher) == {second}
    current.close()
    assert names_open(publisher) == set()


def test_nobody_waits_while_the_next_snapshot_is_opened(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.publish(4)
    current = CurrentSnapshot(publisher.settings)
    publisher.publish(3)
    is_opening, may_go_on = threading.Event(), threading.Event()

    def open_slowly(folder: Path) -> Snapshot:
        is_opening.set()
        may_go_on.wait(60)
        return Snapshot(folder)

    monkeypatch.setattr("search_app.search.current.Snapshot", open_slowly)
    with ThreadPoolExecutor(1) as pool:
        opened = pool.submit(titles, current)
        assert is_opening.wait(60)
        assert titles(current) == {"1of4"}
        may_go_on.set()
        assert opened.result() == {"2of3"}
    assert titles(current) == {"2of3"}


THREADS, SECONDS, PUBLISHES = 30, 4.0, 20
MOST_GROWTH = 40.0  # MB; a snapshot that is not closed takes 3 or more


def test_thirty_search_while_snapshots_are_published(publisher: Publisher) -> None:
    for photos in (30, 8, 60):
        publisher.publish(photos)
    data_dir = publisher.settings.library_dir
    current = CurrentSnapshot(publisher.settings)
    seen: set[str] = set()
    stop = threading.Event()

    answers = [0] * THREADS

    def search_on(number: int) -> None:
        chance = random.Random(number)
        while not stop.wait(chance.random()):
            with current.searcher() as searcher:
                seen.add(check_an_answer(searcher, chance))
                answers[number] += 1

    with (
        ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        assert len(elsewhere.submit(reading.names, data_dir).result()) == 3  # it has started
        searching = [pool.submit(search_on, number) for number in range(THREADS)]
        try:
            wait_for(lambda: all(answers), "all to have what a first search takes", every=0.05)
            publishes = elsewhere.submit(publish_on, data_dir)
            stop.wait(SECONDS / 4)
            early = resident()
            publishes.result()
            late = resident()
        finally:
            stop.set()
        for search in searching:
            search.result()
    assert len(seen) > 2  # on a busy machine a search takes as long as several publishes
    assert late - early < MOST_GROWTH, (early, late)
    with current.searcher() as searcher:
        assert names_open(publisher) == {searcher.snapshot.name}


def publish_on(data_dir: Path) -> None:
    """Make other snapshots current, one after the other: a larger, a smaller or an older one.

    Each third is new, upon which the oldest is deleted.
    """
    snapshots, chance = reading.snapshots_folder(data_dir), random.Random(0)
    originals = [shutil.copytree(snapshots / name, data_dir / name)
                 for name in reading.names(data_dir)]  # fmt: skip
    started = time.monotonic()
    for count in range(PUBLISHES):
        kept, name = reading.names(data_dir), f"99990101-{count:06}"
        if count % 3 == 0:
            shutil.copytree(chance.choice(originals), snapshots / f".{name}")
            (snapshots / f".{name}").rename(snapshots / name)
            publishing.make_current(data_dir, name)
            shutil.rmtree(snapshots / kept[0])
        else:
            publishing.make_current(data_dir, chance.choice(kept))
        due = started + SECONDS * (count + 1) / PUBLISHES
        time.sleep(max(0.0, due - time.monotonic()))


def check_an_answer(searcher: Searcher, chance: random.Random) -> str:
    """Ask as the page does, and check that all is of one snapshot; returns its name."""
    filters = chance.choice([Filters(), Filters(tags=("picture",)), Filters(has_people=None)])
    sort, fold = chance.choice(["relevance", "newest", "album"]), chance.random() < 0.5
    shown = searcher.browse(filters, "album", ALL)
    (label,) = labels(shown)
    photos = int(label.partition("of")[2])
    assert len(shown) == photos == searcher.snapshot.manifest["tables"]["images"]

    similar = chance.choice(shown).image_id
    query: Callable[[int], Query] = chance.choice(
        [
            lambda k: Query("picture", filters=filters, sort=sort, k=k, fold=fold),  # type: ignore[arg-type]
            lambda k: Query(f"photo:{similar}", filters=filters, k=k, fold=fold),
            lambda k: Query("tag:picture all", filters=filters, mode="text", k=k),
            lambda k: Query(image_id=similar, filters=filters, k=k),
        ]
    )
    page, pages = searcher.search(query(5)), searcher.search(query(10))
    assert [hit.image_id for hit in pages[: len(page)]] == [hit.image_id for hit in page]
    assert labels(pages) <= {label}

    query = Query("tag:picture", filters=filters)
    albums = searcher.counts("album_ids", query)
    assert sum(albums.values()) == searcher.counts("tags", query)["picture"] == photos
    assert searcher.details(similar)["title"].startswith(label)
    assert searcher.provenance(similar).snapshot == searcher.snapshot.name
    return searcher.snapshot.name


def labels(hits: Sequence[Hit]) -> set[str]:
    """Which snapshots photos are of."""
    return {title.split()[0] for title in titles_of(hits)}


def titles_of(hits: Sequence[Hit]) -> list[str]:
    """The titles of photos and of those that are folded away behind them."""
    return [str(one.title) for hit in hits for one in (hit, *hit.near_duplicates)]


def names_open(publisher: Publisher) -> set[str]:
    """The snapshots of which this process has a file open, or mapped into its memory."""
    files = [Path("/proc/self/maps").read_text()]
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            files.append(str(descriptor.readlink()))
        except FileNotFoundError:  # that of the listing itself
            continue
    snapshots = reading.snapshots_folder(publisher.settings.library_dir)
    return set(re.findall(rf"{re.escape(str(snapshots))}/([^/\n]+)/", "\n".join(files)))


def resident() -> float:
    """What this process has of the memory, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6
