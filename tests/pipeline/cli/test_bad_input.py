"""An album of everything that goes wrong with photos: synced, looked at, mended, synced again."""

import io
import json
import os
import re
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.photos.files import printable
from tests.pipeline.cli.several_commands import run_several
from tests.pipeline.command_line import Result, Run

CAT = Path(__file__).parents[3] / "data" / "demo" / "Things and Places" / "cat-portrait.jpg"
GIGABYTE = 1_000_000_000
LOOKING = (
    *(["status", "--json"], ["images", "--json"], ["status"]),
    ["sync", "--dry-run", "--json"],
)

GOOD = [
    "cmyk.jpg",
    "16 bits.png",
    "transparent palette.gif",
    "gray with alpha.png",
    "float.tif",
    "animated.webp",
    "vast.jpg",
    "vast 1.png",
    "vast 2.png",
    "with space.jpg",
    "quote ' and \".jpg",
    "emoji 🐈.jpg",
    "new\nline.jpg",
    os.fsdecode(b"caf\xe9.jpg"),
    "--help.jpg",
    "\x1b[31mred.jpg",
]
BAD = {  # name: stage and reason
    "text.jpg": ("raw_images", "not a photo in a format that can be read"),
    "empty.jpg": ("raw_images", "the file is empty"),
    "bomb.png": (
        "raw_images",
        "300000 × 60000 pixels take 90.0 GB of memory to decode; this machine can give",
    ),
    "locked.jpg": ("raw_images", "no permission to read the file"),
    "truncated.png": ("siglip_embeddings", "the file is damaged: image file is truncated"),
    "vanishing.jpg": ("siglip_embeddings", "the file is gone"),
}


def write_photos(album: Path) -> None:
    cat = Image.open(CAT).convert("RGB")
    gray = np.asarray(cat.convert("L"))

    cat.convert("CMYK").save(album / "cmyk.jpg")
    Image.fromarray(gray.astype(np.uint16) * 257).save(album / "16 bits.png")
    cat.quantize(255).save(album / "transparent palette.gif", transparency=0)
    cat.convert("LA").save(album / "gray with alpha.png")
    Image.fromarray(gray.astype(np.float32) / 255).save(album / "float.tif")
    cat.save(album / "animated.webp", save_all=True, append_images=[cat.rotate(90)])
    Image.new("RGB", (12_000, 12_000), "teal").save(album / "vast.jpg", quality=50)
    write_vast_png(album / "vast 1.png", 15_000, 15_000)
    write_vast_png(album / "vast 2.png", 15_000, 2_000)  # no memory beside the first
    for turn, name in enumerate(GOOD[-7:], start=1):  # each with bytes of its own
        cat.rotate(turn).save(album / name)

    (album / "text.jpg").write_text("no photo\n" * 100)
    (album / "empty.jpg").write_bytes(b"")
    write_vast_png(album / "bomb.png", 300_000, 60_000)
    cat.rotate(10).save(album / "locked.jpg")
    (album / "locked.jpg").chmod(0)
    (album / "truncated.png").write_bytes(whole_photo()[:5000])
    cat.rotate(20).save(album / "vanishing.jpg")


def whole_photo() -> bytes:
    file = io.BytesIO()
    Image.open(CAT).rotate(30).save(file, "PNG")
    return file.getvalue()


def write_vast_png(path: Path, width: int, height: int) -> None:
    """Write a black PNG of any size at once: compressed zeros can be repeated as they are."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    row = bytes(1 + 3 * width)
    compressor = zlib.compressobj(wbits=-15)
    rows = compressor.compress(row * 100) + compressor.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(wbits=-15).flush()
    adler = (len(row) * height % 65521) << 16 | 1  # of zeros
    data = b"\x78\x01" + rows * (height // 100) + end + struct.pack(">I", adler)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


@dataclass(frozen=True)
class Finished:
    """A sync that has ended; ``memory`` is the most that it had at once, in bytes."""

    code: int
    err: str
    memory: int


class CommandLine:
    """Runs ``albumscope`` on a library of its own, by a user whom permissions bind."""

    def __init__(self, prefix: list[str], folder: Path) -> None:
        self.data_dir = folder / "library"
        self._prefix = prefix
        self._err = folder / "err"

    def start_sync(self) -> "subprocess.Popen[bytes]":
        with self._err.open("wb") as err:
            return subprocess.Popen(
                [*self._prefix, sys.executable, "-m", "pipeline.cli", "sync"],
                env={**os.environ, "DATA_DIR": str(self.data_dir)},
                stderr=err,
            )

    def finish(self, process: "subprocess.Popen[bytes]") -> Finished:
        memory = 0
        while process.poll() is None:
            memory = max(memory, most_memory(process.pid))
            time.sleep(0.02)
        return Finished(process.returncode, self._err.read_text(), memory)

    def ask(self, *commands: list[str]) -> list[Result]:
        """Run commands in one process, in which syncs do without Dagster's runs."""
        return run_several(self._prefix, *commands, env={"DATA_DIR": str(self.data_dir)})


