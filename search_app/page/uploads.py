"""Pictures that somebody searches by, which stay in memory."""

from typing import BinaryIO, NamedTuple

from starlette.formparsers import MultiPartParser

MAX_UPLOAD = 25
"""Megabytes."""

# Starlette would put all above a megabyte into a temporary file.
MultiPartParser.spool_max_size = (MAX_UPLOAD + 1) * 2**20


class Upload(NamedTuple):
    """A picture that somebody searches by; ``key`` is another one for every upload."""

    key: str
    name: str
    file: BinaryIO
