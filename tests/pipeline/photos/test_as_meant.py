"""Photos are decoded as they are meant to be seen: odd formats, profiles, damage."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from pipeline.errors import PhotoError
from pipeline.models.encoders.loading import load_encoder
from pipeline.photos import decoding
from pipeline.photos.decoding import open_photo, read_header
from pipeline.photos.files import is_photo_name
from pipeline.photos.metadata import read_metadata
from tests.conftest import INPUTS
from tests.pipeline.photos.camera_raw import write_dng

GREEN, RED = (40, 180, 60), (190, 60, 40)


def pixels(image: Image.Image) -> NDArray[np.int16]:
    return np.asarray(image, np.int16)


def colours(image: Image.Image) -> tuple[list[int], list[int]]:
    """In the middle of the left and of the right half."""
    shown = pixels(image)
    row = shown[len(shown) // 2]
    return row[len(row) // 4].tolist(), row[3 * len(row) // 4].tolist()


# --- Formats --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "image_format", "size"),
    [
        ("DSC00001.HIF", "HEIF", (320, 240)),
        ("saved-by-browser.jfif", "JPEG", (320, 180)),
        ("stereo.MPO", "MPO", (320, 240)),
        ("broken-multi-picture.jpg", "JPEG", (320, 240)),
    ],
)
def test_formats_as_cameras_and_browsers_name_them(
    name: str, image_format: str, size: tuple[int, int]
) -> None:
    assert is_photo_name(name)
    file = INPUTS / "formats" / name
    assert read_header(file) == decoding.PhotoHeader(image_format, *size)
    assert open_photo(file).size == size


def test_nothing_that_pillow_finds_odd_reaches_a_terminal() -> None:
    code = "import sys; from pipeline.photos.decoding import open_photo; open_photo(sys.argv[1])"
    file = INPUTS / "formats" / "broken-multi-picture.jpg"
    command = [sys.executable, "-c", code, str(file)]
    assert subprocess.run(command, capture_output=True, check=True).stderr == b""


@pytest.mark.parametrize("orientation", [1, 6])
def test_raw_is_developed_where_its_preview_is_small(tmp_path: Path, orientation: int) -> None:
    file = tmp_path / "IMG_1.DNG"
    write_dng(file, preview_side=320, orientation=orientation)
    size = (64, 96) if orientation == 6 else (96, 64)
    assert read_header(file) == decoding.PhotoHeader("DNG", *size)
    photo = open_photo(file)
    assert photo.size == size
    first, last = pixels(photo)[16, 16], pixels(photo)[-16, -16]  # turned, the left is on top
    assert first.argmax() == 0 and last.argmax() == 2
    exif = read_metadata(file)
    assert (exif["camera_model"], exif["orientation"]) == ("Model R", orientation)


def test_raw_is_shown_as_the_camera_developed_it(tmp_path: Path) -> None:
    file = tmp_path / "IMG_1.dng"
    write_dng(file, preview_side=1200, orientation=6)
    photo = open_photo(file)
    assert photo.size == (800, 1200)
    assert np.abs(pixels(photo)[9, 9] - (20, 200, 20)).max() < 5


def test_raw_that_is_damaged_is_named(tmp_path: Path) -> None:
    file = tmp_path / "IMG_1.CR3"
    file.write_bytes(b"no photo at all" * 99)
    with pytest.raises(PhotoError, match="RAW"):
        open_photo(file)


def test_jpeg_xl_is_turned_by_its_decoder_alone(tmp_path: Path) -> None:
    file = tmp_path / "photo.jxl"
    image = Image.new("RGB", (40, 20), GREEN)
    exif = image.getexif()
    exif[274], exif[271] = 6, "Maker"
    image.save(file, exif=exif.tobytes())
    assert read_header(file) == decoding.PhotoHeader("JXL", 40, 20)
    assert open_photo(file).size == (40, 20)
    assert (read_metadata(file)["camera_make"], read_metadata(file)["orientation"]) == ("Maker", 1)


# --- Colours --------------------------------------------------------------------------------------


def test_a_profile_is_applied() -> None:
    left, right = colours(open_photo(INPUTS / "colour" / "wide-rgb.jpg"))
    assert np.abs(np.subtract(left, GREEN)).max() <= 3
    assert np.abs(np.subtract(right, RED)).max() <= 3


def test_a_photo_is_the_same_with_and_without_a_profile() -> None:
    photos = [
        open_photo(INPUTS / "colour" / name) for name in ("wide-rgb-photo.jpg", "same-in-srgb.jpg")
    ]
    wide, narrow = map(pixels, photos)
    assert np.abs(wide - narrow).mean() <= 3
    vectors = load_encoder("embedded").encode_images(photos)
    assert vectors[0] @ vectors[1] >= 0.99


@pytest.mark.parametrize("side", [None, 30])
def test_a_profile_for_gray_and_one_for_ink(tmp_path: Path, side: int | None) -> None:
    """Without a profile of its own, a CMYK photo is what Pillow makes of it."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for mode in ("L", "CMYK"):
        plain = Image.new(mode, (80, 60), 100 if mode == "L" else (10, 200, 90, 30))
        plain.save(tmp_path / "plain.jpg")
        plain.save(tmp_path / "other.jpg", icc_profile=srgb)  # it is for RGB alone
        assert colours(open_photo(tmp_path / "plain.jpg", side)) == colours(
            open_photo(tmp_path / "other.jpg", side)
        )


