"""The FAISS index over one set of vectors: built to fit its size, searched with filters inside.

Ids are row numbers. Vectors are compared by inner product, which is the cosine, as all rows have
length 1. A photo without a vector keeps its place as a row of zeros and is never returned.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO = 200_000
"""Up to so many vectors every one is compared; beyond, an inverted file narrows them down."""
RECALL_TARGET = 0.98
_RECALL_AT = 20
_RECALL_QUERIES = 200
_REFINE_FACTOR = 4  # candidates re-ranked at half precision, as a multiple of k

Blocks = Callable[[], Iterator[NDArray[np.float32]]]
"""Gives all vectors in order, in blocks of shape (n, dimension), as often as it is called."""


@dataclass(frozen=True)
class IndexReport:
    """What was built. ``recall`` is recall@20 against exact search at full precision."""

    kind: str
    vectors: int
    dimension: int
    recall: float


class VectorIndex:
    """An index that was read from its file."""

    def __init__(self, index: faiss.Index, present: NDArray[np.bool_]) -> None:
        """``present`` (shape (n,)) says which rows hold a vector at all."""
        self._index = index
        self._present = present
        self._all_present = bool(present.all())

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(
        self,
        query: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return rows and cosines of the ``k`` nearest vectors, best first; fewer if there are.

        ``query`` has shape (dimension,), ``allowed`` shape (n,): the rows that the filter keeps.
        """
        if not self._all_present:
            allowed = self._present if allowed is None else allowed & self._present
        queries = np.ascontiguousarray(query[None, :], np.float32)
        rows, cosines = _search(self._index, queries, min(k, len(self)), allowed)
        found = rows[0] >= 0
        return rows[0][found], cosines[0][found]

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return these rows' vectors, shape (len(rows), dimension), as precise as the index."""
        if not len(rows):
            return np.empty((0, self._index.d), np.float32)
        found: NDArray[np.float32] = self._index.reconstruct_batch(rows)
        return found

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which rows hold a vector at all, shape (n,)."""
        return self._present


def build(
    blocks: Blocks, dimension: int, count: int, *, exact_up_to: int = EXACT_UP_TO
) -> tuple[faiss.Index, IndexReport]:
    """Build the index that fits ``count`` vectors and measure its recall."""
    if count <= exact_up_to:
        kind = "exact, half precision"
        index = faiss.IndexScalarQuantizer(
            dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        index.is_trained = True  # half precision has nothing to learn
        _add(index, blocks)
        return index, IndexReport(kind, count, dimension, _recall(index, blocks))
    lists = int(4 * np.sqrt(count))
    index = faiss.index_factory(
        dimension, f"IVF{lists},SQ8,Refine(SQfp16)", faiss.METRIC_INNER_PRODUCT
    )
    index.k_factor = _REFINE_FACTOR
    index.train(_sample(blocks, count, at_most=64 * lists))
    _add(index, blocks)
    recall = _tune(index, blocks, lists)
    probes = _ivf(index).nprobe
    return index, IndexReport(
        f"inverted file, {lists} lists, {probes} probed, re-ranked at half precision",
        count,
        dimension,
        recall,
    )


def write(index: faiss.Index, path: Path) -> None:
    """Write an index to a file. Raises OSError if the disk does not let it."""
    with path.open("wb") as file:  # through Python, so that a full disk is an OSError
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))


def read(path: Path) -> faiss.Index:
    """Read an index. Raises RuntimeError if the file is damaged."""
    return faiss.read_index(str(path))


def _add(index: faiss.Index, blocks: Blocks) -> None:
    for block in blocks():
        index.add(np.ascontiguousarray(block))


def _ivf(index: faiss.Index) -> faiss.IndexIVF:
    return faiss.downcast_index(index.base_index)


def _search(
    index: faiss.Index,
    queries: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    if allowed is not None:
        k = min(k, int(allowed.sum()))
    if k == 0:
        return np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    bitmap = None if allowed is None else np.packbits(allowed, bitorder="little")
    selector = None if bitmap is None else faiss.IDSelectorBitmap(bitmap)
    index = faiss.downcast_index(index)
    if not isinstance(index, faiss.IndexRefine):
        cosines, rows = index.search(queries, k, params=faiss.SearchParameters(sel=selector))
        return rows, cosines
    lists = _ivf(index).nlist
    # A filter empties the lists, so more of them are opened to find as many.
    probes = _ivf(index).nprobe if allowed is None else _ivf(index).nprobe / allowed.mean()
    while True:
        probes = min(lists, int(np.ceil(probes)))
        inner = faiss.SearchParametersIVF(sel=selector, nprobe=probes)
        parameters = faiss.IndexRefineSearchParameters(
            k_factor=index.k_factor, base_index_params=inner
        )
        cosines, rows = index.search(queries, k, params=parameters)
        if probes == lists or (rows >= 0).all():
            return rows, cosines
        probes *= 4  # the lists opened held fewer than k


def _sample(blocks: Blocks, count: int, *, at_most: int) -> NDArray[np.float32]:
    step = max(1, count // at_most)
    sample: NDArray[np.float32] = np.concatenate([block[::step] for block in blocks()])
    return sample[:at_most]


def _queries(blocks: Blocks) -> NDArray[np.float32]:
    """Queries like those that people ask: near photos of the library, but not on them."""
    random = np.random.default_rng(0)
    first: NDArray[np.float32] = np.concatenate(
        [block[:: max(1, len(block) // 64)] for block in blocks()]
    )
    first = first[np.linalg.norm(first, axis=1) > 0.5]  # not the rows of zeros
    if not len(first):
        return first
    chosen = first[random.permutation(len(first))[:_RECALL_QUERIES]]
    noise = random.standard_normal(chosen.shape, dtype=np.float32) / np.sqrt(chosen.shape[1])
    moved: NDArray[np.float32] = chosen + 0.5 * noise
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    return moved


def _exact_neighbours(queries: NDArray[np.float32], blocks: Blocks) -> NDArray[np.int64]:
    """The true nearest rows at full precision, shape (queries, 20), -1 where there are fewer."""
    heap = faiss.ResultHeap(len(queries), _RECALL_AT, keep_max=True)
    start = 0
    for block in blocks():
        k = min(_RECALL_AT, len(block))
        cosines, rows = faiss.knn(
            queries, np.ascontiguousarray(block), k, metric=faiss.METRIC_INNER_PRODUCT
        )
        heap.add_result(D=cosines, I=rows + start)
        start += len(block)
    heap.finalize()
    return np.asarray(heap.I)


def _recall(index: faiss.Index, blocks: Blocks) -> float:
    if not index.ntotal:
        return 1.0
    queries = _queries(blocks)
    return _recall_of(index, queries, _exact_neighbours(queries, blocks)) if len(queries) else 1.0


def _recall_of(index: faiss.Index, queries: NDArray[np.float32], true: NDArray[np.int64]) -> float:
    k = min(_RECALL_AT, index.ntotal)
    found, _ = _search(index, queries, k, None)
    hits = sum(len(np.intersect1d(a, b[b >= 0])) for a, b in zip(found, true[:, :k], strict=True))
    return hits / float(len(queries) * k)


def _tune(index: faiss.Index, blocks: Blocks, lists: int) -> float:
    """Open more lists until the recall target is reached; returns the recall measured."""
    queries = _queries(blocks)
    true = _exact_neighbours(queries, blocks)
    ivf = _ivf(index)
    ivf.nprobe = 8
    while (recall := _recall_of(index, queries, true)) < RECALL_TARGET and ivf.nprobe < lists:
        ivf.nprobe = min(2 * ivf.nprobe, lists)
    return recall
