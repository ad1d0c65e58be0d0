"""The embedded encoder: photos and texts in one space without a key, a GPU or a model hub."""

import os
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.models import imagenet
from pipeline.models.encoders import Vectors
from pipeline.models.encoders.kept import encode_kept
from pipeline.models.encoders.text_loading import load_text_encoder
from pipeline.models.torch_models import on_one_core, one_at_a_time, torch_device

CODE_VERSION = 2
"""To be raised by any change that changes the vectors of a photo or a text."""

_DIMENSION = 384  # of all-MiniLM-L6-v2


class EmbeddedEncoder:
    """Embeds photos by ConSE, and texts with all-MiniLM-L6-v2. Implements ``Encoder``.

    A photo's vector is the sum of the 1,000 class vectors of ImageNet, each weighted by the
    probability of its class, scaled to length 1 (Norouzi et al., 2013, arXiv 1312.5650, with
    T = 1000). A class vector is the mean of two text vectors, of the class's names and of its
    description, scaled to length 1. A text's vector is its own.
    """

    name = "embedded"
    producer = f"embedded:{CODE_VERSION}"
    dimension = _DIMENSION
    image_size = imagenet.IMAGE_SIZE

    def __init__(self, device: str = "auto") -> None:
        """Load nothing yet. Raises AlbumscopeError if the device is not there."""
        self._device = torch_device(device)
        self.batch_size = imagenet.PHOTOS_AT_ONCE[self._device]
        self.in_flight = (os.cpu_count() or 2) if self._device == "cpu" else 2

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """Return two views of an RGB photo, shape (2, 3, 260, 260), float32. Thread-safe."""
        return imagenet.prepare(image)

    def encode_prepared(self, batch: Sequence[NDArray[np.float32]]) -> Vectors:
        """Return shape (len(batch), 384), float32, each row of length 1. Thread-safe.

        A CPU computes it on one core, the fastest way while all have a batch of their own.
        """
        if self._device != "cpu":
            return self._encode(batch)
        with on_one_core():
            return self._encode(batch)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Return shape (len(images), 384), float32, each row of length 1."""
        return self._encode([self.prepare(image) for image in images])

    def _encode(self, batch: Sequence[NDArray[np.float32]]) -> Vectors:
        probabilities = imagenet.probabilities(batch, self._device)
        return _unit_rows(probabilities @ _class_vectors(self._device))

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Return shape (len(texts), 384), float32, each row of length 1. Thread-safe."""
        return load_text_encoder("embedded", self._device).encode_texts(texts)

    def match_probability(self, cosines: NDArray[np.float32]) -> None:
        """Return None: nothing in this model says how likely a match is."""
        return


@one_at_a_time
@lru_cache(maxsize=1)
def _class_vectors(device: str) -> Vectors:
    """Return shape (1000, 384), float32, each row of length 1; the same for all photos."""
    texts = (*imagenet.names(), *imagenet.descriptions())
    vectors = encode_kept(load_text_encoder("embedded", device), texts)
    return _unit_rows(vectors[: imagenet.CLASSES] + vectors[imagenet.CLASSES :])


def _unit_rows(vectors: NDArray[np.float32]) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
