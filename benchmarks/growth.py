"""Do costs grow as the work does, or faster?

    python benchmarks/growth.py [--albums 800] [--photos 20000] [--quiet-albums 1000]

A first sync of ever more albums on Flickr, one large folder against twenty small ones of as many
photos in all, and what is asked of a library in which nothing is new. Models that take no time
stand in for the real ones, pictures have one pixel, and Flickr is the stand-in of the tests, so
that Albumscope's own cost is all there is. It is told in seconds of CPU, which a busy machine
changes least.
"""

import argparse
import io
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest
from PIL import Image
from quiet_night import make_library
from report import Line, print_table

from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.cli import servers
from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.sources.folder.registrations import Registration, register

sys.path.append(str(Path(__file__).parents[1]))  # where the tests' stand-ins lie
from tests.pipeline.quick_model import use_quick_models
from tests.standins.flickr import FlickrStandIn, make_albums

os.environ |= {"OCR": "off", "FACES": "off"}  # no model costs anything here

LEVEL_ALBUMS = 1.3  # how much more an album may cost among many than among few
LEVEL_FOLDER = 1.1  # how much more a photo may cost in one folder than in twenty
LIMIT = 3.0  # seconds of CPU
SMALL_FOLDERS = 20
PHOTOS_AN_ALBUM = 2

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def in_a_process(
    function: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """Call a function in a process that has done nothing else."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *args, **kwargs).result()


def first_sync(settings: Settings) -> float:
    """Sync a library from nothing; returns the seconds of CPU, without those of the imports."""
    import pipeline.definitions  # noqa: F401

    use_quick_models(pytest.MonkeyPatch())
    library = Library(settings)
    with open_instance(settings) as instance:
        started = time.process_time()
        report = sync.sync(library, instance)
        took = time.process_time() - started
    assert report.published and not report.failed and not report.photos_failed, report
    return took


def flickr_albums(albums: int) -> float:
    """Seconds of CPU that a first sync of so many albums on Flickr takes."""
    made = make_albums(albums, PHOTOS_AN_ALBUM, size=(1, 1))
    for album in made:
        for photo in album.photos:
            photo.downloadable = True  # of one pixel there is the original alone
    with tempfile.TemporaryDirectory() as root, FlickrStandIn(made) as flickr:
        values = {name.lower(): value for name, value in flickr.environment.items()}
        settings = Settings(data_dir=Path(root), caption_model="none", **values)
        return in_a_process(first_sync, settings)


def folders(albums: int, photos: int) -> float:
    """Seconds of CPU that a first sync of so many folders with so many photos each takes."""
    with tempfile.TemporaryDirectory() as root:
        make_photos(Path(root) / "photos", albums, photos)
        settings = Settings(data_dir=Path(root) / "library")
        register(Library(settings).storage, Registration(f"{root}/photos", recursive=True))
        return in_a_process(first_sync, settings)


def make_photos(root: Path, albums: int, photos: int) -> None:
    """Make folders of photos of one pixel, of which no two are the same file."""
    picture = io.BytesIO()
    Image.new("RGB", (1, 1), "teal").save(picture, "JPEG", comment=b"%10d" % 0)
    before, after = picture.getvalue().split(b"%10d" % 0)
    for album in range(albums):
        place = root / f"Album {album:03}"
        place.mkdir(parents=True)
        for photo in range(photos):
            number = b"%10d" % (album * photos + photo)
            (place / f"photo {photo:06}.jpg").write_bytes(before + number + after)


def asked(command: str, environment: Mapping[str, str]) -> float:
    """Seconds of CPU that a command of ``albumscope`` takes from start to end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    arguments = [sys.executable, "-m", "pipeline.cli", command]
    subprocess.run(arguments, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def with_nothing_new(albums: int) -> list[Line]:
    """What the commands that only look cost in a library of so many albums."""
    flickr = FlickrStandIn(make_albums(albums, PHOTOS_AN_ALBUM))
    with tempfile.TemporaryDirectory() as root, flickr:
        os.environ |= flickr.environment | {"DATA_DIR": root}
        settings = Settings(_env_file=None)
        in_a_process(make_library, settings)
        environment = servers.environment(settings)
        asked("sync", environment)  # after which a library is as any sync leaves it
        seconds = {command: asked(command, environment) for command in ("status", "albums", "sync")}
    return [
        Line(
            f"`albumscope {command}`{' with nothing new' if command == 'sync' else ''}, {albums:,}"
            f" albums of {PHOTOS_AN_ALBUM} photos",
            f"{took:.1f} s",
            limit=f"≤ {LIMIT:.0f} s",
            reached=took <= LIMIT,
        )
        for command, took in seconds.items()
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--albums", type=int, default=800, help="the most albums of a first sync")
    parser.add_argument("--photos", type=int, default=20_000, help="in one folder")
    parser.add_argument("--quiet-albums", type=int, default=1000, help="with nothing new")
    arguments = parser.parse_args()

    sizes = [arguments.albums // 16, arguments.albums // 4, arguments.albums]
    an_album = {}
    for albums in sizes:
        print(f"syncing {albums} albums of Flickr …", file=sys.stderr)
        an_album[albums] = flickr_albums(albums) / albums
    few, _, many = an_album.values()
    print(f"syncing {arguments.photos} photos of folders …", file=sys.stderr)
    small = folders(SMALL_FOLDERS, arguments.photos // SMALL_FOLDERS)
    large = folders(1, arguments.photos)
    print(f"asking of {arguments.quiet_albums} albums …", file=sys.stderr)
    print_table(
        "Costs that grow with the library",
        [
            Line(
                f"first sync of {sizes[2]} albums on Flickr",
                f"{1000 * many:.0f} ms an album",
                ", ".join(f"{size} albums: {1000 * an_album[size]:.0f} ms" for size in sizes[:2]),
                f"{many / few:.2f}×",
                f"≤ {LEVEL_ALBUMS}×",
                many <= LEVEL_ALBUMS * few,
            ),
            Line(
                f"first sync of one folder of {arguments.photos:,} photos",
                f"{1000 * large / arguments.photos:.2f} ms a photo",
                f"{SMALL_FOLDERS} folders: {1000 * small / arguments.photos:.2f} ms",
                f"{large / small:.2f}×",
                f"≤ {LEVEL_FOLDER}×",
                large <= LEVEL_FOLDER * small,
            ),
            *with_nothing_new(arguments.quiet_albums),
        ],
        f"Seconds of CPU. Albums on Flickr have {PHOTOS_AN_ALBUM} photos and get no captions. The"
        " models take no time. Commands are processes of their own, from start to end.",
    )


if __name__ == "__main__":
    main()
