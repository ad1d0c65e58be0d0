import io
import struct
import threading
import time
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, PngImagePlugin

from pipeline.errors import PhotoError
from pipeline.photos import decoding, files
from pipeline.photos.decoding import PhotoHeader, open_photo, read_header
from pipeline.photos.files import is_photo_name
from pipeline.photos.look_ahead import map_ahead
from tests.pipeline.photos.pngs import chunk, png_header

FORMATS = {
    "photo.jpg": "JPEG",
    "photo.png": "PNG",
    "photo.webp": "WEBP",
    "photo.tif": "TIFF",
    "photo.gif": "GIF",
    "photo.heic": "HEIF",
    "photo.avif": "AVIF",
}
COLORS = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "black": (0, 0, 0)}


def four_colors(width: int = 96, height: int = 64) -> Image.Image:
    """Red and lime above blue and black: no turn or flip looks like another."""
    image = Image.new("RGB", (width, height))
    boxes = [(0, 0), (width // 2, 0), (0, height // 2), (width // 2, height // 2)]
    for color, corner in zip(COLORS, boxes, strict=True):
        image.paste(color, (*corner, corner[0] + width // 2, corner[1] + height // 2))
    return image


def colors_of(image: Image.Image) -> list[str]:
    """The colors of the quarters of an image, row by row."""
    names = []
    for y in (0.25, 0.75):
        for x in (0.25, 0.75):
            pixel = np.array(image.getpixel((int(x * image.width), int(y * image.height))))
            names.append(min(COLORS, key=lambda name: np.abs(pixel - COLORS[name]).sum()))
    return names


def save(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, FORMATS.get(path.name), **options)
    return path


def pixels(image: Image.Image) -> NDArray[np.int16]:
    return np.asarray(image, np.int16)


# What is a photo


@pytest.mark.parametrize(
    "name", ["a.jpg", "A.JPG", "b.Jpeg", "c.png", "d.WEBP", "e.tif", "e.tiff", "f.gif", "g.HEIC",
             "h.avif", "with space.jpg", "emoji 🐈.png", "caf\udce9.jpg", "new\nline.jpg"],
)  # fmt: skip
def test_names_of_photos(name: str) -> None:
    assert is_photo_name(name)


@pytest.mark.parametrize("name", [".hidden.jpg", "._a.jpg", "jpg", "notes.txt", "a.jpg.part", ""])
def test_names_of_other_files(name: str) -> None:
    assert not is_photo_name(name)


# Every format and kind of pixel


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_decoded(tmp_path: Path, name: str) -> None:
    path = save(four_colors(), tmp_path / name)
    assert read_header(path) == PhotoHeader(FORMATS[name], 96, 64)
    photo = open_photo(path)
    assert (photo.mode, photo.size) == ("RGB", (96, 64))
    assert colors_of(photo) == list(COLORS)


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    four_colors().save(path, "PNG")
    assert read_header(path).image_format == "PNG"


def test_a_photo_in_memory_is_decoded_too() -> None:
    file = io.BytesIO()
    four_colors().save(file, "JPEG")
    file.seek(0)
    assert colors_of(open_photo(file)) == list(COLORS)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", [name for name in FORMATS if name != "photo.gif"])
def test_photos_are_turned_as_they_are_meant_to_be_seen(
    tmp_path: Path, name: str, orientation: int
) -> None:
    upright = four_colors()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    # Every second transpose is undone by itself; the quarter turns undo one another.
    undo = {6: 8, 8: 6}.get(orientation, orientation)
    stored = upright if orientation == 1 else upright.transpose(decoding._TURNS[undo])
    path = save(stored, tmp_path / name, exif=exif.tobytes())
    assert (read_header(path).width, read_header(path).height) == (96, 64)
    for short_side in (None, 16):
        photo = open_photo(path, short_side)
        assert photo.width > photo.height
        assert colors_of(photo) == list(COLORS)


def test_an_exif_block_after_the_pixels_turns_a_png(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    path = save(four_colors(), tmp_path / "photo.png")
    content = path.read_bytes()
    end = chunk(b"IEND", b"")
    block = chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    path.write_bytes(content.removesuffix(end) + block + end)
    assert colors_of(open_photo(path)) == list(COLORS)[::-1]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_damaged_exif_block_does_not_cost_the_photo(tmp_path: Path) -> None:
    path = save(four_colors(), tmp_path / "photo.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xffrubbish")
    assert read_header(path) == PhotoHeader("JPEG", 96, 64)
    assert colors_of(open_photo(path)) == list(COLORS)


def test_a_cmyk_jpeg_keeps_its_colors(tmp_path: Path) -> None:
    path = save(four_colors().convert("CMYK"), tmp_path / "photo.jpg")
    assert colors_of(open_photo(path)) == list(COLORS)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "I", "F"])
def test_gray_stays_gray_in_every_mode(tmp_path: Path, mode: str) -> None:
    gray = Image.linear_gradient("L")
    match mode:
        case "I;16":
            image = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
        case "I":
            image = Image.fromarray(np.asarray(gray).astype(np.int32) * 257 * 1000)
        case "F":
            image = Image.fromarray(np.asarray(gray).astype(np.float32) / 255)
        case _:
            image = gray.convert(mode)
    image.save(tmp_path / "gray.tif" if mode in {"I", "F"} else tmp_path / "gray.png")
    photo = open_photo(next(tmp_path.iterdir()), 32)
    assert photo.mode == "RGB"
    expected = pixels(gray.convert("RGB").reduce(8))
    assert np.abs(pixels(photo) - expected).max() <= (40 if mode == "1" else 2)


def test_16_bits_a_color(tmp_path: Path) -> None:
    row = struct.pack(">6H", 65535, 0, 0, 0, 0, 65535)  # a red pixel and a blue one
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" + row))
    path = tmp_path / "deep.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b""))
    photo = open_photo(path)
    assert [photo.getpixel((0, 0)), photo.getpixel((1, 0))] == [(255, 0, 0), (0, 0, 255)]


def test_floats_that_are_no_numbers_cost_nothing_but_themselves(tmp_path: Path) -> None:
    values = np.full((8, 8), 0.5, np.float32)
    values[0, 0], values[0, 1] = np.nan, 1.0
    Image.fromarray(values).save(tmp_path / "f.tif")
    photo = open_photo(tmp_path / "f.tif")
    assert photo.getpixel((4, 4)) == (127, 127, 127)


@pytest.mark.parametrize("name", ["photo.gif", "photo.png", "photo.webp", "photo.tif"])
def test_what_is_transparent_becomes_white(tmp_path: Path, name: str) -> None:
    image = four_colors().convert("RGBA")
    image.paste((0, 0, 0, 0), (48, 32, 96, 64))  # the black quarter
    path = save(image, tmp_path / name, **({"lossless": True} if name == "photo.webp" else {}))
    photo = open_photo(path)
    assert photo.getpixel((70, 50)) == (255, 255, 255)
    assert colors_of(photo)[:3] == list(COLORS)[:3]


def test_a_palette_with_half_transparent_colors_is_blended_without_a_warning(
    tmp_path: Path,
) -> None:
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.save(tmp_path / "p.png", transparency=bytes([128, 255]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        red, green, blue = open_photo(tmp_path / "p.png").getpixel((0, 0))  # type: ignore[misc]
    assert red == 255
    assert 126 <= green == blue <= 128


@pytest.mark.parametrize("name", ["photo.gif", "photo.webp", "photo.png", "photo.tif"])
def test_the_first_frame_of_an_animation_is_taken(tmp_path: Path, name: str) -> None:
    frames = [Image.new("RGB", (40, 30), color) for color in ("red", "blue", "lime")]
    path = save(frames[0], tmp_path / name, save_all=True, append_images=frames[1:])
    assert read_header(path) == PhotoHeader(FORMATS[name], 40, 30)
    assert set(colors_of(open_photo(path))) == {"red"}


# Smaller than it is


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("short_side", [50, 64, 100, 10_000])
def test_a_smaller_photo_is_large_enough(tmp_path: Path, name: str, short_side: int) -> None:
    path = save(four_colors(480, 320), tmp_path / name)
    photo = open_photo(path, short_side)
    assert min(photo.size) >= min(short_side, 320)
    assert abs(photo.width / photo.height - 1.5) < 0.1
    if short_side <= 100:
        assert photo.height < 320
    assert colors_of(photo) == list(COLORS)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "1", "F"])
def test_bands_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (331, 217, 3), np.uint8)
    image = Image.fromarray(noise).convert(mode)
    image.save(path := tmp_path / "noise.tif")
    for short_side in (None, 40, 100):
        whole = open_photo(path, short_side)
        with monkeypatch.context() as patch:
            patch.setattr(decoding, "_BAND_PIXELS", 2000)
            assert np.array_equal(pixels(open_photo(path, short_side)), pixels(whole))


# What cannot be read


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "photo.jpg"])
def test_a_truncated_photo_is_damaged(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8)
    path = save(Image.fromarray(noise), tmp_path / name)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(PhotoError, match=r"damaged|not a photo") as caught:
        open_photo(path, 64)
    assert not caught.value.transient


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"plain text\n" * 100, b"\xff\xd8\xff", b"%!PS-Adobe-3.0 EPSF-3.0\n"]
)
def test_what_is_no_photo(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    for read in (read_header, open_photo):
        with pytest.raises(PhotoError, match="not a photo in a format that can be read") as caught:
            read(path)
        assert not caught.value.transient


def test_formats_that_nobody_asked_for_are_refused(tmp_path: Path) -> None:
    four_colors().save(tmp_path / "photo.jpg", "BMP")
    with pytest.raises(PhotoError, match="not a photo in a format"):
        open_photo(tmp_path / "photo.jpg")


def test_what_may_pass_is_tried_again(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "gone.jpg", "is gone"), (tmp_path, "Is a directory")):
        for read in (read_header, open_photo):
            with pytest.raises(PhotoError, match=reason) as caught:
                read(path)
            assert caught.value.transient
    with pytest.raises(PhotoError, match="is gone"):
        files.sha256_of(str(tmp_path / "gone.jpg"))


