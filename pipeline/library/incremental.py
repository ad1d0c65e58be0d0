"""A row is fresh or it is work: the one way in which every asset decides what to do.

A row belongs to a photo and carries the values that it was made from, its *origin*: for a derived
row the photo's sha256 and the producer (model name and code version), for a photo in a folder the
size and times of its file. A row with the same origin is kept, anything else is made anew.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import CaptionerError, PhotoError
from pipeline.library.schemas import SCHEMAS
from pipeline.library.tables import Tables
from pipeline.rows import Row, utc_now

MAX_ATTEMPTS = 3
"""How often a photo that failed for a passing reason is tried in all."""

WORK_A_SAVE = 20
"""How many times as long as saving an album's rows the work takes that is then saved: saving costs
about a twentieth of it, however many photos the album has."""
_FIRST_SAVE = 0.05  # seconds, before one was timed

_LEFT = "~left"  # no album has an id that ends like this


class HasImageId(Protocol):
    """Anything that a row is made for."""

    @property
    def image_id(self) -> int:
        """The photo's id, unique in the library."""
        ...


Item = TypeVar("Item", bound=HasImageId)


@dataclass(frozen=True)
class Counts:
    """What one refresh did, in photos. ``new`` includes photos made anew and failed attempts."""

    new: int = 0
    kept: int = 0
    removed: int = 0
    failed: int = 0
    pending: int = 0
    """Photos that stay work, because what makes their rows is ``unavailable``."""
    unavailable: CaptionerError | None = None
    seconds: float = 0.0

    @property
    def photos_per_second(self) -> float:
        """The rate of the new photos; 0 without any."""
        return self.new / self.seconds if self.new and self.seconds else 0.0


@dataclass(frozen=True)
class Plan(Generic[Item]):
    """What is to be done for one table of one album."""

    todo: Sequence[Item]
    kept: Sequence[int]
    """Row numbers of the file as it is, in the order of the album."""
    removed: int
    reordered: bool
    failed: int
    """Photos whose row is an error and that have not changed since."""
    retried: int
    """Those of them that are to be tried again, and are therefore in ``todo``."""

    @property
    def missing(self) -> int:
        """Photos that have no row, or one made from something else."""
        return len(self.todo) - self.retried

    @property
    def done(self) -> int:
        """Photos that have a good row."""
        return len(self.kept) - (self.failed - self.retried)

    @property
    def is_done(self) -> bool:
        """Whether the file is as it should be."""
        return not (self.todo or self.removed or self.reordered)


def left_partition(album_id: str) -> str:
    """The partition that keeps the rows which left an album until the next publication."""
    return f"{album_id}{_LEFT}"


def plan(existing: pa.Table, wanted: Sequence[Item], origin: Callable[[Item], Row]) -> Plan[Item]:
    """Compare the rows that an album has with the photos that it should have rows for.

    ``existing`` needs the columns image_id, error, attempts, retryable and those of the origin.
    """
    position = {image_id: row for row, image_id in enumerate(existing["image_id"].to_pylist())}
    columns = {name: existing[name].to_pylist() for name in ("error", "attempts", "retryable")}
    origin_columns = list(origin(wanted[0])) if wanted else []
    origins = list(zip(*(existing[name].to_pylist() for name in origin_columns), strict=True))

    todo: list[Item] = []
    kept: list[int] = []
    failed = retried = 0
    for item in wanted:
        at = position.get(item.image_id)
        if at is None or origins[at] != tuple(origin(item).values()):
            todo.append(item)
            continue
        failed += columns["error"][at] is not None
        if columns["retryable"][at] and columns["attempts"][at] < MAX_ATTEMPTS:
            todo.append(item)
            retried += 1
        else:
            kept.append(at)
    wanted_ids = {item.image_id for item in wanted}
    return Plan(
        todo=todo,
        kept=kept,
        removed=sum(image_id not in wanted_ids for image_id in position),
        reordered=kept != sorted(kept),
        failed=failed,
        retried=retried,
    )


