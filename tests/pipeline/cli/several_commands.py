"""Several commands of the command line in one process, by a user whom permissions may bind."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout

from tests.pipeline.command_line import Result


def run_several(
    prefix: Sequence[str], *commands: Sequence[str], env: Mapping[str, str] | None = None
) -> list[Result]:
    """Run commands one after the other in a process of their own, which begins with ``prefix``.

    Syncs do without Dagster's runs.
    """
    done = subprocess.run(
        [*prefix, sys.executable, __file__, json.dumps(commands)],
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        check=True,
    )
    return [Result(*each) for each in json.loads(done.stdout)]


def print_results(commands: list[list[str]]) -> None:
    """Print what each command ended with, as JSON."""
    from pipeline.cli import main

    results = []
    if ["sync"] in commands:  # what only looks imports less
        import pytest

        from tests.pipeline.quick_sync import use_quick_runs

        use_quick_runs(pytest.MonkeyPatch())
    for command in commands:
        sys.argv = ["albumscope", *command]
        out, err = io.BytesIO(), io.BytesIO()
        with (
            redirect_stdout(io.TextIOWrapper(out, "utf-8", write_through=True)),
            redirect_stderr(io.TextIOWrapper(err, "utf-8", write_through=True)),
        ):
            try:
                main.main()
            except SystemExit as end:
                results.append((end.code or 0, out.getvalue().decode(), err.getvalue().decode()))
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    print_results(json.loads(sys.argv[1]))
