"""What does it cost that photos are decoded in the colours that are meant?

    python benchmarks/decoding_speed.py [--photos 60]

Photos of 12 million pixels, as cameras write them: without a profile, with that of sRGB, and with a
wide one, each decoded for a model (260 pixels) and for the page (1,024 pixels), in turns with the
same where profiles are passed over.
"""

import argparse
import io
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from report import Line, print_table

from pipeline.photos import decoding
from pipeline.photos.decoding import open_photo

sys.path.append(str(Path(__file__).parents[1]))  # where the tests' inputs lie
from tests.conftest import DEMO_PHOTOS, INPUTS

LIMIT = 1.05  # of the time without colours, for what is sRGB
SIDES = (260, 1024)


def camera_photo(profile: bytes | None) -> bytes:
    """A JPEG of 4,000 × 3,000 pixels."""
    photo = Image.open(next(iter(sorted(DEMO_PHOTOS.rglob("*.jpg"))))).convert("RGB")
    file = io.BytesIO()
    photo.resize((4000, 3000)).save(file, "JPEG", quality=90, icc_profile=profile)
    return file.getvalue()


def plainly(file: io.BytesIO, side: int) -> Image.Image:
    """The same, but that profiles are passed over."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "to_srgb", lambda image, profile: image)
        return open_photo(file, side)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=60, help="how often each is decoded")
    times = parser.parse_args().photos
    wide = Image.open(INPUTS / "colour" / "wide-rgb.jpg").info["icc_profile"]
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lines = []
    for name, profile in (("no profile", None), ("sRGB", srgb), ("a wide profile", wide)):
        content = camera_photo(profile)
        for side in SIDES:
            seconds: dict[str, list[float]] = {"ours": [], "plain": []}
            for _ in range(times):
                for kind, decode in (("ours", open_photo), ("plain", plainly)):
                    started = time.process_time()
                    decode(io.BytesIO(content), side)
                    seconds[kind].append(time.process_time() - started)
            ours, plain = (statistics.median(each) for each in seconds.values())
            is_srgb = profile != wide
            lines.append(
                Line(
                    f"{name}, for {side} pixels",
                    f"{1000 * ours:.1f} ms",
                    f"profiles passed over {1000 * plain:.1f} ms",
                    f"{ours / plain:.2f}×",
                    f"≤ {LIMIT}×" if is_srgb else "",
                    bool(np.round(ours / plain, 2) <= LIMIT) if is_srgb else None,
                )
            )
    print_table("Decoding in the colours that are meant", lines, "Medians of CPU time.")


if __name__ == "__main__":
    main()
