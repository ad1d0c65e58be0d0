"""Where albums come from."""

from dataclasses import dataclass, field

import pyarrow as pa


@dataclass(frozen=True)
class Found:
    """The albums that a source has now: all the rows of one part of table ``albums``."""

    part: str
    albums: pa.Table
    warnings: list[str] = field(default_factory=list)
