"""What a vision model is asked for, and how its answer is read: with patience."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, WithJsonSchema
from pydantic_core import from_json

_MOST_TAGS = 20
_NO_TEXT = frozenset({"none", "no text", "n/a", "null", "empty", "-"})
_CONTROLS = re.compile(r"[\x00-\x1f]")  # JSON allows no line breaks within strings, models do


def one_line(value: object) -> object:
    """Text of any form on one line, which UTF-8 can hold: models send halves of characters."""
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value)
    if isinstance(value, str):
        return " ".join(value.encode("utf-8", "replace").decode().split())
    return value


def _text_or_none(value: object) -> object:
    text = one_line(value)
    return None if isinstance(text, str) and text.lower().strip(".") in {"", *_NO_TEXT} else text


def _tag_list(value: object) -> object:
    tags = value.split(",") if isinstance(value, str) else value or []
    if not isinstance(tags, list):
        return value
    texts = [str(one_line(tag)).lstrip("# ") for tag in tags if isinstance(tag, str | int)]
    return list(dict.fromkeys(filter(None, texts)))[:_MOST_TAGS]


def _truth(value: object) -> object:
    return value > 0 if isinstance(value, int) else value  # some count the people


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


SCHEMA = Answer.model_json_schema() | {"required": list(Answer.model_fields)}


def read_answer(text: str) -> Answer | None:
    """Find the answer in what a model wrote: fenced, after thoughts, between other words.

    Of several the last one counts; None if there is none.
    """
    text = _without_thoughts(text)
    decoder = json.JSONDecoder(strict=False)  # line breaks within strings
    answer = None
    start = text.find("{")
    while start >= 0:
        end = start + 1
        try:
            value, end = decoder.raw_decode(text, start)
            answer = Answer.model_validate(value)
        except (ValidationError, ValueError, RecursionError):
            pass
        start = text.find("{", end)
    return answer


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
