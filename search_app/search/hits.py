"""Photos that were found, with all that is shown of each."""

import copy
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from pipeline.snapshot import fulltext
from pipeline.snapshot.reading import Snapshot
from search_app.search import photos, sections
from search_app.search.filters import Scope
from search_app.search.full_text import WordCounts
from search_app.search.near_duplicates import NearDuplicates
from search_app.search.ranking import Ranking
from search_app.search.sections import Section
from search_app.search.sorting import FIRST_ALBUM


@dataclass(frozen=True)
class PartRanking:
    """Where one part of a search ranked a photo: "visual", "caption" or "text".

    ``rank`` is the photo's in that part alone, ``score`` its cosine, or BM25 for "text".
    """

    part: str
    rank: int
    score: float


@dataclass(frozen=True)
class Hit:
    """One photo found, or shown before any search.

    ``score`` is a cosine (visual, caption), BM25 (text) or the log odds of a match (hybrid, and
    several texts). ``probability``: that it matches; None for a query with a picture, or that says
    only what is not wanted. ``words`` are those of the query that the photo's texts have.
    """

    rank: int
    image_id: int
    path: str
    album_id: str
    album_title: str
    event_name: str | None
    event_year: int | None
    title: str | None
    caption: str | None
    score: float
    probability: float | None
    image_url: str | None
    page_url: str | None
    found_by: Sequence[PartRanking]
    words: Sequence[str]
    sha256: str | None = None
    thumbhash: str | None = None
    taken_at: datetime | None = None
    taken_precision: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    near_duplicates: Sequence["Hit"] = ()
    """Of a search with ``fold``: those that stand for the same picture, the best first."""


class Results(Sequence[Hit]):
    """Photos of one snapshot in the order in which they are shown, each a hit when it is asked for.

    A slice of them asks the catalogue once. Photos that were folded into one tile count as one;
    ``rows`` has them all.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        ranking: Ranking,
        scope: Scope,
        *,
        most: int | None = None,
        fold: NearDuplicates | None = None,
        text: str = "",
        by_part: Mapping[str, Ranking] | None = None,
        words: WordCounts | None = None,
        album_order: str = FIRST_ALBUM,
    ) -> None:
        """The first ``most`` of a ranking; with ``fold`` those nearly the same count as one.

        ``text`` is what was searched for, ``by_part`` what each part of the search found, ``words``
        which of the text's words the photos have. Of its albums a photo is shown in the first by
        ``album_order``.
        """
        self.snapshot = snapshot
        self._tiles = fold.tiles(ranking.rows)[slice(most)] if fold else None
        self._ranking = ranking if fold else ranking[slice(most)]
        self._scope = scope
        self._text = text
        self._by_part = by_part or {}
        self._words = words
        self._album_order = album_order

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows of table ``images`` of all photos, in their order."""
        if self._tiles is None:
            return self._ranking.rows
        return self._ranking.rows[[place for tile in self._tiles for place in tile]]

    @property
    def shown_rows(self) -> NDArray[np.int64]:
        """Of each tile the row of the photo that is shown, in their order."""
        if self._tiles is None:
            return self._ranking.rows
        return self._ranking.rows[[tile[0] for tile in self._tiles]]

    def sections(self, by: Literal["album", "time"]) -> list[Section]:
        """Where another album begins, or another time, of photos that lie in that order."""
        rows = self.shown_rows
        if by == "time":
            return sections.by_time(self.snapshot, rows)
        return sections.by_album(self.snapshot, rows, self._scope.albums, self._album_order)

    def ids(self, first: int, count: int) -> list[int]:
        """The ids of the photos at these places."""
        return photos.ids_of(self.snapshot, self.shown_rows[first : first + count])

    def place_of(self, image_id: int) -> int | None:
        """At which place a photo is, or the one that it is folded behind."""
        row = photos.rows_of(self.snapshot, [image_id]).get(image_id)
        places = np.flatnonzero(self._ranking.rows == row)
        if not len(places):
            return None
        place = int(places[0])
        if self._tiles is None:
            return place
        return next((at for at, tile in enumerate(self._tiles) if place in tile), None)

    def places(self) -> NDArray[np.int64]:
        """The place of each of ``rows``, or of the photo it is folded behind, shape (photos,)."""
        folded = 1 if self._tiles is None else [len(tile) for tile in self._tiles]
        return np.repeat(np.arange(len(self)), folded)

    def unfolded(self, image_ids: Collection[int]) -> "Results":
        """The same, where what is folded behind these photos has tiles of its own."""
        if self._tiles is None:
            return self
        rows = set(photos.rows_of(self.snapshot, list(image_ids)).values())
        tiles: list[list[int]] = []
        for tile in self._tiles:
            is_unfolded = int(self._ranking.rows[tile[0]]) in rows
            tiles += [[place] for place in tile] if is_unfolded else [tile]
        unfolded = copy.copy(self)
        unfolded._tiles = tiles
        return unfolded

    def __len__(self) -> int:
        return len(self._ranking.rows if self._tiles is None else self._tiles)

    @overload
    def __getitem__(self, at: int) -> Hit: ...
    @overload
    def __getitem__(self, at: slice) -> list[Hit]: ...
    def __getitem__(self, at: int | slice) -> Hit | list[Hit]:
        places = range(len(self))[at]
        return self._hits(places) if isinstance(places, range) else self._hits([places])[0]

    def at(self, places: Sequence[int]) -> list[Hit]:
        """The photos at these places, of those that there are."""
        return self._hits([place for place in places if 0 <= place < len(self)])

    def __iter__(self) -> Iterator[Hit]:
        return iter(self[:])

    def _hits(self, places: Sequence[int]) -> list[Hit]:
        tiles = [[place] if self._tiles is None else self._tiles[place] for place in places]
        shown = self._ranking[[place for tile in tiles for place in tile]]
        hits = _hits(
            self.snapshot,
            shown,
            self._scope,
            self._text,
            self._by_part,
            self._words,
            self._album_order,
        )
        folded = [[next(hits) for _ in tile] for tile in tiles]
        return [
            replace(best, rank=place + 1, near_duplicates=tuple(others))
            for place, (best, *others) in zip(places, folded, strict=True)
        ]


