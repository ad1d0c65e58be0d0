"""What only a GPU can show, in one go of at most eight minutes.

    python benchmarks/gpu.py [--output benchmarks/results-gpu.md]
    python benchmarks/gpu.py --dry-run          tiny sizes on the CPU: does every line come?

SigLIP has the size of google/siglip-base-patch16-224 and random weights, which are as fast as any.
Photos go from JPEG files of 1,024 pixels to Parquet as ``albumscope sync`` takes them, held against
the model alone and against what people's scripts do (benchmarks/embedding_speed.py has both). Then
follow the numbers that the model computes in, how many photos it takes at a time, threads that
decode, memory that runs out, FAISS with and without the GPU, and the tests marked ``cuda``.

Each table is written as soon as it is there, so that a run that is cut off leaves what it had.
"""

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import packages_distributions, version
from pathlib import Path
from unittest import mock

import faiss
import numpy as np
import torch
from embedding_speed import (
    FromDiskToParquet,
    best_seconds,
    forms,
    plain_siglip,
    save_model,
    save_photos,
)
from report import Line, in_turns, print_table
from torch.nn.functional import cosine_similarity
from transformers.utils import logging

from pipeline.models.encoders import Encoder
from pipeline.models.encoders.loading import load_encoder
from pipeline.photos.decoding import open_photo
from pipeline.photos.look_ahead import map_ahead
from pipeline.snapshot import index_building
from pipeline.snapshot.index_file import RECALL_AT, IndexFile

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where the tests' tiny models lie
from tests.pipeline import tiny_models

ROOT = Path(__file__).resolve().parents[1]
DIMENSION = 768
ROUNDS = 3
QUERIES = 100
ROOM = 2**30  # bytes of the GPU that are left where they are to run out


@dataclass(frozen=True)
class Sizes:
    """How much is measured. ``batches`` and ``threads`` are those that are tried."""

    photos: int
    vectors: int
    batches: Sequence[int]
    threads: Sequence[int]


FULL = Sizes(4000, 1_000_000, (8, 32, 64, 128, 256), (1, 2, 4, 8, 16))
DRY = Sizes(4, 1100, (1, 4), (1, 2))


def machine() -> str:
    """What these figures were measured on."""
    packages = packages_distributions()
    versions = ", ".join(
        f"{packages[module][0]} {version(packages[module][0])}"
        for module in ("torch", "faiss", "sentence_transformers")
    )
    gpu = "no GPU: a dry run on the CPU, whose figures mean nothing"
    if torch.cuda.is_available():
        about = torch.cuda.get_device_properties(0)
        gpu = f"one {about.name} ({about.total_memory / 2**30:.0f} GiB), CUDA {torch.version.cuda}"
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} by `benchmarks/gpu.py` on {gpu},"
        f" {os.cpu_count()} CPU cores, Python {platform.python_version()}, {versions}."
    )


def photos_to_parquet(root: Path, siglip: Path, sizes: Sizes, device: str) -> None:
    """The whole stage, against the model alone and against scripts; and memory at its highest."""
    many = root / "many"
    save_photos(many, sizes.photos)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    large = FromDiskToParquet(
        many, root / "siglip", str(siglip), plain_siglip(siglip, device), device
    )
    lines = large.lines("SigLIP-base", None)
    if device == "cuda":
        used = torch.cuda.max_memory_allocated() / 2**30
        lines.append(Line("SigLIP-base, the GPU's memory at its highest", f"{used:.1f} GiB"))
    print_table(
        "From JPEG files of 1,024 pixels to Parquet",
        lines,
        f"Medians of three rounds in turns. A photo takes {1000 * large.decoding:.1f} ms of a core"
        f" to be decoded and prepared. Batches of {large.encoder.batch_size} photos were chosen by"
        " what a few take.",
    )


def numbers(siglip: Path, sizes: Sizes, device: str) -> None:
    """The vision tower in float32 and in what the product takes there."""
    embed = {name: form for name, form in forms(siglip, device).items() if "eager" not in name}
    encoder = load_encoder(str(siglip), device)
    side = encoder.image_size
    pixels = torch.rand((max(sizes.batches), 3, side, side), device=device)
    rows = {name: form(pixels).float() for name, form in embed.items()}
    tasks = {name: partial(form, pixels) for name, form in embed.items()}
    seconds = best_seconds(tasks, device)
    plain = rows["float32"]
    print_table(
        f"Numbers that SigLIP-base computes in, {len(pixels)} photos at a time",
        [
            Line(
                name,
                f"{len(pixels) / took:,.0f} photos/s",
                "float32",
                f"{seconds['float32'] / took:.2f} ×",
                "cosine ≥ 0.999",
                cosine_similarity(rows[name], plain).min().item() >= 0.999,
            )
            for name, took in seconds.items()
        ],
    )


