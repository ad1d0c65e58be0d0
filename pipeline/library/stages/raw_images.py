"""The photos of an album, where they can be opened."""

import math
from collections.abc import Callable, Collection, Sequence
from functools import cached_property, partial
from typing import Any

import pyarrow.compute as pc
from typing_extensions import override

from pipeline.errors import AlbumError, CaptionerError, PhotoError
from pipeline.library import incremental
from pipeline.library.incremental import Counts, Plan
from pipeline.library.photo_locations import PhotoLocations
from pipeline.library.stages.stage import Made, Stage
from pipeline.library.tables import Tables
from pipeline.rows import Row
from pipeline.settings import Settings
from pipeline.sources import Album, PhotoRow, Source, SourcePhoto
from pipeline.sources.registry import open_sources


class RawImages(Stage[SourcePhoto]):
    """The album's photos, where they can be opened."""

    table = "raw_images"

    def __init__(self, tables: Tables, settings: Settings) -> None:
        super().__init__(tables, settings)
        self.sources = open_sources(tables.storage, settings)
        self._locations = PhotoLocations(tables)

    @override
    def wanted(self, album: Album) -> Sequence[SourcePhoto]:
        return self.source_of(album).photos(album)

    @override
    def origin(self, item: SourcePhoto) -> Row:
        return item.origin()

    @override
    def make(self, album: Album, items: Sequence[SourcePhoto]) -> Made[SourcePhoto]:
        source = self.source_of(album)
        for item, row in source.fetch(album, items, partial(self._known_rows, source)):
            yield item, row if isinstance(row, PhotoError) else {**row, "source": source.name}

    @override
    def refresh(
        self,
        album: Album,
        progress: Callable[[int], object] = lambda photos: None,
        run_id: str | None = None,
        unavailable: CaptionerError | None = None,
        until: float = math.inf,
    ) -> Counts:
        try:
            return super().refresh(album, progress, run_id, unavailable, until)
        finally:
            self._locations.take_up(album["album_id"])

    def source_of(self, album: Album) -> Source[Any]:
        """Where an album comes from. Raises AlbumError if there is no such source any more."""
        try:
            return self.sources[album["source"]]
        except KeyError:
            raise AlbumError(
                "Album {album!r} comes from {source!r}, which is not among the sources of photos:"
                " {sources}",
                album=album["title"],
                source=album["source"],
                sources=", ".join(self.sources),
            ) from None

    def needs_listing(self, album: Album) -> bool:
        """Whether the source has to be asked before anyone can say what there is to do."""
        return self.source_of(album).needs_listing(album)

    @override
    def update_listing(self, album: Album) -> None:
        """Ask the source what the album holds now. Photos that it refused get another chance."""
        source = self.source_of(album)
        source.update_listing(album)
        if not source.is_remote:
            return
        rows = self.tables.read(self.table, album["album_id"])
        given_up = pc.or_kleene(
            pc.equal(rows["retryable"], False),
            pc.greater_equal(rows["attempts"], incremental.MAX_ATTEMPTS),
        )
        refused = pc.and_kleene(pc.is_valid(rows["error"]), given_up)
        kept = rows.filter(pc.invert(refused))
        if kept.num_rows < rows.num_rows:
            self.tables.write(self.table, album["album_id"], kept)

    def plan_now(self, album: Album) -> Plan[SourcePhoto]:
        """What would be to do if the source were asked now; remembers nothing of it."""
        return self.plan(album, self.source_of(album).photos_now(album))

    def downloads(self, album: Album, plan: Plan[SourcePhoto]) -> tuple[int, int]:
        """How many pictures a plan has downloaded, and about how many bytes that is.

        Sources tell no sizes: those of the pictures that are here already are taken as typical.
        """
        source = self.source_of(album)
        pictures = source.downloads(plan.todo, partial(self._known_rows, source))
        each = self._mean_bytes.get(source.name) or source.typical_bytes if pictures else 0
        return pictures, round(pictures * each)

    def _known_rows(self, source: Source[Any], image_ids: Collection[int]) -> list[PhotoRow]:
        rows = self._locations.rows_of(image_ids)
        return [row for row in rows if row["source"] == source.name and row["error"] is None]

    @cached_property
    def _mean_bytes(self) -> dict[str, float]:
        """By source, the mean size of its photos' files; None where none has one."""
        rows = self.tables.read_all(self.table, ["source", "file_size_bytes"])
        means = rows.group_by("source").aggregate([("file_size_bytes", "mean")])
        return {row["source"]: row["file_size_bytes_mean"] for row in means.to_pylist()}
