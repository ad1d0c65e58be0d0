"""The vectors of the Flickr scripts: kept where they are what would be made of the pictures now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.library.library import Library
from pipeline.library.schemas import SCHEMAS
from pipeline.models.encoders import Vectors, unit_rows
from pipeline.models.encoders.loading import load_encoder
from pipeline.moving import NotTaken
from pipeline.moving.opening import ask_duckdb
from pipeline.photos.decoding import open_photo
from pipeline.photos.files import printable
from pipeline.rows import utc_now
from pipeline.sources.flickr.parsing import FlickrPhoto

AGREE = 0.999
"""The cosine that a vector has to one made anew, if model and preparation of the photo are ours."""
_COMPARED = 8
_TABLE = "siglip_embeddings"


@dataclass(frozen=True)
class OldPicture:
    """A picture of theirs, and the photo that it becomes."""

    row: int
    photo: FlickrPhoto
    file: Path
    key: str
    """Where a download would put it."""
    size: int  # bytes

    @property
    def image_id(self) -> int:
        """Flickr's own id."""
        return int(self.photo.photo_id)


class OldVectors:
    """The vectors in a database of theirs."""

    def __init__(self, library: Library, database: Path) -> None:
        self._library = library
        self._database = database

    @cached_property
    def models(self) -> list[str]:
        """The names of the models that there are vectors of."""
        tables = "FROM duckdb_tables() WHERE table_name = 'image_embeddings'"
        if not ask_duckdb(self._database, tables).num_rows:
            return []
        names = "SELECT DISTINCT model_name FROM image_embeddings ORDER BY ALL"
        return [each for each in self._column(names, "model_name") if each]

    @cached_property
    def model(self) -> str | None:
        """That of them which is the chosen one; a folder goes by its last name."""
        chosen = PurePosixPath(self._library.settings.embed_model)
        return next((each for each in self.models if PurePosixPath(each).name == chosen.name), None)

    @cached_property
    def _embedded(self) -> set[int]:
        """The rows of which there is a vector of this model."""
        if self.model is None:
            return set()
        rows = "SELECT DISTINCT image_id FROM image_embeddings WHERE model_name = ?"
        return set(self._column(rows, "image_id", self.model))

    def _column(self, query: str, name: str, *values: object) -> list[Any]:
        column: list[Any] = ask_duckdb(self._database, query, values)[name].to_pylist()
        return column

    def missing(self, album_id: str, pictures: Iterable[OldPicture]) -> list[OldPicture]:
        """Those of an album's pictures that have a vector here and none in the library."""
        there = self._library.tables.read(_TABLE, album_id, ["image_id"])
        known = set(there["image_id"].to_pylist())
        return [
            each for each in pictures if each.row in self._embedded and each.image_id not in known
        ]

    def least_cosine(self, pictures: Sequence[OldPicture]) -> float:
        """The least one of some vectors to those of the same pictures made now; 1 if none is sound.

        The pictures are taken whole, as theirs were: decoded at a fraction of their size, as a sync
        does it, they have a cosine of about 0.999 to themselves.
        """
        vectors = self._sound(pictures[:: max(1, len(pictures) // _COMPARED)])
        if not vectors:
            return 1.0
        encoder = load_encoder(self._library.settings.embed_model, self._library.settings.device)
        compared = [each for each in pictures if each.row in vectors][:_COMPARED]
        images = [open_photo(each.file) for each in compared]  # whole, as theirs were
        made = encoder.encode_images(images)
        theirs = np.stack([vectors[each.row] for each in compared])
        return float((made * theirs).sum(axis=1).min()) if made.shape == theirs.shape else -1.0

    def take(self, album_id: str, pictures: Sequence[OldPicture]) -> list[NotTaken]:
        """Write those of the pictures that the library has; returns which are unsound."""
        tables, stage = self._library.tables, self._library.stages[_TABLE]
        vectors = self._sound(pictures)
        columns = ["image_id", "sha256", "file_size_bytes", "error"]
        photos = {
            row["image_id"]: row
            for row in tables.read("raw_images", album_id, columns).to_pylist()
            if row["error"] is None
        }
        rows, not_taken = [], []
        for picture in pictures:
            photo = photos.get(picture.image_id)
            if picture.row not in vectors:
                reason = "its vector is of another length or no number, and is made anew"
                not_taken.append(NotTaken(picture.row, printable(picture.file), reason))
            elif photo and photo["file_size_bytes"] == picture.size:
                rows.append(
                    {
                        "image_id": picture.image_id,
                        "sha256": photo["sha256"],
                        "producer": stage.producer,
                        "model_name": self._library.settings.embed_model,
                        "embedding": vectors[picture.row],
                        "attempts": 1,
                        "created_at": utc_now(),
                    }
                )
        taken = pa.Table.from_pylist(rows, schema=SCHEMAS[_TABLE])
        tables.write(_TABLE, album_id, pa.concat_tables([tables.read(_TABLE, album_id), taken]))
        return not_taken

    def _sound(self, pictures: Sequence[OldPicture]) -> dict[int, NDArray[np.float32]]:
        """Their vectors by row, made to be of length 1; those that are unsound are left out."""
        found = ask_duckdb(
            self._database,
            "SELECT image_id, embedding::FLOAT[] AS embedding FROM image_embeddings"
            " WHERE model_name = ? AND list_contains(?::BIGINT[], image_id)",
            [self.model, [each.row for each in pictures]],
        )
        vectors = {
            row: vector.values.to_numpy(zero_copy_only=False)
            for row, vector in zip(found["image_id"].to_pylist(), found["embedding"], strict=True)
            if vector.is_valid and len(vector)
        }
        lengths = [len(vector) for vector in vectors.values()]
        usual = max(set(lengths), key=lengths.count, default=0)
        sound = {
            row: vector
            for row, vector in vectors.items()
            if len(vector) == usual and np.isfinite(vector).all() and vector.any()
        }
        unit: Iterable[Vectors] = unit_rows(np.stack([*sound.values()])) if sound else ()
        return dict(zip(sound, unit, strict=True))
