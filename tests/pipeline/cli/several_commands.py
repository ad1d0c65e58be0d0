"""Runs commands one after the other in one process, as a list of lists in JSON; prints results."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout

from pipeline.cli import main

results = []
for command in json.loads(sys.argv[1]):
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
