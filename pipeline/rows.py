"""What the rows of all tables have in common: their types, and how the making of one ended.

A table's columns are declared once, as the fields of a TypedDict; its Arrow schema follows from
them: ``str`` is a string, ``bytes`` binary, ``int`` an int64, ``float`` a float64, ``bool`` a bool,
``datetime`` a timestamp in microseconds without a zone, ``list[str]`` a list of strings,
a TypedDict a struct,
``NDArray[np.float32]`` a list of float32, and ``Annotated[..., name]`` the Arrow type of that name.
``| None`` changes nothing: any column may be null.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypedDict

Row = Mapping[str, Any]

Int8 = Annotated[int, "int8"]
Int32 = Annotated[int, "int32"]


class Outcome(TypedDict, total=False):
    """The columns of each table whose rows can fail: a row with an error has nulls for the rest.

    ``run_id`` is the Dagster run that made the row; a row that is copied keeps the one that made
    it.
    """

    error: str | None
    attempts: Int32
    retryable: bool | None
    created_at: datetime
    run_id: str | None


def utc_now() -> datetime:
    """The time for a ``created_at`` column: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None)
