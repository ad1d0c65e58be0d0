"""The index finds what exact search finds, whatever its size and the filter."""

from collections.abc import Iterator
from pathlib import Path
from weakref import ref

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.snapshot import index_building, index_file
from pipeline.snapshot.vector_index import VectorIndex

DIMENSION = 48
COUNT = 20_000


def clustered(count: int) -> NDArray[np.float32]:
    """Vectors in clusters, as photos of one event are, of length 1."""
    random = np.random.default_rng(1)
    centres = random.standard_normal((50, DIMENSION))
    near = centres[random.integers(0, 50, count)] + 0.4 * random.standard_normal((count, DIMENSION))
    return (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module", params=["exact", "inverted file"])
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[NDArray[np.float32], VectorIndex, index_building.IndexReport]]:
    vectors = clustered(COUNT)

    def blocks() -> Iterator[NDArray[np.float32]]:
        yield from np.array_split(vectors, 7)

    exact_up_to = len(vectors) if request.param == "exact" else 1000
    with pytest.MonkeyPatch.context() as patch:
        # so few vectors, and yet the lists are used
        patch.setattr(index_file.IndexFile, "_compared_up_to", lambda _, kept, k: 2 * k)
        index, report = index_building.build(
            blocks, DIMENSION, len(vectors), exact_up_to=exact_up_to
        )
        assert request.param in report.kind
        path = tmp_path_factory.mktemp("index") / "vectors.faiss"
        index_file.write(index, path)
        read = index_file.read(path)
        yield vectors, VectorIndex([read], np.arange(len(vectors)), len(vectors)), report


def recall(
    vectors: NDArray[np.float32], index: VectorIndex, allowed: NDArray[np.bool_], k: int = 20
) -> float:
    """recall@k of 50 queries against comparing with every allowed vector."""
    queries = clustered(COUNT + 50)[COUNT:]
    hits = 0
    for query in queries:
        cosines = np.where(allowed, vectors @ query, -2)
        found, _ = index.search(query, k, allowed)
        hits += len(set(np.argsort(-cosines)[:k]) & set(found.tolist()))
    return hits / (k * len(queries))


def test_recall_of_many(
    built: tuple[NDArray[np.float32], VectorIndex, index_building.IndexReport],
) -> None:
    """As many as the page's wall asks for, from more lists, of more candidates."""
    vectors, index, _ = built
    assert recall(vectors, index, np.ones(COUNT, bool), 500) >= 0.97


@pytest.mark.parametrize("kept", [1.0, 0.5, 0.05, 0.005])
def test_recall_with_filters(
    built: tuple[NDArray[np.float32], VectorIndex, index_building.IndexReport], kept: float
) -> None:
    vectors, index, report = built
    allowed = np.random.default_rng(2).random(len(vectors)) < kept
    assert recall(vectors, index, allowed) >= 0.97
    assert report.recall >= 0.97
    rows, cosines = index.search(vectors[0], COUNT, allowed)
    assert allowed[rows].all()
    assert len(rows) == allowed.sum()  # a filter costs no results
    assert (np.diff(cosines) <= 1e-6).all()
    assert np.allclose(cosines, vectors[rows] @ vectors[0], atol=2e-3)


def test_recall_where_the_photos_that_a_filter_keeps_lie_together(
    built: tuple[NDArray[np.float32], VectorIndex, index_building.IndexReport],
) -> None:
    """As those of an event do, while the queries are of anything: the lists near these hold none
    of them."""
    vectors, index, _ = built
    for photo in range(5):
        likeness = vectors @ vectors[photo]
        assert recall(vectors, index, likeness > np.quantile(likeness, 0.8)) >= 0.97


def test_recall_where_a_filter_drops_what_is_near_the_query(
    built: tuple[NDArray[np.float32], VectorIndex, index_building.IndexReport],
) -> None:
    """As one for another year does, where the query is a photo of an event."""
    vectors, index, _ = built
    hits = 0
    for photo in range(100):
        likeness = vectors @ vectors[photo]
        allowed = likeness < np.quantile(likeness, 0.7)
        found, _ = index.search(vectors[photo], 20, allowed)
        hits += int((likeness[found] >= np.sort(likeness[allowed])[-20] - 1e-3).sum())
    assert hits / (20 * 100) >= 0.97