@pytest.mark.parametrize(
    ("format_", "options"),
    [
        *[("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("TIFF", {}), ("WEBP", {})],
        *[("HEIF", {}), ("AVIF", {}), ("JXL", {})],
    ],
)
def test_what_needs_more_memory_than_there_is_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str, options: dict[str, Any]
) -> None:
    path = tmp_path / "photo"
    four_colors(40, 40).save(path, format_, **options)
    monkeypatch.setattr(decoding, "MEMORY", 1600 * 4)
    assert open_photo(path).size == (40, 40)  # alone, as there is memory
    monkeypatch.setattr(decoding.psutil, "virtual_memory", lambda: Mock(total=1600 * 8))
    with pytest.raises(PhotoError, match="40 × 40 pixels take") as caught:
        open_photo(path)
    assert not caught.value.transient


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(300_000, 300_000))
    with pytest.raises(PhotoError, match=r"300000 × 300000 pixels take 450\.0 GB of memory"):
        read_header(tmp_path / "bomb.png")


def test_reading_a_header_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(four_colors(), tmp_path / "photo.png")

    decoded = []
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", decoded.append)
    assert read_header(path) == PhotoHeader("PNG", 96, 64)
    assert not decoded


def test_no_file_is_left_open(tmp_path: Path) -> None:
    path = save(four_colors(), tmp_path / "photo.jpg")
    (tmp_path / "text.jpg").write_text("no photo")
    (tmp_path / "bomb.png").write_bytes(png_header(300_000, 300_000))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        for each in (path, tmp_path / "text.jpg", tmp_path / "bomb.png"):
            for read in (read_header, open_photo):
                try:
                    read(each)
                except PhotoError:
                    continue


