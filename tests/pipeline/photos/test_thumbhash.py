"""ThumbHashes are those of the published script, which draws them in the browser."""

import numpy as np
import pytest
from PIL import Image

from pipeline.photos.thumbhash import thumbhash


@pytest.mark.parametrize(
    ("width", "height", "published"),  # by rgbaToThumbHash of thumbhash 0.1.1
    [
        (60, 40, "H/gBDYJGcNIwZHhpW6JXdHp38EhQ"),
        (30, 40, "3/cBBQJgVndVeXoqmYgjU48l8UZD"),
        (40, 40, "H/gBDwKZsEymVX6oNWukMshYpgrGz2IH"),
        (49, 4, "3ucBGYTAyf2oeKVb9kmE+ng="),
    ],
)
def test_it_is_what_the_published_script_makes(width: int, height: int, published: str) -> None:
    pixels = np.random.RandomState(0).randint(0, 256, (height, width, 3)).astype(np.uint8)
    assert thumbhash(Image.fromarray(pixels)) == published


def test_a_larger_photo_and_one_pixel() -> None:
    """It is the same for a photo as for the photo made smaller."""
    pixels = np.random.RandomState(0).randint(0, 256, (40, 60, 3)).astype(np.uint8)
    photo = Image.fromarray(pixels)
    large = photo.resize((180, 120), Image.Resampling.NEAREST)
    assert thumbhash(large) == thumbhash(photo)
    assert len(thumbhash(Image.new("RGB", (1, 1), "red"))) <= 32