def most_memory(process_id: int) -> int:
    """The most that a process has had until now, in bytes; 0 once it has ended.

    What the system tells of an ended process counts the memory of the one that started it.
    """
    with suppress(OSError):
        told = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process_id}/status").read_text())
        return 1024 * int(told[1]) if told else 0
    return 0


@dataclass(frozen=True)
class Library:
    """What the command line says of the library at one time."""

    told: str
    """By the sync before, on standard error."""
    status: Mapping[str, Any]
    images: list[dict[str, Any]]
    table: str
    """The status as people see it."""
    dry_run: Result
    """What there is to do."""

    def failure(self, name: str, stage: str) -> Mapping[str, Any] | None:
        found = (f for f in self.status["failed"] if (f["photo"], f["stage"]) == (name, stage))
        return next(found, None)

    def names(self) -> set[str]:
        return {Path(image["path"]).name for image in self.images}


def look(told: str, status: Result, images: Result, table: Result, dry_run: Result) -> Library:
    """The library as the commands of ``LOOKING`` have it."""
    return Library(told, json.loads(status.out), json.loads(images.out), table.out, dry_run)


def files(root: Path) -> dict[str, tuple[int, int, int, int]]:
    return {
        str(path): (stat.st_ino, stat.st_mode, stat.st_size, stat.st_mtime_ns)
        for path in root.rglob("*")
        if (stat := path.lstat())
    }


