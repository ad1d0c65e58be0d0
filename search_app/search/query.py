"""The query language of the page and the command line; docs/search.md shows it by example.

Every text is a query: what cannot be understood is reported, and the rest is searched for.
"""

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection
from typing import Any

from pipeline import emoji
from pipeline.errors import Message
from search_app.search.fields import FIELDS, has, has_words
from search_app.search.parsed import Fields, ParsedQuery, PhotoRef, Text

_QUOTES = (('"“”„‟＂', '"“”‟＂'), ("«»", "«»"), ("「", "」"), ("『", "』"))
_CLOSING = {opening: closing for openings, closing in _QUOTES for opening in openings}
_QUOTED = "|".join(rf"[{opening}][^{closing}]*(?:[{closing}]|\Z)" for opening, closing in _QUOTES)
# Chinese and Japanese have no spaces: a quotation may begin in the middle of a word.
_QUOTED_WITHIN = "“[^“”]*”|「[^「」]*」|『[^『』]*』"
_WEIGHT = r"[\^＾][^\s\^＾]+(?!\S)"  # neither ^^ nor ^_^ is one
_TOKEN = re.compile(
    rf"""
    (?P<space>\s*)(?=\S)
    (?P<minus>(?<!\S)(?:NOT\s+[-－−]?|[-－−])(?=[^\W_]|[{"".join(_CLOSING)}]|{emoji.PATTERN}))?
    (?:
        (?P<name>[^\W\d_]+)[:：](?P<value>{_QUOTED}|(?:(?!{_WEIGHT})\S)+)
      | (?P<quoted>{_QUOTED})
      | (?P<word>(?:(?!{_WEIGHT}|{_QUOTED_WITHIN})\S)+)
    )?
    (?:\s*(?P<weight>{_WEIGHT}))?
    """,
    re.VERBOSE,
)
# Addresses of photos: on Flickr, of a picture on its servers, and on the search page itself.
_ADDRESS = re.compile(
    r"https?://(?:"
    r"(?:www\.|m\.)?flickr\.com/photos/[^/\s]+/"
    r"|[\w.-]+\.staticflickr\.com/(?:[^/\s]+/)+"
    r"|[^/\s]+/\S*[?&]photo="
    r"|[^/\s]+/(?:\S+/)?app/static/photos/"
    r")([0-8]?\d{1,18})(?!\d)\S*"  # below 2**63
)
_AREA = re.compile(r"(?i)\s*(?<!\S)area[:：]\S+")
_MAX_WEIGHT = 10
_MAX_SHOWN = 60  # characters of a query that a message repeats


def parse(text: str) -> ParsedQuery:
    """Take a query apart. Every text is one: what is wrong with it is told in ``problems``."""
    reader = _Reader()
    # Bytes of a command line that are no UTF-8 come as surrogates, which no tokenizer takes.
    text = text.encode("utf-8", "replace").decode()
    for token in _TOKEN.finditer(text.strip()):
        reader.read(token)
    reader.end_text()
    return ParsedQuery(
        texts=(*reader.wanted, *reader.unwanted),
        photos=tuple(reader.photos),
        phrases=tuple(reader.phrases),
        without=tuple(text.text for text in reader.unwanted),
        only=Fields(**{field: tuple(values) for field, values in reader.only.items()}),
        never=Fields(**{field: tuple(values) for field, values in reader.never.items()}),
        problems=tuple(reader.problems),
    )


