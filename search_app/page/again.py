"""Trying failed photos again: a sync of their albums, which the page starts and does not wait for.

It is what `albumscope sync --again` does: a Dagster run like any other, in a process of its own.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import IO


class Again:
    """The sync that the page started last, if it did."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None

    def start(self, album_ids: Sequence[str]) -> None:
        """Try what failed in these albums again, unless the last try is still at work."""
        if self.is_running:
            return
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # until the page ends
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", "sync", "--again", *album_ids],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,  # it may outlive the page
        )

    @property
    def is_running(self) -> bool:
        """Whether it is still at work."""
        return self._process is not None and self._process.poll() is None

    @property
    def problem(self) -> str | None:
        """What it said last, if it failed."""
        if self._process is None or self._said is None or not self._process.poll():
            return None
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else None
