"""What people have marked of the photos of a catalogue: the last word on each.

Table ``retagged`` of a snapshot has the photos whose tags people changed, with all tags that they
then have. Other marks are no part of a snapshot: who searches looks up those that there are now.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.library.marks import TAGS, Mark, plain_tag
from pipeline.snapshot.affected import affecting

if TYPE_CHECKING:
    from pipeline.library.library import Library

TABLES = """
    CREATE TABLE retagged (image_id BIGINT, tags VARCHAR[], caption_tags VARCHAR[]);
"""


class Retagged(NamedTuple):
    """A photo whose tags people changed, and its row in table ``images``.

    ``tags`` are its own and those that people added, ``caption_tags`` those of its caption; neither
    has those that people removed.
    """

    image_id: int
    row: int
    tags: Sequence[str]
    caption_tags: Sequence[str]

    @property
    def all_tags(self) -> Sequence[str]:
        """Those of both."""
        return (*self.tags, *self.caption_tags)

    @property
    def plain(self) -> Iterator[str]:
        """All tags, as they are compared."""
        return map(plain_tag, self.all_tags)


@dataclass(frozen=True)
class LastWords:
    """The marks that count: arrays of one length, with a photo's id and row, and a mark's number.

    A photo is there as often as it has keys (users, or tags).
    """

    image_ids: NDArray[np.int64]
    rows: NDArray[np.int64]
    marks: NDArray[np.int64]

    def __getitem__(self, wanted: NDArray[np.bool_]) -> "LastWords":
        """Those of some marks, given as a mask of all."""
        some = wanted[self.marks]
        return LastWords(self.image_ids[some], self.rows[some], self.marks[some])


def last_words(
    connection: duckdb.DuckDBPyConnection, marks: Sequence[Mark], keys: Sequence[str]
) -> LastWords:
    """The marks that count, each the last one with its key on its photo, in their order."""
    if not marks:  # as in most libraries; Arrow would load pandas to look at empty lists
        return LastWords(*(np.empty(0, np.int64) for _ in range(3)))
    counts = np.array([len(mark.image_id) for mark in marks], np.int64)
    codes = {key: code for code, key in enumerate(dict.fromkeys(keys))}
    said = pa.table(
        {
            "mark": np.repeat(np.arange(len(marks)), counts),
            "key": np.repeat(np.array([codes[key] for key in keys], np.int64), counts),
            "sha256": pa.array([each for mark in marks for each in mark.sha256], pa.string()),
            "id": pa.array([each for mark in marks for each in mark.image_id], pa.int64()),
        }
    )
    connection.register("said", said)
    found = connection.execute(
        """
        SELECT image_id, any_value(row) AS row, max(mark) AS mark FROM (
            SELECT image_id, images.rowid AS row, key, mark FROM said JOIN images USING (sha256)
            UNION ALL
            SELECT image_id, images.rowid, key, mark
            FROM (FROM said ANTI JOIN images USING (sha256)) JOIN images ON image_id = id
        ) GROUP BY image_id, key ORDER BY mark
        """
    ).fetchnumpy()
    connection.unregister("said")
    return LastWords(*(found[name].astype(np.int64) for name in ("image_id", "row", "mark")))


def retagged(connection: duckdb.DuckDBPyConnection, marks: Sequence[Mark]) -> list[Retagged]:
    """The photos of a catalogue whose tags people changed by these marks."""
    if not marks:
        return []
    words = last_words(connection, marks, [plain_tag(mark.tag) for mark in marks])
    said: dict[int, list[Mark]] = defaultdict(list)
    for row, mark in zip(words.rows.tolist(), words.marks.tolist(), strict=True):
        said[row].append(marks[mark])
    connection.register("said", pa.table({"row": np.fromiter(said, np.int64)}))
    found = connection.execute(
        """
        SELECT image_id, images.rowid AS row, coalesce(images.tags, []),
               coalesce(captions.tags, [])
        FROM images SEMI JOIN said ON images.rowid = said.row
             LEFT JOIN captions USING (image_id)
        """
    ).fetchall()
    connection.unregister("said")
    return [Retagged(image_id, row, *_now(said[row], *tags)) for image_id, row, *tags in found]


def _now(
    said: Sequence[Mark], tags: Sequence[str], caption_tags: Sequence[str]
) -> tuple[Sequence[str], Sequence[str]]:
    """The tags of a photo and of its caption, after what was said of them."""
    removed = {plain_tag(mark.tag) for mark in said if not mark.is_on}
    own = [tag for tag in tags if plain_tag(tag) not in removed]
    captioned = [tag for tag in caption_tags if plain_tag(tag) not in removed]
    known = {plain_tag(tag) for tag in (*own, *captioned)}
    own += [mark.tag for mark in said if mark.is_on and plain_tag(mark.tag) not in known]
    return own, captioned


def update(connection: duckdb.DuckDBPyConnection, library: "Library") -> None:
    """Make table ``retagged`` anew.

    The photos that have other tags now are added to table ``memory.affected``.
    """
    photos = retagged(connection, TAGS.entries(library.storage))
    schema = pa.schema(
        [
            ("image_id", pa.int64()),
            ("tags", pa.list_(pa.string())),
            ("caption_tags", pa.list_(pa.string())),
        ]
    )
    rows = pa.Table.from_pylist([photo._asdict() for photo in photos], schema)
    with affecting(connection, "FROM retagged"):
        connection.execute("DELETE FROM retagged")
        connection.register("news", rows)
        connection.execute("INSERT INTO retagged FROM news")
        connection.unregister("news")
