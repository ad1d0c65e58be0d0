"""The index of one kind of vectors of a snapshot: one FAISS file after the other."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.snapshot.index_file import IndexFile, Neighbours, best, joined


class VectorIndex:
    """The vectors of the photos of a snapshot; ids are rows of its table ``images``."""

    def __init__(self, files: Sequence[IndexFile], rows: NDArray[np.int64], photos: int) -> None:
        """``rows`` (shape (vectors,)) gives the row of each vector of the files, one file after the
        other; -1 for one that is out of date. ``photos`` is the number of rows."""
        self._files = list(files)
        self._rows = rows
        live = np.flatnonzero(rows >= 0)
        self._places = np.full(photos, -1, np.int64)
        self._places[rows[live]] = live
        self._live = rows >= 0 if len(live) < len(rows) else None
        self._is_in_order = np.array_equal(rows, np.arange(photos))

    def __len__(self) -> int:
        return len(self._places)

    def close(self) -> None:
        """Let go of the files: nothing may be asked any more."""
        self._files.clear()

    def search(
        self,
        query: NDArray[np.float32],
        k: int,
        allowed: NDArray[np.bool_] | None = None,
    ) -> Neighbours:
        """Return rows and cosines of the ``k`` nearest vectors, best first; fewer if there are.

        ``query`` has shape (dimension,), ``allowed`` shape (photos,): the rows that a filter keeps.
        """
        kept = allowed if allowed is None or self._is_in_order else allowed[self._rows]
        if self._live is not None:
            kept = self._live if kept is None else kept & self._live
        neighbours = []
        start = 0
        for file in self._files:
            end = start + len(file)
            places, cosines = file.search(query, k, None if kept is None else kept[start:end])
            neighbours.append((self._rows[places + start], cosines))
            start = end
        return best(*joined(neighbours), k)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return these rows' vectors, shape (len(rows), dimension), at half precision.

        The row of a photo without a vector is zero.
        """
        places = self._places[rows]
        vectors = np.zeros((len(rows), self.dimension), np.float32)
        start = 0
        for file in self._files:
            is_here = (places >= start) & (places < start + len(file))
            vectors[is_here] = file.vectors[places[is_here] - start]
            start += len(file)
        return vectors

    @property
    def dimension(self) -> int:
        """Of each vector."""
        return int(self._files[0].vectors.shape[1])

    @property
    def kind(self) -> str:
        """How it searches most of its vectors, in words."""
        return self._files[0].kind

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which rows hold a vector at all, shape (photos,)."""
        return self._places >= 0
