"""The embedded encoder: photos and texts in one space without a key, a GPU or a model hub."""

import os
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.models import imagenet
from pipeline.models.encoders import Labels, Vectors, unit_rows
from pipeline.models.encoders.class_vectors import class_vectors
from pipeline.models.encoders.text_loading import load_text_encoder

CODE_VERSION = 5
"""To be raised by any change that changes the vectors of a photo or a text."""

_MEANING = 384  # numbers of all-MiniLM-L6-v2
_LOOKS = 256  # numbers that the features are projected to
_SHARE_OF_LOOKS = 0.7  # of the cosine of two photos


class EmbeddedEncoder:
    """Embeds photos by what they show and how they look. Implements ``LabellingEncoder``.

    The first 384 numbers of a photo's vector are its meaning: the sum of the 1,000 class vectors of
    ImageNet, each weighted by the probability of its class, scaled to one length (Norouzi et al.,
    2013, arXiv 1312.5650, with T = 1000); ``class_vectors`` has them. A text's are its vector by
    all-MiniLM-L6-v2. The other 256 tell photos of the same classes apart: EfficientNet's features,
    projected at random, which keeps their angles (Johnson and Lindenstrauss, 1984), and scaled to
    one length. A text has zeros there, so that one index ranks photos by texts as the meaning alone
    does, and by photos mostly by looks (benchmarks/similar_pictures.py).
    """

    name = "embedded"
    producer = f"embedded:{CODE_VERSION}"
    dimension = _MEANING + _LOOKS
    image_size = imagenet.IMAGE_SIZE

    batch_size = 1
    in_flight = os.cpu_count() or 2

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """Return two views of an RGB photo, shape (2, 3, 260, 260), float32. Thread-safe."""
        return imagenet.prepare(image)

    def encode_prepared(self, batch: Sequence[NDArray[np.float32]]) -> Vectors:
        """Return shape (len(batch), 640), float32, each row of length 1. Thread-safe."""
        return self.encode_and_label(batch)[0]

    def encode_and_label(
        self, batch: Sequence[NDArray[np.float32]]
    ) -> tuple[Vectors, list[Labels]]:
        """Return what ``encode_prepared`` does, and what each photo likely shows. Thread-safe.

        It is computed on one core, the fastest way while all have a batch of their own.
        """
        seen = imagenet.look(batch)
        return _vectors(seen), [imagenet.likely_labels(row) for row in seen.probabilities]

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Return shape (len(images), 640), float32, each row of length 1."""
        return self.encode_prepared([self.prepare(image) for image in images])

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Return shape (len(texts), 640), float32, each row of length 1. Thread-safe."""
        meaning = load_text_encoder("embedded").encode_texts(texts)
        return np.pad(meaning, [(0, 0), (0, _LOOKS)])

    def match_probability(self, cosines: NDArray[np.float32]) -> None:
        """Return None: nothing in this model says how likely a match is."""
        return


def _vectors(seen: imagenet.Look) -> Vectors:
    meaning = unit_rows(seen.probabilities @ class_vectors())
    looks = unit_rows(seen.features @ _projection())
    shares = np.sqrt([1 - _SHARE_OF_LOOKS, _SHARE_OF_LOOKS], dtype=np.float32)
    return np.hstack([shares[0] * meaning, shares[1] * looks])


@lru_cache(maxsize=1)
def _projection() -> NDArray[np.float32]:
    """Onto a random subspace, the same for all photos: shape (1280, 256), orthonormal columns."""
    random = np.random.RandomState(0)  # which NumPy promises to keep as it is
    columns, _ = np.linalg.qr(random.standard_normal((imagenet.FEATURES, _LOOKS)))
    return columns.astype(np.float32)
