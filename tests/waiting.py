"""Waiting for what other threads and processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")

PATIENCE = 400.0
"""Seconds. Whoever waits in vain has time, and on a busy machine nothing is quick."""


def wait_for(
    look: Callable[[], Seen | None], what: str, seconds: float = PATIENCE, every: float = 0.5
) -> Seen:
    """Look ``every`` so many seconds until there is something, or it is so; returns what was seen.

    Raises AssertionError if it never is.
    """
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(every)
    return seen
