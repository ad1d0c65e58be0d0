"""How fast is the EXIF data of a folder read, and are the values those that exiftool reads?

    python benchmarks/exif_speed.py [--photos 1000]

The photos are copies of the demo photos, into which exiftool writes what cameras and editors do:
several makes, exposures, lenses, clocks with fractions and offsets, places in all four quarters of
the Earth, also below the sea, people's names. Those that have EXIF data of a real camera keep it.
Ours is the stage ``exif_metadata``, from the files to its Parquet file; exiftool reads all files in
one process, once as usual and once as fast as it can with the same result: without maker notes and
what follows the EXIF block. Every column of table ``exif`` is compared, photo by photo. Needs
exiftool: ``apt-get install libimage-exiftool-perl``.
"""

import argparse
import json
import math
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from report import Line, in_turns, print_table, ratio

from pipeline.library.library import Library
from pipeline.library.stages.exif_metadata import ExifMetadata
from pipeline.settings import Settings
from pipeline.sources import folder

DEMO = Path(__file__).resolve().parents[1] / "data" / "demo"
ROUNDS = 3
USUAL = ("exiftool", "-json", "-n", "-r", "-q", "-q")
FASTEST = (*USUAL, "-G", "-fast2", "-EXIF:all", "-Composite:GPS*")

CAMERAS = (  # make, model, lens, software
    ("Canon", "Canon EOS 5D Mark III", "EF24-105mm f/4L IS USM", "Adobe Photoshop Lightroom 6.14"),
    ("NIKON CORPORATION", "NIKON D750", "24.0-120.0 mm f/4.0", "Ver.1.10"),
    ("SONY", "ILCE-7M3", "FE 24-70mm F2.8 GM", "ILCE-7M3 v3.10"),
    ("FUJIFILM", "X-T2", "XF35mmF1.4 R", "Digital Camera X-T2 Ver4.10"),
    ("OLYMPUS IMAGING CORP.", "E-M1", None, "darktable 3.0.1"),
    ("Apple", "iPhone 7", "iPhone 7 back camera 3.99mm f/1.8", "11.4"),
    ("samsung", "SM-G930F", None, "G930FXXS2DRDI"),
    ("Panasonic", "DMC-GX8", "LUMIX G VARIO 12-32/F3.5-5.6", None),
)
TEXTS = {
    "Artist": ("Zoë Müller", "J. R. Hartley", "Иван Петров", "佐藤 健"),
    "Copyright": ("© 2018 Zoë Müller", "CC BY-SA 4.0", "All rights reserved"),
    "ImageDescription": ("Keynote, first row", "OLYMPUS DIGITAL CAMERA"),
    "UserComment": ("seen from the pier",),
    "SubSecTimeOriginal": ("05", "5", "123", "00", "999999"),
    "OffsetTimeOriginal": ("+00:00", "+02:00", "-03:30", "+05:45", "-11:00", "+14:00"),
}
NUMBERS = {
    "ExposureTime": (1 / 8000, 1 / 1250, 1 / 250, 1 / 60, 0.3, 1, 2.5, 30),
    "FNumber": (0.95, 1.4, 2.8, 5.6, 7.1, 22),
    "ISO": (50, 100, 640, 6400, 51200),
    "FocalLength": (3.99, 12, 35, 85.5, 600),
    "FocalLengthIn35mmFormat": (24, 85),
    "Flash": (0, 1, 5, 7, 9, 16, 24, 25, 31, 32, 65, 89),
    "Orientation": tuple(range(1, 9)),
    "ExposureCompensation": (-2, -1 / 3, 0, 2 / 3),
    "ExposureProgram": (1, 2, 3, 4),
    "MeteringMode": (1, 2, 3, 5),
    "WhiteBalance": (0, 1),
    "XResolution": (72, 300),
}


