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
from pipeline.library.schemas import SCHEMAS
from pipeline.library.tables import Tables
from pipeline.rows import Row
from pipeline.storage.disk import DiskStorage

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
def tables(data_dir: Path) -> Tables:
    return Tables(DiskStorage(data_dir))


def run(
    tables: Tables,
    photos: Sequence[Photo],
    maker: Callable[[Sequence[Photo]], Iterable[tuple[Photo, Row | PhotoError]]],
    *,
    album: str = "album",
    producer: str = "m:1",
    run_id: str | None = None,
) -> Counts:
    pictures = [{"image_id": photo.image_id, "sha256": photo.sha256} for photo in photos]
    raw_images = pa.Table.from_pylist(pictures, SCHEMAS["raw_images"])
    tables.write("raw_images", album, raw_images)
    return refresh(
        tables,
        TABLE,
        album,
        photos,
        lambda photo: {"sha256": photo.sha256, "producer": producer},
        maker,
        run_id=run_id,
    )


def ids(tables: Tables, album: str = "album") -> list[int]:
    found: list[int] = tables.read(TABLE, album)["image_id"].to_pylist()
    return found


def run_ids(tables: Tables, album: str = "album") -> list[str | None]:
    found: list[str | None] = tables.read(TABLE, album)["run_id"].to_pylist()
    return found


PHOTOS = [Photo(1, "a"), Photo(2, "b"), Photo(3, "c")]


def test_a_second_run_does_nothing(tables: Tables) -> None:
    run(tables, PHOTOS, Maker())
    before = tables.storage.local(tables.key(TABLE, "album")).stat()
    again = Maker()
    counts = run(tables, PHOTOS, again)
    assert (counts.new, counts.kept, counts.removed) == (0, 3, 0)
    assert again.made == []
    after = tables.storage.local(tables.key(TABLE, "album")).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_only_what_is_new_or_changed_is_made(tables: Tables) -> None:
    run(tables, PHOTOS, Maker())
    maker = Maker()
    counts = run(tables, [Photo(4, "d"), Photo(1, "a"), Photo(3, "changed")], maker)
    assert maker.made == [4, 3]
    assert (counts.new, counts.kept, counts.removed) == (2, 1, 1)
    assert ids(tables) == [4, 1, 3]  # in the album's order


def test_a_new_producer_makes_all_anew(tables: Tables) -> None:
    run(tables, PHOTOS, Maker())
    maker = Maker()
    run(tables, PHOTOS, maker, producer="m:2")
    assert maker.made == [1, 2, 3]
    assert tables.read(TABLE, "album")["producer"].to_pylist() == ["m:2"] * 3


def test_a_changed_order_is_written_without_work(tables: Tables) -> None:
    run(tables, PHOTOS, Maker())
    maker = Maker()
    run(tables, PHOTOS[::-1], maker)
    assert maker.made == []
    assert ids(tables) == [3, 2, 1]


def test_the_same_picture_elsewhere_is_copied(tables: Tables) -> None:
    run(tables, PHOTOS, Maker())
    maker = Maker()
    run(tables, [Photo(10, "b"), Photo(11, "new"), Photo(12, "b")], maker, album="other")
    assert maker.made == [11]
    assert ids(tables, "other") == [10, 11, 12]
    assert tables.read(TABLE, "other")["embedding"].to_pylist() == [[2.0], [11.0], [2.0]]


def test_a_failed_photo_is_a_row_and_fails_nothing_else(tables: Tables) -> None:
    counts = run(tables, PHOTOS, Maker({2: PhotoError("damaged")}))
    assert counts.failed == 1
    row = tables.read(TABLE, "album").to_pylist()[1]
    assert (row["error"], row["attempts"], row["embedding"]) == ("damaged", 1, None)
    again = Maker()
    assert run(tables, PHOTOS, again).failed == 1
    assert again.made == []  # its bytes are the same: trying again makes no sense
    assert run(tables, [PHOTOS[0], Photo(2, "mended"), PHOTOS[2]], again).failed == 0
    assert again.made == [2]


