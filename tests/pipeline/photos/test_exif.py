import errno
import io
import json
import random
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import exifread
import pytest
from PIL import ExifTags, Image

from pipeline.errors import PhotoError
from pipeline.photos.metadata import METADATA_COLUMNS, read_metadata

DEMO = Path(__file__).parents[3] / "data" / "demo"
NOTHING = dict.fromkeys(METADATA_COLUMNS)
NIKON = "NIKON CORPORATION"

# Blocks made by hand, since Pillow refuses to write most of what is found in the wild.

Entry = tuple[int, int, bytes | Callable[[int], bytes]]  # type, count, value or how to place it


def ascii_(text: str | bytes) -> Entry:
    data = text.encode() if isinstance(text, str) else text
    return 2, len(data) + 1, data + b"\0"


def undefined(data: bytes) -> Entry:
    return 7, len(data), data


def byte(*values: int) -> Entry:
    return 1, len(values), bytes(values)


def short(*values: int) -> Entry:
    return 3, len(values), struct.pack(f"<{len(values)}H", *values)


def long(*values: int) -> Entry:
    return 4, len(values), struct.pack(f"<{len(values)}I", *values)


def ratio(*pairs: tuple[int, int]) -> Entry:
    return 5, len(pairs), b"".join(struct.pack("<II", *pair) for pair in pairs)


def signed_ratio(*pairs: tuple[int, int]) -> Entry:
    return 10, len(pairs), b"".join(struct.pack("<ii", *pair) for pair in pairs)


def double(value: float) -> Entry:
    return 12, 1, struct.pack("<d", value)


def ifd(entries: Mapping[int, Entry], at: int) -> bytes:
    table, data = b"", b""
    data_at = at + 2 + 12 * len(entries) + 4
    for tag, (kind, written_count, made) in sorted(entries.items()):
        position = data_at + len(data)
        value, count = made, written_count
        if callable(made):
            value = made(position)
            count = len(value)
        if len(value) > 4:
            data += value
            value = struct.pack("<I", position)
        table += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
    return struct.pack("<H", len(entries)) + table + bytes(4) + data


def block(
    image: Mapping[int, Entry] | None = None,
    exif: Mapping[int, Entry] | None = None,
    gps: Mapping[int, Entry] | None = None,
) -> bytes:
    pointers = {0x8769: long(0), 0x8825: long(0)}
    exif_at = 8 + len(ifd({**(image or {}), **pointers}, 8))
    exif_ifd = ifd(exif or {}, exif_at)
    gps_at = exif_at + len(exif_ifd)
    pointers = {0x8769: long(exif_at), 0x8825: long(gps_at)}
    first_ifd = ifd({**(image or {}), **pointers}, 8)
    return b"II*\0\x08\0\0\0" + first_ifd + exif_ifd + ifd(gps or {}, gps_at)


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def read_block(*ifds: Mapping[int, Entry] | None) -> dict[str, Any]:
        path = tmp_path / "block.tif"
        path.write_bytes(block(*ifds))
        return read_metadata(path)

    return read_block


# A photo as a program would write it, in each of the formats.

FULL = {
    "camera_make": "Fujifilm",
    "camera_model": "X-T2",
    "lens_model": "XF35mmF1.4 R",
    "exposure_time": 1 / 250,
    "f_number": 5.6,
    "iso": 800,
    "focal_length": 35.0,
    "flash": True,
    "orientation": 6,
    "taken_at": datetime(2018, 7, 9, 18, 3, 59, 50_000),
    "taken_at_offset": "+09:00",
    "latitude": -(33 + 51 / 60 + 30.5 / 3600),
    "longitude": -(70 + 30 / 60),
    "altitude": -12.5,
    "direction": 271.5,
    "software": "Studio 1.0",
    "artist": "Zoe",
    "copyright": "(c) 2018 Zoe",
}


