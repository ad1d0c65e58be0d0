"""How Flickr's servers are spoken to: which faults pass, and how long to wait for that."""

import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event
from typing import TypeVar

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    wait_exponential_jitter,
)

ATTEMPTS = 8
BACKOFF = 1.0  # seconds before the second attempt; doubled for each further one
LONGEST_BACKOFF = 60.0  # seconds
LONGEST_RETRY_AFTER = 600.0  # seconds; a server that asks for more is asked again then
_UNREACHABLE_ATTEMPTS = 5
_LONG = 7.0  # seconds; a person wants to know of a longer wait
TIMEOUT = 30.0  # seconds to connect, and between two parts of an answer

log = logging.getLogger("pipeline.flickr")

Result = TypeVar("Result")


class PassingError(Exception):
    """Trying again may help; ``unreachable`` says that no server was there at all.

    ``retry_after`` is how many seconds the server asked to wait, ``attempts`` after how many
    attempts to give up.
    """

    def __init__(
        self,
        reason: str,
        *,
        unreachable: bool = False,
        retry_after: float | None = None,
        attempts: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.unreachable = unreachable
        self.retry_after = retry_after
        self.attempts = attempts


def open_client() -> httpx.Client:
    """A client for one thread at a time: httpx 0.28 mixes up the HTTP/2 frames of several.

    It follows no redirect by itself: one may lead to another host, and would take the key there.
    """
    return httpx.Client(http2=True, timeout=TIMEOUT, follow_redirects=False)


def with_retries(attempt: Callable[[], Result], stop: Event | None = None) -> Result:
    """Call ``attempt`` until it raises no PassingError; the last one is raised in the end.

    ``stop``, once set, ends the waiting and makes the attempt before it the last.
    """
    stopped = stop or Event()
    retrying = Retrying(
        retry=retry_if_exception_type(PassingError),
        stop=lambda state: stopped.is_set() or _is_last(state),
        sleep=sleep_using_event(stopped),
        wait=_seconds_to_wait,
        before_sleep=_tell,
        reraise=True,
    )
    return retrying(attempt)


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
            return PassingError(str(error), unreachable=True, attempts=_UNREACHABLE_ATTEMPTS)
        case httpx.ConnectTimeout():
            return PassingError(
                "no connection in time", unreachable=True, attempts=_UNREACHABLE_ATTEMPTS
            )
        case httpx.TimeoutException():
            return PassingError("no answer in time")
        case _:
            return PassingError("the answer was cut short")


def _is_last(state: RetryCallState) -> bool:
    return state.attempt_number >= (_fault(state).attempts or ATTEMPTS)


def _seconds_to_wait(state: RetryCallState) -> float:
    # The jitter keeps threads and processes that failed together from coming back together.
    backoff = wait_exponential_jitter(multiplier=BACKOFF, max=LONGEST_BACKOFF, jitter=BACKOFF)
    retry_after = min(_fault(state).retry_after or 0.0, LONGEST_RETRY_AFTER)
    return max(backoff(state), retry_after)


def _tell(state: RetryCallState) -> None:
    seconds = state.next_action.sleep if state.next_action else 0
    level = logging.WARNING if seconds >= _LONG else logging.INFO
    log.log(level, "Flickr: %s; trying again in %.0f s", _fault(state), seconds)


def _fault(state: RetryCallState) -> PassingError:
    fault = state.outcome.exception() if state.outcome else None
    assert isinstance(fault, PassingError)
    return fault


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
