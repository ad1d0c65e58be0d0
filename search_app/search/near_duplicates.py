"""Photos that are nearly the same: frames of a burst, copies, other sizes of one picture.

How alike they look is not enough: an encoder may give two photos of one kind nearly the same
vector. Frames of a burst are told by the time as well, and photos that were taken at different
times are never the same. benchmarks/near_duplicates.py measures the thresholds, with the embedded
encoder; for others they are as cautious, but not measured.
"""

from collections import defaultdict
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.snapshot.reading import Snapshot

BURST_SECONDS = 5
BURST = 0.95
"""The least cosine of photos that were taken within so many seconds of each other."""
SAME = 0.985
"""The least cosine where the time of one of them is not known."""


class NearDuplicates:
    """Tells which photos of a snapshot are nearly the same; may serve many threads."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def tiles(self, rows: NDArray[np.int64]) -> list[list[int]]:
        """Put rows of table ``images`` that are nearly the same together.

        Each list has positions in ``rows``: a first one, and those after it that are like it and
        like no earlier first one. The lists are in the order of their first ones. Photos without a
        vector are like copies only, files of the same bytes.
        """
        later: dict[int, list[int]] = defaultdict(list)
        for one, other in self._pairs(rows):
            later[one].append(other)
        is_free = [True] * len(rows)
        tiles: list[list[int]] = []
        for at in range(len(rows)):
            if is_free[at]:
                others = [other for other in later[at] if is_free[other]]
                for each in (at, *others):
                    is_free[each] = False
                tiles.append([at, *others])
        return tiles

    def _pairs(self, rows: NDArray[np.int64]) -> list[list[int]]:
        """The positions of all pairs that are nearly the same, the earlier one first, in order."""
        files, seconds = (each[rows] for each in self._files_and_times)
        vectors = self._unit_vectors(rows)
        cosines = vectors @ vectors.T
        is_copy = (files[:, None] == files) & (files != 0)
        one, other = np.nonzero(np.triu((cosines >= BURST) | is_copy, 1))
        apart = np.abs(seconds[one] - seconds[other])
        least = np.where(np.isnan(apart), SAME, np.where(apart <= BURST_SECONDS, BURST, np.inf))
        is_alike = (cosines[one, other] >= least) | is_copy[one, other]
        pairs: list[list[int]] = np.stack([one, other], 1)[is_alike].tolist()
        return pairs

    def _unit_vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vectors, shape (len(rows), dimension), with zeros for none."""
        vectors = self._snapshot.images.vectors(rows)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        vectors[~self._snapshot.images.present[rows]] = 0
        return vectors

    @cached_property
    def _files_and_times(self) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        """A number for each different file, 0 where it is not known, and the second it was taken.

        Both have shape (photos,). A scanner or Flickr that knows only the day says midnight: that
        is no time of a burst.
        """
        found = (
            self._snapshot.cursor()
            .execute(
                """
                SELECT coalesce(hash(sha256), 0) AS file,
                       if(taken_at = date_trunc('day', taken_at), NULL, epoch(taken_at)) AS seconds
                FROM images LEFT JOIN exif USING (image_id) ORDER BY images.rowid
                """
            )
            .fetchnumpy()
        )
        seconds = np.ma.filled(found["seconds"].astype(np.float64), np.nan)
        return np.asarray(found["file"], np.uint64), seconds
