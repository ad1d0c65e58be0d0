"""Three hundred damaged files of all formats in one album: is each in the library or named?

    python benchmarks/mutated_files.py [--files 300]

Photos of every format are damaged in one of four ways: bits turned, cut, a part repeated, a part of
another file put in. Then the album is synced from the command line with the embedded models.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from report import Line, print_table

import pipeline.photos.pillow  # noqa: F401  # all formats

sys.path.append(str(Path(__file__).parents[1]))  # where the tests' helpers lie
from tests.conftest import DEMO_PHOTOS
from tests.pipeline.photos.camera_raw import write_dng

FORMATS = {
    "jpg": "JPEG", "png": "PNG", "webp": "WEBP", "tif": "TIFF", "gif": "GIF", "heic": "HEIF",
    "avif": "AVIF", "jxl": "JXL", "dng": "DNG",
}  # fmt: skip
GIGABYTE = 10**9


def make_files(album: Path, files: int, chance: random.Random) -> None:
    """Write the damaged files."""
    photos = sorted(DEMO_PHOTOS.rglob("*.jpg"))
    contents = {}
    for suffix, image_format in FORMATS.items():
        path = album / f"whole.{suffix}"
        if suffix == "dng":
            write_dng(path, preview_side=1200)
        else:
            photo = Image.open(chance.choice(photos)).convert("RGB")
            photo.thumbnail((640, 640))
            photo.save(path, image_format)
        contents[suffix] = path.read_bytes()
        path.unlink()
    for number in range(files):
        suffix = chance.choice(list(FORMATS))
        (album / f"{number:03}.{suffix}").write_bytes(damaged(contents, suffix, chance))


def damaged(contents: dict[str, bytes], suffix: str, chance: random.Random) -> bytes:
    """The bytes of a file after something happened to them."""
    content = bytearray(contents[suffix])
    at = chance.randrange(len(content))
    match chance.randrange(4):
        case 0:
            for _ in range(chance.randrange(1, 60)):
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        case 1:
            del content[at:]
        case 2:
            content[at:at] = content[at : at + 5000]
        case _:
            other = contents[chance.choice(list(contents))]
            content[at : at + 5000] = other[at % len(other) :][:5000]
    return bytes(content)


def main() -> int:
    """Returns 1 if a file is lost, or the sync fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=300)
    files = parser.parse_args().files
    with tempfile.TemporaryDirectory() as root:
        album = Path(root, "Album")
        album.mkdir()
        make_files(album, files, random.Random(2026))
        environment = os.environ | {"DATA_DIR": f"{root}/library", "ENV_FILE": os.devnull}
        command = [sys.executable, "-m", "pipeline.cli"]

        def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
            return subprocess.run(
                [*command, *arguments], env=environment, capture_output=True, text=True, check=False
            )

        assert run("add-folder", str(album)).returncode == 0
        with subprocess.Popen(
            [*command, "sync"], env=environment, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            said = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        images = json.loads(run("images", "--json").stdout)
        told = json.loads(run("status", "--json").stdout)["failed"]
    names = {f"{Path(each['path']).name}" for each in images}
    named = {Path(each["photo"]).name for each in told}
    lost = files - len(names | named)
    memory = usage.ru_maxrss * 1024
    is_quiet = "Traceback" not in said and "Warning" not in said
    print_table(
        "Damaged files",
        [
            Line("exit code of sync", str(process.returncode), limit="0",
                 reached=process.returncode == 0),
            Line(f"of {files} files neither in nor named", str(lost), limit="0", reached=lost == 0),
            Line("named with what is wrong", str(len(named))),
            Line("most memory", f"{memory / GIGABYTE:.2f} GB", limit="< 2 GB",
                 reached=memory < 2 * GIGABYTE),
            Line("warnings and tracebacks", "none" if is_quiet else said[:300], limit="none",
                 reached=is_quiet),
        ],
    )  # fmt: skip
    return int(process.returncode != 0 or lost != 0 or not is_quiet)


if __name__ == "__main__":
    sys.exit(main())
