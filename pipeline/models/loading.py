"""Loading models, one thread at a time."""

import threading
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_loading = threading.RLock()


def one_at_a_time(load: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Let only one thread run ``load``, or any other function so decorated, at a time.

    ``lru_cache`` alone lets two threads that come at the same time both load the model, and
    transformers cannot load two models at the same time.
    """

    @wraps(load)
    def locked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with _loading:
            return load(*args, **kwargs)

    return locked
