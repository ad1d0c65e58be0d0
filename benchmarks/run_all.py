"""Run every benchmark that fits a machine without a GPU and write ``benchmarks/results.md``.

    make bench

Each of them can be run alone, too: ``python benchmarks/NAME.py --help``.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import packages_distributions, version
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
    "setup_time.py": (),
}
VERSIONED = ("duckdb", "faiss", "torch", "sentence_transformers", "dagster", "streamlit")  # modules


def machine() -> str:
    """What these figures were measured on."""
    about = Path("/proc/cpuinfo")  # Linux has it
    lines = about.read_text().splitlines() if about.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    model = next(named, platform.processor())
    memory = psutil.virtual_memory().total / 2**30
    packages = packages_distributions()  # faiss comes from faiss-cpu or faiss-gpu-cu12
    names = [packages[module][0] for module in VERSIONED]
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} with `make bench` on {os.cpu_count()} cores"
        f" ({model}), {memory:.0f} GiB of memory, {platform.system()},"
        f" Python {platform.python_version()}, {versions}."
    )


def main() -> int:
    """Run the scripts one after the other; a failed one is named and fails the whole."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    parts = ["# Benchmarks", machine()]
    failed = []
    began = time.perf_counter()
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
            parts.append(heading + tables.strip() if tables else f"## {script}")
            ended = f", **failed** with status {done.returncode}" if done.returncode else ""
            parts.append(f"*`benchmarks/{script}`, {seconds:.0f} s{ended}*")
    parts[1] += f" The whole took {(time.perf_counter() - began) / 60:.0f} minutes."
    written = HERE / ".results.md.tmp"
    written.write_text("\n\n".join(parts) + "\n")
    written.replace(HERE / "results.md")
    if failed:
        print("failed:", *failed, file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
