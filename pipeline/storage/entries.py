"""Files of TOML that people write: entries of one kind, ``[[event]]``, held against a model."""

import tomllib
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from pipeline.errors import AlbumscopeError
from pipeline.storage import Storage

Entry = TypeVar("Entry", bound=BaseModel)


def read_entries(storage: Storage, key: str, name: str, kind: type[Entry]) -> list[Entry]:
    """The entries ``[[name]]`` of a file; without the file there are none.

    Raises AlbumscopeError that says where it is wrong, and what may stand there.
    """
    fields: dict[str, Any] = {name: (list[kind], [])}  # type: ignore[valid-type]
    file = create_model("File", __config__=ConfigDict(extra="forbid"), **fields)
    try:
        read = file.model_validate(tomllib.loads(storage.read(key).decode()))
    except FileNotFoundError:
        return []
    except ValidationError as error:
        unknown = [each for each in error.errors() if each["type"] == "extra_forbidden"]
        wrong = (unknown or error.errors())[0]
        where = ".".join(str(step + 1 if isinstance(step, int) else step) for step in wrong["loc"])
        *others, last = kind.model_fields if len(wrong["loc"]) > 1 else [f"[[{name}]]"]
        may_stand = f"{', '.join(others)} and {last}" if others else last
        why = f"no such entry; there are {may_stand}" if unknown else wrong["msg"]
        raise AlbumscopeError(
            "{file} is wrong at {where}: {why}", file=storage.where(key), where=where, why=why
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise AlbumscopeError(
            "{file} cannot be read: {reason}", file=storage.where(key), reason=error
        ) from None
    entries: list[Entry] = getattr(read, name)
    return entries
