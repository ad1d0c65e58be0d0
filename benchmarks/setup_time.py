"""How long does it take from a fresh clone to the page?

    python benchmarks/setup_time.py [--cold]

The checkout is cloned (what is not committed is left out) into a temporary folder, and there
``make setup`` and ``make demo`` are run as a newcomer does, until the page and Dagster's UI answer
on ports 8501 and 3000; then both are stopped, and ``make demo`` is run again. At last
``albumscope exif`` reads one photo, by seconds of CPU. Packages come from uv's cache, which the
installation of the checkout has filled; with ``--cold`` from the network.
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from report import Line, print_table

from pipeline.settings import Settings
from pipeline.shipped import shipped

PROJECT = Path(__file__).resolve().parents[1]
PAGES = ("http://127.0.0.1:8501", "http://127.0.0.1:3000")
FIRST_LIMIT, AGAIN_LIMIT, EXIF_LIMIT = 90.0, 20.0, 1.0  # seconds
PATIENCE = 1200.0  # seconds


def main() -> None:
    """Clone, set up, open the demo twice, read one file."""
    parser = argparse.ArgumentParser(description="How long from a fresh clone to the page?")
    parser.add_argument("--cold", action="store_true", help="download all packages")
    is_cold = parser.parse_args().cold
    with tempfile.TemporaryDirectory() as name:
        clone = Path(name) / "clone"
        subprocess.run(["git", "clone", "--quiet", PROJECT, clone], check=True)
        ours = {name.upper() for name in Settings.model_fields} | {"VIRTUAL_ENV"}
        environment = {name: value for name, value in os.environ.items() if name not in ours}
        if is_cold:
            environment["UV_CACHE_DIR"] = f"{name}/cache"
        print("make setup …", file=sys.stderr)
        started = time.perf_counter()
        subprocess.run(["make", "setup"], cwd=clone, env=environment, check=True, stdout=2)
        setup = time.perf_counter() - started
        first, again = (seconds_to_pages(clone, environment) for _ in range(2))
        photo = next(shipped("data/demo").rglob("*.jpg"))
        command = [clone / ".venv" / "bin" / "albumscope", "exif", photo]
        exif = min(cpu_seconds(command, environment) for _ in range(3))
    cache = "an empty" if is_cold else "a warm"
    print_table(
        "From a fresh clone to the page",
        [
            Line(f"`make setup`, {cache} cache of packages", f"{setup:.0f} s"),
            timed(
                "`make setup`, then `make demo` until both pages answer", setup + first, FIRST_LIMIT
            ),
            timed("`make demo` again", again, AGAIN_LIMIT),
            timed("`albumscope exif FILE`, CPU", exif, EXIF_LIMIT),
        ],
    )


def timed(what: str, seconds: float, limit: float) -> Line:
    """A line of the table."""
    shown = f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return Line(what, shown, limit=f"{limit:g} s", reached=seconds < limit)


def seconds_to_pages(clone: Path, environment: dict[str, str]) -> float:
    """Run ``make demo`` until both pages answer; stop it again."""
    print("make demo …", file=sys.stderr)
    started = time.perf_counter()
    demo = subprocess.Popen(
        ["make", "demo"], cwd=clone, env=environment, start_new_session=True, stdout=2
    )
    try:
        while not all(map(answers, PAGES)):
            if demo.poll() is not None or time.perf_counter() - started > PATIENCE:
                raise SystemExit("make demo did not open the pages; its output says why")
            time.sleep(0.1)
        return time.perf_counter() - started
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        demo.wait(60)


def answers(url: str) -> bool:
    """Whether a page is there."""
    try:
        with urllib.request.urlopen(url, timeout=60):
            return True
    except (OSError, urllib.error.URLError):
        return False


def cpu_seconds(command: list[str | Path], environment: dict[str, str]) -> float:
    """Seconds of CPU, in user and system mode, that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