def full_exif() -> bytes:
    exif = Image.Exif()
    base, gps = ExifTags.Base, ExifTags.GPS
    exif[base.Make] = "Fujifilm"
    exif[base.Model] = "X-T2"
    exif[base.Orientation] = 6
    exif[base.Software] = "Studio 1.0"
    exif[base.Artist] = "Zoe"
    exif[base.Copyright] = "(c) 2018 Zoe"
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {
            base.LensModel: "XF35mmF1.4 R",
            base.ExposureTime: 1 / 250,
            base.FNumber: 5.6,
            base.ISOSpeedRatings: 800,
            base.FocalLength: 35.0,
            base.Flash: 0x19,
            base.DateTimeOriginal: "2018:07:09 18:03:59",
            base.SubsecTimeOriginal: "050",
            base.OffsetTimeOriginal: "+09:00",
        }
    )
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(
        {
            gps.GPSLatitudeRef: "S",
            gps.GPSLatitude: (33.0, 51.0, 30.5),
            gps.GPSLongitudeRef: "W",
            gps.GPSLongitude: (70.0, 30.0, 0.0),
            gps.GPSAltitudeRef: b"\1",
            gps.GPSAltitude: 12.5,
            gps.GPSImgDirection: 271.5,
        }
    )
    return exif.tobytes()


def photo(image_format: str, exif: bytes | None = None) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, image_format, **({"exif": exif} if exif else {}))
    return file.getvalue()


def jpeg_segment(size: int) -> bytes:
    return b"\xff\xe2" + struct.pack(">H", size) + bytes(size - 2)


def assert_row(row: dict[str, Any], expected: Mapping[str, Any]) -> None:
    values = {column: row[column] for column in expected}
    assert values == {
        column: pytest.approx(value, rel=1e-6) if isinstance(value, float) else value
        for column, value in expected.items()
    }


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF", "PNG", "WEBP", "HEIF", "AVIF"])
def test_every_column_in_every_format(tmp_path: Path, image_format: str) -> None:
    path = tmp_path / "photo"
    path.write_bytes(photo(image_format, full_exif()))
    row = read_metadata(path)
    # The decoder of HEIC turns the pixels, and nothing is left to do.
    assert_row(row, FULL | ({"orientation": 1} if image_format == "HEIF" else {}))
    assert tuple(row) == METADATA_COLUMNS
    types = {column: type(row[column]) for column in FULL}
    assert types == {column: type(value) for column, value in FULL.items()}


def test_columns_are_those_of_the_design() -> None:
    assert {*FULL, "raw"} <= set(METADATA_COLUMNS)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF"])
def test_photo_without_exif(tmp_path: Path, image_format: str) -> None:
    path = tmp_path / "photo"
    path.write_bytes(photo(image_format))
    assert read_metadata(str(path)) == NOTHING


@pytest.mark.parametrize("content", [b"", b"II", b"MM\0*", b"\x89PNG\r\n", b"hello", bytes(500)])
def test_no_photo_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert read_metadata(path) == NOTHING


def test_jpeg_block_after_other_segments(tmp_path: Path) -> None:
    whole = photo("JPEG", b"Exif\0\0" + block({0x10F: ascii_("Canon")}))
    path = tmp_path / "photo.jpg"
    path.write_bytes(whole[:2] + 3 * jpeg_segment(60_000) + whole[2:])
    assert read_metadata(path)["camera_make"] == "Canon"


def test_png_block_after_the_pixels(tmp_path: Path) -> None:
    whole = photo("PNG", full_exif())
    start = whole.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(whole[start : start + 4], "big")
    trailer = whole.index(b"IEND") - 4
    path = tmp_path / "photo.png"
    path.write_bytes(whole[:start] + whole[end:trailer] + whole[start:end] + whole[trailer:])
    assert_row(read_metadata(path), FULL)


# Texts


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (ascii_("Canon"), "Canon"),
        (ascii_("  NIKON CORPORATION   "), "NIKON CORPORATION"),
        (ascii_("LEICA\0\0\0\0"), "LEICA"),
        (ascii_("RICOH\0garbage"), "RICOH"),
        (ascii_("Ricoh\r\nImaging\x07"), "Ricoh Imaging"),
        (ascii_("富士フイルム"), "富士フイルム"),
        (ascii_("Müller".encode("cp1252")), "Müller"),
        (ascii_(b"\x81\xff\xfe"), "\ufffdÿþ"),
        (undefined(b"Canon\0\0\0"), "Canon"),
        (byte(*b"Canon"), "Canon"),
        (ascii_(""), None),
        (ascii_("   \t "), None),
        (ascii_("\0\0\0\0\0\0"), None),
        (ascii_("----"), None),
        (ascii_("Unknown"), None),
        (short(1, 7_000), None),
        (ratio((1, 2)), None),
        (double(1.5), None),
        ((2, 0, b""), None),
        (ascii_("x" * 5_000), "x" * 2_000),
    ],
)
def test_texts(read: Callable[..., dict[str, Any]], entry: Entry, expected: str | None) -> None:
    tags = {0x10F: entry, 0x110: entry, 0x131: entry, 0x13B: entry, 0x8298: entry}
    row = read(tags, {0xA434: entry})
    columns = ("camera_make", "camera_model", "lens_model", "software", "artist", "copyright")
    assert [row[column] for column in columns] == [expected] * len(columns)