def refresh(
    tables: Tables,
    table: str,
    album_id: str,
    wanted: Sequence[Item],
    origin: Callable[[Item], Row],
    make: Callable[[Sequence[Item]], Iterable[tuple[Item, Row | PhotoError]]],
    *,
    progress: Callable[[int], object] = lambda photos: None,
    run_id: str | None = None,
    until: float = math.inf,
) -> Counts:
    """Bring one table of one album up to date, and return what that took.

    ``make`` turns photos into rows, lazily; it is not called when nothing is missing. A row that
    another album (or the same photo under another name) already has is copied, not made.
    ``progress`` is told how many photos of the album are done. ``run_id`` is the Dagster run that
    the rows are made in, if any. From ``until`` on, a time of ``time.perf_counter()``, no more rows
    are made: their photos are pending.

    Saving rewrites the whole file, so it is done when that is worth it: once the work since the
    last time took ``WORK_A_SAVE`` times as long as that save, and at the end, whatever ended it.
    A run that is killed thus loses at most so much work, and the row that was being made: in an
    album of 1,000 photos less than a second, in one of 100,000 less than a minute.
    """
    started = time.perf_counter()
    saved = tables.read(table, album_id)
    planned = plan(saved, wanted, origin)
    attempts = _attempts(saved, planned.todo, origin)
    _keep_for_others(tables, table, album_id, saved, wanted)
    done = len(planned.kept)
    progress(done)
    copies = SCHEMAS[table].empty_table()
    pending = 0
    unavailable: CaptionerError | None = None
    batch: list[dict[str, Any]] = []

    def save() -> None:
        nonlocal saved
        made = pa.Table.from_pylist(batch, schema=SCHEMAS[table])
        batch.clear()
        # Rows that are to be made anew stay until they are: of a photo's rows the last one counts.
        rows = _in_order(pa.concat_tables([saved, copies, made]), wanted)
        if not rows.equals(saved):
            tables.write(table, album_id, rows)
            saved = rows

    if not planned.is_done:
        copies = _made_before(tables, table, album_id, planned.todo, origin)
        copied = set(copies["image_id"].to_pylist())
        done += len(copied)
        progress(done)
        missing = [item for item in planned.todo if item.image_id not in copied]
        pending = len(missing)
        try:
            saved_at, save_took = time.perf_counter(), _FIRST_SAVE
            alike = _alike(table, missing, origin)
            to_make = [each[0] for each in alike.values()] if time.perf_counter() < until else []
            for made, result in make(to_make) if to_make else ():
                for item in alike[made.image_id]:
                    attempt = attempts.get(item.image_id, 0) + 1
                    batch.append(_row(item, origin(item), result, attempt, run_id))
                    pending -= 1
                    done += 1
                    progress(done)
                now = time.perf_counter()
                if now - saved_at >= WORK_A_SAVE * save_took:
                    save()
                    saved_at = time.perf_counter()
                    save_took = saved_at - now
                if time.perf_counter() >= until:
                    break
        except CaptionerError as error:
            unavailable = error
        finally:  # what is done is kept, whatever stopped the rest
            save()

    return Counts(
        new=len(planned.todo) - pending,
        kept=len(planned.kept),
        removed=planned.removed,
        pending=pending,
        unavailable=unavailable,
        failed=saved.num_rows - saved["error"].null_count,
        seconds=time.perf_counter() - started,
    )


def _attempts(
    existing: pa.Table, todo: Sequence[Item], origin: Callable[[Item], Row]
) -> dict[int, int]:
    """How often each photo failed so far with the very origin that it has now."""
    if not todo:
        return {}
    columns = list(origin(todo[0]))
    rows = existing.select(list(dict.fromkeys(["image_id", "attempts", *columns]))).to_pylist()
    before = {row["image_id"]: row for row in rows}
    return {
        item.image_id: row["attempts"]
        for item in todo
        if (row := before.get(item.image_id)) and row.items() >= origin(item).items()
    }


