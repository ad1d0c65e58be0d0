"""Run every benchmark that fits a machine without a GPU and write ``benchmarks/results.md``.

    make bench

Each of them can be run alone, too: ``python benchmarks/NAME.py --help``.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

HERE = Path(__file__).parent
LARGE = "LARGE LIBRARY"  # is made once, for all that need it
SCRIPTS: dict[str, Sequence[str]] = {
    "vector_search.py": (),
    "page_speed.py": ("--library", LARGE),
    "changed_album.py": ("--library", LARGE),
    "quiet_night.py": (),
    "backfill.py": (),
    "embedding_speed.py": (),
    "exif_speed.py": (),
    "cold_start.py": (),
}
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
    parts = ["# Benchmarks", machine()]
    failed = []
    with tempfile.TemporaryDirectory() as large:
        for script, arguments in SCRIPTS.items():
            started = time.perf_counter()
            print(f"{script} …", file=sys.stderr, flush=True)
            options = [large if argument == LARGE else argument for argument in arguments]
            command = [sys.executable, str(HERE / script), *options]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                failed.append(script)
            seconds = time.perf_counter() - started
            # servers that it started may have said something before
            _, heading, tables = done.stdout.partition("## ")
            parts.append(heading + tables.strip() if tables else f"## {script} failed")
            parts.append(f"*`benchmarks/{script}`, {seconds:.0f} s*")
    written = HERE / ".results.md.tmp"
    written.write_text("\n\n".join(parts) + "\n")
    written.replace(HERE / "results.md")
    if failed:
        print("failed:", *failed, file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
