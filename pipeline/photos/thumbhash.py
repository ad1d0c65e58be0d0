"""ThumbHash: what a photo looks like to who hardly sees it, in some twenty bytes.

Method and layout are those of Evan Wallace (https://evanw.github.io/thumbhash/), whose script makes
a small picture of them in the browser. Transparency is left out: a decoded photo has none.
"""

import base64

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 50  # pixels of the longer side, at the least; no wave is shorter than a seventh of it
_WAVES = 7  # along the longer side, of brightness; of each colour there are three both ways
# Brightness, yellow against blue, and red against green: of red, green and blue.
_CHANNELS = np.array([[1 / 3, 1 / 3, 1 / 3], [1 / 2, 1 / 2, -1], [1, -1, 0]], np.float32)


def thumbhash(image: Image.Image) -> str:
    """Return the ThumbHash of an RGB photo, in base64. Thread-safe."""
    small = image.reduce(max(1, max(image.size) // _SIDE))
    brightness, *colours = np.tensordot(_CHANNELS, np.asarray(small, np.float32) / 255, (1, 2))
    wide, high = (max(1, round(_WAVES * side / max(small.size))) for side in small.size)
    mean, scale, waves = _transformed(brightness, max(3, wide), max(3, high))
    (p_mean, p_scale, p_waves), (q_mean, q_scale, q_waves) = (
        _transformed(channel, 3, 3) for channel in colours
    )
    is_landscape = small.width > small.height
    numbers = [  # each with its bits
        *((63 * mean, 6), (31.5 + 31.5 * p_mean, 6), (31.5 + 31.5 * q_mean, 6)),
        *((31 * scale, 5), (0, 1)),  # the latter says that nothing is transparent
        *((high if is_landscape else wide, 3), (63 * p_scale, 6), (63 * q_scale, 6)),
        (is_landscape, 1),
        *((7.5 + 7.5 * wave, 4) for wave in (*waves, *p_waves, *q_waves)),
    ]
    packed = length = 0
    for number, bits in numbers:
        packed |= round(number) << length
        length += bits
    return base64.b64encode(packed.to_bytes(-(-length // 8), "little")).decode()


def _transformed(
    channel: NDArray[np.float32], wide: int, high: int
) -> tuple[float, float, list[float]]:
    """The mean of a channel, the largest of its longest waves, and each of them relative to it.

    They are those of its discrete cosine transform for which x / wide + y / high < 1, in rows.
    """
    rows, columns = (
        np.cos(np.pi / size * np.outer(np.arange(count), np.arange(size) + 0.5))
        for count, size in zip((high, wide), channel.shape, strict=True)
    )
    found = rows @ channel @ columns.T / channel.size
    y, x = np.indices(found.shape)
    mean, *waves = found[x * high < wide * (high - y)].tolist()
    scale = max(map(abs, waves))
    return mean, scale, [wave / scale if scale else -1 for wave in waves]