def batches(siglip: Path, sizes: Sizes, device: str) -> None:
    """How many photos at a time, against what the product finds by itself."""
    encoder = load_encoder(str(siglip), device)
    ours = encoder.batch_size
    side = encoder.image_size
    prepared = list(np.random.default_rng(0).random((2 * max(sizes.batches), 3, side, side), "f4"))

    def embed(size: int) -> None:
        parts = [prepared[at : at + size] for at in range(0, len(prepared), size)]
        at_once = encoder.in_flight
        list(map_ahead(encoder.encode_prepared, parts, threads=at_once, look_ahead=2 * at_once))

    tried = sorted({*sizes.batches, ours})
    seconds = in_turns({str(size): partial(embed, size) for size in tried}, ROUNDS)
    rates = {size: len(prepared) / statistics.median(seconds[str(size)]) for size in tried}
    best = max(rates.values())
    print_table(
        "Photos at a time",
        [
            Line(
                f"{size}{', which it chose' if size == ours else ''}",
                f"{rate:,.0f} photos/s",
                f"the best of these: {best:,.0f}",
                f"{rate / best:.0%}",
                "≥ 90 %" if size == ours else "–",
                rate >= 0.9 * best if size == ours else None,
            )
            for size, rate in rates.items()
        ],
    )


def threads(root: Path, siglip: Path, sizes: Sizes, device: str) -> None:
    """How many photos a second threads decode and prepare."""
    encoder = load_encoder(str(siglip), device)
    paths = sorted((root / "many").iterdir())[: sizes.photos // 4]

    def prepare(path: Path) -> np.ndarray:
        return encoder.prepare(open_photo(path, encoder.image_size))

    def decode(count: int) -> None:
        for _ in map_ahead(prepare, paths, threads=count, look_ahead=4 * count):
            pass

    seconds = in_turns({str(count): partial(decode, count) for count in sizes.threads}, ROUNDS)
    one = statistics.median(seconds[str(sizes.threads[0])])
    print_table(
        "Threads that decode and prepare",
        [
            Line(
                count,
                f"{len(paths) / statistics.median(took):,.0f} photos/s",
                "one thread",
                f"{one / statistics.median(took):.1f} ×",
            )
            for count, took in seconds.items()
        ],
    )


@contextmanager
def little_memory(encoder: Encoder, device: str) -> Iterator[None]:
    """Leave the GPU too little memory for a whole batch; a CPU only says that it has none."""
    if device == "cuda":
        torch.cuda.empty_cache()
        _, total = torch.cuda.mem_get_info()
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + ROOM) / total)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return
    embed = encoder._photos._encode  # type: ignore[attr-defined]

    def fails(batch: Sequence[np.ndarray]) -> np.ndarray:
        if len(batch) > 1:
            raise torch.OutOfMemoryError("a dry run")
        found: np.ndarray = embed(batch)
        return found

    with mock.patch.object(encoder._photos, "_encode", fails):  # type: ignore[attr-defined]
        yield


def memory_runs_out(siglip: Path, sizes: Sizes, device: str) -> None:
    """A batch that does not fit is halved until it does, and every photo gets its vector."""
    encoder = load_encoder(str(siglip), device)
    side = encoder.image_size
    count = 4 if device == "cpu" else 4096
    prepared = list(np.random.default_rng(1).random((count, 3, side, side), dtype=np.float32))
    size = encoder.batch_size
    whole = np.concatenate(
        [encoder.encode_prepared(prepared[at : at + size]) for at in range(0, count, size)]
    )
    with little_memory(encoder, device):
        halved = encoder.encode_prepared(prepared)
    found = encoder._photos._most  # type: ignore[attr-defined]
    cosine = float((whole * halved).sum(1).min())
    print_table(
        "The GPU's memory runs out",
        [
            Line(
                f"{count} photos in one batch, with memory for fewer",
                "all embedded" if found is None else f"all embedded, {found} at a time",
                "with all of the memory",
                f"smallest cosine {cosine:.5f}",
                "halved at least once, ≥ 0.999",
                found is not None and cosine >= 0.999,
            )
        ],
    )


