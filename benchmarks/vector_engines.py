"""The nearest vectors by other engines inside one process, with the filters that they have.

Whichever of these packages is installed is measured: ``lancedb``, ``usearch``,
``duckdb-extension-vss``; Albumscope needs none of them. The first makes an inverted file of
product-quantised codes, as Albumscope does, and filters inside; the others make a graph (HNSW;
Malkov and Yashunin, 2016), which knows no filters: what a filter keeps is looked for by an exact
scan then (DuckDB), or not at all (USearch). Each is asked with as little effort as brings a recall
of 0.98 without a filter, or with all that was tried.
"""

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from report import Line
from vector_tasks import K, Vectors, ask_all, filters, nearest

from pipeline.snapshot.vector_index import VectorIndex

Ask = Callable[[Vectors], NDArray[np.int64]]
"""Gives the rows of the nearest to a query of shape (dimension,)."""
Kept = Mapping[str, NDArray[np.bool_] | None]
"""By name, which rows a filter keeps; None for all."""

AtEffort = Callable[[int], dict[str, Ask]]
"""Gives what is to be asked, by the name of the filter: the more effort, the more is found."""
EFFORTS = range(5)
RECALL = 0.98


def measure_engines(
    vectors: Vectors, queries: Vectors, index: VectorIndex, folder: Path, with_graphs: bool
) -> list[Line]:
    """A line for each installed engine and filter that it has, against our ``index``."""
    kept_by = filters(vectors)
    cosines = queries @ vectors.T
    true = {kept: nearest(cosines, allowed) for kept, allowed in kept_by.items()}
    engines: dict[str, Callable[[], AtEffort]] = {}
    if find_spec("lancedb"):
        engines["LanceDB"] = partial(_lancedb, vectors, kept_by, folder)
    if find_spec("usearch") and with_graphs:
        engines["USearch"] = partial(_usearch, vectors)
    if find_spec("duckdb_extension_vss") and with_graphs:
        engines["DuckDB vss"] = partial(_duckdb_vss, vectors, kept_by)
    lines = []
    for engine, build in engines.items():
        print(f"{engine}, {len(vectors):,}", file=sys.stderr)
        started = time.perf_counter()
        at_effort = build()
        built = time.perf_counter() - started
        asked = _with_enough_effort(at_effort, queries, true["no filter"])
        for kept, ask in asked.items():
            ours, recall = ask_all(
                lambda query, allowed: index.search(query, K, allowed)[0],
                queries,
                true[kept],
                kept_by[kept],
            )
            theirs, its_recall = _ask_all(ask, queries, true[kept])
            median, its_median = statistics.median(ours), statistics.median(theirs)
            lines.append(
                Line(
                    f"{len(vectors):,}, {kept}",
                    f"median {1000 * median:.1f} ms, recall@20 {recall:.3f}",
                    f"{engine}: {1000 * its_median:.1f} ms, recall {its_recall:.3f}; built in"
                    f" {built:.0f} s",
                    f"{its_median / median:.1f}×",
                )
            )
    return lines


def _with_enough_effort(
    at_effort: AtEffort, queries: Vectors, true: list[set[int]]
) -> dict[str, Ask]:
    for effort in EFFORTS:
        asked = at_effort(effort)
        if _ask_all(asked["no filter"], queries, true)[1] >= RECALL:
            break
    return asked


def _ask_all(ask: Ask, queries: Vectors, true: list[set[int]]) -> tuple[list[float], float]:
    return ask_all(lambda query, _: ask(query), queries, true, None)


def _lancedb(vectors: Vectors, kept_by: Kept, folder: Path) -> AtEffort:
    import lancedb
    from lancedb.index import Bitmap, IvfPq

    rows = _table(vectors, "vector")
    names = {kept: f"kept_{at}" for at, kept in enumerate(kept_by)}
    for kept, allowed in kept_by.items():
        if allowed is not None:
            rows = rows.append_column(names[kept], pa.array(allowed))
    table = lancedb.connect(folder).create_table("photos", rows)
    lists, dimension = int(np.sqrt(len(vectors))), vectors.shape[1]
    table.create_index(
        "vector",
        config=IvfPq(distance_type="dot", num_partitions=lists, num_sub_vectors=dimension // 4),
    )
    for kept, allowed in kept_by.items():
        if allowed is not None:
            table.create_index(names[kept], config=Bitmap())

    def at_effort(effort: int) -> dict[str, Ask]:
        def ask(query: Vectors, kept: str) -> NDArray[np.int64]:
            search = table.search(query, vector_column_name="vector").distance_type("dot")
            search = search.nprobes(min(lists, 20 * 3**effort)).refine_factor(10 * 2**effort)
            if kept_by[kept] is not None:
                search = search.where(names[kept], prefilter=True)
            return np.asarray(search.limit(K).select(["id", "_distance"]).to_arrow()["id"])

        return {kept: partial(ask, kept=kept) for kept in kept_by}

    return at_effort


def _usearch(vectors: Vectors) -> AtEffort:
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="ip", dtype="f16")
    index.add(np.arange(len(vectors)), vectors)

    def at_effort(effort: int) -> dict[str, Ask]:
        index.expansion_search = 64 * 2**effort
        return {"no filter": lambda query: np.asarray(index.search(query, K).keys, np.int64)}

    return at_effort


def _duckdb_vss(vectors: Vectors, kept_by: Kept) -> AtEffort:
    import duckdb_extension_vss

    connection = duckdb.connect()
    file = next(Path(duckdb_extension_vss.__file__).parent.rglob("vss.duckdb_extension"))
    connection.execute(f"LOAD '{file}'")
    rows = _table(vectors, "embedding")  # noqa: F841  # DuckDB finds it by its name
    connection.execute("CREATE TABLE photos AS FROM rows")
    connection.execute("CREATE INDEX nearest ON photos USING HNSW (embedding) WITH (metric = 'ip')")
    for at, allowed in enumerate(kept_by.values()):
        if allowed is not None:
            kept = pa.table({"id": np.flatnonzero(allowed)})  # noqa: F841  # likewise
            connection.execute(f"CREATE TABLE kept_{at} AS FROM kept")

    def at_effort(effort: int) -> dict[str, Ask]:
        connection.execute(f"SET hnsw_ef_search = {64 * 2**effort}")

        def ask(query: Vectors, at: int, allowed: NDArray[np.bool_] | None) -> NDArray[np.int64]:
            condition = "" if allowed is None else f"WHERE id IN (SELECT id FROM kept_{at})"
            found = connection.execute(
                f"SELECT id FROM photos {condition} ORDER BY array_negative_inner_product("
                f"embedding, ?::FLOAT[{len(query)}]) LIMIT {K}",
                [query.tolist()],
            )
            return np.asarray(found.fetchnumpy()["id"])

        return {
            kept: lambda query, at=at, allowed=allowed: ask(query, at, allowed)  # type: ignore[misc]
            for at, (kept, allowed) in enumerate(kept_by.items())
        }

    return at_effort


def _table(vectors: Vectors, column: str) -> pa.Table:
    listed = pa.FixedSizeListArray.from_arrays(vectors.ravel(), vectors.shape[1])
    return pa.table({"id": np.arange(len(vectors)), column: listed})