def canon_note(tags: Mapping[int, Entry]) -> Entry:
    return 7, 0, lambda at: ifd(tags, at)


def nikon_note(lens: Entry) -> Entry:
    label = b"Nikon\0\x02\x10\0\0II*\0\x08\0\0\0"
    return 7, 0, lambda _: label + ifd({0x84: lens}, 8)


@pytest.mark.parametrize(
    ("make", "exif", "expected"),
    [
        ("Canon", {0x927C: canon_note({0x95: ascii_("EF85mm f/1.8 USM")})}, "EF85mm f/1.8 USM"),
        ("Canon", {0x927C: canon_note({1: short(*[0] * 22, 29)})}, "Canon EF 50mm f/1.8 II"),
        ("Canon", {0x927C: canon_note({1: short(*[0] * 22, 65_535)})}, None),
        ("Canon", {0x927C: undefined(b"\xff" * 40)}, None),
        (
            NIKON,
            {0x927C: nikon_note(ratio((18, 1), (105, 1), (35, 10), (56, 10)))},
            "18-105mm f/3.5-5.6",
        ),
        (NIKON, {0x927C: nikon_note(ratio((50, 1), (50, 1), (18, 10), (18, 10)))}, "50mm f/1.8"),
        (NIKON, {0x927C: nikon_note(ratio((0, 1), (0, 1), (0, 1), (0, 1)))}, None),
        (NIKON, {}, None),
        ("Apple", {0xA432: ratio((4, 1), (4, 1), (18, 10), (18, 10))}, "4mm f/1.8"),
        ("Sony", {0xA432: ratio((16, 1), (50, 1), (0, 0), (0, 0))}, "16-50mm"),
        ("Sony", {0xA432: ratio((0, 0), (0, 0), (0, 0), (0, 0))}, None),
        ("Sony", {0xA432: ratio((16, 1))}, None),
    ],
)
def test_lens_without_a_name(
    read: Callable[..., dict[str, Any]],
    make: str,
    exif: Mapping[int, Entry],
    expected: str | None,
) -> None:
    assert read({0x10F: ascii_(make)}, exif)["lens_model"] == expected


# Numbers


