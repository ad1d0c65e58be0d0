"""How fast and how well are the nearest of many vectors found, and how soon is a new photo there?

    python benchmarks/vector_search.py [--vectors 1000000] [--queries 100] [--graphs-up-to 100000]

Vectors of 384 dimensions and length 1, made in two ways. *Random*: each is drawn from a sphere, and
so is each query; the hardest case, as nothing is near to anything. *Clustered*, as real photos are:
a mean that all share (cosine about 0.3 between any two), 2,000 events of unequal size (Zipf) around
it in a space of 64 dimensions, in each event scenes, and in each scene up to ten photos that are
nearly the same (cosine about 0.95). A query of these is a scene's centre with noise (cosine about
0.3 to it), as far from the photos as a text is.

A query's twenty nearest are found by Albumscope; by one call of FAISS on the same index, which with
a filter has to open all lists, as it cannot be told which hold what is kept; by DuckDB's scan with
``list_cosine_similarity`` and the same filter, which is what people's scripts do; by NumPy over all
vectors in memory; and by FAISS's exact index. We come first, not in turns with the last three:
their tables and caches, 5 GB at a million vectors, push out of memory what we have mapped. Filters
keep photos at random; one more keeps those that are most like one of them, as all photos of an
event are, wherever the query lies; and one drops what is most like any of twenty, so that nothing
near is left to many queries. Recall is the share of the true twenty. Memory is that of a process
that opened the index and answered all queries, with the pages of the file that it touched.

The index is built from nothing, and 100 vectors are added as publishing does
(pipeline/snapshot/vectors.py): the large file is taken over, a small one is written beside it, both
are opened.

Engines that are installed (vector_engines.py) find the same twenty of the clustered vectors, with
as little effort as brings a recall of 0.98 without a filter, or with all that was tried. Those that
make a graph take long to build it: they do so up to ``--graphs-up-to`` vectors. And 1, 2, 8 and 32
users ask at once, each the next query as soon as one is answered, alone and while another process
builds and writes an index, as publishing does.

Each query is asked five times and the fastest counts, which other work on the machine disturbs
least; p95 is over queries.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import faiss
import numpy as np
import psutil
import pyarrow as pa
from numpy.typing import NDArray
from report import Line, in_turns, p95, print_table
from vector_engines import measure_engines
from vector_tasks import (
    BLOCK,
    DIMENSION,
    K,
    Search,
    Vectors,
    ask_all,
    clustered_vectors,
    filters,
    nearest,
    random_vectors,
)

from pipeline.snapshot import index_building, index_file
from pipeline.snapshot.vector_index import VectorIndex

USERS = (1, 2, 8, 32)
ROUNDS = 3  # of the alternatives, which take long


def duckdb_scan(path: Path, vectors: Vectors) -> duckdb.DuckDBPyConnection:
    """A database file with a table of the vectors, as people's scripts have it."""
    connection = duckdb.connect(str(path))
    connection.execute("CREATE TABLE photos (id INTEGER, embedding FLOAT[])")
    for at in range(0, len(vectors), BLOCK):
        block = vectors[at : at + BLOCK]
        offsets = np.arange(0, block.size + 1, DIMENSION, dtype=np.int32)
        rows = pa.table(  # noqa: F841  # DuckDB finds it by its name
            {
                "id": np.arange(at, at + len(block)),
                "embedding": pa.ListArray.from_arrays(offsets, block.ravel()),
            }
        )
        connection.execute("INSERT INTO photos FROM rows")
    connection.execute("CHECKPOINT")
    return connection


def alternatives(
    connection: duckdb.DuckDBPyConnection,
    vectors: Vectors,
    flat: faiss.Index,
    allowed: NDArray[np.bool_] | None,
) -> dict[str, Callable[[Vectors], object]]:
    """What a query is compared with, each with the same filter."""
    kept = None if allowed is None else np.flatnonzero(allowed)
    connection.execute("DROP TABLE IF EXISTS kept")
    if kept is not None:
        rows = pa.table({"id": kept})  # noqa: F841  # DuckDB finds it by its name
        connection.execute("CREATE TEMP TABLE kept AS SELECT id::INTEGER AS id FROM rows")
    condition = "" if kept is None else "WHERE id IN (SELECT id FROM kept)"
    sql = (
        "SELECT id, list_cosine_similarity(embedding, ?::FLOAT[]) AS cosine FROM photos"
        f" {condition} ORDER BY cosine DESC LIMIT {K}"
    )

    def by_numpy(query: Vectors) -> object:
        cosines = vectors @ query if kept is None else vectors[kept] @ query
        best = np.argpartition(-cosines, min(K, len(cosines) - 1))[:K]
        return best if kept is None else kept[best]

    def by_faiss(query: Vectors) -> object:
        selector = None if kept is None else faiss.IDSelectorBatch(kept)
        return flat.search(query[None], K, params=faiss.SearchParameters(sel=selector))

    return {
        "DuckDB scan": lambda query: connection.execute(sql, [query.tolist()]).fetchall(),
        "NumPy": by_numpy,
        "exact FAISS": by_faiss,
    }


