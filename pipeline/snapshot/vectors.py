"""The vectors of a snapshot: one kind for the photos, one for their captions.

::

    <kind>.parquet       the vectors that were there when the index was built, in its order
    <kind>.faiss         their index
    <kind>-new.parquet   those that came since, likewise
    <kind>-new.faiss

A new snapshot takes over the large files of the one before as hard links, and writes anew those of
what came since; only when that, or what is out of date, has become too much is everything built
anew. Table ``internal.<kind>_places`` of the catalogue says which photo each vector is of, as its
``place`` in one file after the other; a vector out of date has no row there.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from pipeline.snapshot import index_file
from pipeline.snapshot.vector_index import VectorIndex


@dataclass(frozen=True)
class Kind:
    """One kind of vectors: the name of its files, of its view in the catalogue, of its table."""

    name: str
    view: str
    table: str

    @property
    def places(self) -> str:
        """The table that says which photo each vector is of."""
        return f"internal.{self.name}_places"

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files."""
        return tuple(
            f"{self.name}{age}{ending}" for age in ("", "-new") for ending in (".parquet", ".faiss")
        )


KINDS = (
    Kind("images", "image_embeddings", "siglip_embeddings"),
    Kind("captions", "caption_embeddings", "caption_embeddings"),
)


def read(
    kind: Kind, connection: duckdb.DuckDBPyConnection, folder: Path, photos: int
) -> VectorIndex:
    """Open the indexes of a kind. Raises RuntimeError for a damaged one, OSError for a missing."""
    files = [index_file.read(folder / name) for name in kind.files if name.endswith(".faiss")]
    rows = np.full(sum(map(len, files)), -1, np.int64)
    row_of_place = connection.execute(
        f"SELECT place, images.rowid AS row FROM {kind.places} JOIN images USING (image_id)"
    ).fetchnumpy()
    rows[row_of_place["place"]] = row_of_place["row"]
    return VectorIndex(files, rows, photos)
