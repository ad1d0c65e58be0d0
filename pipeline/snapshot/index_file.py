"""One FAISS file of vectors, searched with filters inside.

Vectors are compared by inner product, which is the cosine, as all have length 1. A file holds its
vectors at half precision. In a small one all of them are compared. In a large one an inverted file
of 4-bit product-quantised codes (Jégou et al., 2011; scanned in registers: André et al., 2015), a
quarter of the size of the vectors, finds candidates, whose cosines are then worked out at half
precision. ``benchmarks/vector_search.py`` is what chose all this.
"""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import Message

RECALL_AT = 20
"""How many of the nearest the search is tuned for."""

_COMPARED = 10_000  # rows: a filter that leaves no more has them all compared,
_CODES_A_ROW = 14  # or no more than take as long as the codes that would be scanned instead
_BLOCK = 1024  # rows compared at once: they stay in the processor's cache
_SAMPLED = 10_000  # of the vectors that a filter keeps tell which lists hold them
_MOST_CANDIDATES = 16_000  # if a filter needs more, to be left with enough, it is asked of each
_SURPLUS = 1.2  # of candidates, as a filter may leave fewer and threads do not find as many each
_THREADS = min(4, os.cpu_count() or 1)

Neighbours = tuple[NDArray[np.int64], NDArray[np.float32]]
"""Rows and their cosines, best first."""
_Lists = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Cosines of a query to the centres of lists, and the numbers of these, nearest first."""


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
    ) -> Neighbours:
        """The ``k`` nearest vectors to ``query`` (shape (dimension,)) of those that ``allowed``
        (shape (n,)) keeps; fewer if there are no more."""
        kept = len(self) if allowed is None else int(np.count_nonzero(allowed))
        k = min(k, kept)
        if not k:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        query = np.ascontiguousarray(query, np.float32)
        if (self._lists or allowed is not None) and kept <= self._compared_up_to(kept, k):
            rows = np.arange(kept) if allowed is None else np.flatnonzero(allowed)
            chunks = np.array_split(rows, _THREADS)
            nearest = _threads().map(lambda rows: self._nearest(query, rows, k), chunks)
            return best(*joined(nearest), k)
        if self._lists is None:
            parameters = None if allowed is None else faiss.SearchParameters(sel=_selector(allowed))
            cosines, rows = self._index.search(query[None], k, params=parameters)
            return rows[0], cosines[0]
        return self._search_lists(self._lists, query, k, allowed, kept)

    @property
    def kind(self) -> str:
        """How it searches, in words."""
        if self._lists is None:
            return Message("exact, half precision")
        return Message(
            "inverted file, {lists} lists, {probed} probed, {candidates} candidates re-ranked at"
            " half precision",
            lists=self._lists.nlist,
            probed=self._lists.nprobe,
            candidates=self._candidates(RECALL_AT),
        )

    def _candidates(self, k: int) -> int:
        """How many are re-ranked for ``k``: six more for each more, measured."""
        return int(self._index.k_factor * RECALL_AT + 6 * max(0, k - RECALL_AT))

    def _compared_up_to(self, kept: int, k: int) -> int:
        """So many rows are compared one by one sooner than found by their codes."""
        if self._lists is None:
            return max(_COMPARED, 2 * k)
        codes = len(self) * self._probes(self._lists, k, kept) / self._lists.nlist
        return int(max(_COMPARED, 4 * self._candidates(k), codes / _CODES_A_ROW))

    def _probes(self, lists: faiss.IndexIVF, k: int, kept: int) -> int:
        """How many lists are opened: more for more, and more if a filter empties them, as then the
        nearest are farther."""
        farther = max(1.0, k / RECALL_AT) * len(self) / kept
        return int(min(lists.nlist, np.ceil(lists.nprobe * farther**0.4)))

    def _search_lists(
        self,
        lists: faiss.IndexIVF,
        query: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None,
        kept: int,
    ) -> Neighbours:
        """Choose the lists, scan their codes, compare the candidates.

        One call of FAISS could do it, but cannot be told which lists to open. With as many as are
        opened here it found 36 % of the twenty nearest of an event's 10,000 photos among 100,000,
        as most of these lists hold none of them; this finds 99.8 %. It would have to open all, and
        at 1,000,000 vectors in clusters takes 1.5 times as long then without a filter, and 1.7 to
        7.1 times with one (benchmarks/results.md).
        """
        (cosines, numbers), probes = self._lists_to_open(lists, query, k, allowed, kept)
        while True:
            opened = cosines[:probes], numbers[:probes]
            neighbours = self._scan(lists, query, k, opened, allowed, kept)
            if len(neighbours[0]) >= k or probes >= len(numbers):
                return best(*neighbours, k)
            probes *= 4  # the lists opened held fewer than k

    def _lists_to_open(
        self,
        lists: faiss.IndexIVF,
        query: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None,
        kept: int,
    ) -> tuple[_Lists, int]:
        """The lists, without those that hold nothing of what a filter keeps; and how many to open.

        Enough are opened to hold their share of what it keeps.
        """
        cosines, numbers = (row[0] for row in lists.quantizer.search(query[None], lists.nlist))
        probes = self._probes(lists, k, kept)
        if allowed is None or probes == lists.nlist:
            return (cosines, numbers), probes
        held = self._held(lists, allowed, kept)[numbers]
        opens = held > 0
        enough = (np.cumsum(opens) >= probes) & (
            np.cumsum(held) >= held.sum() * probes / lists.nlist
        )
        opens[: lists.nprobe] = True  # without the filter these would be opened, too
        last = int(np.argmax(enough)) if enough.any() else lists.nlist
        return (cosines[opens], numbers[opens]), int(np.count_nonzero(opens[: last + 1]))

    def _held(
        self, lists: faiss.IndexIVF, allowed: NDArray[np.bool_], kept: int
    ) -> NDArray[np.int64]:
        """How many each list holds of a sample of what a filter keeps, shape (lists,).

        An event's photos may all lie far from the query: nearer lists hold none of them. Or the
        filter drops the query's own event: they hold a few.
        """
        size = len(self) * _SAMPLED // kept
        rows, list_of = self._shuffled
        return np.bincount(list_of[:size][allowed[rows[:size]]], minlength=lists.nlist)

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
        opened: _Lists,
        allowed: NDArray[np.bool_] | None,
        kept: int,
    ) -> Neighbours:
        """The nearest of the best candidates, ``k`` and more, in no order.

        A filter is asked for each vector that is scanned; or, which is faster up to a point, for
        each of a longer list of candidates, unless it leaves too few of them.
        """
        cosines, numbers = opened
        threads = min(_THREADS, len(numbers))
        share = kept / len(self)
        needed = min(self._candidates(k), kept)
        each = int(np.ceil(_SURPLUS * needed / threads))

        def candidates(
            thread: int, count: int, selector: faiss.IDSelector | None
        ) -> NDArray[np.int64]:
            its_numbers = np.ascontiguousarray(numbers[thread::threads])
            its_cosines = np.ascontiguousarray(cosines[thread::threads])
            rows = np.empty((1, count), np.int64)
            scores = np.empty((1, count), np.float32)
            lists.search_preassigned_c(
                1, faiss.swig_ptr(query), count,
                faiss.swig_ptr(its_numbers), faiss.swig_ptr(its_cosines),
                faiss.swig_ptr(scores), faiss.swig_ptr(rows), False,
                faiss.SearchParametersIVF(nprobe=len(its_numbers), sel=selector),
            )  # fmt: skip
            return rows[rows >= 0]

        def scan(thread: int) -> Neighbours:
            if allowed is None:
                return self._nearest(query, candidates(thread, each, None), k)
            if needed / share <= _MOST_CANDIDATES:
                rows = candidates(thread, min(len(self), int(each / share)), None)
                rows = rows[allowed[rows]]
                if len(rows) >= each / 2:
                    return self._nearest(query, rows, k)
            return self._nearest(query, candidates(thread, each, _selector(allowed)), k)

        return joined(_threads().map(scan, range(threads)))

    def _nearest(self, query: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> Neighbours:
        """The ``k`` nearest of these rows and perhaps more, in no order.

        They are copied into a small index that FAISS compares, as nothing else is quick at half
        precision.
        """
        block = half_precision(len(query))
        block.codes.resize(min(_BLOCK, len(rows)) * block.code_size)
        codes = faiss.rev_swig_ptr(block.codes.data(), block.codes.size())
        codes = codes.reshape(-1, block.code_size)
        nearest = [(np.empty(0, np.int64), np.empty(0, np.float32))]
        for start in range(0, len(rows), _BLOCK):
            some = rows[start : start + _BLOCK]
            self._codes.take(some, axis=0, out=codes[: len(some)], mode="clip")
            block.ntotal = len(some)
            cosines, places = block.search(query[None], min(k, len(some)))
            nearest.append((some[places[0]], cosines[0]))
        return joined(nearest)


def write(index: faiss.Index, path: Path) -> None:
    """Write an index to a file. Raises OSError if the disk does not let it."""
    with path.open("wb") as file:  # through Python, so that a full disk is an OSError
        faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))


def read(path: Path) -> IndexFile:
    """Open an index file; its vectors stay on the disk until they are needed (memory-mapped).

    Raises RuntimeError if the file is damaged.
    """
    return IndexFile(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC))


@cache
def _threads() -> ThreadPoolExecutor:
    """Threads that FAISS does not split up any further."""
    return ThreadPoolExecutor(_THREADS, "vectors", faiss.omp_set_num_threads, (1,))


def half_precision(dimension: int) -> faiss.IndexScalarQuantizer:
    """An empty index that keeps vectors at half precision and compares them all."""
    flat = faiss.IndexScalarQuantizer(
        dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    flat.is_trained = True  # half precision has nothing to learn
    return flat


def _selector(allowed: NDArray[np.bool_]) -> faiss.IDSelectorBitmap:
    return faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))


def joined(several: Iterable[Neighbours]) -> Neighbours:
    """Put several together, in no order."""
    rows, cosines = zip(*several, strict=True)
    return np.concatenate(rows), np.concatenate(cosines)


def best(rows: NDArray[np.int64], cosines: NDArray[np.float32], k: int) -> Neighbours:
    """The best ``k`` of these, in order; of equal ones the first row."""
    if k < len(rows):
        is_near = cosines >= np.partition(cosines, -k)[-k]
        rows, cosines = rows[is_near], cosines[is_near]
    order = np.lexsort((rows, -cosines))[:k]
    return rows[order], cosines[order]
