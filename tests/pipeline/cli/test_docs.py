"""README and docs are right: what they name is there, and their blocks run, or say why not."""

import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from markdown_it import MarkdownIt
from markdown_it.token import Token

from pipeline.cli import main
from pipeline.settings import Settings
from tests.conftest import DEMO_PHOTOS, PROJECT_ROOT
from tests.pipeline.command_line import Run

PAGES = {
    str(path.relative_to(PROJECT_ROOT)): path
    for pattern in ("*.md", "docs/*.md", "data/demo/*.md", "search_app/**/README.md")
    for path in sorted(PROJECT_ROOT.glob(pattern))
}
IS_NOT_RUN = re.compile(r"<!-- not run: .+ -->\n?")  # before a block, with the reason
RUN = ("sh", "python")
OTHER = ("dotenv", "toml", "yaml", "nginx", "json", "")  # no commands; the last are drawings
FOLDERS = "benchmarks|data/demo|deploy|docs|pipeline|search_app|tests"
IN_REPOSITORY = re.compile(rf"(?<![\w./-])(?:{FOLDERS})/[\w./-]*")
DOCS_NAMED_BY = ("*.example", "*.yaml", "pipeline/**/*.py", "search_app/**/*.py")


@cache
def tokens(page: str) -> list[Token]:
    """The page's parts in their order; those within lines, too."""
    markdown = MarkdownIt("commonmark").enable("table").parse(PAGES[page].read_text())
    return [each for token in markdown for each in (token, *(token.children or ()))]


def blocks(page: str, *languages: str, run_only: bool = False) -> Iterator[str]:
    """The texts of the fenced blocks in one of the languages; all, or those that are to be run."""
    before = ""
    for token in tokens(page):
        is_wanted = token.type == "fence" and token.info in languages
        if is_wanted and not (run_only and IS_NOT_RUN.fullmatch(before)):
            yield token.content
        before = token.content if token.type == "html_block" else ""


def commands(text: str) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The lines of a shell's block: the settings that are before a command, and its words."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(re.sub("(?<=[ =])~(?=/)", str(Path.home()), line), comments=True)
        given = {}
        while words and (setting := re.fullmatch(r"([A-Z_]+)=(.*)", words[0])):
            given[setting[1]] = setting[2]
            words.pop(0)
        if words:
            yield given, [words[0].removeprefix(".venv/bin/"), *words[1:]]


def subcommands() -> dict[str, Any]:
    """The commands of ``albumscope`` by their names, ``token create`` being one of two words."""

    def walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
        for each, below in getattr(command, "commands", {}).items():
            yield f"{name}{each}", below
            yield from walk(below, f"{name}{each} ")

    return dict(walk(typer.main.get_command(main.app), ""))


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: str) -> set[str]:
    found = tokens(page)
    return {
        slug("".join(each.content for each in (found[at + 1].children or ())))
        for at, token in enumerate(found)
        if token.type == "heading_open"
    }


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for token in tokens(page):
        target = token.attrGet("href") or token.attrGet("src")
        if not target or re.match("[a-z]+:", str(target)):
            continue
        path, _, anchor = str(target).partition("#")
        there = (PAGES[page].parent / path if path else PAGES[page]).resolve()
        assert there.exists(), f"{target} is not there"
        if anchor:
            name = str(there.relative_to(PROJECT_ROOT))
            assert anchor in anchors(name), f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES)
def test_no_block_is_of_a_kind_that_nobody_looks_at(page: str) -> None:
    assert {each.info for each in tokens(page) if each.type == "fence"} <= {*RUN, *OTHER}
    assert not any(each.type == "code_block" for each in tokens(page))


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_are_there(page: str) -> None:
    for token in tokens(page):
        if token.type in {"code_inline", "html_block"}:
            for name in IN_REPOSITORY.findall(token.content):
                assert (PROJECT_ROOT / name).exists(), name


def test_pages_that_are_named_elsewhere_are_there() -> None:
    for pattern in DOCS_NAMED_BY:
        for path in PROJECT_ROOT.glob(pattern):
            for name in re.findall(r"docs/\w+\.md", path.read_text()):
                assert name in PAGES, f"{path}: {name}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_are_known(page: str) -> None:
    written = [*blocks(page, "sh")]
    written += [token.content for token in tokens(page) if token.type == "code_inline"]
    known = subcommands()
    for text in written:
        if "albumscope" not in text:
            continue
        for _, (program, *words) in commands(text):
            if program != "albumscope" or not words or words[0] == "--help":
                continue
            name = " ".join(words[:2]) if " ".join(words[:2]) in known else words[0]
            assert name in known, f"there is no command {name}"
            options = {each for parameter in known[name].params for each in parameter.opts}
            given = {word for word in words if re.fullmatch(r"--?[a-z][\w-]*", word)}
            assert given <= options | {"--help"}, text


def test_readme_names_all_commands() -> None:
    readme = PAGES["README.md"].read_text()
    groups = {name for name, command in subcommands().items() if hasattr(command, "commands")}
    for name in subcommands().keys() - groups:
        assert re.search(rf"`{name}[` ]", readme), f"README does not name {name}"


@pytest.mark.parametrize("page", PAGES)
def test_settings_are_known_and_valid(page: str, tmp_path: Path) -> None:
    for text in blocks(page, "dotenv"):
        (tmp_path / ".env").write_text(text)
        names = {name for name in re.findall(r"^(\w+)=", text, re.M) if name[:4] != "AWS_"}
        assert names <= {name.upper() for name in Settings.model_fields}
        Settings(_env_file=tmp_path / ".env")
        # systemd and kubectl read the rest of a line as it stands
        assert not re.search(r"""^\w+=(["']|.* #)""", text, re.M), "a comment or quotes in a line"
    for text in blocks(page, "toml"):
        tomllib.loads(text)


def test_the_example_has_all_settings_with_their_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    example = PROJECT_ROOT / ".env.example"
    names = re.findall("^(?:# )?([A-Z_]+)=", example.read_text(), re.M)
    named = {name for name in names if name[:4] != "AWS_"}
    assert named == {name.upper() for name in Settings.model_fields}
    assert Settings(_env_file=example) == Settings(_env_file=None)


@pytest.fixture
def reader(demo_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in a checkout in which ``make demo`` was run, with photos in ``~/Pictures``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATA_DIR")
    shutil.copytree(demo_library, "data")
    Path("data/demo").symlink_to(DEMO_PHOTOS)
    photos = tmp_path / "home" / "Pictures" / "Harbour"
    photos.mkdir(parents=True)
    shutil.copy(DEMO_PHOTOS / "Northern Light 2015" / "rowing-boats.jpg", photos / "IMG_3551.jpg")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.mark.usefixtures("reader", "quick_runs")
@pytest.mark.parametrize("page", [page for page in PAGES if any(blocks(page, *RUN, run_only=True))])
def test_blocks_run(page: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after another, as a reader would; only ``albumscope`` is run of a shell's commands."""
    python: dict[str, object] = {}
    for text in blocks(page, *RUN, run_only=True):
        if text in blocks(page, "python"):
            exec(compile(text, page, "exec"), python)
            continue
        for settings, (program, *words) in commands(text):
            assert program == "albumscope", f"mark the block as not run: {program}"
            with monkeypatch.context() as patch:
                for name, value in settings.items():
                    patch.setenv(name, value)
                result = run(*words)
            assert result.code == 0, (words, result.err)