@pytest.mark.parametrize(
    ("tags", "column", "expected"),
    [
        ({0x829A: ratio((1, 60))}, "exposure_time", 1 / 60),
        ({0x829A: ratio((30, 1))}, "exposure_time", 30.0),
        ({0x829A: ascii_("1/125")}, "exposure_time", 1 / 125),
        ({0x829A: double(0.004)}, "exposure_time", 0.004),
        ({0x829A: double(float("nan"))}, "exposure_time", None),
        ({0x829A: double(float("inf"))}, "exposure_time", None),
        ({0x829A: ratio((1, 0))}, "exposure_time", None),
        ({0x829A: ratio((0, 0))}, "exposure_time", None),
        ({0x829A: ratio((0, 1))}, "exposure_time", None),
        ({0x829A: ratio((2**32 - 1, 1))}, "exposure_time", None),
        ({0x829A: ascii_("fast")}, "exposure_time", None),
        ({0x829A: ascii_("1/0")}, "exposure_time", None),
        ({0x9201: signed_ratio((7, 1))}, "exposure_time", 1 / 128),
        ({0x9201: signed_ratio((-2, 1))}, "exposure_time", 4.0),
        ({0x9201: signed_ratio((-(2**31), 1))}, "exposure_time", None),
        ({0x829A: ratio((0, 0)), 0x9201: signed_ratio((1, 1))}, "exposure_time", 0.5),
        ({0x829A: ratio((1, 60)), 0x9201: signed_ratio((1, 1))}, "exposure_time", 1 / 60),
        ({0x829D: ratio((28, 10))}, "f_number", 2.8),
        ({0x829D: ratio((0, 1)), 0x9202: ratio((0, 1))}, "f_number", None),
        ({0x9202: ratio((4, 1))}, "f_number", 4.0),
        ({0x9202: ratio((1, 0))}, "f_number", None),
        ({0x829D: ratio((2, 1)), 0x9202: ratio((8, 1))}, "f_number", 2.0),
        ({0x8827: short(400)}, "iso", 400),
        ({0x8827: short(200, 0)}, "iso", 200),
        ({0x8827: short(0, 320)}, "iso", 320),
        ({0x8827: short(0)}, "iso", None),
        ({0x8827: long(102_400)}, "iso", 102_400),
        ({0x8827: ascii_(" 1600 ")}, "iso", 1600),
        ({0x8827: ratio((100, 1))}, "iso", 100),
        ({0x8827: short(65_535), 0x8832: long(204_800)}, "iso", 204_800),
        ({0x8827: short(65_535), 0x8831: long(80_000)}, "iso", 80_000),
        ({0x8827: short(65_535)}, "iso", None),
        ({0x8827: long(2**32 - 1)}, "iso", None),
        ({0x8833: long(500)}, "iso", 500),
        ({0x920A: ratio((50, 1))}, "focal_length", 50.0),
        ({0x920A: short(35)}, "focal_length", 35.0),
        ({0x920A: ratio((0, 1))}, "focal_length", None),
        ({0x9209: short(0)}, "flash", False),
        ({0x9209: short(1)}, "flash", True),
        ({0x9209: short(0x10)}, "flash", False),
        ({0x9209: short(0x5F)}, "flash", True),
        ({0x9209: short(0x20)}, "flash", False),
        ({0x9209: ascii_("off")}, "flash", None),
        ({}, "flash", None),
    ],
)
def test_numbers(
    read: Callable[..., dict[str, Any]],
    tags: Mapping[int, Entry],
    column: str,
    expected: float | None,
) -> None:
    row = read({}, tags)
    assert_row(row, {column: expected})
    assert type(row[column]) is type(expected)


def test_numbers_of_a_scanner_stand_in_the_first_ifd(
    read: Callable[..., dict[str, Any]],
) -> None:
    row = read({0x829A: ratio((1, 8)), 0x9003: ascii_("2001:02:03 04:05:06")})
    assert row["exposure_time"] == 0.125
    assert row["taken_at"] == datetime(2001, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        *((short(turn), turn) for turn in range(1, 9)),
        (short(0), None),
        (short(9), None),
        (ascii_("6"), 6),
        (byte(3), 3),
        (ascii_("top"), None),
    ],
)
def test_orientation(
    read: Callable[..., dict[str, Any]], entry: Entry, expected: int | None
) -> None:
    assert read({0x112: entry})["orientation"] == expected


# Times

