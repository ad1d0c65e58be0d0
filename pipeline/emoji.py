"""Emoji in texts: which characters are one, and what it is called."""

import re
import unicodedata

_BASE = (
    "[\u203c\u2049\u2122\u2194-\u21aa\u231a-\u23ff\u25aa-\u25fe\u2600-\u27bf\u2934\u2935"
    "\u2b05-\u2b55\u3030\u303d\U0001f000-\U0001faff]"
)
_LOOKS = "[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]"  # in color or not, and tones of skin
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
PATTERN = rf"(?:{_FLAG}|{_BASE}{_LOOKS}*(?:\u200d{_BASE}{_LOOKS}*)*[\U000e0020-\U000e007f]*)"
"""Of one emoji, whichever characters it is joined from (Unicode Technical Standard 51)."""
_EMOJI = re.compile(PATTERN)
_ANY_LOOKS = re.compile(_LOOKS)
_LETTER = "REGIONAL INDICATOR SYMBOL LETTER "


def has_emoji(text: str) -> bool:
    """Whether there is one in a text."""
    return bool(_EMOJI.search(text))


def plain(text: str) -> str:
    """Emoji without what changes only their looks."""
    return _ANY_LOOKS.sub("", text)


def spelt_out(text: str) -> str:
    """A text with the Unicode names of its emoji in their place, for models that know none."""
    return " ".join(_EMOJI.sub(_named, text).split()) if has_emoji(text) else text


def _named(emoji: re.Match[str]) -> str:
    names = [unicodedata.name(each, "") for each in plain(emoji[0])]
    if names[0].startswith(_LETTER):
        return " flag " + "".join(name.removeprefix(_LETTER) for name in names) + " "
    told = [name for name in names if not name.startswith(("ZERO WIDTH", "TAG ", "CANCEL TAG"))]
    return f" {' '.join(told).lower()} "
