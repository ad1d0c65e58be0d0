"""What people say of faces: who is who, who is not, who is not to be shown. The one door for it.

A face is named by the photo's own bytes and its place there, so that what is said of it outlives
albums, snapshots and models. Publishing takes all of it in (``pipeline/snapshot/people.py``); a
page that shows a snapshot from before adds what is new by itself.
"""

import secrets
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel

from pipeline.library.journal import Journal


class Region(NamedTuple):
    """The edges of a face, in percent of the sides of the photo as it is shown."""

    left: float
    top: float
    right: float
    bottom: float


class FaceKey(NamedTuple):
    """A face, whatever album its photo is in and whichever model found it."""

    sha256: str
    region: Region


class Correction(BaseModel):
    """What somebody said of one person; ``person_id`` is any text that is no other's.

    ``faces`` are of the person, ``rejected`` are not; ``name`` and ``is_hidden`` are None where
    nothing is said of them.
    """

    person_id: str
    faces: Sequence[FaceKey] = ()
    rejected: Sequence[FaceKey] = ()
    name: str | None = None
    is_hidden: bool | None = None


def new_person() -> str:
    """An id for a person of whom nothing was said before."""
    return secrets.token_hex(8)


PEOPLE = Journal("people", Correction)
"""All that was said of faces and people."""