def one_call(file: Path) -> Search:
    """FAISS searches the lists and compares the candidates, all in one call."""
    opened = faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC)
    index = faiss.downcast_index(opened)
    lists = faiss.downcast_index(index.base_index)

    def search(query: Vectors, allowed: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        of_lists = faiss.SearchParametersIVF(nprobe=lists.nprobe)
        if allowed is not None:
            selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))
            of_lists = faiss.SearchParametersIVF(nprobe=lists.nlist, sel=selector)
        parameters = faiss.IndexRefineSearchParameters(
            k_factor=index.k_factor, base_index_params=of_lists
        )
        return np.asarray(opened.search(query[None], K, params=parameters)[1][0])

    return search


def measure_search(
    name: str, vectors: Vectors, queries: Vectors, file: Path, folder: Path | None
) -> list[Line]:
    """A line for each filter: speed and recall against the alternatives, all if given a folder."""
    index = open_index([file])
    ours: Search = lambda query, allowed: index.search(query, K, allowed)[0]  # noqa: E731
    what = f"{name} {len(vectors):,}"
    kept_by = filters(vectors)
    cosines = queries @ vectors.T
    true = {kept: nearest(cosines, allowed) for kept, allowed in kept_by.items()}
    del cosines
    answers = {
        kept: [ask_all(search, queries, true[kept], allowed) for search in (ours, one_call(file))]
        for kept, allowed in kept_by.items()
    }
    flat = faiss.IndexFlatIP(DIMENSION)
    if folder:
        connection = duckdb_scan(folder / "scan.duckdb", vectors)
        flat.add(vectors)
    lines = []
    for kept, allowed in kept_by.items():
        print(f"{what}, {kept}", file=sys.stderr)
        others = alternatives(connection, vectors, flat, allowed) if folder else {}
        times = in_turns({key: partial(other, queries[0]) for key, other in others.items()}, ROUNDS)
        (seconds, recall), (of_one_call, its_recall) = answers[kept]
        median, high = statistics.median(seconds), p95(seconds)
        medians = {f"one FAISS call (recall {its_recall:.3f})": statistics.median(of_one_call)}
        medians |= {key: statistics.median(times[key]) for key in others}
        is_large = folder is not None and len(vectors) >= 1_000_000
        lines.append(
            Line(
                f"{what}, {kept}",
                f"median {1000 * median:.1f} ms, p95 {1000 * high:.1f} ms, recall@20 {recall:.3f}",
                ", ".join(f"{key} {1000 * other:,.1f} ms" for key, other in medians.items()),
                ", ".join(f"{other / median:.1f}×" for other in medians.values()),
                "p95 ≤ 10 ms, recall ≥ 0.98" + (", ≥ 100× DuckDB" if is_large else ""),
                high <= 0.01
                and recall >= 0.98
                and (not is_large or medians["DuckDB scan"] >= 100 * median),
            )
        )
    if folder:
        connection.close()
    return lines


def build_beside(stop: Any) -> None:
    """Build and write an index again and again, as publishing does."""
    blocks, _ = clustered_vectors(100_000, 1)
    vectors = [*blocks]
    with tempfile.TemporaryDirectory() as folder:
        while not stop.is_set():
            index, _ = index_building.build(lambda: iter(vectors), DIMENSION, 100_000)
            index_file.write(index, Path(folder) / "beside.faiss")


def measure_users(queries: Vectors, index: VectorIndex) -> list[Line]:
    """Queries a second with several users at once, alone and while an index is built beside."""
    context = multiprocessing.get_context("spawn")
    rates: dict[tuple[bool, int], tuple[float, float]] = {}
    for is_built_beside in (False, True):
        stop = context.Event()
        beside = context.Process(target=build_beside, args=(stop,), daemon=True)
        if is_built_beside:
            beside.start()
            time.sleep(10)  # until it is at work
        for users in USERS:
            rates[is_built_beside, users] = ask_at_once(index, queries, users)
        stop.set()
        if is_built_beside:
            beside.join()
    lines = []
    for users in USERS:
        (rate, high), (beside_rate, beside_high) = rates[False, users], rates[True, users]
        lines.append(
            Line(
                f"{len(index):,} clustered, {users} at once",
                f"{rate:.0f} queries a second, p95 {1000 * high:.0f} ms",
                f"while an index is built: {beside_rate:.0f}, p95 {1000 * beside_high:.0f} ms",
                f"{beside_rate / rate:.2f}×",
            )
        )
    return lines