class _Reader:
    """Reads the tokens of a query, one after the other."""

    def __init__(self) -> None:
        self.wanted: list[Text] = []
        self.unwanted: list[Text] = []
        self.photos: list[PhotoRef] = []
        self.phrases: list[str] = []
        self.only: dict[str, list[Any]] = defaultdict(list)
        self.never: dict[str, list[Any]] = defaultdict(list)
        self.problems: list[Message] = []
        self._text = ""  # as far as it has been read

    def read(self, token: re.Match[str]) -> None:
        weight, minus = self._weight(token["weight"]), token["minus"]
        name = _folded(token["name"] or "").lower()
        address = _ADDRESS.fullmatch(f"{name}:{token['value']}")
        if name in FIELDS or address:
            value = (int(address[1]), None) if address else self._value(name, token)
            if name == "photo" or address:
                if value is not None:
                    image_id, part = value
                    sign = -1 if minus else 1
                    self.photos.append(PhotoRef(image_id, sign * (weight or 1.0), part))
                return
            if value is not None:
                (self.never if minus else self.only)[FIELDS[name].attribute].append(value)
        elif token["word"] in {"+", "＋"}:
            self.end_text()
        else:
            words = self._words(token)
            if minus:
                if has_words(words):
                    self.unwanted.append(Text(words.rstrip(",;"), -(weight or 1.0)))
                return
            self._text += (" " if token["space"] else "") + words
        if weight is not None:
            self.end_text(weight)

    def end_text(self, weight: float | None = None) -> None:
        words = self._text.split()
        self._text = ""
        while words and words[-1] in {"AND", "OR"}:  # between a text and a field
            words.pop()
        while words and words[0] in {"AND", "OR"}:
            words.pop(0)
        text = " ".join(words)
        if has(text, "L", "N", "So"):  # punctuation says nothing, a symbol does
            self.wanted.append(Text(text, weight or 1.0))
        elif weight is not None:
            self.problems.append(
                Message("A weight belongs behind a text or a photo, such as a dog ^2")
            )

    def _weight(self, typed: str | None) -> float | None:
        if typed is None:
            return None
        try:
            weight = float(_folded(typed)[1:])
        except ValueError:
            weight = 0.0
        if 0 < weight <= _MAX_WEIGHT:
            return weight
        self.problems.append(
            Message(
                "{typed} is no weight: write a number above 0 and up to {most}, such as ^2 or ^0.5",
                typed=_shown(typed),
                most=_MAX_WEIGHT,
            )
        )
        return 1.0

    def _value(self, name: str, token: re.Match[str]) -> Any:
        """The value of a known field; None, and a problem, if it is none."""
        try:
            return FIELDS[name].read(_folded(self._unquoted(token["value"])).rstrip(",;"))
        except (ValueError, KeyError, OverflowError):
            typed = _shown(f"{token['name']}:{token['value']}")
            form = FIELDS[name].form
            self.problems.append(
                Message("{typed} was left out: write {form}", typed=typed, form=form)
            )
            return None

    def _words(self, token: re.Match[str]) -> str:
        name, value = token["name"], token["value"]
        if token["quoted"]:
            phrase = " ".join(self._unquoted(token["quoted"]).split())
            if not token["minus"] and has_words(phrase):
                self.phrases.append(phrase)
            return phrase
        if name is None:
            return token["word"] or ""
        if (
            not value[0].isalnum() and value[0] not in _CLOSING
        ):  # https://…, std::vector, an emoticon
            return f"{name}:{value}"
        similar = difflib.get_close_matches(_folded(name).lower(), FIELDS, n=1)
        advice = (
            Message("did you mean {field}?", field=similar[0])
            if similar
            else Message("there are {fields}", fields=", ".join(FIELDS))
        )
        self.problems.append(
            Message(
                "No field {name}, so its words are searched for: {advice}",
                name=_shown(name),
                advice=advice,
            )
        )
        return " ".join(f"{name} {self._unquoted(value)}".split())

    def _unquoted(self, typed: str) -> str:
        if typed[0] not in _CLOSING:
            return typed
        if len(typed) > 1 and typed[-1] in _CLOSING[typed[0]]:
            return typed[1:-1]
        self.problems.append(
            Message("{typed} has no closing quote, so it runs to the end", typed=_shown(typed))
        )
        return typed[1:]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("−", "-").strip()


def _shown(typed: str) -> str:
    typed = " ".join(typed.split())
    return typed if len(typed) <= _MAX_SHOWN else typed[: _MAX_SHOWN - 1] + "…"


def without_pictures(
    text: str, pictures: Collection[PhotoRef | tuple[int, int]]
) -> tuple[list[str], str]:
    """The terms of a query that are for these photos and faces, as typed, and the rest of it.

    A face is the id of a photo and which of its faces.
    """
    terms, rest = [], ""
    for token in _TOKEN.finditer(text):
        reader = _Reader()
        reader.read(token)
        asked = {*reader.photos, *reader.only.get("faces", ())}
        if asked.intersection(pictures) and not reader.problems:
            terms.append(token[0].strip())
        else:
            rest += token[0]
    return terms, rest.strip()


def with_area(text: str, area: str) -> str:
    """A query of the photos within an area alone, ``south,west,north,east``, whatever its own."""
    return f"{_AREA.sub('', text)} area:{area}".strip()
