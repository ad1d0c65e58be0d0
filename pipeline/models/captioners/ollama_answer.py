"""What a vision model is asked for, and how its answer is read: with patience."""

import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import from_json

_MOST_TAGS = 20
_BETWEEN_TAGS = re.compile("[,;\n、，；]")  # Japanese and Chinese have their own
_NO_TEXT = frozenset({"none", "no text", "n/a", "null", "empty", "-"})
_NO = re.compile(r"\W*(no|not|none|nobody|false|without|zero|0)\b|\W*$", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_TRAILING_COMMA = re.compile(r"""("(?:\\.|[^"\\])*")|,(?=\s*[}\]])""", re.DOTALL)
_SCHEMA_WORDS = frozenset({"caption", "description", "object", "string", "text", "title", "value"})
_MOST_COMPRESSION = 3.0
"""How much shorter a caption may become by zlib. Whisper takes text beyond 2.4 for a model that
repeats itself (Radford et al., 2022, arXiv 2212.04356, section 4.5); kana need a little more."""


def one_line(value: object) -> object:
    """Text of any form on one line, which UTF-8 can hold: models send halves of characters."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        value = ", ".join(str(one_line(item)) for item in value)
    if isinstance(value, str):
        return " ".join(_CONTROLS.sub(" ", value.encode("utf-8", "replace").decode()).split())
    return value


def _text_or_none(value: object) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    text = str(one_line(value))
    return None if text.lower().strip(".") in {"", *_NO_TEXT} else text


def _tag_list(value: object) -> list[str]:
    if isinstance(value, dict):  # {"bus": true} or {"1": "bus"}
        value = [each if isinstance(each, str) else key for key, each in value.items()]
    if isinstance(value, str):
        value = _BETWEEN_TAGS.split(value)
    if not isinstance(value, list):
        return []
    texts = [str(one_line(tag)).lstrip("# ") for tag in value if isinstance(tag, str | int)]
    return list(dict.fromkeys(filter(None, texts)))[:_MOST_TAGS]


def _truth(value: object) -> bool | None:
    """Whether there are people: said, counted, listed or told in words."""
    match value:
        case None:
            return None
        case str():
            return None if value.strip().lower() in {"unknown", "unclear"} else not _NO.match(value)
        case dict():
            return any(map(_truth, value.values()))
        case _:
            return bool(value)


class Answer(BaseModel):
    """What the model is asked for. Reading is forgiving: only the caption must be there."""

    caption: Annotated[str, Field(min_length=1), BeforeValidator(one_line)]
    tags: Annotated[list[str], BeforeValidator(_tag_list)] = []
    visible_text: Annotated[
        str | None, BeforeValidator(_text_or_none), WithJsonSchema({"type": "string"})
    ] = None
    has_people: Annotated[
        bool | None, BeforeValidator(_truth), WithJsonSchema({"type": "boolean"})
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _keys_in_any_case(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {re.sub(r"[\s-]+", "_", str(key).strip().lower()): it for key, it in value.items()}


def is_garbage(caption: str) -> bool:
    """Whether a caption says nothing: no letters, one thing again and again, or our own words.

    >>> is_garbage("bus " * 100), is_garbage("@@@@"), is_garbage("string"), is_garbage("A red bus.")
    (True, True, True, False)
    """
    encoded = caption.encode()
    return (
        not any(map(str.isalpha, caption))
        or len(encoded) > _MOST_COMPRESSION * len(zlib.compress(encoded))
        or caption.lower().strip(" .<>{}\"'") in _SCHEMA_WORDS
    )


SCHEMA = Answer.model_json_schema() | {"required": list(Answer.model_fields)}


def read_answer(text: str) -> Answer | None:
    """Find the answer in what a model wrote: fenced, after thoughts, between other words.

    Of several the last one counts; None if there is none.
    """
    text = _TRAILING_COMMA.sub(r"\1", _without_thoughts(text))
    decoder = json.JSONDecoder(strict=False)  # line breaks within strings
    answer = None
    start = text.find("{")
    while start >= 0:
        end = start + 1
        with suppress(ValueError, RecursionError):
            value, end = decoder.raw_decode(text, start)
            answer = _answer_in(value) or answer
        start = text.find("{", end)
    return answer


def _answer_in(value: object) -> Answer | None:
    """The answer that an object is, or that lies in one of its values, be it as text."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        return read_answer(value)
    if not isinstance(value, dict | list):
        return None
    with suppress(ValidationError):
        return Answer.model_validate(value)
    within = value.values() if isinstance(value, dict) else value
    return next(filter(None, map(_answer_in, within)), None)


def read_cut_answer(text: str) -> Answer | None:
    """Read an answer without its end, but for the value that was cut; None without a caption."""
    for value in _unfinished_objects(text, partial_strings=True):
        try:
            return Answer.model_validate(value)
        except ValidationError:
            pass
    return None


def caption_so_far(text: str) -> str:
    """The caption in the beginning of an answer."""
    objects = _unfinished_objects(text, partial_strings="trailing-strings")
    captions = (value.get("caption") for value in objects)
    return next((caption for caption in captions if isinstance(caption, str)), "")


def _unfinished_objects(
    text: str, partial_strings: Literal[True, "trailing-strings"]
) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text, whether they end or not.

    ``partial_strings``: True drops a string that has no end, "trailing-strings" keeps it.
    """
    text = _CONTROLS.sub(" ", _without_thoughts(text))
    for match in re.finditer(r"\{", text):
        with suppress(ValueError):
            yield from_json(text[match.start() :], allow_partial=partial_strings)


def _without_thoughts(text: str) -> str:
    return text.rpartition("</think>")[2].partition("<think>")[0]
