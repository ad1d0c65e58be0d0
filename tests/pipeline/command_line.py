"""What a command ended with."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    """What a command ended with, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON, which must be all there is."""
        assert (self.code, self.err.strip()) == (0, "")
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line on standard error of a command that failed as it should."""
        (line,) = self.err.strip().splitlines()
        assert (self.code, self.out.strip(), line[:7]) == (1, "", "Error: "), self
        return line


Run = Callable[..., Result]
