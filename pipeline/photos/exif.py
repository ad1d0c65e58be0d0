"""What a photo's EXIF block says: the camera, the exposure, when and where, and people's words.

ExifRead parses the block. Here every value is doubted: cameras and editors write zero denominators,
blank dates and texts in place of numbers, and files get damaged.
"""

import io
import json
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, BinaryIO, TypedDict

import exifread
from exifread.tags.fields import FieldType
from PIL import ExifTags, Image

from pipeline.photos import words
from pipeline.photos.blocks import damage_forgiven
from pipeline.photos.dates import Moment, read_date
from pipeline.photos.words import Position, Said
from pipeline.rows import Int8, Int32

_SECTIONS = ("Image ", "EXIF ", "GPS ", "MakerNote ")
_ISO_TAGS = ("ISOSpeedRatings", "RecommendedExposureIndex", "ISOSpeed", "Tag 0x8831")
_TAKEN = ("DateTimeOriginal", "SubSecTimeOriginal", "OffsetTimeOriginal")
_DIGITIZED = ("DateTimeDigitized", "SubSecTimeDigitized", "OffsetTimeDigitized")
_CHANGED = ("DateTime", "SubSecTime", "OffsetTime")
_BYTE_TYPES = frozenset({FieldType.BYTE, FieldType.UNDEFINED})
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_USER_COMMENT = re.compile(rb"\x92\x86|\x86\x92")  # its tag, in either byte order
_NO_TEXTS = frozenset({"unknown", "none", "null", "n/a"})

_MAX_READS = 400_000  # ExifRead reads value by value; a long maker note takes 100,000
_MAX_BYTES = 65_536  # in one of these reads
_MAX_TEXT = 2_000
_MAX_NUMBER = 2**53  # beyond lie infinity and what cannot be a photo's
_MAX_VALUES = 32  # longer lists are data, such as the offsets of a TIFF's strips
_MAX_TAGS = 500

# ExifRead warns of each damaged field, which without a handler would end on standard error.
logging.getLogger("exifread").addHandler(logging.NullHandler())


class Exif(TypedDict):
    """What the camera wrote into a photo's EXIF block, None where it did not.

    ``raw`` is a JSON object of all tags but binary values, maker note, user comment and thumbnail;
    None where there are none.
    """

    camera_make: str | None
    camera_model: str | None
    lens_model: str | None
    exposure_time: float | None
    """Seconds."""
    f_number: float | None
    iso: Int32 | None
    focal_length: float | None
    """Millimetres."""
    flash: bool | None
    orientation: Int8 | None
    """What decoded pixels still need, 1 to 8: 1 for HEIC and JPEG XL, whose decoders turn them."""
    altitude: float | None
    """Metres."""
    direction: float | None
    """Degrees."""
    software: str | None
    artist: str | None
    copyright: str | None
    raw: str | None


def read_exif(block: BinaryIO | None) -> tuple[Exif, Said]:
    """Read an EXIF block: what the camera says, and what counts beside what others say.

    What damage hides is None.
    """
    tags = _parse(block)
    flash = tags.number("Flash", low=0, high=0xFFFF)
    orientation = tags.number("Orientation", low=1, high=8)
    exif: Exif = {
        "camera_make": tags.text("Make"),
        "camera_model": tags.text("Model"),
        "lens_model": tags.text("LensModel") or _lens_of_maker(block, tags),
        "exposure_time": _exposure_time(tags),
        "f_number": _f_number(tags),
        "iso": _iso(tags),
        "focal_length": tags.number("FocalLength", low=0.01, high=100_000),
        "flash": None if flash is None else bool(int(flash) & 1),
        "orientation": None if orientation is None else int(orientation),
        "altitude": _altitude(tags),
        "direction": tags.number("GPSImgDirection", low=0, high=360),
        "software": tags.text("Software"),
        "artist": tags.text("Artist"),
        "copyright": tags.text("Copyright"),
        "raw": tags.as_json(),
    }
    return exif, _said(tags, exif)


def user_comment(block: BinaryIO | None) -> str | None:
    """The comment of whoever uses the camera, which ExifRead passes over; not that of a TIFF.

    Its first eight bytes say how it is written.
    """
    if not isinstance(block, io.BytesIO) or not _USER_COMMENT.search(block.getbuffer()):
        return None
    content = None
    with damage_forgiven():
        exif = Image.Exif()
        exif.load(block.getvalue())
        content = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    if not isinstance(content, bytes):
        return content if isinstance(content, str) else None
    code, comment = content[:8].rstrip(b"\0 "), content[8:]
    if code == b"UNICODE":
        # Programs disagree on the byte order. In the wrong one a text is of very many scripts.
        readings = (comment.decode(order, "replace") for order in ("utf-16-le", "utf-16-be"))
        comment_read = min(readings, key=lambda text: len({ord(each) >> 8 for each in text}))
        return comment_read.lstrip("\ufeff\ufffe")
    if code == b"JIS":
        return comment.decode("iso2022_jp", "replace")
    return words.decoded(comment if code in {b"", b"ASCII"} else content)