NOON = datetime(2015, 6, 7, 12, 20, 30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2015:06:07 12:20:30", NOON),
        ("2015-06-07 12:20:30", NOON),
        ("2015/06/07 12:20:30", NOON),
        ("2015.06.07 12:20:30", NOON),
        ("2015-06-07T12:20:30", NOON),
        ("  2015:06:07  12:20:30 ", NOON),
        ("2015: 6: 7 12:20:30", NOON),
        ("2015:6:7 12:20:30", NOON),
        ("2015:06:07 12:20", NOON.replace(second=0)),
        ("2015-06-07T12:20:30.25", NOON.replace(microsecond=250_000)),
        ("2015-06-07T12:20:30Z", NOON),
        ("2015-06-07T12:20:30+02:00", NOON),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("0001:01:01 00:00:00", None),
        ("2015:13:07 12:20:30", None),
        ("2015:02:30 12:20:30", None),
        ("2015:06:07 25:20:30", None),
        ("07/06/2015 12:20:30", None),
        ("15:06:07 12:20:30", None),
        ("2015:06:07", datetime(2015, 6, 7)),
        ("2015:06", datetime(2015, 6, 1)),
        ("2015", datetime(2015, 1, 1)),
        ("2015:06:07 24:08:19", datetime(2015, 6, 7, 0, 8, 19)),
        ("2016:12:31 23:59:60", datetime(2016, 12, 31, 23, 59, 59)),
        ("2016:12:31 23:59:61", None),
        ("2015:06:07 12:20:30 pm", None),
        ("٢٠١٥:06:07 12:20:30", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates(read: Callable[..., dict[str, Any]], text: str, expected: datetime | None) -> None:
    assert read({}, {0x9003: ascii_(text)})["taken_at"] == expected


@pytest.mark.parametrize(
    ("entry", "microseconds"),
    [
        (ascii_("5"), 500_000),
        (ascii_("050"), 50_000),
        (ascii_("500000 "), 500_000),
        (ascii_("123456789"), 123_456),
        (ascii_("00"), 0),
        (ascii_("   "), 0),
        (ascii_("-1"), 0),
        (ascii_("5a"), 0),
        (ascii_("²"), 0),
        (short(50), 0),  # 0.5 or 0.05: a number has lost its zeros
    ],
)
def test_fractions_of_a_second(
    read: Callable[..., dict[str, Any]], entry: Entry, microseconds: int
) -> None:
    row = read({}, {0x9003: ascii_("2015:06:07 12:20:30"), 0x9291: entry})
    assert row["taken_at"] == NOON.replace(microsecond=microseconds)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+09:00", "+09:00"),
        ("-03:30", "-03:30"),
        ("+0545", "+05:45"),
        ("+9:00", "+09:00"),
        ("Z", "+00:00"),
        ("+99:00", None),
        ("+02:75", None),
        ("   :  ", None),
        ("CEST", None),
    ],
)
def test_offsets(read: Callable[..., dict[str, Any]], text: str, expected: str | None) -> None:
    row = read({}, {0x9003: ascii_("2015:06:07 12:20:30"), 0x9011: ascii_(text)})
    assert (row["taken_at"], row["taken_at_offset"]) == (NOON, expected)


def test_offset_within_the_date(read: Callable[..., dict[str, Any]]) -> None:
    row = read({}, {0x9003: ascii_("2015-06-07T12:20:30-04:00")})
    assert (row["taken_at"], row["taken_at_offset"]) == (NOON, "-04:00")


def test_clocks_fall_back_with_their_own_fraction_and_offset(
    read: Callable[..., dict[str, Any]],
) -> None:
    image = {0x132: ascii_("2003:03:03 03:03:03")}
    original = {
        0x9003: ascii_("2001:01:01 01:01:01"),
        0x9291: ascii_("1"),
        0x9011: ascii_("+01:00"),
    }
    digitized = {
        0x9004: ascii_("2002:02:02 02:02:02"),
        0x9292: ascii_("2"),
        0x9012: ascii_("+02:00"),
    }
    changed = {0x9290: ascii_("3"), 0x9010: ascii_("+03:00")}
    blank = {0x9003: ascii_("0000:00:00 00:00:00")}

    def taken(*parts: Mapping[int, Entry]) -> tuple[datetime, str]:
        row = read(image, {tag: entry for part in parts for tag, entry in part.items()})
        return row["taken_at"], row["taken_at_offset"]

    first = (datetime(2001, 1, 1, 1, 1, 1, 100_000), "+01:00")
    second = (datetime(2002, 2, 2, 2, 2, 2, 200_000), "+02:00")
    third = (datetime(2003, 3, 3, 3, 3, 3, 300_000), "+03:00")
    assert taken(original, digitized, changed) == first
    assert taken(digitized, changed) == second
    assert taken(original, digitized, changed, blank) == second
    assert taken(changed) == third
    assert taken() == (datetime(2003, 3, 3, 3, 3, 3), None)


# Places


def place(
    latitude: Entry, latitude_ref: str | None, longitude: Entry, longitude_ref: str | None
) -> dict[int, Entry]:
    refs = {1: latitude_ref, 3: longitude_ref}
    written = {tag: ascii_(ref) for tag, ref in refs.items() if ref is not None}
    return {2: latitude, 4: longitude, **written}


NORTH = ratio((40, 1), (26, 1), (4600, 100))
EAST = ratio((79, 1), (589, 10), (0, 1))
ZERO = ratio((0, 1), (0, 1), (0, 1))


