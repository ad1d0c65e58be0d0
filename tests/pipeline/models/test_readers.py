"""Text in photos: it is read upright, its places fit, and what only looks like text is left out."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline.models.readers import Line
from pipeline.models.readers.embedded import EmbeddedReader
from pipeline.photos.decoding import open_photo
from tests.conftest import DEMO_PHOTOS

LINES = ("Welcome to PyCon", "Registration", "7")
PLACES = ((200, 150), (200, 450), (200, 750))  # of the upper left corners, in pixels


def slide(size: tuple[int, int] = (1600, 1200)) -> Image.Image:
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for line, place in zip(LINES, PLACES, strict=True):
        draw.text(place, line, "black", ImageFont.load_default(100))
    return image


def texts(lines: Sequence[Line]) -> list[str]:
    return [line["text"] for line in lines]


def test_lines_are_read_from_top_to_bottom_and_lie_where_they_are(tmp_path: Path) -> None:
    turned = slide().transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    turned.save(tmp_path / "slide.jpg", exif=exif)
    reader = EmbeddedReader()

    lines = reader.read(open_photo(tmp_path / "slide.jpg", reader.image_size))

    assert texts(lines) == list(LINES[:2])  # a single digit may be anything
    for line, (left, top) in zip(lines, PLACES[:2], strict=True):
        assert line["score"] > 0.9
        xs, ys = line["corners"][::2], line["corners"][1::2]
        assert min(xs) == pytest.approx(100 * left / 1600, abs=2)
        assert min(ys) == pytest.approx(100 * top / 1200, abs=3)
        assert 100 > max(xs) > 30
        assert (xs[0], ys[0]) == (min(xs), min(ys))  # the corner where the text begins comes first


def test_reads_the_same_on_several_threads_and_finds_nothing_in_leaves(
    capfd: pytest.CaptureFixture[str],
) -> None:
    reader = EmbeddedReader()
    leaves = open_photo(next(DEMO_PHOTOS.rglob("maple-leaves.jpg")), reader.image_size)
    with ThreadPoolExecutor(2) as pool:
        read = list(pool.map(reader.read, [slide(), leaves, Image.new("RGB", (2, 1)), slide()]))
    assert texts(read[0]) == list(LINES[:2])
    assert read[3] == read[0]
    assert read[1] == read[2] == []
    assert capfd.readouterr() == ("", "")
