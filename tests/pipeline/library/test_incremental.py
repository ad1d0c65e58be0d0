"""A row is fresh or it is work."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import AlbumscopeError, PhotoError
from pipeline.library import incremental
from pipeline.library.incremental import MAX_ATTEMPTS, Counts, refresh
from pipeline.library.store import Store
from pipeline.library.tables import SCHEMAS
from pipeline.rows import Row

TABLE = "siglip_embeddings"


@dataclass(frozen=True)
class Photo:
    image_id: int
    sha256: str


class Maker:
    """Makes rows and remembers for which photos; fails where it is told to."""

    def __init__(self, failing: dict[int, Exception] | None = None) -> None:
        self.made: list[int] = []
        self.failing = failing or {}

    def __call__(self, photos: Sequence[Photo]) -> Iterator[tuple[Photo, Row | PhotoError]]:
        for photo in photos:
            error = self.failing.get(photo.image_id)
            if isinstance(error, PhotoError):
                yield photo, error
            elif error:
                raise error
            else:
                self.made.append(photo.image_id)
                yield photo, {"model_name": "m", "embedding": [float(photo.image_id)]}


@pytest.fixture
def store(data_dir: Path) -> Store:
    return Store(data_dir)


def run(
    store: Store,
    photos: Sequence[Photo],
    maker: Callable[[Sequence[Photo]], Iterable[tuple[Photo, Row | PhotoError]]],
    *,
    album: str = "album",
    producer: str = "m:1",
    run_id: str | None = None,
) -> Counts:
    pictures = [{"image_id": photo.image_id, "sha256": photo.sha256} for photo in photos]
    raw_images = pa.Table.from_pylist(pictures, SCHEMAS["raw_images"])
    store.write("raw_images", album, raw_images)
    return refresh(
        store,
        TABLE,
        album,
        photos,
        lambda photo: {"sha256": photo.sha256, "producer": producer},
        maker,
        run_id=run_id,
    )


def ids(store: Store, album: str = "album") -> list[int]:
    found: list[int] = store.read(TABLE, album)["image_id"].to_pylist()
    return found


def run_ids(store: Store, album: str = "album") -> list[str | None]:
    found: list[str | None] = store.read(TABLE, album)["run_id"].to_pylist()
    return found


PHOTOS = [Photo(1, "a"), Photo(2, "b"), Photo(3, "c")]


def test_a_second_run_does_nothing(store: Store) -> None:
    run(store, PHOTOS, Maker())
    before = store.path(TABLE, "album").stat()
    again = Maker()
    counts = run(store, PHOTOS, again)
    assert (counts.new, counts.kept, counts.removed) == (0, 3, 0)
    assert again.made == []
    after = store.path(TABLE, "album").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_only_what_is_new_or_changed_is_made(store: Store) -> None:
    run(store, PHOTOS, Maker())
    maker = Maker()
    counts = run(store, [Photo(4, "d"), Photo(1, "a"), Photo(3, "changed")], maker)
    assert maker.made == [4, 3]
    assert (counts.new, counts.kept, counts.removed) == (2, 1, 1)
    assert ids(store) == [4, 1, 3]  # in the album's order


def test_a_new_producer_makes_all_anew(store: Store) -> None:
    run(store, PHOTOS, Maker())
    maker = Maker()
    run(store, PHOTOS, maker, producer="m:2")
    assert maker.made == [1, 2, 3]
    assert store.read(TABLE, "album")["producer"].to_pylist() == ["m:2"] * 3


def test_a_changed_order_is_written_without_work(store: Store) -> None:
    run(store, PHOTOS, Maker())
    maker = Maker()
    run(store, PHOTOS[::-1], maker)
    assert maker.made == []
    assert ids(store) == [3, 2, 1]


def test_the_same_picture_elsewhere_is_copied(store: Store) -> None:
    run(store, PHOTOS, Maker())
    maker = Maker()
    run(store, [Photo(10, "b"), Photo(11, "new"), Photo(12, "b")], maker, album="other")
    assert maker.made == [11]
    assert ids(store, "other") == [10, 11, 12]
    assert store.read(TABLE, "other")["embedding"].to_pylist() == [[2.0], [11.0], [2.0]]


def test_a_failed_photo_is_a_row_and_fails_nothing_else(store: Store) -> None:
    counts = run(store, PHOTOS, Maker({2: PhotoError("damaged")}))
    assert counts.failed == 1
    row = store.read(TABLE, "album").to_pylist()[1]
    assert (row["error"], row["attempts"], row["embedding"]) == ("damaged", 1, None)
    again = Maker()
    assert run(store, PHOTOS, again).failed == 1
    assert again.made == []  # its bytes are the same: trying again makes no sense
    assert run(store, [PHOTOS[0], Photo(2, "mended"), PHOTOS[2]], again).failed == 0
    assert again.made == [2]


def test_a_passing_failure_is_tried_again_but_not_for_ever(store: Store) -> None:
    for attempt in range(1, MAX_ATTEMPTS + 2):
        run(store, PHOTOS, Maker({2: PhotoError("server busy", transient=True)}))
        attempts = store.read(TABLE, "album")["attempts"].to_pylist()
        assert attempts == [1, min(attempt, MAX_ATTEMPTS), 1]
    recovered = Maker()
    run(store, [Photo(2, "b")], recovered, album="fresh")
    assert recovered.made == [2]


def test_a_row_tells_the_run_that_made_it(store: Store) -> None:
    busy = Maker({2: PhotoError("server busy", transient=True)})
    run(store, PHOTOS, busy, run_id="first")
    assert run_ids(store) == ["first", "first", "first"]
    run(store, [*PHOTOS, Photo(4, "d")], Maker(), run_id="second")
    assert run_ids(store) == ["first", "second", "first", "second"]
    run(store, [PHOTOS[2], Photo(5, "e")], Maker(), album="other", run_id="third")
    assert run_ids(store, "other") == ["first", "third"]  # the former is copied
    run(store, [Photo(6, "f")], Maker(), album="by hand")
    assert run_ids(store, "by hand") == [None]


def test_files_from_before_runs_were_noted_are_as_good_as_others(store: Store) -> None:
    run(store, PHOTOS, Maker(), run_id="first")
    file = store.path(TABLE, "album")
    pq.write_table(pq.read_table(file).drop_columns("run_id"), file)
    before = file.stat()
    again = Maker()
    assert run(store, PHOTOS, again, run_id="second").kept == 3
    assert (again.made, run_ids(store)) == ([], [None] * 3)
    assert store.read(TABLE, "album", ["run_id"]).num_rows == 3
    after = file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    run(store, [*PHOTOS, Photo(4, "d")], again, run_id="second")
    assert (again.made, run_ids(store)) == ([4], [None, None, None, "second"])


def test_a_file_that_lacks_another_column_is_damaged(store: Store) -> None:
    run(store, PHOTOS, Maker())
    file = store.path(TABLE, "album")
    pq.write_table(pq.read_table(file).drop_columns("producer"), file)
    with pytest.raises(AlbumscopeError, match=r"cannot be read \(.*producer.*\); delete it"):
        store.read(TABLE, "album")


def test_what_was_done_before_a_failure_is_kept(store: Store) -> None:
    photos = [Photo(number, str(number)) for number in range(10)]
    with pytest.raises(AlbumscopeError, match="no network"):
        run(store, photos, Maker({7: AlbumscopeError("no network")}))
    assert ids(store) == [0, 1, 2, 3, 4, 5, 6]
    maker = Maker()
    run(store, photos, maker)
    assert maker.made == [7, 8, 9]
    assert ids(store) == list(range(10))


class Clock:
    """Stands in for ``time``: it moves when a row is made, and when an album is saved."""

    row, saved_row = 1.0, 0.01  # seconds that making a row takes, and saving each of the album's

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.saving = self.most_unsaved = 0.0
        self.saves: list[int] = []
        write = store.write

        def timed(table: str, part: str, rows: pa.Table) -> None:
            write(table, part, rows)
            if table == TABLE:
                self.saves.append(rows.num_rows)
                self.saving += self.saved_row * rows.num_rows
                self.now += self.saved_row * rows.num_rows

        monkeypatch.setattr(store, "write", timed)
        monkeypatch.setattr(incremental, "time", self)

    def perf_counter(self) -> float:
        return self.now

    def __call__(self, photos: Sequence[Photo]) -> Iterator[tuple[Photo, Row | PhotoError]]:
        for number, made in enumerate(Maker()(photos), 1):
            self.now += self.row
            unsaved = number - max(self.saves, default=0)
            self.most_unsaved = max(self.most_unsaved, unsaved * self.row)
            yield made


@pytest.mark.parametrize("number", [100, 1000, 4000])
def test_saving_takes_a_small_share_of_the_work_however_many_photos(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    clock = Clock(store, monkeypatch)
    run(store, [Photo(each, str(each)) for each in range(number)], clock)
    last = clock.saved_row * number
    assert clock.saves[-1] == number
    assert clock.saving - last <= clock.row * number / 16
    assert clock.most_unsaved <= 20 * last + clock.row  # which is what a killed run loses
    assert len(clock.saves) >= 4


def test_a_caption_that_takes_a_minute_is_saved_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(store, monkeypatch)
    clock.row = 60
    run(store, PHOTOS, clock)
    assert clock.saves == [1, 2, 3]


def test_one_more_photo_of_many_is_saved_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [Photo(each, str(each)) for each in range(1000)]
    run(store, photos, Maker())
    clock = Clock(store, monkeypatch)
    run(store, [*photos, Photo(1000, "new")], clock)
    assert clock.saves == [1001]
