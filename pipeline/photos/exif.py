"""What a photo's EXIF block says: the camera, the exposure, when and where.

ExifRead parses the block. Here the block is found, and every value is doubted: cameras and editors
write zero denominators, blank dates and texts in place of numbers, and files get damaged.
"""

import io
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

import exifread
from exifread.tags.fields import FieldType
from PIL import ExifTags, Image

import pipeline.photos.pillow  # noqa: F401
from pipeline.photos.files import unreadable
from pipeline.rows import Int8, Int32

CODE_VERSION = "1"
_TIFF_START = re.compile(rb"II\*\x00|MM\x00\*")
_PNG_START = b"\x89PNG"
_WRAPPED_FORMATS = ("JPEG", "WEBP", "HEIF", "AVIF", "JXL")
_SECTIONS = ("Image ", "EXIF ", "GPS ", "MakerNote ")
_ISO_TAGS = ("ISOSpeedRatings", "RecommendedExposureIndex", "ISOSpeed", "Tag 0x8831")
_CLOCKS = (  # the best first
    ("DateTimeOriginal", "SubSecTimeOriginal", "OffsetTimeOriginal"),
    ("DateTimeDigitized", "SubSecTimeDigitized", "OffsetTimeDigitized"),
    ("DateTime", "SubSecTime", "OffsetTime"),
)
_DATE = re.compile(
    r"([12]\d{3})[:/.-]\s*(\d{1,2})[:/.-]\s*(\d{1,2})[T\s]\s*"
    r"(\d{1,2}):\s*(\d{1,2})(?::\s*(\d{1,2})(?:[.,](\d+))?)?\s*(Z|[+-]\d{1,2}:?\d{2})?",
    re.ASCII,
)
_OFFSET = re.compile(r"([+-])(\d{1,2}):?([0-5]\d)", re.ASCII)
_BYTE_TYPES = frozenset({FieldType.BYTE, FieldType.UNDEFINED})
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
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
    """What a photo's EXIF block says, None where it does not: the columns of table ``exif``.

    ``taken_at`` is naive: what the camera's clock said. Degrees are decimal, south and west
    negative. ``raw`` is a JSON object of all tags but binary values, maker note, user comment and
    thumbnail; None where there are none.
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
    taken_at: datetime | None
    taken_at_offset: str | None
    latitude: float | None
    longitude: float | None
    altitude: float | None
    """Metres."""
    direction: float | None
    """Degrees."""
    software: str | None
    artist: str | None
    copyright: str | None
    raw: str | None


EXIF_COLUMNS = tuple(Exif.__annotations__)


def read_exif(path: str | os.PathLike[str]) -> Exif:
    """Read a photo's EXIF block.

    What damage hides is None: PhotoError is raised only when the file itself cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            block = _find_block(file)
            tags = _parse(block)
            lens_model = tags.text("LensModel") or _lens_of_maker(block, tags)
    except OSError as error:
        raise unreadable(error) from error

    taken_at, taken_at_offset = _taken(tags)
    latitude, longitude = _place(tags)
    flash = tags.number("Flash", low=0, high=0xFFFF)
    orientation = tags.number("Orientation", low=1, high=8)
    return {
        "camera_make": tags.text("Make"),
        "camera_model": tags.text("Model"),
        "lens_model": lens_model,
        "exposure_time": _exposure_time(tags),
        "f_number": _f_number(tags),
        "iso": _iso(tags),
        "focal_length": tags.number("FocalLength", low=0.01, high=100_000),
        "flash": None if flash is None else bool(int(flash) & 1),
        "orientation": None if orientation is None else int(orientation),
        "taken_at": taken_at,
        "taken_at_offset": taken_at_offset,
        "latitude": latitude,
        "longitude": longitude,
        "altitude": _altitude(tags),
        "direction": tags.number("GPSImgDirection", low=0, high=360),
        "software": tags.text("Software"),
        "artist": tags.text("Artist"),
        "copyright": tags.text("Copyright"),
        "raw": tags.as_json(),
    }


