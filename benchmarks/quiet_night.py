"""What does a night cost on which nothing is new, with 300 albums of 100 photos on Flickr?

    python benchmarks/quiet_night.py [--albums 300] [--photos 100] [--rounds 3]

Flickr is the stand-in of the tests, which counts what it is asked. The albums are found and their
photos listed by asking it; the tables that a first sync would write after hours of downloading are
written directly, and published. Then nothing is new. Measured are ``albumscope sync`` as a shell or
cron starts it, in a process of its own, and what the nightly schedule and the sensor take for one
look in the process that Dagster keeps for them.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from PIL import Image
from report import Line, print_table

from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.cli import servers
from pipeline.library.library import Library
from pipeline.library.schemas import SCHEMAS
from pipeline.rows import utc_now
from pipeline.settings import Settings
from pipeline.snapshot import publishing
from pipeline.sources.flickr.downloads import pictures_folder

sys.path.append(str(Path(__file__).parents[1]))  # where the tests' stand-in lies
from tests.standins.flickr import FlickrStandIn, make_albums

LIMIT = 5.0  # seconds
DIMENSION = 640  # of the embedded encoder


def make_library(settings: Settings) -> None:
    """Make and publish the library that a first sync of all albums would have made."""
    library = Library(settings)
    random = np.random.default_rng(7)
    picture = io.BytesIO()
    Image.new("RGB", (24, 16), "teal").save(picture, "JPEG")
    with open_instance(settings) as instance:
        sync.find_albums(library, instance)
    for album in library.albums():
        library.raw_images.update_listing(album)
        folder = library.settings.library_dir / pictures_folder(album["album_id"])
        folder.mkdir(parents=True)
        for item in library.raw_images.wanted(album):
            (folder / f"{item.image_id}.jpg").write_bytes(picture.getvalue())
        for table, stage in library.stages.items():
            rows = [
                {
                    "image_id": item.image_id,
                    **made_of(table, item.image_id, folder, random),
                    **stage.origin(item),
                    "attempts": 1,
                    "created_at": utc_now(),
                }
                for item in stage.wanted(album)
            ]
            made = pa.Table.from_pylist(rows, SCHEMAS[table])
            library.tables.write(table, album["album_id"], made)
    publishing.publish(library, duckdb.connect, "benchmark")


def made_of(
    table: str, image_id: int, folder: Path, random: np.random.Generator
) -> dict[str, object]:
    """What a table says of a photo, beside what it is made from."""
    if table == "raw_images":
        name = f"{image_id}.jpg"
        return {
            "path": os.fsencode(folder / name),
            "relative_path": f"{folder.name}/{name}",
            "source": "flickr",
            "flickr_photo_id": str(image_id),
            "title": f"Photo {image_id}",
            "tags": [],
            "sha256": f"{image_id:064x}",
        }
    if table == "llm_captions":
        return {"model_name": "embedded", "caption": f"A photo of {image_id}", "tags": ["photo"]}
    if table.endswith("_embeddings"):
        vector = random.normal(size=DIMENSION).astype(np.float32)
        return {"model_name": "embedded", "embedding": vector / np.linalg.norm(vector)}
    return {}


def runs(settings: Settings) -> int:
    """How many runs Dagster knows."""
    with open_instance(settings) as instance:
        return instance.get_runs_count()


def synced(environment: Mapping[str, str]) -> float:
    """Seconds that ``albumscope sync`` takes, which must find nothing."""
    command = [sys.executable, "-m", "pipeline.cli", "sync"]
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    assert "Nothing new" in done.stdout + done.stderr, done
    return seconds


def looked(settings: Settings, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of the schedule and of the sensor for one look each, as Dagster's daemon asks them.

    The sensor's first look, which goes through all albums, is its slowest: it is told here each
    time to remember nothing.
    """
    import dagster as dg

    from pipeline.assets.project import definitions

    library = Library(settings)
    repository = definitions(library).get_repository_def()
    schedule = repository.get_schedule_def("nightly_sync")
    sensor = repository.get_sensor_def("album_changes")
    nights, looks = [], []
    with open_instance(settings) as instance:
        for _ in range(rounds):
            started = time.perf_counter()
            with dg.build_schedule_context(
                instance, repository_def=repository, resources={"library": library}
            ) as night:
                assert not schedule.evaluate_tick(night).run_requests
            nights.append(time.perf_counter() - started)
            started = time.perf_counter()
            with dg.build_sensor_context(
                instance, repository_def=repository, resources={"library": library}
            ) as look:
                assert not sensor.evaluate_tick(look).run_requests
            looks.append(time.perf_counter() - started)
    return nights, looks


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--albums", type=int, default=300)
    parser.add_argument("--photos", type=int, default=100, help="in each album")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    albums = make_albums(arguments.albums, arguments.photos)
    with tempfile.TemporaryDirectory() as root, FlickrStandIn(albums) as flickr:
        os.environ |= flickr.environment | {"DATA_DIR": root}
        settings = Settings(_env_file=None)
        print("making the library …", file=sys.stderr)
        make_library(settings)
        environment = servers.environment(settings)
        before = runs(settings)
        calls = len(flickr.calls)
        print("syncing …", file=sys.stderr)
        syncs = [synced(environment) for _ in range(arguments.rounds)]
        calls_a_sync = (len(flickr.calls) - calls) / arguments.rounds
        calls = len(flickr.calls)
        nights, looks = looked(settings, arguments.rounds)
        calls_a_night = (len(flickr.calls) - calls) / arguments.rounds
        started = runs(settings) - before
    what = f"with nothing new, {arguments.albums} albums, {len(albums) * arguments.photos:,} photos"
    took = statistics.median(syncs)
    night = statistics.median(nights) + statistics.median(looks)
    print_table(
        "A night with nothing new",
        [
            Line(f"`albumscope sync` {what}", f"{took:.1f} s", limit="5 s", reached=took < LIMIT),
            Line("its calls of Flickr's API", f"{calls_a_sync:g}", limit="1",
                 reached=calls_a_sync == 1),
            Line("one look of schedule and sensor in Dagster", f"{night:.1f} s", limit="5 s",
                 reached=night < LIMIT),
            Line("their calls of Flickr's API", f"{calls_a_night:g}", limit="1",
                 reached=calls_a_night == 1),
            Line("runs started by all of that", f"{started}", limit="0", reached=started == 0),
        ],
        f"Medians of {arguments.rounds} rounds. The sync is a process of its own, from start to"
        " end. The look is that of a sensor that remembers nothing; afterwards it compares a"
        " fingerprint of the tables.",
    )  # fmt: skip


if __name__ == "__main__":
    main()