def camera_tags(chance: random.Random) -> Iterator[tuple[str, str | float | None]]:
    """What a camera might have written into a photo; None is left out."""
    yield from zip(("Make", "Model", "LensModel", "Software"), chance.choice(CAMERAS), strict=True)
    for name, values in (TEXTS | NUMBERS).items():
        yield name, chance.choice(values) if chance.random() < 0.8 else None
    seconds = chance.randrange(10**9, 17 * 10**8)
    taken = f"{datetime.fromtimestamp(seconds):%Y:%m:%d %H:%M:%S}"
    yield from zip(("DateTimeOriginal", "CreateDate", "ModifyDate"), [taken] * 3, strict=True)
    if chance.random() < 0.6:
        for name, sides, limit in (("Latitude", "NS", 90), ("Longitude", "EW", 180)):
            yield f"GPS{name}", round(chance.random() * limit, 6)
            yield f"GPS{name}Ref", chance.choice(sides)
        yield "GPSAltitude", round(chance.random() * 4000, 2)
        yield "GPSAltitudeRef", chance.choice((0, 0, 1))
        yield "GPSImgDirectionRef", "T"
        yield "GPSImgDirection", round(chance.random() * 360, 2)


def make_photos(into: Path, count: int) -> None:
    """Copy demo photos, and let exiftool write into those whose own camera wrote nothing."""
    chance = random.Random(0)
    originals = sorted(DEMO.glob("*/*.jpg"))
    by_order: dict[str, list[dict[str, Any]]] = {"II": [], "MM": []}
    for number in range(count):
        original = originals[number % len(originals)]
        path = into / f"{number:05}-{original.name}"
        shutil.copy(original, path)
        if b"Exif\0\0" not in original.read_bytes()[:4096]:
            tags = {name: value for name, value in camera_tags(chance) if value is not None}
            by_order[chance.choice(["II", "MM"])].append({"SourceFile": str(path)} | tags)
    for order, photos in by_order.items():
        listed = into.parent / f"{order}.json"
        listed.write_text(json.dumps(photos))
        written = (f"-json={listed}", "-api", f"ByteOrder={order}", "-overwrite_original")
        subprocess.run(["exiftool", "-n", "-r", "-q", "-q", *written, str(into)], check=True)


def number(row: Mapping[str, str], *names: str) -> float | None:
    """The first of these tags that exiftool found, as a number."""
    found = next((row[name] for name in names if name in row), None)
    return None if found is None else float(found)


def by_exiftool(row: Mapping[str, str]) -> dict[str, Any]:
    """The columns of table ``exif`` but ``raw``, from what exiftool says of a photo."""
    flash = number(row, "EXIF:Flash")
    moment = row.get("EXIF:DateTimeOriginal")
    fraction = row.get("EXIF:SubSecTimeOriginal", "0")
    return {
        "camera_make": row.get("EXIF:Make") or None,
        "camera_model": row.get("EXIF:Model") or None,
        "lens_model": row.get("EXIF:LensModel") or None,
        "exposure_time": number(row, "EXIF:ExposureTime"),
        "f_number": number(row, "EXIF:FNumber"),
        "iso": number(row, "EXIF:ISO"),
        "focal_length": number(row, "EXIF:FocalLength"),
        "flash": None if flash is None else bool(int(flash) & 1),
        "orientation": number(row, "EXIF:Orientation"),
        "taken_at": moment and datetime.strptime(f"{moment}.{fraction}", "%Y:%m:%d %H:%M:%S.%f"),
        "taken_at_offset": row.get("EXIF:OffsetTimeOriginal"),
        "latitude": number(row, "Composite:GPSLatitude"),
        "longitude": number(row, "Composite:GPSLongitude"),
        "altitude": number(row, "Composite:GPSAltitude"),
        "direction": number(row, "EXIF:GPSImgDirection"),
        "software": row.get("EXIF:Software") or None,
        "artist": row.get("EXIF:Artist") or None,
        "copyright": row.get("EXIF:Copyright") or None,
    }


def is_same(ours: Any, theirs: Any) -> bool:
    """Whether two values are the same; exiftool writes ten digits of a ratio."""
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return math.isclose(ours, theirs, rel_tol=1e-9)
    return bool(ours == theirs)


