"""Building an index that fits the number of vectors, and tuning it.

How many lists are opened and how many candidates are taken is tuned by measured recall.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import faiss
import numpy as np
from numpy.typing import NDArray

from pipeline.snapshot.index_file import RECALL_AT, IndexFile, half_precision

EXACT_UP_TO = 50_000
"""Up to so many vectors every one is compared; beyond, candidates are looked for first."""
RECALL_TARGET = 0.98

_RECALL_QUERIES = 200
_CANDIDATES = (250, 500, 1000, 2000, 4000)  # tried in turn until the recall is reached
_SHARES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)  # of the lists, likewise
_SPARE = 0.01  # recall beyond the target that the candidates are given, for the lists to use up
_TRAINED_ON = 64  # vectors a list; FAISS's own k-means asks for 39 to 256
_QUANTISER_TRAINED_ON = 4096  # vectors; it learns 16 points in the plane at a time

Blocks = Callable[[], Iterator[NDArray[np.float32]]]
"""Gives all vectors in order, in blocks of shape (n, dimension), as often as it is called."""


@dataclass(frozen=True)
class IndexReport:
    """What was built. ``recall`` is recall@20 against exact search at full precision."""

    kind: str
    vectors: int
    dimension: int
    recall: float


def build(
    blocks: Blocks, dimension: int, count: int, *, exact_up_to: int = EXACT_UP_TO
) -> tuple[faiss.Index, IndexReport]:
    """Build the index that fits ``count`` vectors and measure its recall."""
    flat = half_precision(dimension)
    flat.codes.resize(count * flat.code_size)  # growing by copies, it would take twice its memory
    index = flat if count <= exact_up_to else faiss.IndexRefine(_trained_lists(blocks, count), flat)
    for block in blocks():
        index.add(np.ascontiguousarray(block))
    recall = _tune(index, blocks) if count else 1.0
    return index, IndexReport(IndexFile(index).kind, count, dimension, recall)


def _tune(index: faiss.Index, blocks: Blocks) -> float:
    """Take as few candidates from as few lists as reach the recall; returns the recall."""
    file = IndexFile(index)
    queries = _queries(blocks)
    true = _exact_neighbours(queries, blocks)
    if not isinstance(index, faiss.IndexRefine):
        return _recall(file, queries, true)
    lists = faiss.downcast_index(index.base_index)
    lists.nprobe = lists.nlist
    for candidates in _CANDIDATES:
        index.k_factor = candidates / RECALL_AT
        if (recall := _recall(file, queries, true)) >= RECALL_TARGET + _SPARE:
            break
    for share in _SHARES:
        lists.nprobe = int(np.ceil(share * lists.nlist))
        if (recall := _recall(file, queries, true)) >= RECALL_TARGET:
            break
    return recall


def _trained_lists(blocks: Blocks, count: int) -> faiss.IndexIVF:
    """An inverted file that has learnt its lists and codes from a sample, and is empty."""
    lists = int(np.sqrt(count))
    sample = _sample(blocks, count, at_most=_TRAINED_ON * lists)
    dimension = sample.shape[1]
    per_code = 2 - dimension % 2
    index = faiss.index_factory(
        dimension, f"IVF{lists},PQ{dimension // per_code}x4fs", faiss.METRIC_INNER_PRODUCT
    )
    centres = faiss.Kmeans(
        dimension, lists, niter=10, spherical=True, gpu=faiss.get_num_gpus() > 0,
        min_points_per_centroid=1, max_points_per_centroid=_TRAINED_ON,
    )  # fmt: skip
    centres.train(sample)
    faiss.downcast_index(index.quantizer).add(centres.centroids)
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # hundreds of tiny k-means: threads only wait for each other
    try:
        index.train(sample[:: max(1, len(sample) // _QUANTISER_TRAINED_ON)])
    finally:
        faiss.omp_set_num_threads(threads)
    return index


def _sample(blocks: Blocks, count: int, *, at_most: int) -> NDArray[np.float32]:
    step = max(1, count // at_most)
    some = [block[::step].copy() for block in blocks()]  # a view would keep all of its block
    sample: NDArray[np.float32] = np.concatenate(some)
    return np.ascontiguousarray(sample[:at_most])


def _queries(blocks: Blocks) -> NDArray[np.float32]:
    """Queries like those that people ask, shape (queries, dimension).

    The first half is near photos of the library, as pictures are (cosine about 0.9), the other far
    from all of them, as texts are (about 0.3), and between two: their nearest lie in several lists.
    """
    random = np.random.default_rng(0)
    some: NDArray[np.float32] = np.concatenate(
        [block[:: max(1, len(block) // 64)].copy() for block in blocks()]
    )
    chosen = some[random.permutation(len(some))[:_RECALL_QUERIES]]
    noise = random.standard_normal(chosen.shape, dtype=np.float32) / np.sqrt(chosen.shape[1])
    half = len(chosen) // 2
    distance = np.where(np.arange(len(chosen)) < half, 0.5, 3.0).astype(np.float32)
    between = chosen[half:] + chosen[half:][::-1]
    chosen[half:] = between / np.maximum(np.linalg.norm(between, axis=1, keepdims=True), 1e-6)
    moved: NDArray[np.float32] = chosen + distance[:, None] * noise
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    return moved


def _exact_neighbours(queries: NDArray[np.float32], blocks: Blocks) -> NDArray[np.int64]:
    """The true nearest rows at full precision, shape (queries, 20), -1 where there are fewer."""
    heap = faiss.ResultHeap(len(queries), RECALL_AT, keep_max=True)
    has_gpu = faiss.get_num_gpus() > 0
    knn = partial(faiss.knn_gpu, faiss.StandardGpuResources()) if has_gpu else faiss.knn
    start = 0
    for block in blocks():
        k = min(RECALL_AT, len(block))
        cosines, rows = knn(
            queries, np.ascontiguousarray(block), k, metric=faiss.METRIC_INNER_PRODUCT
        )
        heap.add_result(D=cosines, I=rows + start)
        start += len(block)
    heap.finalize()
    return np.asarray(heap.I)


def _recall(file: IndexFile, queries: NDArray[np.float32], true: NDArray[np.int64]) -> float:
    """The smaller of the recalls of the queries near to photos and of those far from them."""
    k = min(RECALL_AT, len(file))
    shares = [
        len(np.intersect1d(file.search(query, k)[0], row[:k])) / k
        for query, row in zip(queries, true, strict=True)
    ]
    near = len(shares) // 2
    return float(min(np.mean(half) for half in (shares[:near], shares[near:]) if half))
