"""Which faces are of one person, as far as their vectors tell."""

import faiss
import numpy as np
from numpy.typing import NDArray

_NEIGHBOURS = 8


def group(
    vectors: NDArray[np.float32], likeness: float, known: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Number the people of n faces, shape (n, dimension), each vector of length 1; shape (n,).

    Groups that are nearest to each other become one as long as the cosine of their means is above
    ``likeness``: agglomerative clustering by centroids. To compare means, not faces, keeps one face
    that is like two people from making one of them. Of each group only the nearest few are looked
    at, again and again while any become one, so memory grows with n alone.

    ``known``, shape (n,), has the numbers of faces that were grouped before, -1 for others: what
    was grouped stays together, and only what is new is compared with all.
    """
    start = np.full(len(vectors), -1) if known is None else known
    is_new = start < 0
    label = start.copy()
    label[is_new] = start.max(initial=-1) + 1 + np.arange(is_new.sum())
    numbers, label = np.unique(label, return_inverse=True)
    sums = np.zeros((len(numbers), vectors.shape[1]), np.float32)
    np.add.at(sums, label, vectors)
    moving = np.unique(label[is_new])  # groups that may have others near that they were not near
    while len(moving) and len(sums) > 1:
        means = sums / np.linalg.norm(sums, axis=1, keepdims=True).clip(1e-12)
        cosines, nearest = faiss.knn(
            means[moving], means, min(_NEIGHBOURS, len(means)), metric=faiss.METRIC_INNER_PRODUCT
        )
        places = np.nonzero((cosines > likeness) & (nearest != moving[:, None]))
        pairs = np.stack([moving[places[0]], nearest[places]], axis=1)
        best_first = np.argsort(-cosines[places], kind="stable")
        merged = _merge(sums, pairs[best_first], likeness)
        kept, number = np.unique(merged, return_inverse=True)
        if len(kept) == len(sums):
            break
        label, sums, moving = number[label], sums[kept], np.unique(number[pairs])
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