@pytest.mark.parametrize(
    ("gps", "expected"),
    [
        (place(NORTH, "N", EAST, "E"), (40.446111, 79.981667)),
        (place(NORTH, "S", EAST, "E"), (-40.446111, 79.981667)),
        (place(NORTH, "N", EAST, "W"), (40.446111, -79.981667)),
        (place(NORTH, "South", EAST, "w"), (-40.446111, -79.981667)),
        (place(NORTH, None, EAST, None), (40.446111, 79.981667)),
        (place(ratio((405, 10)), "N", ratio((1, 4)), "W"), (40.5, -0.25)),
        (place(signed_ratio((-405, 10)), None, EAST, "E"), (-40.5, 79.981667)),
        (place(signed_ratio((-405, 10)), "S", EAST, "E"), (-40.5, 79.981667)),
        (place(double(40.5), "N", ascii_("79.5"), "E"), (40.5, 79.5)),
        (place(ZERO, "N", EAST, "E"), (0.0, 79.981667)),
        (place(ZERO, "N", ZERO, "E"), (None, None)),
        (place(ZERO, None, ZERO, None), (None, None)),
        ({9: ascii_("V"), **place(NORTH, "N", EAST, "E")}, (None, None)),
        ({9: ascii_("A"), **place(NORTH, "N", EAST, "E")}, (40.446111, 79.981667)),
        (place(NORTH, "N", ratio((0, 0), (0, 0), (0, 0)), "E"), (None, None)),
        (place(ratio((40, 1), (26, 1), (0, 0)), "N", EAST, "E"), (None, None)),
        (place(ratio((91, 1)), "N", EAST, "E"), (None, None)),
        (place(ratio((90, 1), (0, 1), (1, 1)), "N", EAST, "E"), (None, None)),
        (place(NORTH, "N", ratio((181, 1)), "W"), (None, None)),
        (place(NORTH, "N", ascii_("here"), "E"), (None, None)),
        ({1: ascii_("N"), 2: NORTH}, (None, None)),
        ({1: ascii_("N"), 3: ascii_("E")}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_places(
    read: Callable[..., dict[str, Any]],
    gps: Mapping[int, Entry],
    expected: tuple[float | None, float | None],
) -> None:
    assert_row(read({}, {}, gps), dict(zip(("latitude", "longitude"), expected, strict=True)))


@pytest.mark.parametrize(
    ("gps", "column", "expected"),
    [
        ({6: ratio((1234, 10))}, "altitude", 123.4),
        ({5: byte(0), 6: ratio((1234, 10))}, "altitude", 123.4),
        ({5: byte(1), 6: ratio((1234, 10))}, "altitude", -123.4),
        ({5: byte(3), 6: ratio((5, 1))}, "altitude", -5.0),
        ({5: ascii_("1"), 6: ratio((5, 1))}, "altitude", -5.0),
        ({5: byte(1), 6: signed_ratio((-5, 1))}, "altitude", -5.0),
        ({6: ratio((0, 0))}, "altitude", None),
        ({6: ratio((2**32 - 1, 1))}, "altitude", None),
        ({0x11: ratio((0, 1))}, "direction", 0.0),
        ({0x11: ratio((35_950, 100))}, "direction", 359.5),
        ({0x11: ratio((361, 1))}, "direction", None),
        ({0x11: ratio((1, 0))}, "direction", None),
    ],
)
def test_altitude_and_direction(
    read: Callable[..., dict[str, Any]],
    gps: Mapping[int, Entry],
    column: str,
    expected: float | None,
) -> None:
    assert_row(read({}, {}, gps), {column: expected})


# The raw tags


def strict_json(text: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    text.encode()  # fails on lone surrogates
    tags = json.loads(text, parse_constant=refuse)
    assert isinstance(tags, dict)
    return tags


def test_raw_holds_simple_values_only(read: Callable[..., dict[str, Any]]) -> None:
    row = read(
        {
            0x10E: ascii_("Ein Hügel"),
            0x112: short(6),
            0x111: long(*range(100)),
            0x102: short(8, 8, 8),
            0x9C9B: byte(*"Grüße\0".encode("utf-16-le")),
            0x8773: undefined(bytes(range(256))),
        },
        {
            0x829A: ratio((1, 50)),
            0x920A: ratio((50, 1)),
            0x9000: undefined(b"0230"),
            0xA432: ratio((50, 1), (50, 1), (0, 0), (1, 0)),
            0xA500: double(float("nan")),
            0x927C: undefined(b"secret" * 50),
            0x9286: undefined(b"ASCII\0\0\0" + b"word " * 150),
        },
        {0x1B: undefined(b"ASCII\0\0\0CELLID"), 0: byte(2, 3, 0, 0)},
    )
    tags = strict_json(row["raw"])
    assert {name: value for name, value in tags.items() if "Offset" not in name} == {
        "Image ImageDescription": "Ein Hügel",
        "Image Orientation": "Rotated 90 CW",
        "Image BitsPerSample": [8, 8, 8],
        "Image XPTitle": "Grüße",
        "Image GPSInfo": tags["Image GPSInfo"],
        "EXIF ExposureTime": 0.02,
        "EXIF FocalLength": 50,
        "EXIF ExifVersion": "0230",
        "EXIF LensSpecification": [50, 50, None, None],
        "GPS GPSVersionID": [2, 3, 0, 0],
        "GPS GPSProcessingMethod": "ASCII CELLID",
    }


def test_raw_has_no_thumbnail(tmp_path: Path) -> None:
    path = DEMO / "Northern Light 2015" / "maple-leaves.jpg"
    with path.open("rb") as file:
        assert "JPEGThumbnail" in exifread.process_file(file)
    assert "Thumbnail" not in read_metadata(path)["raw"]


def test_raw_is_bounded(read: Callable[..., dict[str, Any]]) -> None:
    many = {tag: ascii_("y" * 100) for tag in range(0xF000, 0xF000 + 900)}
    row = read({0x10E: ascii_("x" * 50_000), **many})
    tags = strict_json(row["raw"])
    assert len(tags["Image ImageDescription"]) == 2_000
    assert len(tags) == 500


# Damage


def assert_sane(row: dict[str, Any]) -> None:
    assert tuple(row) == METADATA_COLUMNS
    for column, value in row.items():
        if value is not None and column in FULL:
            assert type(value) is type(FULL[column]), column
        if isinstance(value, str):
            value.encode()
    if row["raw"] is not None:
        strict_json(row["raw"])


def damaged(whole: bytes, number: int, seed: str) -> Iterator[bytes]:
    """Cut, flip and overwrite within the EXIF block, where it hurts."""
    chance = random.Random(seed)
    start = min(at for at in (whole.find(b"II*\0"), whole.find(b"MM\0*")) if at >= 0)
    end = min(len(whole), start + 4_000)
    for turn in range(number):
        if turn % 4 == 0:
            yield whole[: chance.randrange(len(whole) if turn % 8 else end)]
            continue
        changed = bytearray(whole)
        for _ in range(chance.choice((1, 3, 20))):
            changed[chance.randrange(start, end)] = chance.choice(
                (0, 1, 0x7F, 0xFF, 255 - turn % 256)
            )
        yield bytes(changed)


def rich_photos() -> Iterator[tuple[str, bytes]]:
    for image_format in ("JPEG", "TIFF", "PNG", "WEBP", "HEIF", "AVIF"):
        yield image_format, photo(image_format, full_exif())
    for name in ("maple-leaves", "colorful-cups"):
        yield name, (DEMO / "Northern Light 2015" / f"{name}.jpg").read_bytes()[:60_000]
    canon = {0x927C: canon_note({1: short(*[0] * 22, 29)}), 0x8827: short(100)}
    yield "Canon", block({0x10F: ascii_("Canon")}, canon, place(NORTH, "N", EAST, "E"))
    nikon = {0x927C: nikon_note(ratio((50, 1), (50, 1), (18, 10), (18, 10)))}
    yield NIKON, block({0x10F: ascii_(NIKON)}, nikon)


@pytest.mark.parametrize(("name", "whole"), [pytest.param(*p, id=p[0]) for p in rich_photos()])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")
def test_damage_gives_nulls_never_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, whole: bytes
) -> None:
    monkeypatch.setattr("pipeline.photos.exif._MAX_READS", 50_000)  # damaged counts often reach it
    path = tmp_path / "photo"
    kept = 0
    for content in damaged(whole, 100, seed=name):
        path.write_bytes(content)
        row = read_metadata(path)
        assert_sane(row)
        kept += row["camera_make"] is not None
    assert kept > 25  # what is not damaged is still read


def test_damaged_counts_cost_little(
    read: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lens_note(at: int) -> bytes:
        return ifd({0x95: ascii_("EF85mm f/1.8 USM")}, at) + bytes(20_000)

    image = {0x10F: ascii_("Canon"), 0x110: (2, 2**32 - 1, b"Canon EOS 5D Mark II")}
    exif = {0x829A: ratio((1, 50)), 0x927C: (7, 0, lens_note)}
    whole = read(image, exif)
    assert (whole["camera_model"], whole["lens_model"]) == (
        "Canon EOS 5D Mark II",
        "EF85mm f/1.8 USM",
    )
    monkeypatch.setattr("pipeline.photos.exif._MAX_READS", 10_000)
    monkeypatch.setattr("pipeline.photos.exif._MAX_BYTES", 12)
    limited = read(image, exif)
    assert (limited["camera_model"], limited["lens_model"]) == ("Canon EOS 5D", None)
    assert limited["exposure_time"] == 0.02


def test_damaged_pointer_is_not_a_failed_disk(read: Callable[..., dict[str, Any]]) -> None:
    before_the_file = struct.pack("<i", -1_000)
    assert_sane(read({0x10F: ascii_("Canon")}, {0x8825: (9, 1, before_the_file)}))


def test_damage_leaves_standard_error_alone(tmp_path: Path) -> None:
    contents = [content for _, whole in rich_photos() for content in damaged(whole, 20, seed="")]
    paths = [tmp_path / str(number) for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    program = (
        "import sys; from pipeline.photos.metadata import read_metadata;"
        " [*map(read_metadata, sys.argv[1:])]"
    )
    run = subprocess.run([sys.executable, "-c", program, *paths], capture_output=True, check=True)
    assert (run.stdout, run.stderr) == (b"", b"")


def test_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="the file is gone"):
        read_metadata(tmp_path / "gone.jpg")
    with pytest.raises(PhotoError, match="the file cannot be read"):
        read_metadata(tmp_path)


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF"])
def test_disk_failure_is_an_error_and_not_a_photo_without_exif(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image_format: str
) -> None:
    path = tmp_path / "photo"
    path.write_bytes(photo(image_format, full_exif()))

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(exifread, "process_file", fail)
    with pytest.raises(PhotoError, match="Input/output error"):
        read_metadata(path)


# The demo photos, against Pillow's own reading


def demo_photos_with_exif() -> list[Path]:
    return [path for path in sorted(DEMO.glob("*/*.jpg")) if b"Exif\0" in path.read_bytes()[:5000]]


def test_demo_has_photos_with_exif() -> None:
    assert len(demo_photos_with_exif()) >= 8


@pytest.mark.parametrize("path", demo_photos_with_exif(), ids=lambda path: path.stem)
def test_demo_photo_agrees_with_pillow(path: Path) -> None:
    with Image.open(path) as image:
        first = image.getexif()
        exif = first.get_ifd(ExifTags.IFD.Exif)
    base = ExifTags.Base
    row = read_metadata(path)

    texts = {"camera_make": base.Make, "camera_model": base.Model, "software": base.Software}
    for column, tag in texts.items():
        assert row[column] == (str(first.get(tag) or "").partition("\0")[0].strip() or None)
    numbers = {
        "exposure_time": base.ExposureTime,
        "f_number": base.FNumber,
        "iso": base.ISOSpeedRatings,
        "focal_length": base.FocalLength,
    }
    for column, tag in numbers.items():
        expected = exif.get(tag)
        assert row[column] == (None if expected is None else pytest.approx(float(expected)))
    assert row["orientation"] == first.get(base.Orientation)
    assert row["flash"] == (exif[base.Flash] % 2 == 1 if base.Flash in exif else None)
    if base.DateTimeOriginal in exif:
        taken = datetime.strptime(exif[base.DateTimeOriginal], "%Y:%m:%d %H:%M:%S")
        assert row["taken_at"].replace(microsecond=0) == taken


def test_demo_photos_known_values() -> None:
    album = DEMO / "Northern Light 2015"
    assert_row(
        read_metadata(album / "maple-leaves.jpg"),
        {
            "camera_model": "Canon EOS 70D",
            "lens_model": "EF50mm f/1.8 II",
            "exposure_time": 1 / 4000,
            "taken_at": datetime(2015, 10, 29, 15, 44, 44, 520_000),
            "artist": "Martin Klapetek",
        },
    )
    assert_row(
        read_metadata(album / "colorful-cups.jpg"),
        {"camera_make": "SONY", "latitude": 56.15599508, "longitude": 10.20820478},
    )
