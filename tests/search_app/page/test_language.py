"""The languages of the pages: nothing is left in English, and nothing that is put in gets lost."""

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

import pipeline
from pipeline import errors
from pipeline.photos.files import unreadable
from search_app.page import language
from search_app.page.language import KEPT, LANGUAGES, TRANSLATIONS
from search_app.search.query import parse

PIPELINE = Path(pipeline.__file__).parent
PAGE = TRANSLATIONS.parent
FOR_COMMAND_LINE_ALONE = (
    *("cli", "assets", "moving", "settings.py", "storage/bucket.py"),
    *("library/tokens.py", "library/backup.py"),
    *("sources/folder/registrations.py", "sources/folder/exclusions.py"),
    *("sources/flickr/source.py", "sources/flickr/transport.py", "sources/flickr/retries.py"),
)
TOLD = {"Message"} | {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and "Error" in name
}
Said = tuple[str, ...]


def said_by(folder: Path) -> Iterator[Said]:
    """What the code says: (message,), or (singular, plural)."""
    for source in sorted(folder.rglob("*.py")):
        if folder == PIPELINE and str(source.relative_to(PIPELINE)).startswith(
            FOR_COMMAND_LINE_ALONE
        ):
            continue
        for node in ast.walk(ast.parse(source.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if count := {"t": 1, "tn": 2}.get(node.func.id):
                said = node.args[:count]
                if source.name == "language.py" and not isinstance(said[0], ast.Constant):
                    continue  # it says what others do
                assert all(isinstance(one, ast.Constant) for one in said), ast.unparse(node)
                yield tuple(ast.literal_eval(one) for one in said)
            elif node.func.id in TOLD and node.args:
                said = node.args[:1]
                # with the values behind it; another error's sentence is known already
                assert not isinstance(said[0], ast.JoinedStr | ast.BinOp), ast.unparse(node)
                if isinstance(said[0], ast.Constant):
                    yield (said[0].value,)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)[^}]*}", text))


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_every_message_is_translated(code: str) -> None:
    kept = set(said_by(PIPELINE))
    said = kept | set(said_by(PAGE.parent))
    assert len(said) > 100
    with (TRANSLATIONS / f"{code}.po").open("rb") as file:
        catalog = read_po(file, locale=code)
    translated: dict[Said, Said] = {
        (each.id,) if isinstance(each.id, str) else tuple(each.id): (
            (each.string,) if isinstance(each.string, str) else tuple(each.string)
        )
        for each in catalog
        if each.id
    }
    assert said - translated.keys() == set()
    assert translated.keys() - said == set()  # what nobody says any more
    assert {(each.id,) for each in catalog if KEPT in each.auto_comments} == kept
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


def test_what_the_engine_says_is_translated_and_so_is_what_tables_kept_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (problem,) = parse("taken:summer a dog").problems
    error = errors.PhotoError("the download failed: {reason}", reason=unreadable(PermissionError()))
    assert str(problem).startswith("taken:summer was left out: write a day")
    assert language.told(problem) == problem
    monkeypatch.setattr(language, "language", lambda: "ru")
    assert language.told(problem).startswith("taken:summer не учтено: напишите день, месяц")
    translated = "загрузка не удалась: нет прав на чтение файла"
    assert language.told(error.message) == translated
    assert language.told(f"{error}") == translated
    assert language.told("exact, half precision") == "точный, половинная точность"
    assert language.told("something that nobody foresaw") == "something that nobody foresaw"


def test_errors_and_their_sentences_survive_being_sent_to_another_process() -> None:
    error = errors.AlbumscopeError("No photo {photo} in the library", photo=7)
    sent = pickle.loads(pickle.dumps(error))
    assert str(sent) == "No photo 7 in the library"
    assert sent.message.template == "No photo {photo} in the library"
    assert sent.message.values == {"photo": 7}
