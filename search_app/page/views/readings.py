"""What was understood of the words that were typed, each with a way to have it be words again."""

from collections.abc import Sequence
from typing import Any

from search_app.page.language import t
from search_app.search.parsed import Kind, Reading


def described(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    """What each reading is called, for the script that draws it, and what a click on it does."""
    return [
        {
            "key": reading.key,
            "isOn": reading.is_on,
            "kind": kind_names()[reading.kind] if reading.is_on else "",
            "label": _label(reading),
            "help": _help(reading),
        }
        for reading in readings
    ]


def _label(reading: Reading) -> str:
    if not reading.is_on:
        return t("“{typed}” as words", typed=reading.typed)
    if reading.is_certain:
        return reading.name
    return t("{name}, or just words", name=reading.name)


def _help(reading: Reading) -> str:
    if not reading.is_on:
        return t("Click to have it understood again.")
    if reading.is_certain:
        return t("Only such photos are found. Click to search for the words themselves.")
    return t("Such photos come first, and the words are searched for. Click to leave it at these.")


def kind_names() -> dict[Kind, str]:
    """What each kind of reading is called."""
    return {
        "date": t("Date"),
        "event": t("Event"),
        "album": t("Album"),
        "place": t("Place"),
        "camera": t("Camera"),
        "person": t("Person"),
        "people": t("People"),
        "file": t("File"),
    }
