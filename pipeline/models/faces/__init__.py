"""Face finders: models that find faces in photos and tell people apart by them."""

from typing import TYPE_CHECKING, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

SAME_PERSON = 0.363
"""The cosine above which SFace takes two faces for one person's, as its authors have it."""


class Face(TypedDict):
    """A face in a photo.

    Its edges and ``landmarks`` (x and y of the eyes, the tip of the nose and the corners of the
    mouth) are in percent of the width and height of the photo as it is shown. ``score`` says how
    sure it is that this is a face, 0 to 1; ``quality`` how much of it can be seen: the less, the
    less its ``embedding`` tells. That has shape (128,) and length 1; of two faces of one person
    the cosine is above ``SAME_PERSON``.
    """

    left: float
    top: float
    right: float
    bottom: float
    landmarks: list[float]
    score: float
    quality: float
    embedding: NDArray[np.float32]


class FaceFinder(Protocol):
    """Finds faces. ``producer`` is stored with what it found: model name and code version."""

    name: str
    producer: str
    image_size: int
    """Length in pixels that a decoded photo's short side should at least have."""

    def find(self, image: "Image") -> list[Face]:
        """The faces in one upright RGB photo, the largest first. Thread-safe, on one core."""
        ...