def test_a_passing_failure_is_tried_again_but_not_for_ever(tables: Tables) -> None:
    for attempt in range(1, MAX_ATTEMPTS + 2):
        run(tables, PHOTOS, Maker({2: PhotoError("server busy", transient=True)}))
        attempts = tables.read(TABLE, "album")["attempts"].to_pylist()
        assert attempts == [1, min(attempt, MAX_ATTEMPTS), 1]
    recovered = Maker()
    run(tables, [Photo(2, "b")], recovered, album="fresh")
    assert recovered.made == [2]


def test_a_row_tells_the_run_that_made_it(tables: Tables) -> None:
    busy = Maker({2: PhotoError("server busy", transient=True)})
    run(tables, PHOTOS, busy, run_id="first")
    assert run_ids(tables) == ["first", "first", "first"]
    run(tables, [*PHOTOS, Photo(4, "d")], Maker(), run_id="second")
    assert run_ids(tables) == ["first", "second", "first", "second"]
    run(tables, [PHOTOS[2], Photo(5, "e")], Maker(), album="other", run_id="third")
    assert run_ids(tables, "other") == ["first", "third"]  # the former is copied
    run(tables, [Photo(6, "f")], Maker(), album="by hand")
    assert run_ids(tables, "by hand") == [None]


def test_a_file_that_lacks_a_column_is_damaged(tables: Tables) -> None:
    run(tables, PHOTOS, Maker())
    file = tables.storage.local(tables.key(TABLE, "album"))
    pq.write_table(pq.read_table(file).drop_columns("producer"), file)
    with pytest.raises(
        AlbumscopeError, match=r"is damaged \(.*producer.*\): run `albumscope sync`"
    ):
        tables.read(TABLE, "album")


def test_a_file_of_before_there_were_thumbhashes_is_whole_and_its_rows_are_kept(
    tables: Tables,
) -> None:
    run(tables, PHOTOS, Maker())
    file = tables.storage.local(tables.key(TABLE, "album"))
    pq.write_table(pq.read_table(file).drop_columns("thumbhash"), file)
    assert tables.read(TABLE, "album")["thumbhash"].null_count == len(PHOTOS)
    assert run(tables, PHOTOS, Maker()).new == 0


def test_what_was_done_before_a_failure_is_kept(tables: Tables) -> None:
    photos = [Photo(number, str(number)) for number in range(10)]
    with pytest.raises(AlbumscopeError, match="no network"):
        run(tables, photos, Maker({7: AlbumscopeError("no network")}))
    assert ids(tables) == [0, 1, 2, 3, 4, 5, 6]
    maker = Maker()
    run(tables, photos, maker)
    assert maker.made == [7, 8, 9]
    assert ids(tables) == list(range(10))


class Clock:
    """Stands in for ``time``: it moves when a row is made, and when an album is saved."""

    row, saved_row = 1.0, 0.01  # seconds that making a row takes, and saving each of the album's

    def __init__(self, tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = self.saving = self.most_unsaved = 0.0
        self.saves: list[int] = []
        write = tables.write

        def timed(table: str, partition: str, rows: pa.Table) -> None:
            write(table, partition, rows)
            if table == TABLE:
                self.saves.append(rows.num_rows)
                self.saving += self.saved_row * rows.num_rows
                self.now += self.saved_row * rows.num_rows

        monkeypatch.setattr(tables, "write", timed)
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
    tables: Tables, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    clock = Clock(tables, monkeypatch)
    run(tables, [Photo(each, str(each)) for each in range(number)], clock)
    last = clock.saved_row * number
    assert clock.saves[-1] == number
    assert clock.saving - last <= clock.row * number / 16
    assert clock.most_unsaved <= 20 * last + clock.row  # which is what a killed run loses
    assert len(clock.saves) >= 4


def test_a_caption_that_takes_a_minute_is_saved_at_once(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(tables, monkeypatch)
    clock.row = 60
    run(tables, PHOTOS, clock)
    assert clock.saves == [1, 2, 3]


def test_one_more_photo_of_many_is_saved_once(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [Photo(each, str(each)) for each in range(1000)]
    run(tables, photos, Maker())
    clock = Clock(tables, monkeypatch)
    run(tables, [*photos, Photo(1000, "new")], clock)
    assert clock.saves == [1001]
