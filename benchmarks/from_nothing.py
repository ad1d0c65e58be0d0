"""What do many real JPEG files cost, from nothing to searchable, and does memory stay flat?

    python benchmarks/from_nothing.py [--photos 20000]

Crops of the demo photos, all different, in albums of a hundred, are added and synced by the command
line with the embedded models, without faces and text, which come after a library is searchable.
Printed are the seconds of each stage a photo, of those that Dagster's runs took (some stages run
side by side), the CPU of all processes, the most memory in each quarter of the time, and what a
sync with nothing new takes.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from operator import itemgetter
from pathlib import Path

import psutil
from first_sync import make_photos
from report import Line, print_table

from pipeline.assets.instance import open_instance
from pipeline.settings import Settings


def albumscope(*arguments: str, data_dir: Path) -> list[tuple[float, float]]:
    """Run a command; returns the memory in GB of it and its children, and when, twice a second."""
    settings = {"DATA_DIR": str(data_dir), "OCR": "off", "FACES": "off"}
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    started, held = time.perf_counter(), []
    running = subprocess.Popen(command, env=os.environ | settings)
    while running.poll() is None:
        held.append((time.perf_counter() - started, memory(psutil.Process(running.pid))))
        time.sleep(0.5)
    held.append((time.perf_counter() - started, 0.0))
    assert running.returncode == 0
    return held


def memory(process: psutil.Process) -> float:
    """Memory that a process and its children hold for themselves, in GB."""
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            total += each.memory_info().rss - each.memory_info().shared
    return total / 1e9


def seconds_of_stages(settings: Settings) -> dict[str, float]:
    """How long the steps of all runs took, by asset."""
    seconds: dict[str, float] = defaultdict(float)
    with open_instance(settings) as instance:
        for run in instance.get_runs():
            for step in instance.get_run_step_stats(run.run_id):
                if step.start_time and step.end_time:
                    seconds[step.step_key] += step.end_time - step.start_time
    return seconds


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=20_000)
    count = parser.parse_args().photos
    with tempfile.TemporaryDirectory() as root:
        photos, library = Path(root) / "photos", Path(root) / "library"
        print(f"making {count:,} photos", file=sys.stderr)
        make_photos(photos, count)
        albumscope("add-folder", "-r", str(photos), data_dir=library)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        held = albumscope("sync", data_dir=library)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        whole = held[-1][0]
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        quarters = [
            max(gigabytes for at, gigabytes in held if quarter <= 4 * at / whole <= quarter + 1)
            for quarter in range(4)
        ]
        again = albumscope("sync", data_dir=library)[-1][0]
        stages = seconds_of_stages(Settings(data_dir=library))
    lines = [
        Line(
            f"{count:,} photos, from nothing to searchable",
            f"{whole / 60:.1f} min, {count / whole:.0f} photos a second,"
            f" {1000 * cpu / count:.0f} ms of a core a photo",
        ),
        Line(
            "most memory in each quarter of the time",
            ", ".join(f"{each:.2f}" for each in quarters) + " GB",
            limit="level",
            reached=quarters[3] <= 1.1 * quarters[1],
        ),
        Line("a sync with nothing new", f"{again:.1f} s"),
    ] + [
        Line(f"`{stage}`", f"{1000 * seconds / count:.2f} ms a photo")
        for stage, seconds in sorted(stages.items(), key=itemgetter(1), reverse=True)[:8]
    ]
    print_table("Real JPEG files from nothing", lines)


if __name__ == "__main__":
    main()