class Found(NamedTuple):
    """What a search found: the best photos that match, and what comes after the last of them.

    ``less_likely`` have less than the query's ``min_probability``, but a tenth of it. There are
    none as long as there may be more matches, nor for words that mean nothing.
    """

    matches: Results
    less_likely: list[Hit]


def candidates(k: int, *, fold: bool) -> int:
    """How many of the best are to be ranked in order to show ``k`` of them."""
    return 4 * k + 50 if fold else k


def _hits(
    snapshot: Snapshot,
    ranking: Ranking,
    scope: Scope,
    text: str,
    by_part: Mapping[str, Ranking],
    words: WordCounts | None,
    album_order: str,
) -> Iterator[Hit]:
    """A hit for each row of a ranking, in its order."""
    columns = photos.of_rows(snapshot, ranking.rows, scope.albums, album_order)
    ranked: dict[int, list[PartRanking]] = defaultdict(list)
    for part, found in by_part.items():
        for place in np.flatnonzero(np.isin(found.rows, ranking.rows)).tolist():
            score = float(found.scores[place])
            ranked[int(found.rows[place])].append(PartRanking(part, place + 1, score))
    rows = ranking.rows.tolist()
    probabilities = (
        [None] * len(rows) if ranking.probabilities is None else ranking.probabilities.tolist()
    )
    words_of = {word: set(fulltext.words(word).split()) for word in dict.fromkeys(text.split())}
    telling = set(fulltext.query_words(text).split())
    for rank, (row, score, probability) in enumerate(
        zip(rows, ranking.scores.tolist(), probabilities, strict=True), 1
    ):
        has = telling & words.of(row) if words else set()
        yield Hit(
            rank=rank,
            score=score,
            probability=probability,
            found_by=ranked[row],
            words=[word for word, its_words in words_of.items() if its_words & has],
            **columns[row],
        )