def compare(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """For each column whether both say the same of a photo, and if not, who says what."""
    for column, value in theirs.items():
        if is_same(ours[column], value):
            yield column, "same"
        elif value is None:
            yield column, "only ours"
        else:
            yield column, "different"
            print(f"{column}: {ours[column]!r}, exiftool {value!r}", file=sys.stderr)


def main() -> None:
    """Time both on the same files, and compare what they read."""
    parser = argparse.ArgumentParser(description="How fast is the EXIF data of photos read?")
    parser.add_argument("--photos", type=int, default=1000, help="how many; default: 1000")
    arguments = parser.parse_args()
    if not shutil.which("exiftool"):
        sys.exit("exiftool is missing: apt-get install libimage-exiftool-perl")
    with tempfile.TemporaryDirectory() as name:
        photos = Path(name) / "photos"
        photos.mkdir()
        make_photos(photos, arguments.photos)
        library = Library(Settings(data_dir=Path(name) / "library"))
        folder.register(library.storage, folder.Registration(str(photos)))
        (album,) = library.find_albums("folder").albums
        library.raw_images.refresh(album)
        stage, album_id = library.stages[ExifMetadata.table], album["album_id"]
        said: list[str] = []

        def refresh() -> None:
            library.storage.delete(library.tables.key(stage.table, album_id))
            stage.refresh(album)

        def exiftool(command: tuple[str, ...]) -> None:
            done = subprocess.run(
                [*command, str(photos)], capture_output=True, text=True, check=True
            )
            said.append(done.stdout)

        seconds = in_turns(
            {
                "ours": refresh,
                "usual": lambda: exiftool(USUAL),
                "fastest": lambda: exiftool(FASTEST),
            },
            ROUNDS,
        )
        paths = {
            row["image_id"]: row["local_filename"]
            for row in library.tables.read("raw_images", album_id).to_pylist()
        }
        ours = {
            paths[row["image_id"]]: row
            for row in library.tables.read(stage.table, album_id).to_pylist()
        }

    # As text, since exiftool writes the text "11.10" as a number, too.
    theirs = json.loads(said[-1], parse_int=str, parse_float=str)
    found = Counter(
        each
        for row in theirs
        for each in compare(ours[Path(row["SourceFile"]).name], by_exiftool(row))
    )
    different = sum(times for (_, kind), times in found.items() if kind == "different")
    more = {column: times for (column, kind), times in found.items() if kind == "only ours"}
    rate = {task: len(theirs) / statistics.median(times) for task, times in seconds.items()}
    faster = ratio(seconds["fastest"], seconds["ours"])
    print_table(
        f"EXIF data of {len(theirs):,} photos",
        [
            Line(
                "from the files to the table `exif_metadata`",
                f"{rate['ours']:,.0f} photos/s",
                f"exiftool, as fast as it can: {rate['fastest']:,.0f} photos/s",
                f"{faster:.1f} ×",
                "1 ×",
                faster >= 1,
            ),
            Line(
                "the same, against exiftool as usual",
                f"{rate['ours']:,.0f} photos/s",
                f"`exiftool -json -n -r`: {rate['usual']:,.0f} photos/s",
                f"{ratio(seconds['usual'], seconds['ours']):.1f} ×",
            ),
            Line(
                f"values of {len(by_exiftool({}))} columns that differ from exiftool's",
                f"{different} of {found.total():,}",
                limit="0",
                reached=different == 0,
            ),
        ],
        "Each exiftool is one process for all photos, its start included."
        f" {sum(more.values())} values only we have"
        f" ({', '.join(f'{column} {times}' for column, times in more.items()) or 'none'}): where a"
        " photo does not say when it was taken, its other dates are asked. A text of blanks counts"
        " as none. Column `raw` is not compared: it names tags, and writes codes in words, as"
        " ExifRead does.",
    )


if __name__ == "__main__":
    main()
