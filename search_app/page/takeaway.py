"""What people take away: a zip of photos, with a table that says what they are."""

import csv
import io
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from pipeline.errors import PhotoError
from pipeline.photos.dates import written
from pipeline.photos.files import printable
from search_app.page.wording import no_formula, photographer

COLUMNS = (
    *("file", "title", "album", "taken", "photographer", "license", "link", "caption", "missing"),
)
Photo = Mapping[str, Any]
"""A row of ``Searcher.photos``."""


def archive(photos: Iterable[Photo], find: Callable[[Photo], str]) -> Iterator[bytes]:
    """Yield a zip of the photos' files and ``photos.csv``, in pieces, as it is made.

    With a photo come the files that belong to it: its RAW, its film, the picture before it was
    edited.

    ``find`` gives the path of a photo's file or raises PhotoError; why one is missing is in the
    table.
    """
    pieces = _Pieces()
    taken: set[str] = set()
    rows: list[dict[str, str]] = []
    with zipfile.ZipFile(cast(BinaryIO, pieces), "w") as zipped:
        for photo in photos:
            row = _row(photo)
            try:
                path = Path(find(photo))
                content = path.read_bytes()
            except (PhotoError, OSError) as error:
                row |= {"missing": getattr(error, "strerror", None) or str(error)}
            else:
                row["file"] = _free_name(path, photo["image_id"], taken)
                zipped.writestr(row["file"], content)
                yield pieces.take()
                for companion in _companions(photo, path):
                    zipped.write(companion, _free_name(companion, photo["image_id"], taken))
                    yield pieces.take()
            rows.append(row)
        zipped.writestr("photos.csv", _as_csv(COLUMNS, rows), zipfile.ZIP_DEFLATED)
    yield pieces.take()


def table(photos: Iterable[Photo]) -> str:
    """What is known of photos as CSV, as it lies in a zip of them, without their files."""
    columns = [name for name in COLUMNS if name not in {"file", "missing"}]
    return _as_csv(columns, map(_row, photos))


def _as_csv(columns: Collection[str], rows: Iterable[Mapping[str, str]]) -> str:
    table = io.StringIO()
    writer = csv.DictWriter(table, columns)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: no_formula(value) for name, value in row.items()})
    return "\ufeff" + table.getvalue()


def _companions(photo: Photo, path: Path) -> list[Path]:
    """The files that are one photo with this one, as far as they lie beside it."""
    beside = (path.with_name(name) for name in photo["companions"] or () if "/" not in name)
    folder = path.resolve().parent
    return [file for file in beside if file.is_file() and file.resolve().parent == folder]


def link(photo: Photo) -> str | None:
    """Where a photo is to be seen: its page on Flickr."""
    page: str | None = photo["page_url"]
    return page or photo["image_url"]


def _row(photo: Photo) -> dict[str, str]:
    return {
        "title": photo["title"] or "",
        "album": photo["albums"] or "",
        "taken": written(photo["taken_at"], photo["taken_precision"]) if photo["taken_at"] else "",
        "photographer": photographer(photo) or "",
        "license": photo["license"] or "",
        "link": link(photo) or "",
        "caption": photo["caption"] or "",
    }


def _free_name(path: Path, image_id: int, taken: set[str]) -> str:
    name = printable(path.name)
    if name.lower() in taken:
        name = printable(f"{path.stem}-{image_id}{path.suffix}")
    taken.add(name.lower())
    return name


class _Pieces:
    """A file that is written to, and taken from piece by piece; ``zipfile`` needs no more."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing to do: ``take`` gives all there is."""

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
