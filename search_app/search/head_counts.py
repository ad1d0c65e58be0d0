"""How many people are to be on a photo, as people type it in English, Japanese and Russian.

Photos are told by the faces on them, so "two people" may be others, too: those seen from behind.
That there is nobody is hardly ever told by the words of a photo, and never by its look.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from search_app.search.parsed import Fields


class HeadCount(NamedTuple):
    """A number of people that stands in a text from ``start`` to ``end``."""

    start: int
    end: int
    fields: Fields
    is_certain: bool


_NUMBERS = {
    number: count
    for count, numbers in enumerate(
        (
            "one один 一",
            "two два две двое 二",
            "three три трое 三",
            "four четыре четверо 四",
            "five пять пятеро 五",
            "six шесть 六",
            "seven семь 七",
            "eight восемь 八",
            "nine девять 九",
            "ten десять 十",
        ),
        start=1,
    )
    for number in numbers.split()
}
_NUMBER = rf"[1-9]\d?|{'|'.join(_NUMBERS)}"
_SOME = re.compile(
    rf"(?i)(?<!\w)(?P<number>{_NUMBER})(?:\s+(?:people|persons?|человека?|людей)(?!\w)|人)"
)
_NONE = re.compile(
    r"(?i)(?<!\w)(?:(?:no|without|without\s+any)\s+people|без\s+людей)(?!\w)"
    r"|(?:人|人物)(?:の?(?:いない|なし)|が(?:いない|写っていない))"
)


def find(text: str) -> Iterator[HeadCount]:
    """All numbers of people in a text."""
    for match in _NONE.finditer(text):
        yield HeadCount(*match.span(), Fields(counts=((0, 0),)), is_certain=True)
    for match in _SOME.finditer(text):
        typed = match["number"].casefold()
        count = _NUMBERS.get(typed) or int(typed)
        yield HeadCount(*match.span(), Fields(counts=((count, count),)), is_certain=False)
