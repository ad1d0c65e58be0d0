"""Trying again what failed for a reason that may pass, at Flickr, at Ollama."""

from collections.abc import Callable
from threading import Event
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    wait_exponential_jitter,
)

ATTEMPTS = 8
BACKOFF = 1.0  # seconds before the second attempt; doubled for each further one
LONGEST_RETRY_AFTER = 600.0  # seconds; a server that asks for more is asked again then

Result = TypeVar("Result")


class PassingError(Exception):
    """Trying again may help, until there were ``attempts`` of them (ATTEMPTS if None).

    ``retry_after`` is how many seconds the server asked to wait.
    """

    def __init__(
        self, reason: str, *, attempts: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(reason)
        self.attempts = attempts
        self.retry_after = retry_after


def with_retries(
    attempt: Callable[[], Result],
    stopped: Event,
    *,
    longest_backoff: float,
    on_wait: Callable[[PassingError, float], None] = lambda fault, seconds: None,
) -> Result:
    """Call ``attempt`` until it raises no PassingError; the last one is raised in the end.

    ``stopped``, once set, ends the waiting and makes the attempt before it the last. ``on_wait`` is
    told of each wait: after what, and for how many seconds (of which ``longest_backoff`` are the
    most, where the server did not ask for more).
    """
    # The jitter keeps threads and processes that failed together from coming back together.
    backoff = wait_exponential_jitter(multiplier=BACKOFF, max=longest_backoff, jitter=BACKOFF)

    def seconds_to_wait(state: RetryCallState) -> float:
        return max(backoff(state), min(_fault(state).retry_after or 0.0, LONGEST_RETRY_AFTER))

    def is_last(state: RetryCallState) -> bool:
        return stopped.is_set() or state.attempt_number >= (_fault(state).attempts or ATTEMPTS)

    retrying = Retrying(
        retry=retry_if_exception_type(PassingError),
        stop=is_last,
        wait=seconds_to_wait,
        sleep=sleep_using_event(stopped),
        before_sleep=lambda state: on_wait(_fault(state), state.upcoming_sleep),
        reraise=True,
    )
    return retrying(attempt)


def _fault(state: RetryCallState) -> PassingError:
    fault = state.outcome.exception() if state.outcome else None
    assert isinstance(fault, PassingError)
    return fault