def _keep_for_others(
    tables: Tables, table: str, album_id: str, existing: pa.Table, wanted: Sequence[HasImageId]
) -> None:
    """Put the rows that an album drops into a file of their own until the next publication.

    A photo that moved to another album then finds its row there, whichever album comes first, and
    its picture where that was downloaded.
    """
    wanted_ids = {item.image_id for item in wanted}
    gone = [
        at
        for at, row in enumerate(existing.select(["image_id", "error"]).to_pylist())
        if row["image_id"] not in wanted_ids and row["error"] is None
    ]
    if gone:
        partition = left_partition(album_id)
        rows = [tables.read(table, partition), existing.take(pa.array(gone, pa.int64()))]
        tables.write(table, partition, pa.concat_tables(rows))


def _made_before(
    tables: Tables,
    table: str,
    album_id: str,
    todo: Sequence[Item],
    origin: Callable[[Item], Row],
) -> pa.Table:
    """Rows for ``todo`` copied from rows of the same origin anywhere in the table.

    Only derived rows (those with a producer) can be copied: they depend on their origin alone.
    They are looked for where the same pictures are.
    """
    schema = SCHEMAS[table]
    copies = schema.empty_table()
    if not todo or "producer" not in schema.names:
        return copies
    columns = list(origin(todo[0]))
    missing: dict[tuple[Any, ...], list[int]] = {}
    for item in todo:
        missing.setdefault(tuple(origin(item)[name] for name in columns), []).append(item.image_id)
    ids = pa.array([item.image_id for item in todo], pa.int64())
    photos = tables.read("raw_images", album_id, ["image_id", "sha256"])
    pictures = photos.filter(pc.is_in(photos["image_id"], ids))["sha256"].drop_null()
    albums = {
        partition.removesuffix(_LEFT) for partition in tables.albums_with(pictures.to_pylist())
    }
    # A row that leaves an album lies with those that left, or does so once this table's turn comes.
    for partition in sorted(each for album in albums for each in (album, left_partition(album))):
        origins = tables.read(table, partition, [*columns, "error"]).to_pylist()
        found = {
            row_number: missing.pop(key)
            for row_number, row in enumerate(origins)
            if row["error"] is None and (key := tuple(row[name] for name in columns)) in missing
        }
        if found:
            rows = tables.read(table, partition).take(
                [at for at, ids in found.items() for _ in ids]
            )
            ids = pa.array([image_id for ids in found.values() for image_id in ids], pa.int64())
            copies = pa.concat_tables([copies, rows.set_column(0, "image_id", ids)])
    return copies


def _alike(
    table: str, items: Sequence[Item], origin: Callable[[Item], Row]
) -> dict[int, list[Item]]:
    """The items that one row does for, which is made from the first, by the image_id of that.

    Derived rows of the same origin are the same, as of copies of one photo in an album.
    """
    if "producer" not in SCHEMAS[table].names:
        return {item.image_id: [item] for item in items}
    by_origin: dict[tuple[Any, ...], list[Item]] = {}
    for item in items:
        by_origin.setdefault(tuple(origin(item).values()), []).append(item)
    return {alike[0].image_id: alike for alike in by_origin.values()}


def _row(
    item: HasImageId, origin: Row, result: Row | PhotoError, attempts: int, run_id: str | None
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "image_id": item.image_id,
        **origin,
        "attempts": attempts,
        "created_at": utc_now(),
        "run_id": run_id,
    }
    if isinstance(result, PhotoError):
        return row | {"error": str(result), "retryable": result.transient}
    return row | dict(result)


def _in_order(rows: pa.Table, wanted: Sequence[HasImageId]) -> pa.Table:
    position = {image_id: row for row, image_id in enumerate(rows["image_id"].to_pylist())}
    order = [position[item.image_id] for item in wanted if item.image_id in position]
    return rows.take(pa.array(order, pa.int64()))