@pytest.fixture(scope="module")
def command_line(unprivileged: list[str], tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    return CommandLine(unprivileged, tmp_path_factory.mktemp("bad-input"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with the bad album and two good ones below a folder that will be shut."""
    root = tmp_path_factory.mktemp("photos")
    for name in ("Bad 2020", "Shut/Below"):
        (root / name).mkdir(parents=True)
    write_photos(root / "Bad 2020")
    for number, name in enumerate(("Shut/a.jpg", "Shut/Below/b.jpg"), start=1):
        Image.open(CAT).rotate(-number).save(root / name)
    return root


@pytest.fixture(scope="module")
def before(root: Path) -> dict[str, tuple[int, int, int, int]]:
    return files(root)


@pytest.fixture(scope="module")
def first_sync(command_line: CommandLine, root: Path, before: object) -> Finished:
    """The first sync, during which one photo vanishes."""
    (added,) = command_line.ask(["add-folder", "-r", str(root)])
    assert added.code == 0, added.err
    syncing = command_line.start_sync()
    while not list(command_line.data_dir.glob("tables/raw_images/bad-2020-*.parquet")):
        assert syncing.poll() is None
        time.sleep(0.01)
    (root / "Bad 2020" / "vanishing.jpg").unlink()
    return command_line.finish(syncing)


@pytest.fixture(scope="module")
def first(command_line: CommandLine, first_sync: Finished) -> Library:
    """The library after its first sync."""
    return look(first_sync.err, *command_line.ask(*LOOKING))


@pytest.fixture(scope="module")
def mended(command_line: CommandLine, root: Path, first: Library) -> Library:
    """The library after some of the damage was mended, and a folder was shut."""
    (root / "Bad 2020" / "locked.jpg").chmod(0o644)
    (root / "Bad 2020" / "truncated.png").write_bytes(whole_photo())
    (root / "Shut").chmod(0)
    sync, *looks = command_line.ask(["sync"], *LOOKING)
    return look(sync.err, *looks)


def test_the_sync_succeeds_and_says_no_more_than_that(first_sync: Finished) -> None:
    assert first_sync.code == 0
    done, failed = first_sync.err.strip().splitlines()
    assert done.startswith("3 albums brought up to date")
    assert failed.endswith("photos failed: `albumscope status` says why.")


def test_memory_stays_under_two_gigabytes(first_sync: Finished) -> None:
    assert first_sync.memory < 2 * GIGABYTE


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_read_is_in_the_library(first: Library, root: Path, name: str) -> None:
    path = printable(root / "Bad 2020" / name)
    (image,) = (image for image in first.images if image["path"] == path)
    assert image["relative_path"] == f"Bad 2020/{printable(name)}"
    assert first.failure(name, "raw_images") is None


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_is_told_with_its_reason(first: Library, name: str) -> None:
    stage, reason = BAD[name]
    failure = first.failure(f"Bad 2020/{name}", stage)
    assert failure is not None
    assert failure["reason"].startswith(reason)
    assert failure["attempts"] == 1
    (row,) = (line for line in first.table.splitlines() if name in line and stage in line)
    assert reason in row


def test_every_photo_is_counted(first: Library) -> None:
    bad, shut, below = first.status["albums"]
    assert bad["title"] == "Bad 2020"
    raw, vectors = bad["stages"]["raw_images"], bad["stages"]["siglip_embeddings"]
    assert raw == {"done": len(GOOD) + 1, "missing": 0, "failed": 4}
    assert vectors == {"done": len(GOOD), "missing": 0, "failed": 2}
    for album in (shut, below):
        done = {table: stage["done"] for table, stage in album["stages"].items()}
        off = {"visible_text": 0, "faces": 0}  # as all tests have it
        assert done == dict.fromkeys(done, 1) | off


def test_odd_names_do_not_disturb_a_terminal(
    run: Run, command_line: CommandLine, first: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(command_line.data_dir))
    shown = run("images").out
    assert "\\x1b[31mred.jpg" in shown
    assert "caf\\xe9.jpg" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_a_terminal_cannot_show_is_replaced(
    run: Run,
    command_line: CommandLine,
    first: Library,
    monkeypatch: pytest.MonkeyPatch,
    encoding: str,
) -> None:
    monkeypatch.setenv("DATA_DIR", str(command_line.data_dir))
    terminal = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(terminal, encoding, write_through=True))
    shown = run("images")
    assert (shown.code, shown.err) == (0, "")
    assert b"emoji ?" in terminal.getvalue()


def test_originals_are_as_they_were(
    root: Path, before: dict[str, tuple[int, int, int, int]], first: Library
) -> None:
    now = files(root)
    assert now.keys() <= before.keys()
    assert {path.rpartition("/")[2] for path in before.keys() - now.keys()} <= {"vanishing.jpg"}


def test_mended_and_replaced_photos_are_taken_up(first: Library, mended: Library) -> None:
    new = {"locked.jpg", "truncated.png"}
    assert new.isdisjoint(first.names() - {"truncated.png"})
    assert new <= mended.names()
    for name in new:
        for stage in ("raw_images", "llm_captions", "siglip_embeddings"):
            assert mended.failure(f"Bad 2020/{name}", stage) is None


def test_what_failed_for_good_is_not_tried_again(first: Library, mended: Library) -> None:
    for name in ("text.jpg", "empty.jpg", "bomb.png"):
        assert mended.failure(f"Bad 2020/{name}", "raw_images") == first.failure(
            f"Bad 2020/{name}", "raw_images"
        )
    assert {failure["photo"] for failure in mended.status["failed"]} == {
        f"Bad 2020/{name}" for name in ("text.jpg", "empty.jpg", "bomb.png")
    }


def test_a_shut_folder_keeps_its_albums_and_says_so(root: Path, mended: Library) -> None:
    assert f"Warning: {root}/Shut cannot be read; its album is kept as it was" in mended.told
    assert f"Warning: {root}/Shut/Below cannot be read" in mended.told
    assert {"a.jpg", "b.jpg"} <= mended.names()


def test_a_shut_folder_does_not_hide_what_else_there_is_to_do(mended: Library) -> None:
    assert mended.dry_run.code == 0
    to_do = json.loads(mended.dry_run.out)
    assert [(row["title"], row["new"]) for row in to_do] == [("Bad 2020", 0)]
    assert "Shut" in mended.dry_run.err


@pytest.mark.usefixtures("quick_runs")
def test_then_it_is_back_as_it_was(
    run: Run,
    command_line: CommandLine,
    root: Path,
    mended: Library,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the folder was opened again, with nothing else to do."""
    (root / "Shut").chmod(0o755)
    monkeypatch.setenv("DATA_DIR", str(command_line.data_dir))
    synced = run("sync")
    assert synced.code == 0
    assert synced.err.strip().startswith("Published what changed")  # its albums are back
    assert run("images", "--json").json == mended.images
    assert run("status", "--json").json["albums"] == [
        album | {"is_away": False} for album in mended.status["albums"]
    ]
