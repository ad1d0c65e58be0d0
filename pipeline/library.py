"""The library that the settings name: its albums, photos and stages."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import pyarrow as pa

from pipeline.errors import AlbumError, AlbumscopeError
from pipeline.incremental import Row
from pipeline.settings import Settings
from pipeline.stages import (
    CaptionEmbeddings,
    ExifMetadata,
    LlmCaptions,
    RawImages,
    SiglipEmbeddings,
    Stage,
)
from pipeline.store import Store
from pipeline.tables import ALBUM_TABLES

Progress = Callable[[str, str, int], object]
"""Told of photos as they are done: which table, the album's title, how many."""


class Library:
    """The albums, photos and stages of one DATA_DIR."""

    def __init__(self, settings: Settings, on_progress: Progress = lambda *done: None) -> None:
        self.on_progress = on_progress
        self.settings = settings
        self.store = Store(settings.data_dir)

    @cached_property
    def stages(self) -> dict[str, Stage[Any]]:
        """The stages by table, in the order in which a run goes through them."""
        kinds = (RawImages, ExifMetadata, LlmCaptions, SiglipEmbeddings, CaptionEmbeddings)
        return {kind.table: kind(self.store, self.settings) for kind in kinds}

    def albums(self) -> list[dict[str, Any]]:
        """The rows of table ``albums``, in the order in which they were found."""
        return list(self.store.read_all("albums").to_pylist())

    def album(self, album_id: str) -> Row:
        """One row of table ``albums``. Raises AlbumscopeError for an unknown id."""
        for row in self.albums():
            if row["album_id"] == album_id:
                return row
        raise AlbumscopeError(f"No album {album_id!r}: `albumscope albums` lists the ids")

    def replace_albums(self, source: str, albums: pa.Table) -> None:
        """Write the albums of one source; the file is left alone if it says the same already."""
        if not albums.equals(self.store.read("albums", source)):
            self.store.write("albums", source, albums)

    def drop_left_albums(self) -> None:
        """Delete the files of albums that left the catalogue, and of photos that left an album.

        This waits until a snapshot is published, so that albums and photos that merely moved find
        their rows again.
        """
        catalogued = {album["album_id"] for album in self.albums()}
        for table in ALBUM_TABLES:
            for part in self.store.parts(table):
                if part not in catalogued:
                    self.store.drop_album(part)

    def has_work(self, album: Row) -> bool:
        """Whether any table lacks rows for this album. Opens no photo and no model."""
        return any(not stage.plan(album).is_done for stage in self.stages.values() if stage.active)

    def status(self, album: Row) -> dict[str, dict[str, int]]:
        """By table, how many photos of an album are done, missing and failed."""
        counts = {}
        for table, stage in self.stages.items():
            try:
                plan = stage.plan(album)
            except AlbumError:  # its folder is away: what is known is what was there
                rows = self.store.read(table, album["album_id"], ["error"])
                done = rows["error"].null_count
                counts[table] = {"done": done, "missing": 0, "failed": rows.num_rows - done}
                continue
            missing = plan.missing if stage.active else 0
            counts[table] = {"done": plan.done, "missing": missing, "failed": plan.failed}
        return counts

    def failures(self, album: Row) -> list[dict[str, Any]]:
        """The photos of an album that failed: where, at which stage, why, how often tried."""
        names = {
            row["image_id"]: row["relative_path"]
            for row in self.store.read(
                "raw_images", album["album_id"], ["image_id", "relative_path"]
            ).to_pylist()
        }
        return [
            {
                "photo": names.get(row["image_id"], str(row["image_id"])),
                "stage": table,
                "reason": row["error"],
                "attempts": row["attempts"],
            }
            for table in ALBUM_TABLES
            for row in self.store.read(
                table, album["album_id"], ["image_id", "error", "attempts"]
            ).to_pylist()
            if row["error"] is not None
        ]

    def work(self, album: Row) -> dict[str, Any]:
        """What a sync would do for an album, in photos. Opens no photo and no model."""
        raw = self.stages["raw_images"].plan(album)

        def to_make(table: str) -> int:
            stage = self.stages[table]
            # photos that are new to raw_images are new to this table too
            return len(raw.todo) + len(stage.plan(album).todo) if stage.active else 0

        return {
            "album_id": album["album_id"],
            "title": album["title"],
            "new": len(raw.todo),
            "kept": len(raw.kept),
            "removed": raw.removed,
            "to_describe": to_make("llm_captions"),
            "to_embed": to_make("siglip_embeddings"),
        }

    def synced(self, album_id: str) -> int:
        """How many photos of an album can be found by what they show."""
        rows = self.store.read("siglip_embeddings", album_id, ["error"])
        return int(rows["error"].null_count)
