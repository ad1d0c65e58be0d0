"""Files that tell whether they are as they were written: each holds the SHA-256 of itself.

It stands behind the last "sha256:" in the file, and is that of the file with zeros in its place.
"""

import hashlib
import json
from collections.abc import Mapping
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

_MARK = b"sha256:"
_LENGTH = 64
UNSEALED = _MARK.decode() + _LENGTH * "0"
"""What a file has to hold before it can be sealed."""

_KEY = "checksum"


def seal(path: Path) -> None:
    """Put its checksum into a file that holds ``UNSEALED``."""
    with path.open("r+b") as file, mmap(file.fileno(), 0) as content:
        at = content.rfind(_MARK) + len(_MARK)
        content[at : at + _LENGTH] = _digest(content, at)


def is_as_written(path: Path) -> bool:
    """Whether a file is what was sealed. Raises OSError."""
    with path.open("rb") as file:
        try:
            with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
                return _is_as_written(content)
        except ValueError:  # it is empty
            return False


def to_json(value: Mapping[str, Any], indent: int | None = None) -> str:
    """JSON of an object that tells whether it is as it was written."""
    text = json.dumps({**value, _KEY: UNSEALED}, indent=indent).encode()
    at = text.rfind(_MARK) + len(_MARK)
    return (text[:at] + _digest(text, at) + text[at + _LENGTH :]).decode()


def from_json(text: bytes) -> dict[str, Any]:
    """The object in such JSON. Raises ValueError if it is not as it was written."""
    if not _is_as_written(text):
        raise ValueError("it is not what was written")
    value: dict[str, Any] = json.loads(text)
    del value[_KEY]
    return value


def _is_as_written(content: bytes | mmap) -> bool:
    at = content.rfind(_MARK) + len(_MARK)
    return content[at : at + _LENGTH] == _digest(content, at)


def _digest(content: bytes | mmap, at: int) -> bytes:
    """The checksum of content that has one at this place, or room for it."""
    with memoryview(content) as view:
        digest = hashlib.sha256(view[:at])
        digest.update(_LENGTH * b"0")
        digest.update(view[at + _LENGTH :])
    return digest.hexdigest().encode()
