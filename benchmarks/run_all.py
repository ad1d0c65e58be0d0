"""Run every benchmark that fits a machine without a GPU and write ``benchmarks/results.md``.

    make bench

Each of them can be run alone, too: ``python benchmarks/NAME.py --help``.
"""

import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

HERE = Path(__file__).parent
SCRIPTS = (
    "vector_search.py",
    "embedding_speed.py",
    "exif_speed.py",
    "cold_start.py",
)  # fmt: skip
VERSIONED = ("duckdb", "faiss-cpu", "torch", "sentence-transformers", "dagster", "streamlit")


def machine() -> str:
    """What these figures were measured on."""
    model = next(
        (line.partition(":")[2].strip()
         for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )  # fmt: skip
    memory = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONED)
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} with `make bench` on {os.cpu_count()} cores"
        f" ({model}), {memory:.0f} GiB of memory, {platform.system()},"
        f" Python {platform.python_version()}, {versions}."
    )


def main() -> int:
    """Run the scripts one after the other; a failed one is named and fails the whole."""
    parts = ["# Benchmarks\n", machine()]
    failed = []
    for script in SCRIPTS:
        started = time.perf_counter()
        print(f"{script} …", file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, str(HERE / script)], stdout=subprocess.PIPE, text=True, check=False
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            failed.append(script)
        parts.append(done.stdout.strip() + f"\n\n*`benchmarks/{script}`, {seconds:.0f} s*")
    written = HERE / ".results.md.tmp"
    written.write_text("\n\n".join(parts) + "\n")
    written.replace(HERE / "results.md")
    if failed:
        print("failed:", *failed, file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
