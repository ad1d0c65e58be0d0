"""Encoders: models that put photos and texts into one vector space."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Vectors = NDArray[np.float32]
"""Shape (n, dimension), float32, each row of Euclidean length 1."""

Labels = Mapping[str, float]
"""What a photo likely shows, with the probability of each, the likeliest first."""


def unit_rows(vectors: Vectors) -> Vectors:
    """Return each row scaled to length 1."""
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


class TextEncoder(Protocol):
    """Embeds texts. ``producer`` is stored with every vector: model name and code version."""

    name: str
    producer: str
    dimension: int

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Return one row for each text, in order."""
        ...


SENSE = 0.6
"""The ``sense`` of a text that surely says something, as far as is known."""
LEAST_SENSE = 0.45
"""The ``sense`` that what people photograph has at the least."""


@runtime_checkable
class SenseEncoder(TextEncoder, Protocol):
    """A text encoder that can tell whether a text says anything."""

    def sense(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return how much each text means, shape (len(texts),), at most ``SENSE``."""
        ...


class Encoder(TextEncoder, Protocol):
    """Embeds photos and texts into the same space.

    A photo is embedded in two steps, so that the first can run on the threads that decode while
    the model works on the batch before: ``prepare`` and ``encode_prepared``, both thread-safe.
    """

    image_size: int
    """Length in pixels that a decoded photo's short side should at least have."""
    in_flight: int
    """How many threads had best call ``encode_prepared`` at the same time."""

    @property
    def batch_size(self) -> int:
        """How many photos ``encode_prepared`` had best be given at a time."""
        ...

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """Turn one upright RGB photo into the model's input; the shape is the model's own."""
        ...

    def encode_prepared(self, batch: Sequence[NDArray[np.float32]]) -> Vectors:
        """Return one row for each prepared photo, in order."""
        ...

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Return one row for each upright RGB photo, in order."""
        ...

    def match_probability(self, cosines: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Turn text-photo cosines into match probabilities; None if the model cannot."""
        ...


@runtime_checkable
class LabellingEncoder(Encoder, Protocol):
    """An encoder that can also say what a photo shows, as it knows that by the way."""

    def encode_and_label(
        self, batch: Sequence[NDArray[np.float32]]
    ) -> tuple[Vectors, Sequence[Labels]]:
        """Return what ``encode_prepared`` does, and the labels of each photo."""
        ...
