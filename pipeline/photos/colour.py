"""Colours as they are meant: ICC profiles applied, by LittleCMS."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageChops, ImageCms

_SRGB = ImageCms.createProfile("sRGB")
_SPACES = {"RGB ": "RGB", "CMYK": "CMYK", "GRAY": "L"}  # of profiles, by the modes of Pillow
_UNSEEN = 2
"""By how much of 255 colours may change without anybody seeing it."""


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Turn an RGB, CMYK or gray (L) image into RGB in sRGB, perceptually.

    A profile that is damaged, or for another kind of image, is passed over.
    """
    transform = _transform(profile, image.mode) if profile else None
    if transform is not None:
        return transform.apply(image)
    return image if image.mode == "RGB" else image.convert("RGB")


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From a profile to sRGB; None if it is one that says no other than sRGB, as most do."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if _SPACES.get(source.profile.xcolor_space) != mode:
            return None
        transform = ImageCms.buildTransform(source, _SRGB, mode, "RGB", ImageCms.Intent.PERCEPTUAL)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    if mode != "CMYK":
        sample = _sample(mode)
        change = ImageChops.difference(transform.apply(sample), sample.convert("RGB"))
        if np.asarray(change).max() <= _UNSEEN:
            return None
    return transform


def _sample(mode: str) -> Image.Image:
    """Colours all over the space."""
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    if mode == "L":
        return Image.fromarray(steps[None])
    return Image.fromarray(np.stack(np.meshgrid(steps, steps, steps), -1).reshape(9, 81, 3))
