"""The index finds what exact search finds, whatever its size and the filter."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import vector_index
from pipeline.vector_index import VectorIndex

DIMENSION = 48


def clustered(count: int) -> NDArray[np.float32]:
    """Vectors in clusters, as photos of one event are, of length 1."""
    random = np.random.default_rng(1)
    centres = random.standard_normal((50, DIMENSION))
    near = centres[random.integers(0, 50, count)] + 0.4 * random.standard_normal((count, DIMENSION))
    return (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module", params=["exact", "inverted file"])
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[NDArray[np.float32], VectorIndex, vector_index.IndexReport]:
    vectors = clustered(6000)

    def blocks() -> Iterator[NDArray[np.float32]]:
        yield from np.array_split(vectors, 7)

    exact_up_to = len(vectors) if request.param == "exact" else 1000
    index, report = vector_index.build(blocks, DIMENSION, len(vectors), exact_up_to=exact_up_to)
    assert request.param in report.kind
    path = tmp_path_factory.mktemp("index") / "vectors.faiss"
    vector_index.write(index, path)
    return vectors, VectorIndex(vector_index.read(path), np.ones(len(vectors), bool)), report


def recall(vectors: NDArray[np.float32], index: VectorIndex, allowed: NDArray[np.bool_]) -> float:
    """recall@20 of 50 queries against comparing with every allowed vector."""
    queries = clustered(6050)[6000:]
    hits = 0
    for query in queries:
        cosines = np.where(allowed, vectors @ query, -2)
        found, _ = index.search(query, 20, allowed)
        hits += len(set(np.argsort(-cosines)[:20]) & set(found.tolist()))
    return hits / (20 * len(queries))


@pytest.mark.parametrize("kept", [1.0, 0.5, 0.05, 0.005])
def test_recall_with_filters(
    built: tuple[NDArray[np.float32], VectorIndex, vector_index.IndexReport], kept: float
) -> None:
    vectors, index, report = built
    allowed = np.random.default_rng(2).random(len(vectors)) < kept
    assert recall(vectors, index, allowed) >= 0.97
    assert report.recall >= 0.97
    rows, cosines = index.search(vectors[0], 10_000, allowed)
    assert allowed[rows].all()
    assert len(rows) == allowed.sum()  # a filter costs no results
    assert (np.diff(cosines) <= 1e-6).all()
    assert np.allclose(cosines, vectors[rows] @ vectors[0], atol=2e-3)


def test_rows_without_a_vector_are_never_found() -> None:
    vectors = clustered(10)
    vectors[3] = 0
    index, report = vector_index.build(lambda: iter([vectors]), DIMENSION, 10)
    rows, _ = VectorIndex(index, np.arange(10) != 3).search(vectors[0], 10)
    assert sorted(rows) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert report.vectors == 10


def test_an_empty_library_can_be_searched(tmp_path: Path) -> None:
    index, report = vector_index.build(lambda: iter([]), DIMENSION, 0)
    vector_index.write(index, tmp_path / "empty.faiss")
    empty = VectorIndex(vector_index.read(tmp_path / "empty.faiss"), np.ones(0, bool))
    rows, cosines = empty.search(clustered(1)[0], 20)
    assert len(rows) == len(cosines) == report.vectors == 0
