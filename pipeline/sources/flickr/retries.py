"""How Flickr's servers are spoken to: which faults pass, and how long to wait for that."""

import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event
from typing import TypeVar

import httpx

from pipeline import retries
from pipeline.retries import PassingError

LONGEST_BACKOFF = 60.0  # seconds
_UNREACHABLE_ATTEMPTS = 5
_LONG = 7.0  # seconds; a person wants to know of a longer wait
TIMEOUT = 30.0  # seconds to connect, and between two parts of an answer

log = logging.getLogger("pipeline.flickr")

Result = TypeVar("Result")


class UnreachableError(PassingError):
    """No server was there at all."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, attempts=_UNREACHABLE_ATTEMPTS)


def open_client() -> httpx.Client:
    """A client for one thread at a time: httpx 0.28 mixes up the HTTP/2 frames of several.

    It follows no redirect by itself: one may lead to another host, and would take the key there.
    """
    return httpx.Client(http2=True, timeout=TIMEOUT, follow_redirects=False)


def with_retries(attempt: Callable[[], Result], stop: Event | None = None) -> Result:
    """Call ``attempt`` until it raises no PassingError, as ``pipeline.retries`` does."""
    return retries.with_retries(
        attempt, stop or Event(), longest_backoff=LONGEST_BACKOFF, on_wait=_log_waiting
    )


def check_status(response: httpx.Response) -> None:
    """Raise PassingError if the status says that the server is busy or broken."""
    status = response.status_code
    if status in {408, 429} or status >= 500:
        retry_after = _seconds(response.headers.get("Retry-After", ""))
        raise PassingError(f"HTTP {status}", retry_after=retry_after)


def fault_of(error: httpx.RequestError) -> PassingError:
    """Put what broke a request into words; never its URL, which holds the key."""
    match error:
        case httpx.ConnectError():
            return UnreachableError(str(error))
        case httpx.ConnectTimeout():
            return UnreachableError("no connection in time")
        case httpx.TimeoutException():
            return PassingError("no answer in time")
        case _:
            return PassingError("the answer was cut short")


def _log_waiting(fault: PassingError, seconds: float) -> None:
    level = logging.WARNING if seconds >= _LONG else logging.INFO
    log.log(level, "Flickr: %s; trying again in %.0f s", fault, seconds)


def _seconds(retry_after: str) -> float | None:
    """Read a Retry-After header: seconds, or a date."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            date = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return seconds if math.isfinite(seconds) else None
