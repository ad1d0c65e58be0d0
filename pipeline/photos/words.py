"""What people say of a photo: the fields that EXIF, IPTC, XMP and Google Takeout have in common."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypedDict, cast

from pipeline.photos.dates import Moment


class DamagedError(Exception):
    """What should say something of a photo, such as a sidecar, is not what its name says."""


MAX_TEXT = 10_000
"""Characters of a text that are kept, which no title or description has."""
_MAX_LIST = 500
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+")
_SPACES = re.compile(r"[ \t\u00a0]+")
# What cameras and programs write where people would describe a photo.
_BY_PROGRAM = re.compile(
    r"(?is)(olympus|(konica )?minolta|kodak|pentax|nikon|samsung|casio|vivitar)?\s*"
    r"(digital (still )?camera|sony dsc|dcim\\.*|exif_jpeg_.*|untitled|screenshot|default"
    r"|created with (the )?gimp|jpeg|dav|cof|hdr|sdr|mde|ptr|bst|oznor\w*)?"
    r"|(\{|filter:|oplus_|hisilicon|creator: gd-jpeg|file (written|produced) by|lead tech"
    r"|intel\(r\) jpeg|applemark|handmade software|jpeg encoder|xv version|acd systems|lavc?\d"
    r"|(compressed|converted|edited|optimi[sz]ed|processed|resized) (by|with) ).*"
)


class Region(TypedDict):
    """A part of the picture as it is stored, before it is turned; edges in percent of its sides."""

    name: str
    type: str
    left: float
    top: float
    right: float
    bottom: float


class Position(NamedTuple):
    """Degrees, south and west negative, and metres above sea level."""

    latitude: float
    longitude: float
    altitude: float | None = None


class Said(TypedDict, total=False):
    """What one source says of a photo; what it does not say is missing."""

    title: str
    description: str
    tags: list[str]
    people: list[str]
    regions: list[Region]
    rating: int
    """Stars, 1 to 5, or -1 for a photo that was rejected."""
    favourite: bool
    creator: str
    rights: str
    place_names: list[str]
    """From the smallest place to the country."""
    taken: Moment
    digitized: Moment
    """When the picture was made of it, which counts where nobody says when it was taken."""
    position: Position
    orientation: int


def said(**values: object) -> Said:
    """What a source says, without what is None or empty."""
    return cast(
        Said, {name: value for name, value in values.items() if value not in (None, "", [])}
    )


def text(value: object) -> str | None:
    """A text, or bytes that should be one, for people to read; None if it says nothing."""
    if isinstance(value, bytes):
        value = decoded(value)
    if not isinstance(value, str):
        return None
    # Half of a surrogate pair, which JSON lets through, cannot be stored.
    value = value[:MAX_TEXT].encode("utf-8", "replace").decode().replace("\r\n", "\n")
    value = _SPACES.sub(" ", _CONTROLS.sub(" ", value.replace("\r", "\n"))).strip()
    says = any(unicodedata.category(each)[0] in "LN" or is_symbol(each) for each in value)
    return value if says else None


def line(value: object) -> str | None:
    """Like ``text``, on one line."""
    found = text(value)
    return " ".join(found.split()) if found else None


def by_people(values: Iterable[object]) -> Iterator[str]:
    """Those of some texts that people wrote, not a camera or a program."""
    return (each for each in map(text, values) if each and not _BY_PROGRAM.fullmatch(each))


def is_symbol(character: str) -> bool:
    """Whether a character is a symbol that says something, as an emoji does."""
    return unicodedata.category(character) == "So"


def lines(values: Iterable[object]) -> list[str]:
    """Those of some texts that say something, each once, each on one line."""
    return list(dict.fromkeys(each for value in values if (each := line(value))))[:_MAX_LIST]


def decoded(value: bytes) -> str:
    """Bytes as text: UTF-8, or as Windows programs write."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("cp1252", errors="replace")


def number(value: object) -> float | None:
    """A number, of a text or a ratio such as "561/10"; None if it is none that a photo can have."""
    numerator, _, denominator = str(value).partition("/")
    try:
        found = float(numerator) / float(denominator or 1)
    except (ValueError, ArithmeticError):
        return None
    return found if abs(found) < 2**53 else None


def rating(value: object) -> int | None:
    """Stars; None for 0, which is no rating."""
    stars = number(value)
    return round(stars) if stars is not None and (stars == -1 or 0.5 <= stars <= 5) else None


def position(
    latitude: float | None, longitude: float | None, altitude: float | None = None
) -> Position | None:
    """A place on earth; None for 0, 0, which receivers without a fix write."""
    if latitude is None or longitude is None or latitude == longitude == 0:
        return None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return None
    return Position(latitude, longitude, altitude)
