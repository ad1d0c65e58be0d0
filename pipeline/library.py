"""The library that the settings name: its albums, photos and stages."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import pyarrow as pa

from pipeline.errors import AlbumscopeError
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

    def albums_with_files(self) -> set[str]:
        """The albums that any table has a file of, also those that left the catalogue."""
        return {album_id for table in ALBUM_TABLES for album_id in self.store.parts(table)}

    def has_work(self, album: Row) -> bool:
        """Whether any table lacks rows for this album. Opens no photo and no model."""
        return any(not stage.plan(album).is_done for stage in self.stages.values() if stage.active)
