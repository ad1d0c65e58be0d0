"""Photo files: which files are photos, what they hold, and decoding them ahead of a model."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import numpy as np
import pillow_heif
from PIL import ExifTags, Image

from pipeline.errors import PhotoError
from pipeline.photos.files import PhotoSource, unreadable

MEMORY = 1_250_000_000
"""Bytes that all photos being decoded may take together. One that needs more is refused."""

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "HEIF", "AVIF")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What decoding takes at its peak, in bytes a pixel, as measured: Pillow's own 4 for a color pixel,
# and what the decoder keeps besides: copies, a whole strip, or a progressive JPEG's coefficients.
_BYTES_A_PIXEL = {"WEBP": 16, "HEIF": 12, "AVIF": 12, "TIFF": 8, "progressive JPEG": 7}
_BYTES_A_PIXEL_OF_OTHERS = 5
_BAND_PIXELS = 4_000_000  # converted at once

Image.init()  # all formats: which ones are allowed is said in _FORMATS
pillow_heif.register_heif_opener()
# Pillow's own guard against decompression bombs warns first and raises late; ours is MEMORY.
Image.MAX_IMAGE_PIXELS = None
# Memory in blocks of this size goes back to the system when a photo is done with; the C library
# keeps smaller ones for the thread that had them, which adds up.
Image.core.set_block_size(64 * 2**20)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class PhotoHeader:
    """What a photo file's header says; width and height in pixels, as the photo is shown."""

    image_format: str
    width: int
    height: int


def read_header(source: PhotoSource) -> PhotoHeader:
    """Read format and size without decoding the pixels. Raises PhotoError."""
    with _open(source) as image:
        width, height = image.size
        # Pillow turns the size of a TIFF by itself.
        if image.format != "TIFF" and _orientation(image) >= 5:
            width, height = height, width
        return PhotoHeader(image.format or "unknown", width, height)


def open_photo(source: PhotoSource, short_side: int | None = None) -> Image.Image:
    """Decode a photo to RGB, turned the way it is meant to be seen.

    With ``short_side`` (pixels) the photo may come back smaller than it is, but with its short
    side at least that long where the file has as much: JPEG is then decoded at a fraction of its
    size, which is several times faster. The first frame of an animation is taken, and
    transparent parts become white. Raises PhotoError.
    """
    try:
        with _open(source) as image:
            memory = _memory_to_decode(image)
            if short_side:
                image.draft("RGB", (short_side, short_side))
                if not _is_progressive(image):
                    memory = _memory_to_decode(image)
            with _memory.taken(memory):
                upright = _to_rgb(image, short_side)
            # Asked for only now: Pillow turns a TIFF while it decodes it, and a PNG may have its
            # EXIF block after its pixels.
            turn = _TURNS.get(_orientation(image))
            return upright.transpose(turn) if turn is not None else upright
    except PhotoError:
        raise
    except Exception as error:  # decoders raise almost anything on damaged files
        raise unreadable(error) from error


class _Memory:
    """Lets threads take memory as long as they keep within a limit together."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Wait until ``size`` bytes, at most the limit, are free, and take them meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: size <= self._free)
            self._free -= size
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()


_memory = _Memory(MEMORY)


def _open(source: PhotoSource) -> Image.Image:
    try:
        image = Image.open(source, formats=_FORMATS)
    except Exception as error:
        raise unreadable(error) from error
    if _memory_to_decode(image) > MEMORY:
        image.close()
        most = MEMORY // _bytes_a_pixel(image) // 1_000_000
        raise PhotoError(
            f"{image.width} × {image.height} pixels; {image.format} photos of more than {most}"
            " million pixels are not read"
        )
    return image


def _memory_to_decode(image: Image.Image) -> int:
    return image.width * image.height * _bytes_a_pixel(image)


def _bytes_a_pixel(image: Image.Image) -> int:
    kind = "progressive JPEG" if _is_progressive(image) else image.format
    return _BYTES_A_PIXEL.get(kind or "", _BYTES_A_PIXEL_OF_OTHERS)


def _is_progressive(image: Image.Image) -> bool:
    return "progressive" in image.info


def _orientation(image: Image.Image) -> int:
    try:
        exif = Image.Image.getexif(image)  # a PNG's own getexif decodes the photo
        return int(exif.get(ExifTags.Base.Orientation, 1))
    except Exception:  # a damaged EXIF block must not cost the photo
        return 1


def _to_rgb(image: Image.Image, short_side: int | None) -> Image.Image:
    """Convert to RGB and shrink by a whole factor, in bands: a huge photo is not held twice."""
    image.load()
    factor = max(min(image.size) // short_side, 1) if short_side else 1
    gray_range = _gray_range(image)
    rows = max(_BAND_PIXELS // (image.width * factor), 1) * factor
    result = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        result.paste(_band_to_rgb(band, gray_range).reduce(factor), (0, top // factor))
    return result


def _band_to_rgb(band: Image.Image, gray_range: tuple[float, float] | None) -> Image.Image:
    if gray_range:
        low, high = gray_range
        with np.errstate(invalid="ignore"):
            scaled = (np.asarray(band, np.float32) - low) * (255 / (high - low))
        eight_bits = np.nan_to_num(scaled).clip(0, 255).astype(np.uint8)
        return Image.fromarray(eight_bits).convert("RGB")
    if band.mode in {"RGBA", "LA", "PA"} or "transparency" in band.info:
        with_alpha = band.convert("RGBA")
        white = Image.new("RGBA", with_alpha.size, "white")
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    return band.convert("RGB")


def _gray_range(image: Image.Image) -> tuple[float, float] | None:
    """What is black and what is white in 16-bit, 32-bit and floating-point gray, else None.

    Pillow itself would clip these at 255.
    """
    if image.mode not in {"I", "F"}:
        return (0, 65535) if image.mode.startswith("I;16") else None
    low, high = cast("tuple[float, float]", image.getextrema())
    if image.mode == "I" and low >= 0 and high <= 65535:
        return 0, 65535
    return min(0, low), max(1, high)  # in this order: either may be no number