def ask_at_once(index: VectorIndex, queries: Vectors, users: int) -> tuple[float, float]:
    """Queries a second, and the p95 of their seconds, of so many users that never rest."""

    def ask(number: int) -> float:
        started = time.perf_counter()
        index.search(queries[number % len(queries)], K)
        return time.perf_counter() - started

    asked = 1000
    with ThreadPoolExecutor(users) as pool:
        started = time.perf_counter()
        seconds = [*pool.map(ask, range(asked))]
        return asked / (time.perf_counter() - started), p95(seconds)


def open_index(files: list[Path]) -> VectorIndex:
    """Open an index of one or two files."""
    opened = [index_file.read(file) for file in files]
    count = sum(map(len, opened))
    return VectorIndex(opened, np.arange(count), count)


def memory_of_reader(file: Path, queries: Vectors) -> float:
    """The memory of a process that searches, in GB."""
    index = open_index([file])
    for query in queries:
        index.search(query, K)
    return float(psutil.Process().memory_info().rss / 1e9)


def measure_index(
    name: str, vectors: Vectors, queries: Vectors, folder: Path
) -> tuple[Path, list[Line]]:
    """Build, write, add to and open an index; returns its file."""
    count = len(vectors)
    print(f"{name} {count:,}, building", file=sys.stderr)
    large, linked, small = (folder / f"{part}.faiss" for part in ("large", "linked", "new"))

    def blocks() -> Iterator[Vectors]:
        yield from (vectors[at : at + BLOCK] for at in range(0, count, BLOCK))

    def build() -> None:
        index, _ = index_building.build(blocks, DIMENSION, count)
        index_file.write(index, large)

    def add() -> None:
        linked.unlink(missing_ok=True)
        os.link(large, linked)
        index, _ = index_building.build(lambda: iter([vectors[:100]]), DIMENSION, 100)
        index_file.write(index, small)
        open_index([linked, small]).search(queries[0], K)

    built = in_turns({"": build}, 1)[""][0]
    times = in_turns({"add": add, "open": lambda: open_index([large])}, 5)
    added, opened = (statistics.median(times[key]) for key in ("add", "open"))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        memory = pool.apply(memory_of_reader, (large, queries))
    size = large.stat().st_size / 1e9
    what = f"{name} {count:,}"
    return large, [
        Line(
            f"{what}, adding 100 and opening",
            f"{added:.2f} s",
            f"building from nothing {built:.1f} s",
            f"{added / built:.2%}",
            "≤ 5 % of building",
            added <= 0.05 * built,
        ),
        Line(f"{what}, opening", f"{opened:.2f} s", limit="< 1 s", reached=opened < 1),
        Line(
            f"{what}, memory of a reader (file: {size:.2f} GB)",
            f"{memory:.2f} GB",
            limit="≤ 2.5 GB",
            reached=memory <= 2.5,
        ),
    ]


def main() -> None:
    """Measure with 100,000 vectors and with a million, of both makes."""
    parser = argparse.ArgumentParser(description="How fast are the nearest vectors found?")
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--graphs-up-to", type=int, default=100_000)
    arguments = parser.parse_args()
    searched, built, kinds, engines = [], [], [], []
    at_once: list[Line] = []
    for name, make, count in (
        ("random", random_vectors, 100_000),
        ("clustered", clustered_vectors, 100_000),
        ("random", random_vectors, arguments.vectors),
        ("clustered", clustered_vectors, arguments.vectors),
    ):
        blocks, queries = make(count, arguments.queries)
        vectors = np.concatenate(list(blocks))
        with tempfile.TemporaryDirectory() as name_of_folder:
            folder = Path(name_of_folder)
            file, lines = measure_index(name, vectors, queries, folder)
            built += lines
            # a scan takes as long whatever the vectors are
            compared = folder if name == "random" else None
            searched += measure_search(name, vectors, queries, file, compared)
            if name == "clustered":
                index = open_index([file])
                with_graphs = count <= arguments.graphs_up_to
                engines += measure_engines(vectors, queries, index, folder, with_graphs)
                at_once = measure_users(queries, index)
            kinds.append(f"{name} {count:,}: {open_index([file]).kind}")
    print_table(f"Text query to the nearest {K} of many vectors", searched, "; ".join(kinds))
    if engines:
        print_table(f"The same by other engines, {K} of many clustered vectors", engines)
    print_table("Several users at once", at_once)
    print_table("Building, adding to and opening the index", built)


if __name__ == "__main__":
    main()
