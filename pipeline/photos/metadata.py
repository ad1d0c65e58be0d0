"""All that a photo says of itself, and what is said of it beside it, put together.

What people said is looked for in this order; of each field the first that has it counts:

1. a sidecar, ``photo.jpg.xmp`` or ``photo.xmp``: programs that never write into a photo write there
2. XMP within the file, where programs of today write
3. IPTC within the file, where older ones did
4. EXIF within the file: the descriptions of cameras and of Windows
5. Google Takeout's JSON beside the file
6. plain texts within the file: those of a PNG, the comment of a JPEG or GIF, EXIF's user comment

When and where it was taken the camera knows best: there EXIF comes right after the sidecar. What
each of them said is kept in column ``said``.
"""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, get_type_hints

from pipeline.photos.blocks import find_blocks
from pipeline.photos.dates import Moment, written
from pipeline.photos.exif import Exif, read_exif, user_comment
from pipeline.photos.files import printable, unreadable
from pipeline.photos.iptc import read_iptc
from pipeline.photos.takeout import read_takeout
from pipeline.photos.texts import read_texts
from pipeline.photos.words import DamagedError, Position, Said
from pipeline.photos.xmp import read_xmp
from pipeline.rows import Int8

CODE_VERSION = "3"
_WORDS = ("sidecar", "xmp", "iptc", "exif", "takeout", "text")
_TIMES = (
    "sidecar",
    "exif",
    "xmp",
    "iptc",
    "text",
)  # Takeout, which knows no clock but UTC, comes last
_MAX_SIDECAR = 2**25  # bytes; programs keep the strokes of a brush in them


class Metadata(Exif):
    """What is known of a photo from its file and beside it: the columns of table ``exif``.

    ``taken_at`` is naive: what the camera's clock said. Degrees are decimal, south and west
    negative. ``regions`` is a JSON list of ``words.Region``, ``said`` a JSON object of what each
    source says, the one that counts most first; None where there is nothing.
    """

    taken_at: datetime | None
    taken_precision: str | None
    """How exactly, see ``dates.Precision``; None without a time."""
    taken_at_offset: str | None
    latitude: float | None
    longitude: float | None
    title: str | None
    description: str | None
    tags: list[str] | None
    people: list[str] | None
    rating: Int8 | None
    """Stars, 1 to 5, or -1 for a photo that was rejected."""
    favourite: bool | None
    creator: str | None
    rights: str | None
    place_names: list[str] | None
    """From the smallest place to the country."""
    regions: str | None
    said: str | None
    unread: list[str] | None
    """The names of the sidecars beside it that are damaged, or not ours to read."""


METADATA_COLUMNS = tuple(get_type_hints(Metadata))


def read_metadata(
    path: str | os.PathLike[str], sidecars: Sequence[str | os.PathLike[str]] = ()
) -> Metadata:
    """Read what a photo says of itself, and what the files beside it say.

    What damage hides is None: PhotoError is raised only when the file itself cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            blocks = find_blocks(file)
            exif, by_exif = read_exif(blocks.exif)
    except OSError as error:
        raise unreadable(error) from error
    by_xmp: Said = {}
    with suppress(DamagedError):
        by_xmp = read_xmp(blocks.xmp) if blocks.xmp else {}
    # that of a sidecar is not what the decoder goes by
    exif["orientation"] = exif["orientation"] or by_xmp.get("orientation")
    said = {
        "xmp": by_xmp,
        "iptc": read_iptc(blocks.iptc),
        "exif": by_exif,
        "text": read_texts(blocks.texts, user_comment(blocks.exif)),
    }
    unread = []
    for sidecar in map(Path, sidecars):
        is_xmp = sidecar.suffix.lower() == ".xmp"
        try:
            with sidecar.open("rb") as file:
                content = file.read(_MAX_SIDECAR)
            said["sidecar" if is_xmp else "takeout"] = (read_xmp if is_xmp else read_takeout)(
                content
            )
        except (DamagedError, OSError):  # the photo itself can be read
            unread.append(printable(sidecar.name))
    return _together(exif, said, unread)


def _together(exif: Exif, said: Mapping[str, Said], unread: list[str]) -> Metadata:
    speakers = [said[name] for name in _WORDS if said.get(name)]
    clocks = [said[name] for name in _TIMES if said.get(name)]

    def first(field: str, sources: Sequence[Said] = speakers) -> Any:
        found = (each.get(field) for each in sources)
        return next((value for value in found if value is not None), None)

    taken: Moment | None = first("taken", clocks) or first("digitized", clocks) or first("taken")
    position: Position | None = first("position", clocks) or first("position")
    regions = first("regions")
    if exif["altitude"] is None and position:
        exif["altitude"] = position.altitude
    return {
        **exif,
        "taken_at": taken.at if taken else None,
        "taken_precision": taken.precision if taken else None,
        "taken_at_offset": taken.offset if taken else None,
        "latitude": position.latitude if position else None,
        "longitude": position.longitude if position else None,
        "title": first("title"),
        "description": first("description"),
        "tags": first("tags"),
        "people": first("people"),
        "rating": first("rating"),
        "favourite": first("favourite"),
        "creator": first("creator"),
        "rights": first("rights"),
        "place_names": first("place_names"),
        "regions": json.dumps(regions, ensure_ascii=False) if regions else None,
        "said": _by_source(said),
        "unread": unread or None,
    }


def _plain(value: object) -> object:
    match value:
        case Moment():
            return written(value.at, value.precision)
        case Position():
            return [each and round(each, 6) for each in value]  # to the tenth of a metre
    return value


def _by_source(said: Mapping[str, Said]) -> str | None:
    left_out = {"regions", "orientation", "digitized"}
    by_source = {
        source: {
            field: _plain(value) for field, value in said[source].items() if field not in left_out
        }
        for source in _WORDS
        if source in said
    }
    says = {source: fields for source, fields in by_source.items() if fields}
    return json.dumps(says, ensure_ascii=False) if says else None
