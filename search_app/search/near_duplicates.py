"""Photos that are nearly the same: frames of a burst, copies, other sizes of one picture.

How alike they look is not enough: an encoder may give two photos of one kind nearly the same
vector. Frames of a burst are told by the time as well, and photos that were taken at different
times are never the same. benchmarks/near_duplicates.py measures the thresholds, with the embedded
encoder; for others they are as cautious, but not measured.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.snapshot.reading import Snapshot
from search_app.search.filters import in_rows

BURST_SECONDS = 5
BURST = 0.95
"""The least cosine of photos that were taken within so many seconds of each other."""
SAME = 0.985
"""The least cosine where the time of one of them is not known."""


def fold(snapshot: Snapshot, rows: NDArray[np.int64]) -> list[list[int]]:
    """Put rows of table ``images`` that are nearly the same together.

    Each list has positions in ``rows``: a first one, and those after it that are like it and like
    no earlier first one. The lists are in the order of their first ones. Photos without a vector
    are like copies only, files of the same bytes.
    """
    files, seconds = _files_and_times(snapshot, rows)
    alike = _alike(_unit_vectors(snapshot, rows), seconds)
    alike |= (files[:, None] == files) & (files >= 0)
    is_free = np.ones(len(rows), bool)
    tiles: list[list[int]] = []
    for at in range(len(rows)):
        if is_free[at]:
            is_free[at] = False
            others = np.flatnonzero(alike[at] & is_free)
            is_free[others] = False
            tiles.append([at, *others.tolist()])
    return tiles


def _alike(vectors: NDArray[np.float32], seconds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which pairs of n photos are nearly the same, shape (n, n).

    ``vectors`` has shape (n, dimension), with zeros for none; ``seconds`` is when they were taken,
    NaN where that is not known.
    """
    apart = np.abs(seconds[:, None] - seconds)
    least = np.where(np.isnan(apart), SAME, np.where(apart <= BURST_SECONDS, BURST, np.inf))
    return np.asarray(vectors @ vectors.T >= least)


def _unit_vectors(snapshot: Snapshot, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    vectors = snapshot.images.vectors(rows)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    vectors[~snapshot.images.present[rows]] = 0
    return vectors


def _files_and_times(
    snapshot: Snapshot, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """A number for each different file, -1 where it is not known, and when it was taken.

    A scanner or Flickr that knows only the day says midnight: that is no time of a burst.
    """
    found = snapshot.cursor().execute(
        f"""
        SELECT images.rowid AS row, dense_rank() OVER (ORDER BY sha256) AS file, sha256,
               if(taken_at = date_trunc('day', taken_at), NULL, epoch(taken_at)) AS seconds
        FROM images LEFT JOIN exif USING (image_id)
        WHERE images.rowid {in_rows(rows)}
        """
    )
    known = {
        row: (-1 if sha256 is None else file, seconds)
        for row, file, sha256, seconds in found.fetchall()
    }
    photos = [known[row] for row in rows.tolist()]
    return (
        np.array([file for file, _ in photos], np.int64),
        np.array([seconds for _, seconds in photos], np.float64),
    )
