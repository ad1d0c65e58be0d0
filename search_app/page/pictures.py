"""Pictures as the page needs them: decoded, no larger than they are shown, and parts of them."""

import io
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image, ImageOps
from starlette.formparsers import MultiPartParser

from pipeline.photos.decoding import open_photo
from pipeline.photos.files import unreadable
from search_app.search.parsed import Part

_THUMBNAIL = (1600, 480)  # pixels: rows are half as high, and screens have up to two per CSS pixel
MAX_UPLOAD = 25
"""Megabytes."""
_LARGE = (1600, 1200)
_FACE_SIDE = 160
_SQUARE = 144
_FACES_OF = 960  # pixels of the photo's short side
_QUALITY = 85

# An upload stays in memory: Starlette would put all above a megabyte into a temporary file.
MultiPartParser.spool_max_size = (MAX_UPLOAD + 1) * 2**20


class Upload(NamedTuple):
    """A picture that somebody searches by; ``key`` is another one for every upload."""

    key: str
    name: str
    file: BinaryIO


def thumbnail(path: str) -> bytes:
    """The whole photo, as high as a row of the wall, as JPEG. Raises PhotoError."""
    return _thumbnail(path, _modified(path))


def large(path: str) -> bytes:
    """The whole photo, large enough to fill a window, as JPEG. Raises PhotoError."""
    return _large(path, _modified(path))


def face(path: str, part: Part) -> bytes:
    """A part of the photo, square, as JPEG. Raises PhotoError."""
    return _face(path, _modified(path), part)


def square(picture: Image.Image) -> bytes:
    """The middle of a picture in memory, square, as JPEG."""
    return _jpeg(ImageOps.fit(picture, (_SQUARE, _SQUARE)))


def _modified(path: str) -> int:
    """A part of the cache key, so that a photo that changed is read again."""
    try:
        return Path(path).stat().st_mtime_ns
    except OSError as error:
        raise unreadable(error) from error


@lru_cache(maxsize=2000)  # of some 40 kB each
def _thumbnail(path: str, modified: int) -> bytes:
    picture = open_photo(path, min(_THUMBNAIL))
    picture.thumbnail(_THUMBNAIL)
    return _jpeg(picture)


@lru_cache(maxsize=4000)  # of some 5 kB each
def _face(path: str, modified: int, part: Part) -> bytes:
    photo = open_photo(path, _FACES_OF)
    edges = [
        round(edge * side / 100)
        for edge, side in zip(part, (*photo.size, *photo.size), strict=True)
    ]
    found = photo.crop(
        (edges[0], edges[1], max(edges[2], edges[0] + 1), max(edges[3], edges[1] + 1))
    )
    return _jpeg(ImageOps.fit(found, (_FACE_SIDE, _FACE_SIDE)))


@lru_cache(maxsize=64)
def _large(path: str, modified: int) -> bytes:
    picture = open_photo(path, min(_LARGE))
    picture.thumbnail(_LARGE)
    return _jpeg(picture)


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
