"""The demo queries: how high an encoder ranks the demo photos that are right for them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.models.encoders import Encoder
from pipeline.photos.decoding import open_photo

DEMO_PHOTOS = Path(__file__).resolve().parents[1] / "data" / "demo"
DEMO_QUERIES = DEMO_PHOTOS / "demo_queries.json"


def read_queries(path: Path = DEMO_QUERIES) -> dict[str, list[str]]:
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