def _said(tags: "_Tags", exif: Exif) -> Said:
    """Windows Explorer writes people's words into fields of its own."""
    title = words.line(tags.said("XPTitle"))
    written = map(tags.said, ("ImageDescription", "XPComment", "XPSubject"))
    return words.said(
        title=title,
        # Windows Explorer repeats the title in the description
        description=next((each for each in words.by_people(written) if each != title), None),
        tags=words.lines((tags.said("XPKeywords") or "").split(";")),
        rating=words.rating(tags.number("Rating", low=1, high=5)),
        creator=words.line(exif["artist"] or tags.said("XPAuthor")),
        rights=words.line(exif["copyright"]),
        taken=_moment(tags, _TAKEN),
        digitized=_moment(tags, _DIGITIZED, _CHANGED),
        position=_position(tags, exif["altitude"]),
    )


class _Tags:
    """ExifRead's tags, asked for by name without the section that they are in."""

    def __init__(self, tags: Mapping[str, Any]) -> None:
        self._tags = tags
        self._by_name = {
            name.removeprefix(section): tag
            for section in reversed(_SECTIONS)
            for name, tag in tags.items()
            if name.startswith(section)
        }

    def text(self, name: str) -> str | None:
        tag = self._find(name)
        if tag is None:
            return None
        is_data = tag.field_type in _BYTE_TYPES
        text = _clean(bytes(tag.values).split(b"\0")[0] if is_data else tag.values)
        return None if text is None or text.lower() in _NO_TEXTS else text

    def said(self, name: str) -> str | None:
        """What people wrote, with its line breaks; None if they wrote nothing."""
        tag = self._find(name)
        if tag is None:
            return None
        if name.startswith("XP") and isinstance(tag.values, list):
            return bytes(tag.values).decode("utf-16-le", "replace").split("\0")[0]
        return tag.values if isinstance(tag.values, str) else None

    def values(self, name: str) -> list[float | None]:
        tag = self._find(name)
        values = [] if tag is None else tag.values
        return [_number(value) for value in (values if isinstance(values, list) else [values])]

    def number(self, name: str, *, low: float, high: float) -> float | None:
        numbers = (number for number in self.values(name) if number is not None)
        return next((number for number in numbers if low <= number <= high), None)

    def _find(self, name: str) -> Any:
        return self._by_name.get(name)

    def as_json(self) -> str | None:
        values = (
            (name, _simple(name, tag))
            for name, tag in self._tags.items()
            if not name.startswith("Thumbnail ")  # they say nothing of the photo
        )
        simple = dict(islice((pair for pair in values if pair[1] is not None), _MAX_TAGS))
        return json.dumps(simple, ensure_ascii=False, allow_nan=False) if simple else None


