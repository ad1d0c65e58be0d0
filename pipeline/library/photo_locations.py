"""In which albums' files of ``raw_images`` each photo has a row."""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.library.incremental import left_partition
from pipeline.library.tables import Tables
from pipeline.sources import PhotoRow

_TABLE = "raw_images"
_COLUMNS = (
    *("image_id", "source", "secret", "path", "sha256", "image_url", "downloaded_at", "error"),
)


class PhotoLocations:
    """Finds rows of photos in any album, and opens no file in vain.

    The ids in all files are read once, when they are first asked for; ``take_up`` adds those that
    this process writes. What others write meanwhile is not seen: a photo that they bring in may be
    brought in once more.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._partitions: dict[int, list[str]] | None = None

    def rows_of(self, image_ids: Collection[int]) -> list[PhotoRow]:
        """The rows of these photos, of each album that they are in."""
        if self._partitions is None:
            self._partitions = {}
            for partition in self._tables.partitions(_TABLE):
                self._add(self._partitions, partition)
        found = {each for key in image_ids for each in self._partitions.get(key, ())}
        ids = pa.array(image_ids, pa.int64())
        rows: list[PhotoRow] = []
        for partition in sorted(found):
            table = self._tables.read(_TABLE, partition, _COLUMNS)
            rows += table.filter(pc.is_in(table["image_id"], ids)).to_pylist()
        return rows

    def take_up(self, album_id: str) -> None:
        """Note the photos of an album whose file was written, and those that left it."""
        if self._partitions is not None:
            for partition in (album_id, left_partition(album_id)):
                self._add(self._partitions, partition)

    def _add(self, partitions: dict[int, list[str]], partition: str) -> None:
        for image_id in self._tables.read(_TABLE, partition, ["image_id"])["image_id"].to_pylist():
            known = partitions.setdefault(image_id, [])
            if partition not in known:
                known.append(partition)
