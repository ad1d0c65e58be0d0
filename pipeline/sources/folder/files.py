"""Photos that are files on this machine, indexed where they lie."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PhotoError
from pipeline.photos.decoding import read_header
from pipeline.photos.files import sha256_of, title_of_file
from pipeline.photos.look_ahead import map_ahead
from pipeline.rows import Row
from pipeline.sources import PhotoRow


@dataclass(frozen=True)
class PhotoFile:
    """A photo file as listed, not yet opened.

    ``path`` may hold surrogates (os.fsdecode); ``relative_path``, which people are told, none.
    """

    image_id: int
    path: str
    relative_path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    companions: Sequence[str] = ()
    sidecars: str | None = None

    def origin(self) -> Row:
        """What its row is made from: a change of any of it makes a new row.

        The change time is there because it moves when a file is swapped or its permissions are
        mended, also where its size and modification time do not.
        """
        return {
            "relative_path": self.relative_path,
            "file_size_bytes": self.size,
            "mtime_ns": self.mtime_ns,
            "ctime_ns": self.ctime_ns,
            "companions": list(self.companions),
            "sidecars": self.sidecars,
        }


def read_photos(photos: Iterable[PhotoFile]) -> Iterator[tuple[PhotoFile, PhotoRow | PhotoError]]:
    """Read each photo's header and hash its bytes, on threads."""
    return map_ahead(_read_photo, photos, threads=4, look_ahead=64)


def _read_photo(photo: PhotoFile) -> PhotoRow:
    name = Path(photo.relative_path).name
    row = PhotoRow(
        path=os.fsencode(photo.path), local_filename=name, file_title=title_of_file(name), tags=[]
    )
    try:
        if photo.size == 0:
            raise PhotoError("the file is empty")
        header = read_header(photo.path)
        row["sha256"] = sha256_of(photo.path)
    except PhotoError as error:
        row["error"], row["retryable"] = str(error), error.transient
        return row
    row["image_format"] = header.image_format
    row["width"], row["height"] = header.width, header.height
    row["is_cut"] = header.is_cut
    return row