class _Reader:
    """What ExifRead reads from. A damaged count or offset can neither keep it busy nor fill memory.

    ExifRead itself would read a maker note of four billion values, one by one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._reads_left = _MAX_READS
        self.tell = file.tell

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset < 0:  # on a file it would be an OSError, as if the disk had failed
            raise ValueError("a negative offset")
        return self._file.seek(offset, whence)

    def read(self, size: int) -> bytes:
        if self._reads_left == 0:
            raise ValueError("more values than a photo has")
        self._reads_left -= 1
        return self._file.read(min(size, _MAX_BYTES))


def _parse(block: BinaryIO | None, *, maker_note: bool = False) -> _Tags:
    tags: dict[str, Any] = {}
    if block is not None:
        with damage_forgiven():
            tags = exifread.process_file(
                _Reader(block), details=maker_note, extract_thumbnail=False
            )
    return _Tags(tags)


def _lens_of_maker(block: BinaryIO | None, tags: _Tags) -> str | None:
    """Ask the maker note, which takes a hundred times as long, only where it may know the lens."""
    make = (tags.text("Make") or "").upper()
    noted = None
    if make.startswith("CANON"):
        maker_tags = _parse(block, maker_note=True)
        noted = maker_tags.text("LensModel") or maker_tags.text("LensType")
    elif make.startswith("NIKON"):
        noted = _lens_range(_parse(block, maker_note=True).values("LensMinMaxFocalMaxAperture"))
    return noted or _lens_range(tags.values("LensSpecification"))


def _lens_range(values: Sequence[float | None]) -> str | None:
    """Name a lens by its shortest and longest focal length and the f-number at each."""
    numbers = [value or 0.0 for value in values]
    if len(numbers) != 4 or numbers[0] <= 0:
        return None
    focal_lengths, f_numbers = (
        f"{low:g}" if high in {low, 0} else f"{low:g}-{high:g}"
        for low, high in (numbers[:2], numbers[2:])
    )
    return f"{focal_lengths}mm f/{f_numbers}" if numbers[2] > 0 else f"{focal_lengths}mm"


def _exposure_time(tags: _Tags) -> float | None:
    seconds = tags.number("ExposureTime", low=1e-7, high=86_400)
    if seconds is None and (apex := tags.number("ShutterSpeedValue", low=-16, high=23)) is not None:
        return float(2**-apex)
    return seconds


def _f_number(tags: _Tags) -> float | None:
    f_number = tags.number("FNumber", low=0.1, high=1_000)
    # Without contact to the lens cameras write 0, which as an APEX value would be f/1.
    if f_number is None and (apex := tags.number("ApertureValue", low=0.01, high=20)) is not None:
        return float(2 ** (apex / 2))
    return f_number


def _iso(tags: _Tags) -> int | None:
    readings = (number or 0 for name in _ISO_TAGS for number in tags.values(name))
    # 65535 is what the first tag says when the number is too large for it.
    plausible = (round(n) for n in readings if 1 <= n <= 10_000_000 and n != 65535)
    return next(plausible, None)


def _moment(tags: _Tags, *clocks: tuple[str, str, str]) -> Moment | None:
    """When a photo was taken, by the first of these clocks that says so."""
    moments = (
        read_date(
            tags.text(date) or "",
            fraction=tags.text(fraction) or "",
            offset=tags.text(offset) or "",
        )
        for date, fraction, offset in clocks
    )
    return next((moment for moment in moments if moment), None)


def _position(tags: _Tags, altitude: float | None) -> Position | None:
    """One coordinate without the other is no place, nor is what the receiver calls void."""
    if (tags.text("GPSStatus") or "").upper().startswith("V"):
        return None
    return words.position(
        _degrees(tags, "GPSLatitude", negative="S", limit=90),
        _degrees(tags, "GPSLongitude", negative="W", limit=180),
        altitude,
    )


def _degrees(tags: _Tags, name: str, *, negative: str, limit: float) -> float | None:
    parts = tags.values(name)[:3]
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    degrees = sum(abs(part) / 60.0**place for place, part in enumerate(known))
    if degrees > limit:
        return None
    reference = (tags.text(f"{name}Ref") or "").upper()
    return -degrees if reference.startswith(negative) or min(known) < 0 else degrees


def _altitude(tags: _Tags) -> float | None:
    metres = tags.number("GPSAltitude", low=-1e6, high=1e6)
    # 1 is below sea level; EXIF 3 has added 3, below the ellipsoid.
    below = tags.number("GPSAltitudeRef", low=0, high=3) in {1, 3}
    return -abs(metres) if metres is not None and below else metres


def _number(value: Any) -> float | None:
    """Return a number for what ExifRead gives: a ratio, an integer, (float,) or a text."""
    if isinstance(value, tuple):
        (value,) = value
    try:
        if isinstance(value, str):
            numerator, _, denominator = value.partition("/")
            number = float(numerator) / float(denominator or 1)
        else:
            number = float(value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if abs(number) < _MAX_NUMBER else None


def _clean(value: Any) -> str | None:
    """Return a text, or bytes that should be one, without controls; None if it says nothing."""
    if isinstance(value, bytes):
        value = words.decoded(value)
    if not isinstance(value, str):
        return None
    text = _CONTROLS.sub(" ", value[:_MAX_TEXT]).strip()
    return text if any(map(str.isalnum, text)) else None  # "----" is a lens without a name


def _simple(name: str, tag: Any) -> Any:
    """Return what JSON can hold of a tag; None for what is empty or binary."""
    values = tag.values
    if tag.prefer_printable:
        return _clean(tag.printable)
    if not isinstance(values, list):
        return _clean(values)
    if tag.field_type in _BYTE_TYPES and len(values) > 1:
        # Windows Explorer's tags are in UTF-16.
        encoding = "utf-16-le" if name.startswith("Image XP") else "ascii"
        with suppress(UnicodeDecodeError):
            text = " ".join(bytes(values).decode(encoding).replace("\0", " ").split())
            if text.isprintable():
                return _clean(text)
    if len(values) > _MAX_VALUES:
        return None
    numbers = [_whole(_number(value)) for value in values]
    return numbers[0] if len(numbers) == 1 else numbers or None


def _whole(number: float | None) -> float | None:
    """Write 50.0 as 50."""
    return int(number) if number is not None and number.is_integer() else number
