"""How long until the photos of a new library can be found, and until all is known of them?

    python benchmarks/first_sync.py [--photos 1000]

Syncs as many different photos, crops of the demo photos, from nothing with the embedded models:
once without captions, faces and text, once with captions, once with all. Printed are the seconds
until the first snapshot and until the sync ends, and both as ratios to embedding alone: captions
cost next to nothing, as the encoder has seen already what they name, and a library in which all
comes first would be searchable only at the end.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.library.library import Library
from pipeline.photos.decoding import open_photo
from pipeline.settings import Settings
from pipeline.shipped import shipped
from pipeline.snapshot import reading
from pipeline.sources import folder

CASES = {
    "embedding alone": {"caption_model": "none", "ocr": False, "faces": False},
    "and captions": {"caption_model": "embedded", "ocr": False, "faces": False},
    "and faces and text": {"caption_model": "embedded", "ocr": True, "faces": True},
}


def make_photos(root: Path, count: int) -> None:
    """Save crops of the demo photos in albums of a hundred."""
    random = np.random.default_rng(3)
    originals = [open_photo(path) for path in sorted(shipped("data/demo").glob("*/*.jpg"))]
    for number in range(count):
        image = originals[number % len(originals)]
        left, top = (random.integers(0, side // 5) for side in image.size)
        album = root / f"Album {number // 100:03}"
        album.mkdir(parents=True, exist_ok=True)
        crop = image.crop((left, top, left + image.width * 4 // 5, top + image.height * 4 // 5))
        crop.save(album / f"{number:05}.jpg", quality=85)


def first_sync(photos: Path, settings: Settings) -> tuple[float, float]:
    """Seconds until the first snapshot is published, and until the sync ends."""
    library = Library(settings)
    folder.register(library.storage, folder.Registration(str(photos), recursive=True))
    start = time.time()
    with open_instance(settings) as instance:
        assert not sync.sync(library, instance).failed
    end = time.time()
    first = reading.snapshots_folder(settings.data_dir) / reading.names(settings.data_dir)[0]
    return (first / reading.MANIFEST).stat().st_mtime - start, end - start


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=1000)
    count = parser.parse_args().photos
    with tempfile.TemporaryDirectory() as root:
        make_photos(Path(root) / "photos", count)
        print(f"{count} photos         searchable      all done    (of embedding alone)")
        alone = 0.0
        for name, chosen in CASES.items():
            settings = Settings(data_dir=Path(root) / name, **chosen)
            first, all_done = first_sync(Path(root) / "photos", settings)
            alone = alone or all_done
            print(
                f"{name:20} {first:8.1f} s {all_done:11.1f} s"
                f"    {first / alone:.2f}  {all_done / alone:.2f}"
            )


if __name__ == "__main__":
    main()
