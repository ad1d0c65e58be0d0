"""How well does an encoder find the demo photos by words?

    python benchmarks/demo_quality.py [--model NAME] [--queries FILE]

For each query of data/demo/demo_queries.json this prints at which rank the first right photo comes
when the demo photos are ordered by the encoder's cosine alone, then the mean reciprocal rank.
"""

import argparse
import sys
from pathlib import Path

from pipeline.errors import AlbumscopeError
from pipeline.models.encoders.loading import load_encoder

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where the tests' queries lie
from tests.demo_queries import (
    DEMO_PHOTOS,
    DEMO_QUERIES,
    first_right_ranks,
    mean_reciprocal_rank,
    read_queries,
)


def main() -> None:
    """Measure the encoder named on the command line."""
    parser = argparse.ArgumentParser(description="How well are the demo photos found by words?")
    parser.add_argument("--model", default="embedded", help="as EMBED_MODEL; default: embedded")
    parser.add_argument("--queries", type=Path, default=DEMO_QUERIES, help="default: the demo's")
    arguments = parser.parse_args()

    queries = read_queries(arguments.queries)
    photos = sorted(DEMO_PHOTOS.glob("*/*.jpg"))
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
