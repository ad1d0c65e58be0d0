"""Kill a sync at random moments, publishing included, and sync again: is anything lost or left?

    .venv/bin/python benchmarks/kills.py --kills 50

Each time a library of two albums is begun anew. After the second sync it must hold, row for row,
what an undisturbed one made, and nobody may have left a file, a run or a lock behind.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.pipeline.assets.killing import (
    add_folder,
    contents,
    killed_and_mended,
    make_photos,
    start_sync,
)


def main() -> None:
    """Exit with 1 if anything was lost or left."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_photos(root / "photos", albums=2, photos=2)
        add_folder(root / "undisturbed", root / "photos")
        start_sync(root / "undisturbed").join()  # the first one also imports all
        begun = time.perf_counter()
        killed_and_mended(root / "library", root / "photos", seconds=60)
        longest = (time.perf_counter() - begun) / 1.5
        undisturbed = contents(root / "undisturbed")
        killed = same = 0
        while killed < options.kills:
            seconds = moments.uniform(0.05, longest)
            was_killed, found = killed_and_mended(root / "library", root / "photos", seconds)
            killed += was_killed
            same += was_killed and found == undisturbed
    print(f"{killed} syncs killed within {longest:.1f} s; {same} libraries as if undisturbed")
    sys.exit(same < killed)


if __name__ == "__main__":
    main()
