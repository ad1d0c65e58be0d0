"""The languages of the pages: nothing is left in English, and nothing that is put in gets lost."""

import ast
import re
from collections.abc import Iterator

import pytest
from babel.messages.pofile import read_po

from search_app.page import language
from search_app.page.language import LANGUAGES, TRANSLATIONS

SOURCES = sorted(TRANSLATIONS.parent.rglob("*.py"))
Message = tuple[str, ...]


def messages() -> Iterator[Message]:
    """What the code says: (message,), or (singular, plural)."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if count := {"t": 1, "tn": 2}.get(node.func.id):
                said = node.args[:count]
                assert all(isinstance(one, ast.Constant) for one in said), ast.unparse(node)
                yield tuple(ast.literal_eval(one) for one in said)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"{\w+}", text))


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_every_message_is_translated(code: str) -> None:
    said = set(messages())
    assert len(said) > 100
    with (TRANSLATIONS / f"{code}.po").open("rb") as file:
        catalog = read_po(file, locale=code)
    translated: dict[Message, Message] = {
        (each.id,) if isinstance(each.id, str) else tuple(each.id): (
            (each.string,) if isinstance(each.string, str) else tuple(each.string)
        )
        for each in catalog
        if each.id
    }
    assert said - translated.keys() == set()
    assert translated.keys() - said == set()  # what nobody says any more
    for message, forms in translated.items():
        assert len(forms) == (catalog.num_plurals if len(message) == 2 else 1)
        for form in forms:
            assert placeholders(form) == placeholders(message[-1]), form


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("en", ["1 photo", "2 photos", "12,345 photos"]),
        ("ja", ["写真 1 枚", "写真 2 枚", "写真 12,345 枚"]),
        ("ru", ["1 фотография", "2 фотографии", "12\u00a0345 фотографий"]),
    ],
)
def test_counts_have_the_forms_of_the_language(
    monkeypatch: pytest.MonkeyPatch, code: str, words: list[str]
) -> None:
    monkeypatch.setattr(language, "language", lambda: code)
    assert [language.tn("{count} photo", "{count} photos", n) for n in (1, 2, 12345)] == words
