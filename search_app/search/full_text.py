"""Which photos have the words of a query in their texts, and how much they are about them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.snapshot import fulltext, index_file
from pipeline.snapshot.reading import Snapshot
from search_app.search.filters import Mask

_K1, _B = 1.2, 0.75  # BM25's usual parameters


@dataclass(frozen=True)
class WordCounts:
    """How much each of some words counts for each of some photos.

    ``counts`` has shape (photos, words): 0 where the photo's texts do not have the word, 1 where
    people wrote it, ``MODELS_WORD`` where only a model says it. ``rows`` are those of the photos in
    table ``images``. Of the ``photos`` of the library ``photos_with`` have each word, shape
    (words,).
    """

    words: Sequence[str]
    photos: int
    photos_with: NDArray[np.int64]
    rows: NDArray[np.int64]
    counts: NDArray[np.float32]

    def of(self, row: int) -> set[str]:
        """The words that a photo has."""
        has = self.counts[np.flatnonzero(self.rows == row)[0]]
        return {word for word, count in zip(self.words, has.tolist(), strict=True) if count}

    def with_meant(self, meant: Mapping[int, Collection[str]]) -> "WordCounts":
        """The same, where photos by their row also fit words as if people had written them."""
        counts = self.counts.copy()
        column = {word: at for at, word in enumerate(self.words)}
        place = {row: at for at, row in enumerate(self.rows.tolist())} if meant else {}
        for row in meant.keys() & place.keys():
            counts[place[row], [column[word] for word in meant[row] if word in column]] = 1
        return replace(self, counts=counts)


@dataclass(frozen=True)
class Occurrences:
    """In which photos words occur.

    The first three are as in ``WordCounts``. The others have shape (n,), an element for each photo
    and word that it has: its row of ``images``, the place of the word in ``words``, how often it
    occurs, a model's words counting less, and whether people wrote it.
    """

    words: Sequence[str]
    photos: int
    photos_with: NDArray[np.int64]
    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    frequencies: NDArray[np.float64]
    by_people: NDArray[np.bool_]

    def of(self, rows: NDArray[np.int64]) -> WordCounts:
        """What the photos in some rows have."""
        counts = np.zeros((len(rows), len(self.words)), np.float32)
        if len(rows):
            order = np.argsort(rows)
            at = order[np.searchsorted(rows, self.rows, sorter=order).clip(max=len(rows) - 1)]
            among = rows[at] == self.rows
            counts[at[among], self.places[among]] = np.where(
                self.by_people[among], 1, fulltext.MODELS_WORD
            )
        return WordCounts(self.words, self.photos, self.photos_with, rows, counts)


class _Documents(NamedTuple):
    """Which ``rows`` of ``images`` the index's documents are, by their number; how many words each
    photo has, shape (photos,); and how many ``photos`` there are, and words on ``average``."""

    rows: NDArray[np.int64]
    lengths: NDArray[np.int64]
    photos: int
    average: float


class FullText:
    """The full-text index of a snapshot, with the tables that DuckDB's extension makes.

    It may serve many threads.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def occurrences(self, words: Collection[str]) -> Occurrences:
        """In which photos these words occur, as ``fulltext.query_words`` gives them."""
        asked = sorted(set(words))
        place = {word: at for at, word in enumerate(asked)}
        cursor = self._snapshot.cursor()
        # Not as a parameter: DuckDB imports pandas, a third of a second, to look at one.
        literals = ", ".join("'" + word.replace("'", "''") + "'" for word in asked) or "NULL"
        known = cursor.execute(
            f"SELECT termid, term, df FROM {fulltext.INDEX}.dict WHERE term IN ({literals})"
        ).fetchall()
        photos_with = np.zeros(len(asked), np.int64)
        place_of = np.zeros(1 + max((number for number, _, _ in known), default=0), np.int64)
        for number, word, count in known:
            place_of[number] = place[word]
            photos_with[place[word]] = count
        numbers = ", ".join(str(number) for number, _, _ in known) or "NULL"
        found = cursor.execute(
            f"""
            SELECT docid, termid, bool_or(field <> 'caption') AS by_people,
                   sum(if(field = 'caption', {fulltext.MODELS_WORD}, 1)) AS frequency
            FROM {fulltext.INDEX}.terms JOIN {fulltext.INDEX}.fields USING (fieldid)
            WHERE termid IN ({numbers}) GROUP BY docid, termid
            """
        ).fetchnumpy()
        return Occurrences(
            asked,
            self._documents.photos,
            photos_with,
            self._documents.rows[found["docid"]],
            place_of[found["termid"]],
            np.asarray(found["frequency"], np.float64),
            np.asarray(found["by_people"], bool),
        )

    def ranking(
        self, found: Occurrences, words: Collection[str], depth: int, allowed: Mask | None
    ) -> index_file.Neighbours:
        """The best ``depth`` rows for some of the words, by BM25F, and their scores.

        That is Okapi BM25 with an occurrence of a word counting by where it stands (Robertson,
        Zaragoza and Taylor, 2004, doi 10.1145/1031171.1031181), which the extension does not know.
        """
        documents = self._documents
        is_wanted = np.isin(found.words, list(words))[found.places]
        rows, often = found.rows[is_wanted], found.frequencies[is_wanted]
        rarity = np.log10((found.photos - found.photos_with + 0.5) / (found.photos_with + 0.5) + 1)
        relative = documents.lengths[rows] / documents.average
        scores = often * (_K1 + 1) / (often + _K1 * (1 - _B + _B * relative))
        scores *= rarity[found.places[is_wanted]]
        totals = np.bincount(rows, scores, len(documents.lengths))
        rows = np.flatnonzero(totals if allowed is None else np.where(allowed, totals, 0))
        return index_file.best(rows, totals[rows].astype(np.float32), depth)

    @cached_property
    def _documents(self) -> _Documents:
        cursor = self._snapshot.cursor()
        documents = cursor.execute(
            f"SELECT docid, len, row FROM {fulltext.INDEX}.docs"
            f" JOIN {fulltext.TABLE} ON name = image_id"
        ).fetchnumpy()
        rows = np.zeros(documents["docid"].max(initial=-1) + 1, np.int64)
        rows[documents["docid"]] = documents["row"]
        lengths = np.zeros(self._snapshot.manifest["tables"]["images"], np.int64)
        lengths[documents["row"]] = documents["len"]
        stats = cursor.execute(f"SELECT num_docs, avgdl FROM {fulltext.INDEX}.stats").fetchone()
        return _Documents(rows, lengths, *(stats or (0, 0.0)))
