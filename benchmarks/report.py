"""What all benchmarks share: tasks timed in turns, and the table that they print as Markdown."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Times = dict[str, list[float]]
"""Of each task, the seconds of every round, in the order of the rounds."""


@dataclass(frozen=True)
class Line:
    """One line of a table: what was measured, against what, and the limit it is held against.

    ``reached`` is None where there is no limit to hold it against.
    """

    what: str
    ours: str
    alternative: str = "–"
    ratio: str = "–"
    limit: str = "–"
    reached: bool | None = None


def in_turns(tasks: Mapping[str, Callable[[], object]], rounds: int) -> Times:
    """Run the tasks one after the other, ``rounds`` times, so that a busy machine is as bad for
    each."""
    seconds: Times = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """The median of the ratios of two tasks that were timed in turns."""
    return statistics.median(a / b for a, b in zip(slower, faster, strict=True))


def p95(seconds: Sequence[float]) -> float:
    """The time that 95 of 100 rounds stay below."""
    return float(np.percentile(seconds, 95))


def print_table(title: str, lines: Sequence[Line], notes: str = "") -> None:
    """Print a table as Markdown, with what has to be known to read it."""
    print(f"## {title}\n")
    print("| what | Albumscope | alternative | ratio | limit | reached |")
    print("|---|---|---|---|---|---|")
    for line in lines:
        reached = {True: "yes", False: "**no**", None: "–"}[line.reached]
        cells = (line.what, line.ours, line.alternative, line.ratio, line.limit, reached)
        print("|", " | ".join(cells), "|")
    print(f"\n{notes.strip()}\n" if notes else "", flush=True)
