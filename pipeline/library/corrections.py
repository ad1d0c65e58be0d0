"""What people say of faces: who is who, who is not, who is not to be shown. The one door for it.

A correction is a file of its own, ``people/<when>-<hex>.json``, that is never changed: pages on
several machines may write at a time, and nothing waits for a lock. What is said later counts more.
A face is named by the photo's own bytes and its place there, so that what is said of it outlives
albums, snapshots and models. Publishing takes all of it in (``pipeline/snapshot/people.py``); a
page that shows a snapshot from before adds what is new by itself.
"""

import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from pipeline.errors import DamagedFileError
from pipeline.storage import Storage, sealed

FOLDER = "people"


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


def write(storage: Storage, correction: Correction) -> None:
    """Keep a correction. Raises AlbumscopeError if the disk or the bucket does not let it."""
    when = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    key = f"{FOLDER}/{when}-{secrets.token_hex(4)}.json"
    storage.write_text(key, sealed.to_json(correction.model_dump()))


def names(storage: Storage) -> list[str]:
    """The names of the files, oldest first: another list whenever there is another correction."""
    return sorted(name for name in storage.names(FOLDER) if name.endswith(".json"))


def corrections(storage: Storage) -> Iterator[Correction]:
    """All that was said, the oldest first. Raises DamagedFileError."""
    for name in names(storage):
        key = f"{FOLDER}/{name}"
        try:
            yield Correction.model_validate(sealed.from_json(storage.read(key)))
        except (ValueError, ValidationError) as error:
            raise DamagedFileError(
                f"{storage.where(key)} is damaged: run `albumscope sync`, which sets it aside"
            ) from error


def forget(storage: Storage) -> None:
    """Delete all that was said."""
    storage.delete_folder(FOLDER)
