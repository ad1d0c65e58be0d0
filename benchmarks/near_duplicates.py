"""At which cosine are photos nearly the same, and different photos not?

    python benchmarks/near_duplicates.py [--model NAME]

Makes variants of the demo photos: compressed, smaller, cropped and brighter as the frames of a
burst are. For each cosine this prints which share of the variants is at least so like its photo,
then how many different photos would wrongly be: pairs of two demo photos, variants included, and
the two halves of one photo, which stand for two photos of the same kind.

An encoder may give two photos of one kind nearly the same vector, and 28 photos have few of a kind.
So search_app/near_duplicates.py asks for more than the cosine; this is what its thresholds,
BURST and SAME, were chosen by.
"""

import argparse
import io
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from pipeline.errors import AlbumscopeError
from pipeline.models.encoders import Vectors
from pipeline.models.encoders.loading import load_encoder
from pipeline.photos.decoding import open_photo
from search_app.search.near_duplicates import BURST, SAME

DEMO = Path(__file__).resolve().parents[1] / "data" / "demo"
COSINES = (0.93, BURST, 0.96, 0.97, 0.98, SAME, 0.99, 0.995)


def cropped(image: Image.Image, left: float, top: float, share: float) -> Image.Image:
    """A share of the width and the height; ``left`` and ``top`` of what is cut off go there."""
    width, height = round(image.width * share), round(image.height * share)
    x, y = round((image.width - width) * left), round((image.height - height) * top)
    return image.crop((x, y, x + width, y + height))


def brighter(image: Image.Image, by: float) -> Image.Image:
    """The image, each value times ``by``."""
    return ImageEnhance.Brightness(image).enhance(by)


def compressed(image: Image.Image, quality: int) -> Image.Image:
    """The image as a JPEG file of this quality has it."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


VARIANTS: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 70": lambda image: compressed(image, 70),
    "JPEG 40": lambda image: compressed(image, 40),
    "half size": lambda image: image.reduce(2),
    "crop 3%": lambda image: cropped(image, 1, 0, 0.97),
    "crop 5%": lambda image: cropped(image, 0, 1, 0.95),
    "brighter 8%": lambda image: brighter(image, 1.08),
    "burst 1": lambda image: brighter(cropped(image, 1, 0.5, 0.96), 1.04),
    "burst 2": lambda image: brighter(cropped(image, 0, 0.5, 0.95), 0.95),
}


def halves(image: Image.Image) -> list[Image.Image]:
    """The two halves of an image, along its longer side."""
    width, height = image.size
    if width >= height:
        boxes = [(0, 0, width // 2, height), (width // 2, 0, width, height)]
    else:
        boxes = [(0, 0, width, height // 2), (0, height // 2, width, height)]
    return [image.crop(box) for box in boxes]


def different(photos: Vectors, variants: Mapping[str, Vectors]) -> NDArray[np.float32]:
    """The cosines of all pairs of pictures of two different photos, shape (pairs,)."""
    every = np.concatenate([photos, *variants.values()])
    photo = np.tile(np.arange(len(photos)), 1 + len(variants))
    first, second = np.triu_indices(len(every), 1)
    is_other = photo[first] != photo[second]
    cosines: NDArray[np.float32] = (every @ every.T)[first[is_other], second[is_other]]
    return cosines


def main() -> None:
    """Measure the encoder named on the command line."""
    parser = argparse.ArgumentParser(description="At which cosine are photos nearly the same?")
    parser.add_argument("--model", default="embedded", help="as EMBED_MODEL; default: embedded")
    arguments = parser.parse_args()

    try:
        encoder = load_encoder(arguments.model)
        images = [open_photo(path) for path in sorted(DEMO.glob("*/*.jpg"))]
        photos = encoder.encode_images(images)
        variants = {
            name: encoder.encode_images([make(image) for image in images])
            for name, make in VARIANTS.items()
        }
        parts = encoder.encode_images([half for image in images for half in halves(image)])
    except AlbumscopeError as error:
        sys.exit(str(error))
    others = different(photos, variants)
    of_halves = (parts[::2] * parts[1::2]).sum(axis=1)
    print(f"{'cosine at least':20}", *(f"{least:>6}" for least in COSINES))
    for name, vectors in variants.items():
        shares = [((photos * vectors).sum(axis=1) >= least).mean() for least in COSINES]
        print(f"{name:20}", *(f"{share:6.0%}" for share in shares))
    for name, cosines in (("different photos", others), ("halves", of_halves)):
        print(f"{name:20}", *(f"{np.count_nonzero(cosines >= least):6}" for least in COSINES))
    print(f"of {len(others):,} pairs of different photos, and {len(of_halves)} of halves")


if __name__ == "__main__":
    main()
