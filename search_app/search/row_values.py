"""Which photos have which value, in memory: to count them, and to let some through."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from search_app.search.filters import Mask, mask_of


@dataclass(frozen=True)
class RowValues:
    """Which row of ``images`` has which value; a row may have none, or several.

    ``rows`` and ``codes`` have a pair for each, none twice; ``names`` has the value of each code.
    """

    rows: NDArray[np.int32]
    codes: NDArray[np.int32]
    names: Sequence[Any]

    @classmethod
    def read(
        cls, rows: NDArray[np.int64], column: pa.ChunkedArray, name: Callable[[Any], Any]
    ) -> "RowValues":
        """Of a column with a value or null for each of ``rows``.

        ``name`` makes the value's name, which several may share; "" is none.
        """
        encoded = column.combine_chunks().dictionary_encode()
        names: dict[Any, int] = {}
        codes = np.array(
            [
                -1 if (named := name(value)) == "" else names.setdefault(named, len(names))
                for value in encoded.dictionary.to_pylist()
            ],
            np.int64,
        )
        has = encoded.is_valid().to_numpy(zero_copy_only=False)
        return cls.of(rows[has], codes[encoded.indices.drop_null().to_numpy()], list(names))

    @classmethod
    def of(cls, rows: NDArray[Any], codes: NDArray[Any], names: Sequence[Any]) -> "RowValues":
        """Of pairs that may occur twice; a negative code is no value."""
        count = max(len(names), 1)
        pairs = np.sort((rows.astype(np.int64) * count + codes)[codes >= 0])
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]  # np.unique takes several times as long
        return cls((pairs // count).astype(np.int32), (pairs % count).astype(np.int32), names)

    def with_more(self, rows: NDArray[Any], values: Iterable[Any]) -> "RowValues":
        """With another value, or None, for each of ``rows``, which may have it already."""
        names = {name: code for code, name in enumerate(self.names)}
        codes = [-1 if value is None else names.setdefault(value, len(names)) for value in values]
        return RowValues.of(
            np.concatenate([self.rows, rows]),
            np.concatenate([self.codes, np.array(codes, np.int64)]),
            list(names),
        )

    def mask(self, wanted: Iterable[Any], count: int) -> Mask:
        """The rows that have one of these values, shape (count,)."""
        values = set(wanted)
        is_wanted = np.array([name in values for name in self.names], bool)
        return mask_of(self.rows[is_wanted[self.codes]], count)

    def counts(self, mask: Mask | None) -> dict[Any, int]:
        """The number of rows in the mask that have each value; values that none has left out."""
        codes = self.codes if mask is None else self.codes[mask[self.rows]]
        found = np.bincount(codes, minlength=len(self.names)).tolist()
        return {name: count for name, count in zip(self.names, found, strict=True) if count}
