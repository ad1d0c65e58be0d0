"""Does every sync end with exit code 0?

    python benchmarks/exit_codes.py [--syncs 200]

Each sync is a process of its own and starts from nothing, with an album of a photo, an empty file
and a cut one; what failed is read last, just before the interpreter ends. Of every two, one runs
while a busy loop holds each core. A native thread that drops a Python object too late ends a
process with code 134 (SIGABRT), about once in forty times where it can.
"""

import argparse
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from report import Line, print_table

from pipeline.shipped import shipped
from pipeline.sources import folder
from pipeline.storage.disk import DiskStorage

BIN = Path(sys.executable).parent


def main() -> int:
    """Sync again and again; returns 1 if a sync ended with another code than 0."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--syncs", type=int, default=200, help="how many; default: 200")
    syncs = parser.parse_args().syncs
    codes: dict[bool, Counter[int]] = {False: Counter(), True: Counter()}
    with tempfile.TemporaryDirectory() as name:
        album = Path(name, "Trip 2021")
        make_album(album)
        for number in range(syncs):
            is_busy = number % 2 == 1
            with busy_cores() if is_busy else idle_cores():
                code, output = sync(Path(name, "library"), album)
            codes[is_busy][code] += 1
            details = f"\n{output}" if code else ""
            print(f"sync {number}: exit code {code}{details}", file=sys.stderr, flush=True)
    print_table(
        "Exit codes of syncs",
        [
            Line(
                f"{counts.total()} syncs from nothing, {cores}",
                ", ".join(f"code {code}: {times}" for code, times in sorted(counts.items())),
                limit="code 0",
                reached=set(counts) <= {0},
            )
            for cores, counts in (("idle cores", codes[False]), ("busy cores", codes[True]))
        ],
        "An album of a photo, an empty file and a cut one, embedded models.",
    )
    return int(any(set(counts) - {0} for counts in codes.values()))


def make_album(album: Path) -> None:
    """A photo that can be read and two that cannot."""
    album.mkdir()
    photo = shipped("data/demo") / "Things and Places" / "drum.jpg"
    shutil.copy(photo, album / "drum.jpg")
    (album / "cut.jpg").write_bytes(photo.read_bytes()[:2000])
    (album / "empty.jpg").touch()


def sync(data_dir: Path, album: Path) -> tuple[int, str]:
    """Make a library of the album in an empty folder; returns the exit code and what it printed."""
    shutil.rmtree(data_dir, ignore_errors=True)
    folder.register(DiskStorage(data_dir), folder.Registration(str(album)))
    own = {"DATA_DIR": str(data_dir), "DAGSTER_HOME": "", "ENV_FILE": os.devnull}
    done = subprocess.run(
        [BIN / "albumscope", "sync"],
        env=os.environ | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode == 0 and "photos failed" not in done.stdout:
        raise AssertionError(f"The sync did not do what it should:\n{done.stdout}")
    # Popen says -6 of a process that SIGABRT ended, a shell 134
    return done.returncode if done.returncode >= 0 else 128 - done.returncode, done.stdout


@contextmanager
def busy_cores() -> Iterator[None]:
    """Hold every core with a loop."""
    loops = [multiprocessing.Process(target=spin, daemon=True) for _ in range(os.cpu_count() or 1)]
    for loop in loops:
        loop.start()
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.join()


@contextmanager
def idle_cores() -> Iterator[None]:
    """Leave the cores as they are."""
    yield


def spin() -> None:
    """Do nothing, as fast as possible, as long as there is somebody to do it for."""
    parent = os.getppid()
    while os.getppid() == parent:
        pass


if __name__ == "__main__":
    sys.exit(main())
