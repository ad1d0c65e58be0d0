"""FAISS indexes over one kind of vectors: built to fit their size, searched with filters inside.

Vectors are compared by inner product, which is the cosine, as all have length 1. Every index file
holds its vectors at half precision. In a small one all of them are compared. In a large one an
inverted file of 4-bit product-quantised codes (Jégou et al., 2011; scanned in registers: André et
al., 2015), a quarter of the size of the vectors, finds candidates, whose cosines are then worked
out at half precision. How many lists are opened and how many candidates are taken is tuned by
measured recall when the index is built. ``benchmarks/vector_search.py`` is what chose all this.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO = 50_000
"""Up to so many vectors every one is compared; beyond, candidates are looked for first."""
RECALL_TARGET = 0.98

_RECALL_AT = 20
_RECALL_QUERIES = 200
_CANDIDATES = (250, 500, 1000, 2000, 4000)  # tried in turn until the recall is reached
_SHARES = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 1)  # of the lists, likewise
_SPARE = 0.01  # recall beyond the target that the candidates are given, for the lists to use up
_COMPARED = 10_000  # rows: a filter that leaves no more has them all compared,
_CODES_A_ROW = 14  # or no more than take as long as the codes that would be scanned instead
_BLOCK = 1024  # rows compared at once: they stay in the processor's cache
_ASKED = 10_000  # of the vectors that a filter keeps are asked for their list
_LONGEST = 16_000  # candidates: if a filter needs more, to be left with enough, it is asked of each
_SURPLUS = 1.2  # of candidates, as a filter may leave fewer and threads do not find as many each
_TRAINED_ON = 64  # vectors a list; FAISS's own k-means asks for 39 to 256
_QUANTISER_TRAINED_ON = 4096  # vectors; it learns 16 points in the plane at a time
_THREADS = min(4, os.cpu_count() or 1)

Blocks = Callable[[], Iterator[NDArray[np.float32]]]
"""Gives all vectors in order, in blocks of shape (n, dimension), as often as it is called."""
Found = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Rows and their cosines, best first."""
Lists = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Cosines of a query to the centres of lists, and the numbers of these, nearest first."""


@dataclass(frozen=True)
class IndexReport:
    """What was built. ``recall`` is recall@20 against exact search at full precision."""

    kind: str
    vectors: int
    dimension: int
    recall: float


class IndexFile:
    """One FAISS index with its vectors at half precision; ids are the order in which they came."""

    def __init__(self, index: faiss.Index) -> None:
        self._index = faiss.downcast_index(index)
        self._owner = index
        self._lists: faiss.IndexIVF | None = None
        flat = self._index
        if isinstance(flat, faiss.IndexRefine):
            self._lists = faiss.downcast_index(flat.base_index)
            flat = faiss.downcast_index(flat.refine_index)
        codes = (
            faiss.rev_swig_ptr(flat.codes.data(), flat.ntotal * flat.code_size)
            if flat.ntotal
            else np.empty(0, np.uint8)
        )
        self._codes: NDArray[np.uint8] = codes.reshape(flat.ntotal, flat.code_size)
        self.vectors: NDArray[np.float16] = self._codes.view(np.float16)

    def __len__(self) -> int:
        return len(self.vectors)

    def search(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> Found:
        """The ``k`` nearest vectors to ``query`` (shape (dimension,)) of those that ``allowed``
        (shape (n,)) keeps; fewer if there are no more."""
        kept = len(self) if allowed is None else int(np.count_nonzero(allowed))
        k = min(k, kept)
        if not k:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        query = np.ascontiguousarray(query, np.float32)
        if (self._lists or allowed is not None) and kept <= self._compared_up_to(kept, k):
            rows = np.arange(kept) if allowed is None else np.flatnonzero(allowed)
            parts = np.array_split(rows, _THREADS)
            found = _threads().map(lambda rows: self._nearest(query, rows, k), parts)
            return _best(*_joined(found), k)
        if self._lists is None:
            parameters = None if allowed is None else faiss.SearchParameters(sel=_selector(allowed))
            cosines, rows = self._index.search(query[None], k, params=parameters)
            return rows[0], cosines[0]
        return self._search_lists(self._lists, query, k, allowed, kept)

    def tune(self, blocks: Blocks) -> float:
        """Take as few candidates from as few lists as reach the recall; returns the recall."""
        queries = _queries(blocks)
        true = _exact_neighbours(queries, blocks)
        if (lists := self._lists) is None:
            return _recall(self, queries, true)
        lists.nprobe = lists.nlist
        for candidates in _CANDIDATES:
            self._index.k_factor = candidates / _RECALL_AT
            if (recall := _recall(self, queries, true)) >= RECALL_TARGET + _SPARE:
                break
        for share in _SHARES:
            lists.nprobe = int(np.ceil(share * lists.nlist))
            if (recall := _recall(self, queries, true)) >= RECALL_TARGET:
                break
        return recall

    @property
    def kind(self) -> str:
        """How it searches, in words."""
        if self._lists is None:
            return "exact, half precision"
        return (
            f"inverted file, {self._lists.nlist} lists, {self._lists.nprobe} probed,"
            f" {self._candidates(_RECALL_AT)} candidates re-ranked at half precision"
        )

    def _candidates(self, k: int) -> int:
        """How many are re-ranked for ``k``: measured, they grow more slowly than that."""
        return int(self._index.k_factor * _RECALL_AT * max(1.0, k / _RECALL_AT) ** 0.75)

    def _compared_up_to(self, kept: int, k: int) -> int:
        """So many rows are compared one by one sooner than found by their codes."""
        if self._lists is None:
            return max(_COMPARED, 2 * k)
        codes = len(self) * self._probes(self._lists, kept) / self._lists.nlist
        return int(max(_COMPARED, 4 * self._candidates(k), codes / _CODES_A_ROW))

    def _probes(self, lists: faiss.IndexIVF, kept: int) -> int:
        """How many lists are opened: more if a filter empties them, as its nearest are farther."""
        return int(min(lists.nlist, np.ceil(lists.nprobe * (len(self) / kept) ** 0.4)))

    def _search_lists(
        self,
        lists: faiss.IndexIVF,
        query: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None,
        kept: int,
    ) -> Found:
        (nearness, nearest), probes = self._lists_to_open(lists, query, allowed, kept)
        while True:
            opened = nearness[:probes], nearest[:probes]
            found = self._scan(lists, query, k, opened, allowed, kept)
            if len(found[0]) >= k or probes >= len(nearest):
                return _best(*found, k)
            probes *= 4  # the lists opened held fewer than k

    def _lists_to_open(
        self,
        lists: faiss.IndexIVF,
        query: NDArray[np.float32],
        allowed: NDArray[np.bool_] | None,
        kept: int,
    ) -> tuple[Lists, int]:
        """The lists, without those that hold nothing of what a filter keeps; and how many to open.

        Enough are opened to hold their share of what it keeps.
        """
        nearness, nearest = (found[0] for found in lists.quantizer.search(query[None], lists.nlist))
        probes = self._probes(lists, kept)
        if allowed is None or probes == lists.nlist:
            return (nearness, nearest), probes
        held = self._held(lists, allowed, kept)[nearest]
        opens = held > 0
        enough = (np.cumsum(opens) >= probes) & (
            np.cumsum(held) >= held.sum() * probes / lists.nlist
        )
        opens[: lists.nprobe] = True  # without the filter these would be opened, too
        last = int(np.argmax(enough)) if enough.any() else lists.nlist
        return (nearness[opens], nearest[opens]), int(np.count_nonzero(opens[: last + 1]))

    def _held(
        self, lists: faiss.IndexIVF, allowed: NDArray[np.bool_], kept: int
    ) -> NDArray[np.int64]:
        """How many each list holds of a sample of what a filter keeps, shape (lists,).

        An event's photos may all lie far from the query: nearer lists hold none of them. Or the
        filter drops the query's own event: they hold a few.
        """
        asked = len(self) * _ASKED // kept
        rows, list_of = self._shuffled
        return np.bincount(list_of[:asked][allowed[rows[:asked]]], minlength=lists.nlist)

    @cached_property
    def _shuffled(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """All rows in a random order, and the list that each is in, both of shape (n,)."""
        list_of = np.empty(len(self), np.int32)
        if lists := self._lists:
            for number in range(lists.nlist):
                size = lists.invlists.list_size(number)
                list_of[faiss.rev_swig_ptr(lists.invlists.get_ids(number), size)] = number
        rows = np.random.default_rng(0).permutation(len(self)).astype(np.int32)
        return rows, list_of[rows]

    def _scan(
        self,
        lists: faiss.IndexIVF,
        query: NDArray[np.float32],
        k: int,
        opened: Lists,
        allowed: NDArray[np.bool_] | None,
        kept: int,
    ) -> Found:
        """The nearest of the best candidates, ``k`` and more, in no order.

        A filter is asked for each vector that is scanned; or, which is faster up to a point, for
        each of a longer list of candidates, unless it leaves too few of them.
        """
        nearness, nearest = opened
        parts = min(_THREADS, len(nearest))
        share = kept / len(self)
        needed = min(self._candidates(k), kept)
        each = int(np.ceil(_SURPLUS * needed / parts))

        def candidates(
            part: int, taken: int, selector: faiss.IDSelector | None
        ) -> NDArray[np.int64]:
            mine = np.ascontiguousarray(nearest[part::parts])
            near = np.ascontiguousarray(nearness[part::parts])
            rows = np.empty((1, taken), np.int64)
            scores = np.empty((1, taken), np.float32)
            lists.search_preassigned_c(
                1, faiss.swig_ptr(query), taken, faiss.swig_ptr(mine), faiss.swig_ptr(near),
                faiss.swig_ptr(scores), faiss.swig_ptr(rows), False,
                faiss.SearchParametersIVF(nprobe=len(mine), sel=selector),
            )  # fmt: skip
            return rows[rows >= 0]

        def scan(part: int) -> Found:
            if allowed is None:
                return self._nearest(query, candidates(part, each, None), k)
            if needed / share <= _LONGEST:
                rows = candidates(part, min(len(self), int(each / share)), None)
                rows = rows[allowed[rows]]
                if len(rows) >= each / 2:
                    return self._nearest(query, rows, k)
            return self._nearest(query, candidates(part, each, _selector(allowed)), k)

        return _joined(_threads().map(scan, range(parts)))

    def _nearest(self, query: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> Found:
        """The ``k`` nearest of these rows and perhaps more, in no order.

        They are copied into a small index that FAISS compares, as nothing else is quick at half
        precision.
        """
        block = _half_precision(len(query))
        block.codes.resize(min(_BLOCK, len(rows)) * block.code_size)
        codes = faiss.rev_swig_ptr(block.codes.data(), block.codes.size())
        codes = codes.reshape(-1, block.code_size)
        found = [(np.empty(0, np.int64), np.empty(0, np.float32))]
        for at in range(0, len(rows), _BLOCK):
            some = rows[at : at + _BLOCK]
            self._codes.take(some, axis=0, out=codes[: len(some)], mode="clip")
            block.ntotal = len(some)
            cosines, places = block.search(query[None], min(k, len(some)))
            found.append((some[places[0]], cosines[0]))
        return _joined(found)


class VectorIndex:
    """The vectors of the photos of a snapshot; ids are rows of its table ``images``."""

    def __init__(self, files: Sequence[IndexFile], rows: NDArray[np.int64], photos: int) -> None:
        """``rows`` (shape (vectors,)) gives the row of each vector of the files, one file after the
        other; -1 for one that is out of date. ``photos`` is the number of rows."""
        self._files = files
        self._rows = rows
        live = np.flatnonzero(rows >= 0)
        self._places = np.full(photos, -1, np.int64)
        self._places[rows[live]] = live
        self._live = rows >= 0 if len(live) < len(rows) else None
        self._is_in_order = np.array_equal(rows, np.arange(photos))

    def __len__(self) -> int:
        return len(self._places)

    def search(
        self,
        query: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None = None,
    ) -> Found:
        """Return rows and cosines of the ``k`` nearest vectors, best first; fewer if there are.

        ``query`` has shape (dimension,), ``allowed`` shape (photos,): the rows that a filter keeps.
        """
        kept = allowed if allowed is None or self._is_in_order else allowed[self._rows]
        if self._live is not None:
            kept = self._live if kept is None else kept & self._live
        found = []
        start = 0
        for file in self._files:
            end = start + len(file)
            places, cosines = file.search(query, k, None if kept is None else kept[start:end])
            found.append((self._rows[places + start], cosines))
            start = end
        return _best(*_joined(found), k)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return these rows' vectors, shape (len(rows), dimension), at half precision.

        The row of a photo without a vector is zero.
        """
        places = self._places[rows]
        dimension = self._files[0].vectors.shape[1]
        found = np.zeros((len(rows), dimension), np.float32)
        start = 0
        for file in self._files:
            mine = (places >= start) & (places < start + len(file))
            found[mine] = file.vectors[places[mine] - start]
            start += len(file)
        return found

    @property
    def kind(self) -> str:
        """How it searches most of its vectors, in words."""
        return self._files[0].kind

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which rows hold a vector at all, shape (photos,)."""
        return self._places >= 0


def build(
    blocks: Blocks, dimension: int, count: int, *, exact_up_to: int = EXACT_UP_TO
) -> tuple[faiss.Index, IndexReport]:
    """Build the index that fits ``count`` vectors and measure its recall."""
    flat = _half_precision(dimension)
    index = flat if count <= exact_up_to else faiss.IndexRefine(_trained_lists(blocks, count), flat)
    for block in blocks():
        index.add(np.ascontiguousarray(block))
    file = IndexFile(index)
    recall = file.tune(blocks) if count else 1.0
    return index, IndexReport(file.kind, count, dimension, recall)


def write(index: faiss.Index, path: Path) -> None:
    """Write an index to a file. Raises OSError if the disk does not let it."""
    with path.open("wb") as file:  # through Python, so that a full disk is an OSError
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))


def read(path: Path) -> IndexFile:
    """Open an index file; its vectors stay on the disk until they are needed (memory-mapped).

    Raises RuntimeError if the file is damaged.
    """
    return IndexFile(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC))


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


@cache
def _threads() -> ThreadPoolExecutor:
    """Threads that FAISS does not split up any further."""
    return ThreadPoolExecutor(_THREADS, "vectors", faiss.omp_set_num_threads, (1,))


def _half_precision(dimension: int) -> faiss.IndexScalarQuantizer:
    """An empty index that keeps vectors at half precision and compares them all."""
    flat = faiss.IndexScalarQuantizer(
        dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    flat.is_trained = True  # half precision has nothing to learn
    return flat


def _selector(allowed: NDArray[np.bool_]) -> faiss.IDSelectorBitmap:
    return faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))


def _joined(parts: Iterable[Found]) -> Found:
    rows, cosines = zip(*parts, strict=True)
    return np.concatenate(rows), np.concatenate(cosines)


def _best(rows: NDArray[np.int64], cosines: NDArray[np.float32], k: int) -> Found:
    order = np.lexsort((rows, -cosines))[:k]
    return rows[order], cosines[order]


def _sample(blocks: Blocks, count: int, *, at_most: int) -> NDArray[np.float32]:
    step = max(1, count // at_most)
    sample: NDArray[np.float32] = np.concatenate([block[::step] for block in blocks()])
    return np.ascontiguousarray(sample[:at_most])


def _queries(blocks: Blocks) -> NDArray[np.float32]:
    """Queries like those that people ask, shape (queries, dimension).

    The first half is near photos of the library, as pictures are (cosine about 0.9), the other far
    from all of them, as texts are (about 0.3), and between two: their nearest lie in several lists.
    """
    random = np.random.default_rng(0)
    some: NDArray[np.float32] = np.concatenate(
        [block[:: max(1, len(block) // 64)] for block in blocks()]
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


def _recall(file: IndexFile, queries: NDArray[np.float32], true: NDArray[np.int64]) -> float:
    """The smaller of the recalls of the queries near to photos and of those far from them."""
    k = min(_RECALL_AT, len(file))
    shares = [
        len(np.intersect1d(file.search(query, k)[0], row[:k])) / k
        for query, row in zip(queries, true, strict=True)
    ]
    near = len(shares) // 2
    return float(min(np.mean(half) for half in (shares[:near], shares[near:]) if half))
