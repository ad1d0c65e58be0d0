"""Camera RAW: the preview that the camera put into the file, or else the photo developed."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rawpy
from PIL import ExifTags, Image

from pipeline.errors import PhotoError
from pipeline.photos.files import unreadable

PREVIEW_SIDE = 1024
"""Pixels that a preview has on its longer side at the least, to stand for the photo."""

_ORIENTATIONS = {3: 3, 5: 8, 6: 6}  # LibRaw's "flip" as EXIF numbers it


def raw_size(path: str) -> tuple[int, int]:
    """Width and height in pixels, as the photo is shown. Raises PhotoError."""
    with _opened(path) as raw:
        width, height = raw.sizes.iwidth, raw.sizes.iheight
        return (height, width) if raw.sizes.flip in {5, 6} else (width, height)


def open_raw(path: str) -> Image.Image:
    """The photo as an image of Pillow, with what turns it upright in its EXIF. Raises PhotoError.

    It is the preview, which the camera developed as its maker means it, if that is large enough.
    """
    with _opened(path) as raw:
        preview = _preview(raw)
        if preview:
            image = Image.open(io.BytesIO(preview))
            if max(image.size) >= PREVIEW_SIDE:
                _turn_like(image, raw.sizes.flip, raw.sizes.iwidth >= raw.sizes.iheight)
                return image
        return Image.fromarray(raw.postprocess(use_camera_wb=True))  # upright


def _preview(raw: rawpy.RawPy) -> bytes | None:
    try:
        preview = raw.extract_thumb()
    except rawpy.LibRawError:
        return None
    return bytes(preview.data) if preview.format == rawpy.ThumbFormat.JPEG else None


def _turn_like(image: Image.Image, flip: int, is_wide: bool) -> None:
    """Say in a preview's EXIF how it is to be turned, where only the RAW says so.

    A preview that lies across the sensor was turned by the camera.
    """
    exif = image.getexif()
    if ExifTags.Base.Orientation not in exif and (image.width >= image.height) == is_wide:
        exif[ExifTags.Base.Orientation] = _ORIENTATIONS.get(flip, 1)


@contextmanager
def _opened(path: str) -> Iterator[rawpy.RawPy]:
    try:
        with Path(path).open("rb"):
            pass  # what cannot be read at all is told as of any file
        with rawpy.imread(path) as raw:
            yield raw
    except PhotoError:
        raise
    except rawpy.LibRawError as error:
        words = error.args[0] if error.args else ""
        raise PhotoError(
            "the RAW file cannot be read: {reason}",
            reason=words.decode() if isinstance(words, bytes) else words,
        ) from error
    except OSError as error:
        raise unreadable(error) from error
