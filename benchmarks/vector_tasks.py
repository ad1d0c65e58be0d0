"""What vector search is measured with: vectors, queries, filters, and which are truly nearest.

Each query is asked five times and the fastest counts, which other work on the machine disturbs
least.
"""

import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
DIMENSION = 384
K = 20
BLOCK = 20_000
SHARES = (0.5, 0.05, 0.001)  # of the photos that a filter keeps
TOGETHER = 0.1  # the same, of photos that lie together
DROPPED = 20  # photos, each with what is most like it,
ALIKE = 0.02  # of all photos
TIMES = 5  # that a query is asked

Search = Callable[[Vectors, NDArray[np.bool_] | None], NDArray[np.int64]]
"""Gives the rows of the twenty nearest to a query, of those that a filter keeps."""


def unit(rows: Vectors) -> Vectors:
    """Make all rows of length 1."""
    scaled: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def noise(random: np.random.Generator, count: int, length: float) -> Vectors:
    """Random rows of about this length."""
    drawn: Vectors = random.standard_normal((count, DIMENSION), dtype=np.float32)
    return drawn * np.float32(length / np.sqrt(DIMENSION))


def random_vectors(count: int, queries: int) -> tuple[Iterator[Vectors], Vectors]:
    """Random vectors, in blocks, and queries."""
    random = np.random.default_rng(1)
    asked = unit(noise(random, queries, 1))
    blocks = (unit(noise(random, min(BLOCK, count - at), 1)) for at in range(0, count, BLOCK))
    return blocks, asked


def clustered_vectors(count: int, queries: int) -> tuple[Iterator[Vectors], Vectors]:
    """Vectors as photos have them, in blocks, and queries."""
    random = np.random.default_rng(2)
    mean = unit(noise(random, 1, 1))
    plane = unit(noise(random, 64, 1))
    weights = 1 / np.arange(1, 2001)
    coordinates = random.standard_normal((2000, 64), dtype=np.float32)
    events = 0.65 * mean + 0.7 * unit(coordinates @ plane)

    def scenes(number: int) -> Vectors:
        of_events = random.choice(2000, number, p=weights / weights.sum())
        return events[of_events] + noise(random, number, 0.4)

    def blocks() -> Iterator[Vectors]:
        for at in range(0, count, BLOCK):
            size = min(BLOCK, count - at)
            repeated = np.repeat(scenes(size), random.integers(1, 11, size), axis=0)[:size]
            yield unit(repeated + noise(random, size, 0.22))

    return blocks(), unit(unit(scenes(queries)) + noise(random, queries, 3))


def nearest(cosines: Vectors, allowed: NDArray[np.bool_] | None) -> list[set[int]]:
    """The true twenty nearest of each query; ``cosines`` has shape (queries, vectors)."""
    rows = np.arange(cosines.shape[1]) if allowed is None else np.flatnonzero(allowed)
    k = min(K, len(rows))
    return [set(rows[np.argpartition(-row[rows], k - 1)[:k]].tolist()) for row in cosines]


def filters(vectors: Vectors) -> dict[str, NDArray[np.bool_] | None]:
    """By name, which rows a filter keeps."""
    random = np.random.default_rng(3)
    found: dict[str, NDArray[np.bool_] | None] = {"no filter": None}
    for share in SHARES:
        found[f"filter keeps {share:.1%}"] = random.random(len(vectors)) < share

    def most_like(share: float) -> NDArray[np.bool_]:
        likeness = vectors @ vectors[random.integers(len(vectors))]
        return np.asarray(likeness > np.quantile(likeness, 1 - share))

    found[f"filter keeps {TOGETHER:.1%}, all alike"] = most_like(TOGETHER)
    dropped = np.any([most_like(ALIKE) for _ in range(DROPPED)], axis=0)
    found[f"filter drops {dropped.mean():.1%}, {DROPPED} times what is alike"] = ~dropped
    return found


def ask_all(
    search: Search, queries: Vectors, true: list[set[int]], allowed: NDArray[np.bool_] | None
) -> tuple[list[float], float]:
    """The least seconds of each query, and recall@20."""
    seconds, recall = [], 0.0
    for query, best in zip(queries, true, strict=True):
        times = []
        for _ in range(TIMES):
            started = time.perf_counter()
            rows = search(query, allowed)
            times.append(time.perf_counter() - started)
        seconds.append(min(times))
        recall += len(best & set(rows.tolist())) / len(best) / len(queries)
    return seconds, recall
