"""Photo files: which files are photos, what they hold, and decoding them ahead of a model."""

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
import pillow_heif
from PIL import ExifTags, Image, UnidentifiedImageError

from pipeline.errors import PhotoError

EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif"}
)
MAX_PIXELS = 250_000_000
"""A photo with more pixels is refused: decoding it could take over 2 GB of memory."""
LARGE_PIXELS = 25_000_000
"""Photos that decode to more pixels than this are decoded one at a time."""

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
_one_large_photo = threading.Lock()

Image.init()  # all formats: which ones are allowed is said in _FORMATS
pillow_heif.register_heif_opener()
# Pillow's own guard against decompression bombs warns first and raises late; ours is MAX_PIXELS.
Image.MAX_IMAGE_PIXELS = None

Item = TypeVar("Item")
Result = TypeVar("Result")
PhotoSource = str | os.PathLike[str] | BinaryIO


@dataclass(frozen=True)
class PhotoHeader:
    """What a photo file's header says; width and height in pixels, as the photo is shown."""

    image_format: str
    width: int
    height: int


def is_photo_name(name: str) -> bool:
    """Whether a file of this name is taken for a photo."""
    return not name.startswith(".") and Path(name).suffix.lower() in EXTENSIONS


def read_header(source: PhotoSource) -> PhotoHeader:
    """Read format and size without decoding the pixels. Raises PhotoError."""
    image = _open(source)
    with image:
        width, height = image.size
        if _orientation(image) >= 5:  # turned by a quarter
            width, height = height, width
        return PhotoHeader(image.format or "unknown", width, height)


def sha256_of(path: str) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes. Raises PhotoError."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(error) from error


def open_photo(source: PhotoSource, short_side: int | None = None) -> Image.Image:
    """Decode a photo to RGB, turned the way it is meant to be seen.

    With ``short_side`` (pixels) the photo may come back smaller than it is, but with its short
    side at least that long where the file has as much: JPEG is then decoded at a fraction of its
    size, which is several times faster. The first frame of an animation is taken, and
    transparent parts become white. Raises PhotoError.
    """
    image = _open(source)
    try:
        with image:
            orientation = _orientation(image)
            if short_side:
                image.draft("RGB", (short_side, short_side))
            pixels = image.width * image.height
            with _one_large_photo if pixels > LARGE_PIXELS else nullcontext():
                upright = _to_rgb(_reduced(image, short_side))
            turn = _TURNS.get(orientation)
            return upright.transpose(turn) if turn is not None else upright
    except PhotoError:
        raise
    except Exception as error:  # decoders raise almost anything on damaged files
        raise unreadable(error) from error


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, threads: int, look_ahead: int
) -> Iterator[tuple[Item, Result | PhotoError]]:
    """Apply ``function`` on threads ahead of the caller; yield results in the items' order.

    At most ``look_ahead`` results wait for the caller, which bounds the memory. A PhotoError is
    yielded in place of the result; any other exception is raised.
    """
    remaining = iter(items)
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        try:
            for item in islice(remaining, look_ahead):
                waiting.append((item, pool.submit(function, item)))
            while waiting:
                item, future = waiting.popleft()
                try:
                    result: Result | PhotoError = future.result()
                except PhotoError as error:
                    result = error
                for following in islice(remaining, 1):
                    waiting.append((following, pool.submit(function, following)))
                yield item, result
        finally:
            for _, future in waiting:
                future.cancel()


def _open(source: PhotoSource) -> Image.Image:
    try:
        image = Image.open(source, formats=_FORMATS)
    except Exception as error:
        raise unreadable(error) from error
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise PhotoError(
            f"{image.width} × {image.height} pixels; photos of more than"
            f" {MAX_PIXELS // 1_000_000} million pixels are not read"
        )
    return image


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a damaged EXIF block must not cost the photo
        return 1


def _reduced(image: Image.Image, short_side: int | None) -> Image.Image:
    """Shrink by a whole factor before converting, so that a huge photo is not held twice."""
    factor = min(image.size) // short_side if short_side else 1
    if factor < 2 or image.mode not in {"L", "LA", "RGB", "RGBA", "CMYK"}:
        return image
    return image.reduce(factor)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep_gray(image)
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        white = Image.new("RGBA", with_alpha.size, "white")
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    # A JPEG in RGB is loaded here; a copy lets its file be closed.
    return image.convert("RGB") if image.mode != "RGB" else image.copy()


def _from_deep_gray(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and floating-point gray to 8 bits; Pillow itself would clip it."""
    values = np.asarray(image, dtype=np.float32)
    if image.mode.startswith("I;16") or (image.mode == "I" and values.max(initial=0) <= 65535):
        low, high = 0.0, 65535.0
    else:
        low, high = float(values.min(initial=0)), float(values.max(initial=1))
    scaled = (values - low) * (255.0 / max(high - low, 1e-6))
    return Image.fromarray(scaled.clip(0, 255).astype(np.uint8)).convert("RGB")


def unreadable(error: Exception) -> PhotoError:
    """Put what went wrong while reading a photo into words for a person."""
    match error:
        case FileNotFoundError():
            return PhotoError("the file is gone", transient=True)
        case PermissionError():
            return PhotoError("no permission to read the file", transient=True)
        case UnidentifiedImageError():
            return PhotoError("not a photo in a format that can be read")
        case OSError() if error.errno is not None:
            return PhotoError(f"the file cannot be read: {error.strerror}", transient=True)
        case _:
            return PhotoError(f"the file is damaged: {error}")