def test_a_profile_that_says_srgb_or_nothing_changes_nothing(tmp_path: Path) -> None:
    image = Image.effect_noise((64, 64), 90).convert("RGB")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"no profile", srgb[:200]):
        image.save(tmp_path / "photo.png", icc_profile=profile)
        assert open_photo(tmp_path / "photo.png").tobytes() == image.tobytes()


# --- Damage ---------------------------------------------------------------------------------------


def test_a_jpeg_without_its_end_is_whole() -> None:
    file = INPUTS / "damaged" / "two-bytes-missing.jpg"
    assert not read_header(file).is_cut
    whole = Image.open(io.BytesIO(file.read_bytes() + b"\xff\xd9")).convert("RGB")
    assert open_photo(file).tobytes() == whole.tobytes()


def test_of_a_jpeg_that_was_cut_there_is_what_there_is() -> None:
    file = INPUTS / "damaged" / "cut-at-60-percent.jpg"
    assert read_header(file).is_cut
    whole = pixels(open_photo(INPUTS / "damaged" / "two-bytes-missing.jpg"))
    for source in (file, io.BytesIO(file.read_bytes())):
        cut = pixels(open_photo(source))
        assert cut.shape == whole.shape
        half = len(cut) // 2
        assert np.abs(cut[:half] - whole[:half]).mean() < 1
        assert np.abs(cut[half:] - whole[half:]).mean() > 9


def test_what_follows_the_end_of_a_jpeg_is_no_damage(tmp_path: Path) -> None:
    file = tmp_path / "with-film.jpg"
    whole = INPUTS / "colour" / "same-in-srgb.jpg"
    file.write_bytes(whole.read_bytes() + b"the film of a moving photo" * 99)
    assert not read_header(file).is_cut
    assert open_photo(file).tobytes() == open_photo(whole).tobytes()


def test_a_png_with_much_text() -> None:
    assert open_photo(INPUTS / "damaged" / "png-large-text.png").size == (160, 106)


def test_a_panorama_is_decoded_at_an_eighth(tmp_path: Path) -> None:
    """In a process of its own, as memory is that of all it ever did."""
    file = tmp_path / "panorama.jpg"
    Image.new("RGB", (30_000, 10_000), "teal").save(file, quality=60)
    code = r"""
import re, sys
from pathlib import Path
from pipeline.photos.decoding import open_photo, read_header
print(read_header(sys.argv[1]).width, open_photo(sys.argv[1], 896).size)
print(int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) // 1000)
"""
    command = [sys.executable, "-c", code, str(file)]
    out = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    sizes, megabytes = out.splitlines()
    assert sizes == "30000 (3750, 1250)"
    assert int(megabytes) < 1000
