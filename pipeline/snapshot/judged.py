"""The queries that people judged themselves, ``DATA_DIR/queries.toml``.

::

    [[query]]
    words = "boats on a lake"
    photos = ["Nature Walks 2018/lake.jpg", "Boats at dawn", 52812345678]

A photo is named by its file with as many of its folders as are needed, by its title or by its
``image_id``. A name that several photos have means all of them.
"""

import unicodedata
from collections.abc import Sequence
from pathlib import PurePath
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from pipeline.snapshot.reading import Snapshot
from pipeline.storage import Storage
from pipeline.storage.entries import read_entries

KEY = "queries.toml"

_Words = Annotated[str, Field(min_length=1)]


class JudgedQuery(BaseModel):
    """Words, and photos of which each is right for them."""

    model_config = ConfigDict(extra="forbid")

    words: _Words
    photos: Annotated[list[int | _Words], Field(min_length=1)]


class Judgement(NamedTuple):
    """How a query did. ``rank`` counts from 1 and is of the first right photo, None if none came.

    ``unknown`` are the names of photos that the library does not have.
    """

    query: JudgedQuery
    rank: int | None
    unknown: Sequence[str | int]

    @property
    def counts(self) -> bool:
        """Whether the library has any photo that is right."""
        return len(self.unknown) < len(self.query.photos)


def judged_queries(storage: Storage) -> list[JudgedQuery]:
    """Read queries.toml; without the file there are none. Raises AlbumscopeError if it is wrong."""
    return read_entries(storage, KEY, "query", JudgedQuery)


def judge(snapshot: Snapshot, query: JudgedQuery, found: Sequence[int]) -> Judgement:
    """Hold the ids of the photos that a query found, the best first, against what is right."""
    named = {name: _photos(snapshot, name) for name in query.photos}
    right = set().union(*named.values())
    rank = next((rank for rank, image_id in enumerate(found, 1) if image_id in right), None)
    return Judgement(query, rank, [name for name, photos in named.items() if not photos])


def mean_reciprocal_rank(judgements: Sequence[Judgement]) -> float:
    """The mean of 1 / rank, 0 for queries that found nothing right (Voorhees, 1999)."""
    return sum(1 / each.rank for each in judgements if each.rank) / len(judgements)


def _photos(snapshot: Snapshot, name: str | int) -> set[int]:
    """The ids of the photos that a person means."""
    parts = PurePath(str(name)).parts
    candidates = snapshot.cursor().execute(
        f"""
        SELECT image_id, path, image_id::VARCHAR = $name OR {_same("title", "$name")}
        FROM images WHERE image_id::VARCHAR = $name OR {_same("title", "$name")}
                          OR {_same("local_filename", "$file")}
        """,
        {"name": str(name), "file": parts[-1] if parts else ""},
    )
    return {
        image_id
        for image_id, path, is_meant in candidates.fetchall()
        if is_meant or _ends_with(PurePath(snapshot.located(path)).parts, parts)
    }


def _same(column: str, wanted: str) -> str:
    return f"nfc_normalize(lower({column})) = nfc_normalize(lower({wanted}))"


def _ends_with(path: Sequence[str], end: Sequence[str]) -> bool:
    """Whether the last folders of a path, and its file, are these, in any case."""
    return [_folded(part) for part in path[-len(end) :]] == [_folded(part) for part in end]


def _folded(part: str) -> str:
    return unicodedata.normalize("NFC", part.lower())
