"""The vectors of ImageNet's classes, computed once for all: it takes 12 seconds.

``python -m pipeline.models.encoders.class_vectors`` computes the file beside this one anew. A test
holds it against its texts and MiniLM. Half precision moves no vector by more than a cosine of 1e-6.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from pipeline.models import imagenet
from pipeline.models.encoders import Vectors, unit_rows
from pipeline.models.encoders.minilm import MiniLM

_FILE = Path(__file__).with_suffix(".npy")


@lru_cache(maxsize=1)
def class_vectors() -> Vectors:
    """Return shape (1000, 384), float32, each row of length 1; the same for all photos."""
    return unit_rows(np.load(_FILE).astype(np.float32))


def compute(classes: slice = slice(None)) -> Vectors:
    """Return the rows of ``class_vectors`` for these classes, from the texts themselves.

    A class's vector is the mean of two text vectors, of its names and of its description, scaled to
    length 1.
    """
    encode = MiniLM("", "").encode_texts
    return unit_rows(encode(imagenet.names()[classes]) + encode(imagenet.descriptions()[classes]))


if __name__ == "__main__":
    np.save(_FILE, compute().astype(np.float16))