class _Tags:
    """ExifRead's tags, asked for by name without the section that they are in."""

    def __init__(self, tags: Mapping[str, Any]) -> None:
        self._tags = tags

    def text(self, name: str) -> str | None:
        tag = self._find(name)
        if tag is None:
            return None
        is_data = tag.field_type in _BYTE_TYPES
        text = _clean(bytes(tag.values).split(b"\0")[0] if is_data else tag.values)
        return None if text is None or text.lower() in _NO_TEXTS else text

    def values(self, name: str) -> list[float | None]:
        tag = self._find(name)
        values = [] if tag is None else tag.values
        return [_number(value) for value in (values if isinstance(values, list) else [values])]

    def number(self, name: str, *, low: float, high: float) -> float | None:
        numbers = (number for number in self.values(name) if number is not None)
        return next((number for number in numbers if low <= number <= high), None)

    def _find(self, name: str) -> Any:
        found = (self._tags.get(section + name) for section in _SECTIONS)
        return next((tag for tag in found if tag is not None), None)

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


def _find_block(file: BinaryIO) -> BinaryIO | None:
    """Return what ExifRead can read the EXIF block from.

    In a TIFF or PNG it finds the block itself, reading little; Pillow would have to decode a PNG
    to see a block that follows the pixels. Elsewhere Pillow finds it: ExifRead misses blocks after
    4 KB of other JPEG segments and most of those in WebP and HEIC, and its HEIC parser shares
    state between files.
    """
    start = file.read(4)
    if _TIFF_START.match(start) or start == _PNG_START:
        return file
    block = b""
    with _damage_forgiven(), Image.open(file, formats=_WRAPPED_FORMATS) as image:
        block = image.info.get("exif") or b""
        if image.format == "JXL" and block:
            exif = image.getexif()
            exif[ExifTags.Base.Orientation] = 1  # as of a HEIC
            block = exif.tobytes()
    tiff = _TIFF_START.search(block[:64])  # a prefix may come before it
    return io.BytesIO(block[tiff.start() :]) if tiff else None


def _parse(block: BinaryIO | None, *, maker_note: bool = False) -> _Tags:
    tags: dict[str, Any] = {}
    if block is not None:
        with _damage_forgiven():
            tags = exifread.process_file(
                _Reader(block), details=maker_note, extract_thumbnail=False
            )
    return _Tags(tags)


@contextmanager
def _damage_forgiven() -> Iterator[None]:
    """Pass over what parsers raise on damaged data, but not a disk that failed."""
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise


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


def _taken(tags: _Tags) -> tuple[datetime | None, str | None]:
    """Return when the photo was taken, by the camera's clock, and that clock's offset from UTC."""
    for date_tag, fraction_tag, offset_tag in _CLOCKS:
        match = _DATE.fullmatch(tags.text(date_tag) or "")
        if match is None:
            continue
        *date_and_time, fraction, offset = match.groups(default="")
        fraction = fraction or tags.text(fraction_tag) or ""
        microseconds = fraction[:6].ljust(6, "0") if re.fullmatch("[0-9]+", fraction) else "0"
        try:
            year, month, day, hour, minute, second = (int(n or 0) for n in date_and_time)
            taken_at = datetime(year, month, day, hour, minute, second, int(microseconds))
        except ValueError:  # such as 0000:00:00 00:00:00
            continue
        return taken_at, _offset(tags.text(offset_tag) or "") or _offset(offset)
    return None, None


def _offset(text: str) -> str | None:
    if text == "Z":
        return "+00:00"
    match = _OFFSET.fullmatch(text)
    if match is None or int(match[2]) > 14:
        return None
    return f"{match[1]}{match[2]:0>2}:{match[3]}"


def _place(tags: _Tags) -> tuple[float | None, float | None]:
    """Return latitude and longitude; one without the other is no place."""
    latitude = _degrees(tags, "GPSLatitude", negative="S", limit=90)
    longitude = _degrees(tags, "GPSLongitude", negative="W", limit=180)
    if latitude is None or longitude is None:
        return None, None
    said = tags.text("GPSLatitudeRef") or tags.text("GPSLongitudeRef")
    if latitude == longitude == 0 and not said:  # zeros written where there was no fix
        return None, None
    return latitude, longitude


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
        try:
            value = value.decode()
        except UnicodeDecodeError:
            value = value.decode("cp1252", errors="replace")  # as Windows programs write
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
