"""Photo files: which files are photos, where they lie, and what goes wrong when one is read."""

import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO

from PIL import UnidentifiedImageError

from pipeline.errors import PhotoError
from pipeline.storage import Storage

RAW_EXTENSIONS = frozenset({".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"})
EXTENSIONS = RAW_EXTENSIONS | {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".tif", ".tiff", ".gif"),
    *(".heic", ".heif", ".hif", ".avif", ".jxl"),
}


PhotoSource = str | os.PathLike[str] | BinaryIO


def located(folder: Path, recorded: bytes) -> str:
    """The path of a photo that tables have a record of; it may hold surrogates.

    Of a picture in the library's storage they record the key, and ``folder`` is where the storage
    has its files on this disk; of a photo that lies elsewhere they record the whole path.
    """
    return os.path.join(folder, os.fsdecode(recorded))  # noqa: PTH118  # paths stay as they are


def photo_file(storage: Storage, recorded: bytes, sha256: str) -> str:
    """The file of that photo, brought to this disk if need be. Raises PhotoError."""
    path = os.fsdecode(recorded)
    if os.path.isabs(path):  # noqa: PTH117  # likewise
        return path
    try:
        return str(storage.local(path, sha256))
    except OSError as error:
        raise unreadable(error) from error


def is_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file, or a link to one: to open a pipe would wait for ever."""
    try:
        return entry.is_file()
    except OSError:  # a loop of links
        return False


def is_photo_name(name: str) -> bool:
    """Whether a file of this name is taken for a photo."""
    return not name.startswith(".") and extension(name) in EXTENSIONS


def is_raw_name(name: str) -> bool:
    """Whether a file of this name is taken for camera RAW."""
    return extension(name) in RAW_EXTENSIONS


def extension(name: str) -> str:
    """The end of a file's name in small letters, dot included; the whole name if it has no dot."""
    _, dot, end = name.rpartition(".")  # a tenth of what Path takes, for each of many files
    return f"{dot}{end}".lower()


def title_of_file(name: str) -> str:
    """A photo's title from its file name: ``two-dogs.jpg`` is "two dogs"."""
    stem = Path(name).stem
    return " ".join(re.split(r"[\s_-]+", stem)).strip() or stem


def printable(path: str | os.PathLike[str]) -> str:
    """A path as text that can be printed and stored: bytes that are no text become ``\\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def sha256_of(path: str) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes. Raises PhotoError."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(error) from error


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
            return PhotoError(
                "the file cannot be read: {reason}", reason=error.strerror, transient=True
            )
        case _:
            what = " ".join(str(error).split()).partition(". ")[
                0
            ]  # decoders say more to programmers
            return PhotoError("the file is damaged: {what}", what=what)