def test_recall_where_a_filter_keeps_every_second_photo_of_an_event(
    built: tuple[NDArray[np.float32], VectorIndex, index_building.IndexReport],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of which as many, one in two, are asked which list they are in."""
    vectors, index, _ = built
    likeness = vectors @ vectors[0]
    together = (likeness > np.quantile(likeness, 0.8)) & (np.arange(COUNT) % 2 == 1)
    monkeypatch.setattr(index_file, "_SAMPLED", together.sum() // 2)
    assert recall(vectors, index, together) >= 0.97


def test_the_one_photo_of_an_event_that_is_unlike_its_others_is_found(
    built: tuple[NDArray[np.float32], VectorIndex, index_building.IndexReport],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even though it is alone in its list, and not every photo is asked which list it is in."""
    monkeypatch.setattr(index_file, "_SAMPLED", 50)
    vectors, index, _ = built
    likeness = vectors @ vectors[0]
    together = likeness > np.quantile(likeness, 0.8)
    for other in np.argsort(likeness)[:20]:
        rows, _ = index.search(vectors[other], 1, together | (np.arange(COUNT) == other))
        assert rows.tolist() == [other]


@pytest.mark.parametrize("exact_up_to", [10_000, 1000])
def test_vectors_of_two_files_some_out_of_date(tmp_path: Path, exact_up_to: int) -> None:
    """Rows are those of the photos: of some the vector is in the second file, of one nowhere."""
    vectors = clustered(3000)
    files = []
    for number, part in enumerate((vectors[:2500], vectors[2500:])):
        blocks = lambda part=part: iter([part])  # noqa: E731
        index, _ = index_building.build(blocks, DIMENSION, len(part), exact_up_to=exact_up_to)
        index_file.write(index, tmp_path / f"{number}.faiss")
        files.append(index_file.read(tmp_path / f"{number}.faiss"))
    rows = np.random.default_rng(3).permutation(3000)
    rows[[5, 2700]] = -1
    found = VectorIndex(files, rows, 3001)
    by_row = np.zeros((3001, DIMENSION), np.float32)
    by_row[rows[rows >= 0]] = vectors[rows >= 0]
    present = by_row.any(axis=1)
    assert (found.present == present).all()
    assert np.allclose(found.vectors(np.arange(3001)), by_row, atol=1e-3)
    everything, _ = found.search(vectors[0], 5000)
    assert sorted(everything) == np.flatnonzero(present).tolist()
    assert recall(by_row, found, present) >= 0.97
    assert recall(by_row, found, present & (np.arange(3001) % 3 == 0)) >= 0.97


def test_an_empty_library_can_be_searched(tmp_path: Path) -> None:
    index, report = index_building.build(lambda: iter([]), DIMENSION, 0)
    index_file.write(index, tmp_path / "empty.faiss")
    read = index_file.read(tmp_path / "empty.faiss")
    empty = VectorIndex([read], np.empty(0, np.int64), 0)
    rows, cosines = empty.search(clustered(1)[0], 20)
    assert len(rows) == len(cosines) == report.vectors == 0


@pytest.mark.parametrize("exact_up_to", [COUNT, 1000])
def test_vectors_are_not_kept_while_an_index_is_built(exact_up_to: int) -> None:
    given: list[ref[NDArray[np.float32]]] = []
    alive = []

    def blocks() -> Iterator[NDArray[np.float32]]:
        for part in np.array_split(clustered(COUNT), 20):
            block = part.copy()
            given.append(ref(block))
            alive.append(sum(each() is not None for each in given))
            yield block

    index_building.build(blocks, DIMENSION, COUNT, exact_up_to=exact_up_to)
    assert max(alive) <= 3
