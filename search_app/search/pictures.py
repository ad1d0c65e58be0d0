"""Pictures of photos: decoded, no larger than they are shown, and parts of them.

What is shown of a photo is made here from its file, or its file itself, and only if that lies in
the folder of its album: links that lead elsewhere are not followed.
"""

import io
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image, ImageOps

from pipeline.errors import AlbumscopeError, PhotoError
from pipeline.photos.decoding import open_photo
from pipeline.photos.files import unreadable
from search_app.search.parsed import Part
from search_app.search.searcher import Searcher

_THUMBNAIL = (1600, 480)  # pixels: rows are half as high, and screens have up to two per CSS pixel
_LARGE = (1600, 1200)
_FACE_SIDE = 160
_SQUARE = 144
_FACES_OF = 960  # pixels of the photo's short side
_QUALITY = 85


def confined(searcher: Searcher, photo: Mapping[str, Any]) -> str:
    """The path of a photo's file.

    Raises PhotoError if the file is gone, its album away, or if a link leads it out of its folder.
    """
    try:
        path = Path(searcher.file(photo))
    except AlbumscopeError as error:
        raise PhotoError(error.message, transient=True) from error
    root = path.parents[len(PurePosixPath(photo["relative_path"]).parts) - 1]
    try:
        is_inside = path.resolve(strict=True).is_relative_to(root.resolve())
    except OSError as error:
        if _is_away(path.parent):
            raise PhotoError("its album is away: is the disk there?", transient=True) from error
        raise unreadable(error) from error
    if not is_inside:
        raise PhotoError("it is a link to a file outside of the folder")
    return os.fspath(path)


def _is_away(folder: Path) -> bool:
    """Whether nothing can be seen where a folder of photos was, as of a disk that is not there."""
    try:
        return not any(folder.iterdir())
    except OSError:
        return True


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


@lru_cache(maxsize=500)  # of some 40 kB each; browsers keep what they have seen
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