def vectors(count: int) -> np.ndarray:
    """Unit vectors in clusters, as photos of events have them: shape (count, 768), float32."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((1000, DIMENSION), dtype=np.float32)
    found = centres[random.integers(0, len(centres), count)]
    for at in range(0, count, 50_000):
        part = found[at : at + 50_000]
        part += random.standard_normal(part.shape, dtype=np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return found


def index(sizes: Sizes, device: str) -> None:
    """FAISS: the index built with and without the GPU, and searched; exact search on the GPU."""
    rows = vectors(sizes.vectors)
    queries = rows[:: max(1, len(rows) // QUERIES)][:QUERIES].copy()

    def build() -> tuple[faiss.Index, index_building.IndexReport]:
        def blocks() -> Iterator[np.ndarray]:
            return (rows[at : at + 8192] for at in range(0, len(rows), 8192))

        return index_building.build(blocks, DIMENSION, len(rows), exact_up_to=1000)

    started = time.perf_counter()
    built, report = build()
    with_gpu = time.perf_counter() - started
    with mock.patch.object(faiss, "get_num_gpus", return_value=0):
        started = time.perf_counter()
        _, on_cpu = build()
        without = time.perf_counter() - started
    file = IndexFile(built)
    tasks: dict[str, Callable[[], object]] = {
        "ours": lambda: [file.search(query, RECALL_AT) for query in queries]
    }
    flat: faiss.Index = faiss.IndexFlatIP(DIMENSION)
    if device == "cuda":
        flat = faiss.GpuIndexFlatIP(faiss.StandardGpuResources(), DIMENSION)
    flat.add(rows)
    tasks["exact, one by one"] = lambda: [flat.search(q[None], RECALL_AT) for q in queries]
    tasks["exact, all at once"] = lambda: flat.search(queries, RECALL_AT)
    seconds = in_turns(tasks, ROUNDS)
    a_query = {name: 1000 * statistics.median(took) / QUERIES for name, took in seconds.items()}
    where = "GPU" if device == "cuda" else "CPU"
    print_table(
        f"FAISS, {len(rows):,} vectors of {DIMENSION}",
        [
            Line(
                "built, tuned and its recall measured, with the GPU",
                f"{with_gpu:.1f} s, recall@20 {report.recall:.3f}",
                f"without: {without:.1f} s, recall@20 {on_cpu.recall:.3f}",
                f"{without / with_gpu:.1f} ×",
                "recall ≥ 0.98",
                report.recall >= index_building.RECALL_TARGET,
            ),
            *(
                Line(
                    "a query on the CPU, as the page asks it",
                    f"{a_query['ours']:.2f} ms",
                    f"{name}, on the {where}: {a_query[name]:.2f} ms",
                    f"{a_query[name] / a_query['ours']:.1f} ×",
                )
                for name in ("exact, one by one", "exact, all at once")
            ),
        ],
    )


def own_tests() -> None:
    """The tests marked ``cuda``, which are skipped where there is none."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/pipeline/models/test_cuda.py"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    outcomes = re.findall(r"(\d+) (passed|failed|skipped|error)", done.stdout)
    counts = {name: int(count) for count, name in outcomes}
    if done.returncode:
        sys.stderr.write(done.stdout)
    said = ", ".join(f"{count} {name}" for name, count in counts.items()) or done.stdout[-200:]
    were_run = counts.get("passed", 0) > 0 or not torch.cuda.is_available()
    is_good = not done.returncode and were_run
    print_table("The tests marked `cuda`", [Line("pytest -m cuda", said, reached=is_good)])


def main() -> None:
    """Measure, and write the tables as they come."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dry-run", action="store_true", help="tiny sizes, on the CPU")
    parser.add_argument("--output", type=Path, help="a file instead of the terminal")
    arguments = parser.parse_args()
    if not arguments.dry_run and not torch.cuda.is_available():
        sys.exit("torch finds no CUDA GPU: --dry-run shows on a CPU that every line comes")
    device, sizes = ("cpu", DRY) if arguments.dry_run else ("cuda", FULL)
    warnings.filterwarnings("ignore")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with ExitStack() as held:
        root = Path(held.enter_context(tempfile.TemporaryDirectory()))
        if arguments.output:
            target = held.enter_context(arguments.output.open("w"))
            held.enter_context(redirect_stdout(target))
        held.enter_context(torch.inference_mode())
        siglip = root / "model"
        if arguments.dry_run:
            siglip.mkdir()
            tiny_models.save_siglip(siglip)
        else:
            save_model(siglip)
        print(f"# On a GPU\n\n{machine()}\n", flush=True)
        steps: Sequence[Callable[[], None]] = (
            partial(photos_to_parquet, root, siglip, sizes, device),
            partial(batches, siglip, sizes, device),
            partial(numbers, siglip, sizes, device),
            partial(threads, root, siglip, sizes, device),
            partial(index, sizes, device),
            partial(memory_runs_out, siglip, sizes, device),
            own_tests,
        )
        for step in steps:
            step()


if __name__ == "__main__":
    main()