# Many at once


def test_photos_take_no_more_memory_together_than_one_may() -> None:
    memory = decoding._Memory(100)
    taken = 0
    most = 0
    counting = threading.Lock()

    def decode(size: int) -> None:
        nonlocal taken, most
        with memory.taken(size):
            with counting:
                taken += size
                most = max(most, taken)
            time.sleep(0.002)
            with counting:
                taken -= size

    sizes = [100, 10, 60, 50, 30, 1] * 10
    done = list(map_ahead(decode, sizes, threads=8, look_ahead=20))
    assert [size for size, _ in done] == sizes
    assert 50 < most <= 100


def test_memory_is_given_back_by_a_photo_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(four_colors(480, 320), tmp_path / "photo.png")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    monkeypatch.setattr(decoding, "_memory", decoding._Memory(480 * 320 * 5))
    for _ in range(3):  # the second would wait for ever
        with pytest.raises(PhotoError):
            open_photo(path)


def test_results_come_in_order_with_errors_in_their_place() -> None:
    def slow_square(number: int) -> int:
        time.sleep(0.001 * (number % 3))
        if number == 5:
            raise PhotoError("five")
        return number * number

    found = list(map_ahead(slow_square, range(10), threads=4, look_ahead=8))
    assert [item for item, _ in found] == list(range(10))
    assert [str(result) for _, result in found[4:7]] == ["16", "five", "36"]


def test_other_errors_are_raised() -> None:
    def fail(number: int) -> int:
        raise RuntimeError(f"number {number}")

    with pytest.raises(RuntimeError, match="number 0"):
        list(map_ahead(fail, range(3), threads=2, look_ahead=2))


def test_only_so_many_results_wait() -> None:
    asked = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            asked.append(number)
            yield number

    results = map_ahead(lambda number: number, numbers(), threads=2, look_ahead=5)
    for _ in range(10):
        next(results)
    results.close()  # type: ignore[attr-defined]
    assert len(asked) == 15
