"""The pictures that the page shows, as JPEG and no larger than shown."""

import io
import os
from pathlib import Path

import streamlit as st
from PIL import Image, ImageOps
from starlette.formparsers import MultiPartParser
from streamlit.typing import UploadedFile

from pipeline.photos import open_photo, unreadable

THUMBNAIL_SIDE = 480
"""Pixels: a cell of the grid is about half as wide, and screens have up to two per CSS pixel."""
MAX_UPLOAD = 25
"""Megabytes."""
_LARGE = (1600, 1200)
_QUALITY = 85

# An upload stays in memory: Starlette would put all above a megabyte into a temporary file.
MultiPartParser.spool_max_size = (MAX_UPLOAD + 1) * 2**20


def thumbnail(path: str) -> bytes:
    """The middle of the photo, square. Raises PhotoError."""
    return _thumbnail(os.fsencode(path), _modified(path))


def large(path: str) -> bytes:
    """The whole photo, large enough to fill a window. Raises PhotoError."""
    return _large(os.fsencode(path), _modified(path))


@st.cache_data(scope="session", max_entries=1, show_spinner="Reading the picture…")
def uploaded_picture(file_id: str, _file: UploadedFile, short_side: int = 768) -> Image.Image:
    """Decode an upload as large as a model may want it. Raises PhotoError.

    It is kept in memory until the session ends or brings another; nothing is written to disk.
    """
    _file.seek(0)
    return open_photo(_file, short_side)


def _modified(path: str) -> int:
    """A part of the cache key, so that a photo that changed is read again."""
    try:
        return Path(path).stat().st_mtime_ns
    except OSError as error:
        raise unreadable(error) from error


# The keys hold paths as bytes: a file name need not be text.
@st.cache_data(max_entries=1000, show_spinner=False)
def _thumbnail(path: bytes, modified: int) -> bytes:
    return square(open_photo(os.fsdecode(path), THUMBNAIL_SIDE))


@st.cache_data(max_entries=32, show_spinner=False)
def _large(path: bytes, modified: int) -> bytes:
    picture = open_photo(os.fsdecode(path), min(_LARGE))
    picture.thumbnail(_LARGE)
    return _jpeg(picture)


def square(picture: Image.Image) -> bytes:
    """The middle of a picture in memory, square."""
    return _jpeg(ImageOps.fit(picture, (THUMBNAIL_SIDE, THUMBNAIL_SIDE)))


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
