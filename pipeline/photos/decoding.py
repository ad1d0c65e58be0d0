"""Photo files: what their headers say, and decoding them as they are meant to be seen."""

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import psutil
from PIL import ExifTags, Image

import pipeline.photos.pillow  # noqa: F401
from pipeline.errors import PhotoError
from pipeline.photos.colour import to_srgb
from pipeline.photos.files import PhotoSource, is_raw_name, unreadable
from pipeline.photos.raw import open_raw, raw_size

MEMORY = 1_250_000_000
"""Bytes that all photos being decoded may take together; one that needs more is decoded alone."""

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "HEIF", "AVIF", "JXL")
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
_BYTES_A_PIXEL = {"WEBP": 16, "HEIF": 12, "AVIF": 12, "JXL": 16, "TIFF": 8, "progressive JPEG": 7}
_BYTES_A_PIXEL_OF_OTHERS = 5
_BAND_PIXELS = 4_000_000  # converted at once
_JPEG_END = b"\xff\xd9"


@dataclass(frozen=True)
class PhotoHeader:
    """What a photo file's header says; width and height in pixels, as the photo is shown.

    ``is_cut`` says that a part of the picture is missing, as of a file that was not copied whole.
    """

    image_format: str
    width: int
    height: int
    is_cut: bool = False


def read_header(source: PhotoSource) -> PhotoHeader:
    """Read format and size without decoding the pixels. Raises PhotoError.

    Only a JPEG that does not end as it should is decoded, to find out whether anything is missing.
    """
    if raw := _raw_path(source):
        return PhotoHeader(Path(raw).suffix[1:].upper(), *raw_size(raw))
    with _open(source) as image:
        if image.format != "JPEG" or _is_progressive(image):  # which is decoded at any fraction
            _check_memory(image, _memory_to_decode(image))
        width, height = image.size
        # Pillow turns the size of a TIFF by itself.
        if image.format != "TIFF" and _orientation(image) >= 5:
            width, height = height, width
        is_cut = image.format in {"JPEG", "MPO"} and _is_cut(source)
        return PhotoHeader(image.format or "unknown", width, height, is_cut)


def open_photo(source: PhotoSource, short_side: int | None = None) -> Image.Image:
    """Decode a photo to RGB in sRGB, turned the way it is meant to be seen.

    With ``short_side`` (pixels) the photo may come back smaller than it is, but with its short
    side at least that long where the file has as much: JPEG is then decoded at a fraction of its
    size, which is several times faster. The first frame of an animation is taken, and
    transparent parts become white. Of a JPEG that was cut, what is missing is gray. Raises
    PhotoError.
    """
    try:
        try:
            with _open_raw_or(source) as image:
                return _upright(image, short_side)
        except OSError as error:
            if not _lacks_end(error, source):
                raise
            with _open(_with_end(source)) as image:
                return _upright(image, short_side)
    except PhotoError:
        raise
    except Exception as error:  # decoders raise almost anything on damaged files
        raise unreadable(error) from error


def _upright(image: Image.Image, short_side: int | None) -> Image.Image:
    memory = _memory_to_decode(image)
    if short_side:
        image.draft("RGB", (short_side, short_side))
        if not _is_progressive(image):
            memory = _memory_to_decode(image)
    _check_memory(image, memory)
    with _memory.taken(min(memory, MEMORY)):
        upright = _to_rgb(image, short_side)
    # Asked for only now: Pillow turns a TIFF while it decodes it, and a PNG may have its EXIF block
    # after its pixels.
    turn = _TURNS.get(_orientation(image))
    return upright.transpose(turn) if turn is not None else upright


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


