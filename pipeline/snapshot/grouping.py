"""Which faces are of one person, as far as their vectors tell."""

import faiss
import numpy as np
from numpy.typing import NDArray

_NEIGHBOURS = 8


def group(vectors: NDArray[np.float32], likeness: float) -> NDArray[np.int64]:
    """Number the people of n faces, shape (n, dimension), each vector of length 1; shape (n,).

    Groups that are nearest to each other become one as long as the cosine of their means is above
    ``likeness``: agglomerative clustering by centroids. To compare means, not faces, keeps one face
    that is like two people from making one of them. Of each group only the nearest few are looked
    at, again and again while any become one, so memory grows with n alone.
    """
    label = np.arange(len(vectors))
    sums = np.array(vectors, np.float32)
    while len(sums) > 1:
        means = sums / np.linalg.norm(sums, axis=1, keepdims=True).clip(1e-12)
        cosines, nearest = faiss.knn(
            means, means, min(_NEIGHBOURS, len(means)), metric=faiss.METRIC_INNER_PRODUCT
        )
        places = np.nonzero((cosines > likeness) & (nearest != np.arange(len(means))[:, None]))
        pairs = np.stack([places[0], nearest[places]], axis=1)
        best_first = np.argsort(-cosines[places], kind="stable")
        merged = _merge(sums, pairs[best_first], likeness)
        kept, number = np.unique(merged, return_inverse=True)
        if len(kept) == len(sums):
            break
        label, sums = number[label], sums[kept]
    return label


def _merge(
    sums: NDArray[np.float32], pairs: NDArray[np.int64], likeness: float
) -> NDArray[np.int64]:
    """Make one group of the groups of each pair in turn, if their means are alike by then.

    Returns the row of each group's new one, in which ``sums`` is then the sum of both.
    """
    root = np.arange(len(sums))

    def find(row: int) -> int:
        while root[row] != row:
            root[row] = row = int(root[root[row]])
        return row

    for one, other in pairs.tolist():
        first, second = find(one), find(other)
        if first == second:
            continue
        a, b = sums[first], sums[second]
        if a @ b > likeness * np.sqrt((a @ a) * (b @ b)):
            a += b
            root[second] = first
    return np.array([find(row) for row in range(len(root))], np.int64)
