"""Ten million vectors: how much memory building and reading take, how fast the nearest are found.

    python benchmarks/ten_million.py [--vectors 10000000] [--queries 100] [--folder DIR]

The clustered vectors of ``vector_search.py`` lie on the disk at half precision, 8 GB, as they would
not fit into memory beside an index; building reads them in blocks, as publishing does. The true
nearest are found in blocks, too. One process builds and writes the index, another opens it and is
asked; memory is the most that each of them held, with the pages of the file that the reader
touched. Each query is asked five times and the fastest counts; p95 is over queries.
"""

import argparse
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray
from report import Line, p95, print_table
from vector_search import open_index
from vector_tasks import (
    BLOCK,
    DIMENSION,
    SHARES,
    TOGETHER,
    K,
    Vectors,
    ask_all,
    clustered_vectors,
)

from pipeline.snapshot import index_building, index_file

MOST_OF_BUILDING, MOST_OF_READING = 24, 8  # GB
MOST_SECONDS, LEAST_RECALL = 0.04, 0.95


def blocks(path: Path) -> Iterator[Vectors]:
    """The vectors of a file, in blocks of shape (n, 384)."""
    with path.open("rb") as file:
        while len(block := np.fromfile(file, np.float16, BLOCK * DIMENSION)):
            yield block.reshape(-1, DIMENSION).astype(np.float32)


def build(path: Path, count: int, target: Path) -> tuple[float, float]:
    """Build and write the index; returns the seconds and the most memory in GB."""
    started = time.perf_counter()
    index, _ = index_building.build(lambda: blocks(path), DIMENSION, count)
    index_file.write(index, target)
    return time.perf_counter() - started, most_memory()


def most_memory() -> float:
    """The most memory that this process has held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def filters(path: Path, count: int) -> dict[str, NDArray[np.bool_] | None]:
    """By name, which rows a filter keeps: at random, or what is most like one of them."""
    random = np.random.default_rng(3)
    found: dict[str, NDArray[np.bool_] | None] = {"no filter": None}
    for share in SHARES:
        found[f"filter keeps {share:.1%}"] = random.random(count) < share
    one = next(blocks(path))[0]
    likeness = np.concatenate([block @ one for block in blocks(path)])
    found[f"filter keeps {TOGETHER:.1%}, all alike"] = likeness > np.quantile(
        likeness, 1 - TOGETHER
    )
    return found


def nearest(path: Path, queries: Vectors, allowed: NDArray[np.bool_] | None) -> list[set[int]]:
    """The true twenty nearest of each query."""
    heap = faiss.ResultHeap(len(queries), K, keep_max=True)
    start = 0
    for block in blocks(path):
        rows = np.arange(start, start + len(block))
        start += len(block)
        kept = np.ones(len(block), np.bool_) if allowed is None else allowed[rows]
        if k := min(K, int(np.count_nonzero(kept))):
            metric = faiss.METRIC_INNER_PRODUCT
            cosines, places = faiss.knn(queries, block[kept], k, metric=metric)
            heap.add_result(D=cosines, I=rows[kept][places])
    heap.finalize()
    return [set(row.tolist()) for row in heap.I]


def ask(
    file: Path,
    queries: Vectors,
    kept_by: dict[str, NDArray[np.bool_] | None],
    true: dict[str, list[set[int]]],
) -> tuple[list[Line], float, str]:
    """A line for each filter; the most memory in GB; how the index searches."""
    index = open_index([file])
    lines = []
    for kept, allowed in kept_by.items():
        seconds, recall = ask_all(
            lambda query, allowed: index.search(query, K, allowed)[0], queries, true[kept], allowed
        )
        median, high = statistics.median(seconds), p95(seconds)
        lines.append(
            Line(
                f"clustered {len(index):,}, {kept}",
                f"median {1000 * median:.1f} ms, p95 {1000 * high:.1f} ms, recall@20 {recall:.3f}",
                limit=f"p95 ≤ {1000 * MOST_SECONDS:.0f} ms, recall ≥ {LEAST_RECALL}",
                reached=high <= MOST_SECONDS and recall >= LEAST_RECALL,
            )
        )
    return lines, most_memory(), index.kind


def main() -> None:
    """Write the vectors, build, find the truth, ask."""
    parser = argparse.ArgumentParser(description="Ten million vectors: memory and speed.")
    parser.add_argument("--vectors", type=int, default=10_000_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="of the files, 18 GB [default: a temporary]")
    arguments = parser.parse_args()
    count = arguments.vectors
    fresh = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        path, file = Path(name) / "vectors.f16", Path(name) / "images.faiss"
        made, queries = clustered_vectors(count, arguments.queries)
        with path.open("wb") as vectors:
            for block in made:
                block.astype(np.float16).tofile(vectors)
        print("building", file=sys.stderr)
        with fresh.Pool(1) as pool:
            built, most_of_building = pool.apply(build, (path, count, file))
        print(f"built in {built:.0f} s; searching exactly", file=sys.stderr)
        kept_by = filters(path, count)
        true = {kept: nearest(path, queries, allowed) for kept, allowed in kept_by.items()}
        path.unlink()  # what lies in the page cache is the index's now
        print("asking", file=sys.stderr)
        with fresh.Pool(1) as pool:
            lines, most_of_reading, kind = pool.apply(ask, (file, queries, kept_by, true))
        size = file.stat().st_size / 1e9
    lines += [
        Line(
            f"building {count:,} and writing {size:.1f} GB",
            f"{built / 60:.0f} min, {most_of_building:.1f} GB",
            limit=f"≤ {MOST_OF_BUILDING} GB",
            reached=most_of_building <= MOST_OF_BUILDING,
        ),
        Line(
            "memory of a reader that was asked all",
            f"{most_of_reading:.1f} GB",
            limit=f"≤ {MOST_OF_READING} GB",
            reached=most_of_reading <= MOST_OF_READING,
        ),
    ]
    print_table(f"Text query to the nearest {K} of {count:,} vectors", lines, kind)


if __name__ == "__main__":
    main()
