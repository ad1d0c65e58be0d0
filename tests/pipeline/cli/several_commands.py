"""Runs commands one after the other in one process, as a list of lists in JSON; prints results.

Syncs do without Dagster's runs.
"""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout

from pipeline.cli import main

results = []
commands = json.loads(sys.argv[1])
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
