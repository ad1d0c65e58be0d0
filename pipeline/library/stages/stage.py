"""What all stages have in common, and those that have a row for each photo."""

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Generic

from typing_extensions import override

from pipeline.errors import CaptionerError, PhotoError
from pipeline.library import incremental
from pipeline.library.incremental import Counts, Item, Plan
from pipeline.library.tables import Tables
from pipeline.photos.files import photo_file
from pipeline.photos.look_ahead import map_ahead
from pipeline.rows import Row
from pipeline.settings import Settings
from pipeline.sources import Album

DECODING_THREADS = os.cpu_count() or 2

Made = Iterable[tuple[Item, Row | PhotoError]]


@dataclass(frozen=True)
class Photo:
    """A photo that raw_images found to be readable; see ``photo_file`` for its ``path``."""

    image_id: int
    sha256: str
    path: bytes
    title: str
    """That which counts, as far as ``exif_metadata`` is there."""
    sidecars: str | None


def readable_photos(tables: Tables, album_id: str) -> list[Photo]:
    """The photos of an album that raw_images could read, in the album's order."""
    versions = [tables.version(table, album_id) for table in ("raw_images", "exif_metadata")]
    return list(_readable_photos(tables, album_id, *versions))


@lru_cache(maxsize=1)  # the stages of one album all ask
def _readable_photos(tables: Tables, album_id: str, *versions: str) -> list[Photo]:
    """``versions`` are those of the files: others have to be read."""
    columns = ["image_id", "sha256", "path", "title", "file_title", "sidecars", "error"]
    said = tables.read("exif_metadata", album_id, ["image_id", "title"]).to_pydict()
    titles = dict(zip(said["image_id"], said["title"], strict=True))
    return [
        Photo(
            row["image_id"],
            row["sha256"],
            row["path"],
            row["title"] or titles.get(row["image_id"]) or row["file_title"] or "",
            row["sidecars"],
        )
        for row in tables.read("raw_images", album_id, columns).to_pylist()
        if row["error"] is None
    ]


class Stage(Generic[Item]):
    """One table: which rows an album should have, what they are made from, and how."""

    table: ClassVar[str]

    def __init__(self, tables: Tables, settings: Settings) -> None:
        self.tables = tables
        self.settings = settings

    @property
    def producer(self) -> str:
        """Who makes the rows: model name and code version."""
        return self.table

    @property
    def inputs(self) -> str:
        """What is another whenever rows of photos that are the same should be."""
        return ""

    @property
    def active(self) -> bool:
        """Whether the settings ask for this table; if not, its files are left as they are."""
        return True

    @property
    def is_slow(self) -> bool:
        """Whether a photo takes so much longer than to embed that a first snapshot comes before."""
        return False

    def wanted(self, album: Album) -> Sequence[Item]:
        """The items that the album should have rows for, in order."""
        raise NotImplementedError

    def origin(self, item: Item) -> Row:
        """The values that this item's row is made from."""
        raise NotImplementedError

    def make(self, album: Album, items: Sequence[Item]) -> Made[Item]:
        """Make the rows of these items, lazily and in order."""
        raise NotImplementedError

    def plan(self, album: Album, wanted: Sequence[Item] | None = None) -> Plan[Item]:
        """What is to be done for an album; ``wanted`` is, unless given, as far as is known without
        asking anybody."""
        if wanted is None:
            wanted = self.wanted(album)
        origin_columns = self.origin(wanted[0]) if wanted else []
        columns = dict.fromkeys(["image_id", *origin_columns, "error", "attempts", "retryable"])
        existing = self.tables.read(self.table, album["album_id"], list(columns))
        return incremental.plan(existing, wanted, self.origin)

    def update_listing(self, album: Album) -> None:
        """Ask what there is to make rows for, where that is not known from other tables."""

    def refresh(
        self,
        album: Album,
        progress: Callable[[int], object] = lambda photos: None,
        run_id: str | None = None,
        unavailable: CaptionerError | None = None,
        until: float = math.inf,
    ) -> Counts:
        """Bring the album's file up to date; ``progress`` is told how many photos of it are done.

        Unless the settings ask for this table nothing is done.

        ``run_id`` is the Dagster run that does so, if one does. What was ``unavailable`` to another
        album of the run is not tried once more: nothing is made then. From ``until`` on, a time of
        ``time.perf_counter()``, nothing more is made either.
        """

        def make(items: Sequence[Item]) -> Made[Item]:
            if unavailable:
                raise unavailable
            return self.make(album, items)

        if not self.active:
            return Counts()
        self.update_listing(album)
        return incremental.refresh(
            self.tables,
            self.table,
            album["album_id"],
            self.wanted(album),
            self.origin,
            make,
            progress=progress,
            run_id=run_id,
            until=until,
        )


class StageOfPhotos(Stage[Photo]):
    """A table with a row for each readable photo, made from its bytes by a producer."""

    look_ahead: ClassVar[int] = 2 * DECODING_THREADS
    """How many rows may wait to be taken, where each is made by itself."""

    @override
    def wanted(self, album: Album) -> Sequence[Photo]:
        return readable_photos(self.tables, album["album_id"])

    @override
    def origin(self, item: Photo) -> Row:
        return {"sha256": item.sha256, "producer": self.producer}

    @override
    def make(self, album: Album, items: Sequence[Photo]) -> Made[Photo]:
        return map_ahead(self.row, items, threads=DECODING_THREADS, look_ahead=self.look_ahead)

    def row(self, photo: Photo) -> Row:
        """Make the row of one photo by itself; may run on several threads. Raises PhotoError."""
        raise NotImplementedError

    def file(self, photo: Photo) -> str:
        """The photo's file on this disk. Raises PhotoError."""
        return photo_file(self.tables.storage, photo.path, photo.sha256)
