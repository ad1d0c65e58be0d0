"""Working on threads ahead of whoever takes the results, with bounded memory."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from pipeline.errors import PhotoError

Item = TypeVar("Item")


Result = TypeVar("Result")


def map_ahead(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int,
    look_ahead: int,
    stop: threading.Event | None = None,
) -> Iterator[tuple[Item, Result | PhotoError]]:
    """Apply ``function`` on threads ahead of the caller; yield results in the items' order.

    At most ``look_ahead`` results wait for the caller, which bounds the memory. A PhotoError is
    yielded in place of the result; any other exception is raised. ``stop`` is set as soon as no
    more results are wanted, for functions that may take long.
    """
    remaining = iter(items)
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        try:
            for item in islice(remaining, look_ahead):
                waiting.append((item, pool.submit(function, item)))
            while waiting:
                item, future = waiting.popleft()
                try:
                    result: Result | PhotoError = future.result()
                except PhotoError as error:
                    result = error
                for following in islice(remaining, 1):
                    waiting.append((following, pool.submit(function, following)))
                yield item, result
        finally:
            if stop:
                stop.set()
            for _, future in waiting:
                future.cancel()
