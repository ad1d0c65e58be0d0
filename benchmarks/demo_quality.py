"""How well does an encoder find the demo photos by words?

    python benchmarks/demo_quality.py [--model NAME] [--queries FILE]

For each query of data/demo/demo_queries.json this prints at which rank the first right photo comes
when the demo photos are ordered by the encoder's cosine alone, then the mean reciprocal rank.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.errors import AlbumscopeError
from pipeline.models.encoders import Encoder
from pipeline.models.encoders.loading import load_encoder
from pipeline.photos.decoding import open_photo

DEMO = Path(__file__).resolve().parents[1] / "data" / "demo"
QUERIES = DEMO / "demo_queries.json"


def read_queries(path: Path = QUERIES) -> dict[str, list[str]]:
    """Return for each query the names, without extension, of the photos that are right."""
    queries: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))["queries"]
    return queries


def first_right_ranks(
    encoder: Encoder, photos: Sequence[Path], queries: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    """Return for each query the rank, from 1, of the first right photo.

    A photo is known by its file name without the extension. Raises ValueError if a right photo is
    not among ``photos``, PhotoError if a photo cannot be read.
    """
    position = {photo.stem: index for index, photo in enumerate(photos)}
    missing = {name for right in queries.values() for name in right} - position.keys()
    if missing:
        raise ValueError(f"no photo is named {', '.join(sorted(missing))}")
    images = [open_photo(photo, encoder.image_size) for photo in photos]
    cosines = encoder.encode_texts(list(queries)) @ encoder.encode_images(images).T
    ranks = {}
    for row, (query, right) in zip(cosines, queries.items(), strict=True):
        best = max(row[position[name]] for name in right)
        ranks[query] = 1 + int(np.count_nonzero(row > best))
    return ranks


def mean_reciprocal_rank(ranks: Iterable[int]) -> float:
    """Return the mean of 1 / rank."""
    return float(np.mean([1 / rank for rank in ranks]))


def main() -> None:
    """Measure the encoder named on the command line."""
    parser = argparse.ArgumentParser(description="How well are the demo photos found by words?")
    parser.add_argument("--model", default="embedded", help="as EMBED_MODEL; default: embedded")
    parser.add_argument("--queries", type=Path, default=QUERIES, help="default: the demo queries")
    arguments = parser.parse_args()

    queries = read_queries(arguments.queries)
    photos = sorted(DEMO.glob("*/*.jpg"))
    try:
        ranks = first_right_ranks(load_encoder(arguments.model), photos, queries)
    except AlbumscopeError as error:
        sys.exit(str(error))
    for query, rank in ranks.items():
        print(f"{rank:4}  {query}")
    score = mean_reciprocal_rank(ranks.values())
    print(f"mean reciprocal rank {score:.3f}, {len(queries)} queries, {len(photos)} photos")


if __name__ == "__main__":
    main()
