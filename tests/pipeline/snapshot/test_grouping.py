"""Grouping faces by their vectors."""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.snapshot.grouping import group


@pytest.fixture(scope="module")
def faces() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The vectors of 2,000 faces, in no order, and whose they are."""
    random = np.random.RandomState(0)
    person = random.randint(0, 100, 2000)
    vectors = random.standard_normal((100, 128))[person] + 0.8 * random.standard_normal((2000, 128))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), person


def partition(labels: NDArray[np.int64]) -> set[tuple[int, ...]]:
    return {tuple(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def test_faces_are_grouped_by_person(faces: tuple[NDArray[np.float32], NDArray[np.int64]]) -> None:
    vectors, person = faces
    assert partition(group(vectors, 0.40)) == partition(person)


def test_new_faces_join_the_groups_that_are_there(
    faces: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    vectors, person = faces
    known = np.full(2000, -1)
    known[:500] = 7 + group(vectors[:500], 0.40)
    of_known = partition(known[:500])
    labels = group(vectors, 0.40, known)
    assert partition(labels) == partition(person)
    assert partition(labels[:500]) == of_known


def test_what_was_grouped_stays_together_and_apart(
    faces: tuple[NDArray[np.float32], NDArray[np.int64]],
) -> None:
    known = np.arange(2000) % 3
    labels = group(faces[0], 0.40, known)
    assert partition(labels) == partition(known)
