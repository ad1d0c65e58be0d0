"""The language of the page: the browser's, or the one that its user chose.

``t("Load more")`` gives the message in that language; English is written in the code itself, the
others are in ``translations/*.po``, which any editor of translations opens.
"""

import gettext
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st
from babel import Locale, dates, numbers
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pipeline.errors import Message

LANGUAGES = {"en": "English", "ja": "日本語", "ru": "Русский"}
TRANSLATIONS = Path(__file__).with_name("translations")


KEPT = "kept in tables"
"""The comment in ``translations/*.po`` of what the tables keep, in English."""
_NAME = re.compile(r"{(\w+)[^}]*}")

_of_request: ContextVar[str | None] = ContextVar("language", default=None)


@contextmanager
def in_language(code: str) -> Iterator[None]:
    """Speak a language outside of a session, as a route does; English if the page has it not."""
    token = _of_request.set(code if code in LANGUAGES else "en")
    try:
        yield
    finally:
        _of_request.reset(token)


def language() -> str:
    """The code of this session's or request's language, such as "ja"; else English."""
    if asked := _of_request.get():
        return asked
    if get_script_run_ctx(suppress_warning=True) is None:
        return "en"
    return st.session_state.get("lang") or browser_language()


def browser_language() -> str:
    """The language that the browser asks for, or English if the page does not speak it."""
    code = (st.context.locale or "en").lower().partition("-")[0]
    return code if code in LANGUAGES else "en"


def t(message: str, **values: object) -> str:
    """The message in the session's language, with the values put in where it has {names}."""
    text = _translations(language()).gettext(message)
    return text.format(**values) if values else text


def told(sentence: str) -> str:
    """What the engine says, in the session's language.

    A text that a table keeps, such as why a photo failed, is known again by its words.
    """
    if isinstance(sentence, Message):
        values = {
            name: told(value) if isinstance(value, Message) else value
            for name, value in sentence.values.items()
        }
        return t(sentence.template, **values)
    return _told_again(sentence, language())


@lru_cache(maxsize=4096)
def _told_again(sentence: str, code: str) -> str:
    for template, pattern in _kept_templates(code):
        if match := pattern.fullmatch(sentence):
            values = {name: _told_again(value, code) for name, value in match.groupdict().items()}
            translated = _translations(code).gettext(template)
            return _NAME.sub(r"{\1}", translated).format(**values)
    return sentence


@lru_cache
def _kept_templates(code: str) -> list[tuple[str, re.Pattern[str]]]:
    """The sentences that tables keep, each with what it looks like; the most words come first."""
    if code == "en":
        return []
    templates = [str(each.id) for each in _catalog(code) if KEPT in each.auto_comments]
    templates.sort(key=lambda template: -len(_NAME.sub("", template)))
    return [(template, _pattern(template)) for template in templates]


def _pattern(template: str) -> re.Pattern[str]:
    texts_and_names = _NAME.split(template)
    parts = [
        re.escape(part) if at % 2 == 0
        # a value that is told twice is taken where it is told first
        else ".*" if part in texts_and_names[1:at:2]
        else f"(?P<{part}>.*)"
        for at, part in enumerate(texts_and_names)
    ]  # fmt: skip
    return re.compile("".join(parts), re.DOTALL)


def tn(singular: str, plural: str, count: int, **values: object) -> str:
    """The message for a count, which it shows as {count}: languages have up to four forms."""
    text = _translations(language()).ngettext(singular, plural, count)
    return text.format(count=number(count), **values)


def number(value: float) -> str:
    """A number as the language writes it: "28,000", "28 000"."""
    return _number(value, _locale())


@lru_cache(maxsize=4096)  # a thousand albums have a count beside them
def _number(value: float, locale: Locale) -> str:
    return numbers.format_decimal(value, locale=locale)


def day(value: date) -> str:
    """A date in the language, such as "9 April 2014"."""
    return dates.format_date(value, "long", locale=_locale())


def day_of_year(value: date) -> str:
    """A day of any year in the language, such as "9 April"."""
    return dates.format_skeleton("MMMMd", value, locale=_locale())


def moment(value: datetime) -> str:
    """A date and a time in the language, to the minute, as the clock that told it showed it."""
    both = str(dates.get_datetime_format("medium", locale=_locale()))
    return both.replace("{1}", day(value)).replace("{0}", f"{value:%H:%M}")


def local_moment(written: str) -> str:
    """A time in ISO 8601, in UTC, as the clock of whoever looks shows it."""
    zone: tzinfo = UTC
    with suppress(ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo(st.context.timezone or "UTC")
    return moment(datetime.fromisoformat(written).astimezone(zone))


def partial_moment(value: datetime, precision: str | None) -> str:
    """Like ``moment``, with no more than is known: "9 April 2014", "April 2014", "circa 1924"."""
    match precision:
        case "day":
            return day(value)
        case "month":
            return dates.format_skeleton("yMMMM", value, locale=_locale())
        case "year" | "circa":
            year = dates.format_skeleton("y", value, locale=_locale())
            return t("circa {year}", year=year) if precision == "circa" else year
        case _:
            return moment(value)


def period(
    first: datetime, first_precision: str | None, last: datetime, last_precision: str | None
) -> str:
    """From a day to another, such as "9–12 Apr 2014", with no more than is known of them."""
    if {first_precision, last_precision} <= {None, "exact", "day"}:
        if first.date() == last.date():
            return day(first)
        return dates.format_interval(first.date(), last.date(), "yMMMd", locale=_locale())
    ends = [
        partial_moment(at, "day" if precision in {None, "exact"} else precision)
        for at, precision in ((first, first_precision), (last, last_precision))
    ]
    return " – ".join(dict.fromkeys(ends))


def locale() -> str:
    """What a browser knows the language by."""
    return str(_locale()).replace("_", "-")


def country(code: str) -> str:
    """The name of a country in the language, by its code in ISO 3166-1."""
    return str(_locale().territories.get(code, code))


def _locale() -> Locale:
    code = language()
    return Locale.parse("en_GB" if code == "en" else code)


@lru_cache
def _translations(code: str) -> gettext.NullTranslations:
    if code == "en":
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, _catalog(code))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def _catalog(code: str) -> Catalog:
    with (TRANSLATIONS / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code)
