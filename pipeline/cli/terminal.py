"""What the command line prints: tables, JSON, progress bars, errors."""

import json
import logging
import re
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NoReturn, TextIO

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typing_extensions import override

from pipeline.errors import AlbumscopeError
from pipeline.settings import load_settings

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_NO_TEXT = re.compile(r"[\ud800-\udfff]")
_NO_WIDTH_LIMIT = 100_000
_NEVER_CUT = {"album_id", "image_id", "name"}  # what people copy into the next command

_out = Console()
_err = Console(stderr=True, soft_wrap=True)


def say(text: str) -> None:
    """Print one line for a person, on standard error: standard output is for results."""
    _err.print(Text(text))


class SayHandler(logging.Handler):
    """Prints what is logged, a line each."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        say(record.getMessage())


class WithoutDagstersWords:
    """A stream without what Dagster itself writes of events that it cannot store.

    It raises the reason as well, a full disk, which is told once.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write what is not of that."""
        is_dagsters = text.startswith("Exception while writing logger call to event log")
        return len(text) if is_dagsters else self._stream.write(text)


def warn(texts: Sequence[str]) -> None:
    """Print warnings, a line each."""
    for text in texts:
        _err.print(Text(f"Warning: {_one_line(text)}", style="yellow"))


def exit_if(failed: Mapping[str, str]) -> None:
    """If anything failed, print each reason once, and exit with code 1."""
    for reason in dict.fromkeys(failed.values()):
        _err.print(Text(f"Error: {_one_line(reason)}", style="red"))
    if failed:
        sys.exit(1)


def fail(text: str, *, code: int = 1) -> NoReturn:
    """Print an error, one line, and exit."""
    _err.print(Text(f"Error: {_one_line(text)}", style="red"))
    sys.exit(code)


def fail_unexpectedly(error: Exception) -> NoReturn:
    """Print one line for an error that nobody foresaw, and put the traceback into a file."""
    details = ""
    try:
        path = load_settings().data_dir / "albumscope.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"{datetime.now().astimezone().isoformat()} {sys.argv}\n")
            traceback.print_exception(error, file=file)
        details = f" Details are in {path}; please report them."
    except (OSError, AlbumscopeError):  # the log is a courtesy
        pass
    fail(f"Unexpected {type(error).__name__}: {error}.{details}")


def print_json(value: object) -> None:
    """Print JSON on standard output, in UTF-8; bytes of file names that are no text as \\xNN."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=_as_json)
    text = _NO_TEXT.sub(lambda match: "\\" + _escaped(match), text)  # of JSON's own escapes
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.flush()


def print_rows(
    rows: Sequence[Mapping[str, Any]],
    *,
    as_json: bool,
    empty: str,
    columns: Sequence[str] | None = None,
) -> None:
    """Print rows as JSON with all their columns, or as a table with some of them."""
    if as_json:
        print_json(rows)
        return
    if not rows:
        say(empty)
        return
    shown = columns or list(rows[0])
    table = Table(header_style="bold", box=SIMPLE)
    for column in shown:
        table.add_column(column.replace("_", " "), overflow="fold", no_wrap=column in _NEVER_CUT)
    for row in rows:
        table.add_row(*[_cell(row[column]) for column in shown])
    _print(table)


def print_fields(values: Mapping[str, Any]) -> None:
    """Print one thing's fields, a line each."""
    table = Table(show_header=False, box=None)
    for name, value in values.items():
        table.add_row(Text(name.replace("_", " "), style="bold"), _cell(value))
    _print(table)


@contextmanager
def progress_bars() -> Iterator[
    tuple[Callable[[int], None], Callable[[str, Mapping[str, Any], int], None]]
]:
    """Show a bar for each table while a sync works.

    Yields two functions: one is told how many photos there are in all, the other of photos as
    they are done (table, album, how many of it by now).
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<20}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeRemainingColumn(),
        TextColumn("{task.fields[album]}", markup=False),
    )
    # into a file or a pipe it would print an empty line
    hidden = not _err.is_terminal
    with Progress(*columns, console=_err, transient=True, disable=hidden) as progress:
        tasks = {}
        done: Counter[tuple[str, str]] = Counter()
        total: int | None = None

        def on_start(photos: int) -> None:
            nonlocal total
            total = photos

        def on_progress(table: str, album: Mapping[str, Any], photos: int) -> None:
            if table not in tasks:
                name = table.replace("_", " ")
                tasks[table] = progress.add_task(name, total=total, album="")
            key = table, album["album_id"]  # which several runs may go on with
            progress.update(tasks[table], advance=photos - done[key], album=album["title"])
            done[key] = photos

        yield on_start, on_progress


def _print(table: Table) -> None:
    """Print a table as wide as the terminal; into a file or a pipe one line for each row."""
    console = _out if _out.is_terminal else Console(width=_NO_WIDTH_LIMIT)
    console.print(table)


def _cell(value: object) -> Text:
    if value is None or value == []:
        return Text("–", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, float):
        return Text(f"{value:.4g}")
    if isinstance(value, list):
        return Text(_one_line(", ".join(map(str, value))))
    return Text(_one_line(str(value)))


def _one_line(text: str) -> str:
    """Escape what would disturb a terminal, or is no text: file names may hold any bytes."""
    line = " ".join(text.split())
    return _UNPRINTABLE.sub(_escaped, line)


def _escaped(match: re.Match[str]) -> str:
    r"""One character by its code; a byte that is no text as \xNN, as ``printable`` writes it."""
    character = match[0]
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def _as_json(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else str(value)
