"""The embedded encoder: photos and texts in one space without a key, a GPU or a model hub."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.models import imagenet
from pipeline.models.encoders import Vectors
from pipeline.models.encoders.class_vectors import class_vectors, unit_rows
from pipeline.models.encoders.text_loading import load_text_encoder
from pipeline.models.torch_models import on_one_core, torch_device

CODE_VERSION = 3
"""To be raised by any change that changes the vectors of a photo or a text."""

_DIMENSION = 384  # of all-MiniLM-L6-v2


class EmbeddedEncoder:
    """Embeds photos by ConSE, and texts with all-MiniLM-L6-v2. Implements ``Encoder``.

    A photo's vector is the sum of the 1,000 class vectors of ImageNet, each weighted by the
    probability of its class, scaled to length 1 (Norouzi et al., 2013, arXiv 1312.5650, with
    T = 1000); ``class_vectors`` has them. A text's vector is its own.
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
        return unit_rows(probabilities @ class_vectors())

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Return shape (len(texts), 384), float32, each row of length 1. Thread-safe."""
        return load_text_encoder("embedded", self._device).encode_texts(texts)

    def match_probability(self, cosines: NDArray[np.float32]) -> None:
        """Return None: nothing in this model says how likely a match is."""
        return