def _open_raw_or(source: PhotoSource) -> Image.Image:
    if raw := _raw_path(source):
        with _memory.taken(MEMORY // 2):  # which developing takes
            return open_raw(raw)
    return _open(source)


def _raw_path(source: PhotoSource) -> str | None:
    """The path of a source that is a file of camera RAW: to Pillow it may be a tiny TIFF."""
    if isinstance(source, str | os.PathLike) and is_raw_name(path := os.fspath(source)):
        return path
    return None


def _open(source: PhotoSource) -> Image.Image:
    try:
        return Image.open(source, formats=_FORMATS)
    except Exception as error:
        raise unreadable(error) from error


def _is_cut(source: PhotoSource) -> bool:
    """Whether a part of a JPEG's picture is missing: not if it lacks no more than its end."""
    with _binary(source) as file:
        file.seek(-len(_JPEG_END), os.SEEK_END)
        if file.read() == _JPEG_END:
            return False
    try:
        with _open(source) as image:
            image.draft("RGB", (1, 1))
            image.load()
            return False  # something else follows the end
    except Exception as error:
        if not _lacks_end(error, source):
            return False  # whoever decodes it says what is wrong
    try:
        with _open(_with_end(source)) as image:
            image.draft("RGB", (1, 1))  # a pixel for each block: those that are missing are alike
            colors = image.crop((0, image.height - 1, *image.size)).getcolors()
            return _is_progressive(image) or (colors is not None and len(colors) == 1)
    except Exception:  # likewise
        return False


def _lacks_end(error: Exception, source: PhotoSource) -> bool:
    """Whether what Pillow raised is that a JPEG ended too early."""
    if not isinstance(error, OSError) or "truncated" not in str(error):
        return False
    with _binary(source) as file:
        return file.read(2) == b"\xff\xd8"


def _with_end(source: PhotoSource) -> io.BytesIO:
    """A JPEG that was cut, with an end: libjpeg then makes of it what there is."""
    with _binary(source) as file:
        return io.BytesIO(file.read() + _JPEG_END)


@contextmanager
def _binary(source: PhotoSource) -> Iterator[BinaryIO]:
    """A source from its beginning."""
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as file:
            yield file
    else:
        source.seek(0)
        yield source
        source.seek(0)


def _check_memory(image: Image.Image, memory: int) -> None:
    """Raise PhotoError if decoding takes more bytes than a machine can give for one photo."""
    most = psutil.virtual_memory().total // 2
    if memory > max(most, MEMORY):
        raise PhotoError(
            "{width} × {height} pixels take {needed:.1f} GB of memory to decode; this machine"
            " can give {most:.1f} GB",
            width=image.width,
            height=image.height,
            needed=memory / 1e9,
            most=most / 1e9,
        )


def _memory_to_decode(image: Image.Image) -> int:
    return image.width * image.height * _bytes_a_pixel(image)


def _bytes_a_pixel(image: Image.Image) -> int:
    kind = "progressive JPEG" if _is_progressive(image) else image.format
    return _BYTES_A_PIXEL.get(kind or "", _BYTES_A_PIXEL_OF_OTHERS)


def _is_progressive(image: Image.Image) -> bool:
    return "progressive" in image.info


def _orientation(image: Image.Image) -> int:
    if image.format == "JXL":
        return 1  # its decoder turns it; EXIF still says how it was (ISO/IEC 18181-2)
    try:
        if profile := image.info.get("Raw profile type APP1"):  # as some programs call it in a PNG
            image.info.setdefault("Raw profile type exif", profile)
        exif = Image.Image.getexif(image)  # a PNG's own getexif decodes the photo
        return int(exif.get(ExifTags.Base.Orientation, 1))
    except Exception:  # a damaged EXIF block must not cost the photo
        return 1


def _to_rgb(image: Image.Image, short_side: int | None) -> Image.Image:
    """Convert to RGB and shrink by a whole factor, in bands: a huge photo is not held twice."""
    image.load()
    factor = max(min(image.size) // short_side, 1) if short_side else 1
    gray_range = _gray_range(image)
    profile = image.info.get("icc_profile")
    rows = max(_BAND_PIXELS // (image.width * factor), 1) * factor
    result = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        small = _without_alpha(band, gray_range).reduce(factor)
        result.paste(to_srgb(small, profile), (0, top // factor))
    return result


def _without_alpha(band: Image.Image, gray_range: tuple[float, float] | None) -> Image.Image:
    """A band in RGB, CMYK or gray (L) as its profile, if it has one, is for."""
    if gray_range:
        low, high = gray_range
        with np.errstate(invalid="ignore"):
            scaled = (np.asarray(band, np.float32) - low) * (255 / (high - low))
        eight_bits = np.nan_to_num(scaled).clip(0, 255).astype(np.uint8)
        return Image.fromarray(eight_bits)
    if band.mode in {"RGBA", "LA", "PA"} or "transparency" in band.info:
        with_alpha = band.convert("RGBA")
        white = Image.new("RGBA", with_alpha.size, "white")
        return Image.alpha_composite(white, with_alpha).convert("RGB")
    return band if band.mode in {"RGB", "CMYK", "L"} else band.convert("RGB")


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
