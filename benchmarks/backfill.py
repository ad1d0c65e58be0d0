"""What does Dagster itself cost in a backfill, with the embedded models?

    python benchmarks/backfill.py [--albums 75] [--photos 10] [--others 1]

The albums are folders of the demo photos, made small, each file with bytes of its own. The backfill
is started as in Dagster's UI, and its daemon carries it out: in runs of 25 albums, here one run
at a time, so that no run hides what another one waits for. Every materialisation says how long the
stage behind it worked; the orchestration's own cost is the rest of the time from the start of the
first run to the end of the last: starting processes, importing, taking and leaving the queue,
events, thumbnails, finding out what is to do.

Beside it stands Dagster's default: a run for each album, a process for each step.
"""

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from pathlib import Path

import dagster as dg
import yaml
from PIL import Image
from report import Line, print_table

from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.assets.partitions import ALBUMS_A_RUN
from pipeline.library.library import Library
from pipeline.models import imagenet
from pipeline.settings import load_settings
from pipeline.shipped import shipped
from pipeline.sources import folder

sys.path.append(str(Path(__file__).parents[1]))  # where the tests lie
from tests.pipeline import dagster_dev

LIMIT = 0.3  # seconds an album
SIDE = 300  # pixels of the photos' longer side
LOADS = "BENCHMARK_LOADS"  # the file that gets a line for each model that is loaded
IS_DEFAULT = "BENCHMARK_IS_DEFAULT"  # set: Dagster's default way, a run for each album
PATIENCE = 3600.0  # seconds


@dg.definitions
def definitions() -> dg.Definitions:
    """The project as Dagster's daemon and runs load it here."""
    from pipeline.definitions import defs

    count_loads()
    if IS_DEFAULT not in os.environ:
        return defs
    one_album = dg.BackfillPolicy.multi_run(1)
    return dg.Definitions(
        [
            asset.with_attributes(backfill_policy=one_album) if asset.partitions_def else asset
            for asset in defs.assets or []
        ],
        asset_checks=defs.asset_checks,
        resources=defs.resources,
        executor=dg.multiprocess_executor,
    )


@cache
def count_loads() -> None:
    """Have this process leave a line wherever it loads the model that sees."""
    load = imagenet._model

    def counted() -> object:
        before = load.__wrapped__.cache_info().misses
        model = load()
        if load.__wrapped__.cache_info().misses > before:
            with Path(os.environ[LOADS]).open("a") as file:
                file.write(f"process {os.getpid()}\n")
        return model

    imagenet._model = counted


@dataclass(frozen=True)
class Backfill:
    """How a backfill went, in seconds."""

    albums: int
    runs: int
    took: float
    work: float
    loads: int

    @property
    def overhead(self) -> float:
        """The orchestration's own cost, seconds an album."""
        return (self.took - self.work) / self.albums


def make_photos(root: Path, albums: int, photos: int) -> None:
    """Make folders of small photos, of which no two are the same file."""
    small = []
    for path in sorted(shipped("data/demo").rglob("*.jpg")):
        image = Image.open(path).convert("RGB")
        image.thumbnail((SIDE, SIDE))
        small.append(image)
    pictures = enumerate(cycle(small))
    for album in range(albums):
        place = root / f"Album {album:03}"
        place.mkdir(parents=True)
        for number, image in islice(pictures, photos):
            image.save(place / f"photo {number:05}.jpg", quality=85, comment=f"{number}")


def make_library(root: Path, albums: int, photos: int) -> Library:
    """A library whose albums are found, but not brought in yet; Dagster does one run at a time."""
    make_photos(root / "photos", albums, photos)
    (root / "home").mkdir()
    configuration = yaml.safe_load(shipped("dagster.yaml").read_text().replace(
        ": data/dagster", f": {root / 'home'}"
    ))  # fmt: skip
    configuration["concurrency"]["runs"]["max_concurrent_runs"] = 1
    (root / "home" / "dagster.yaml").write_text(yaml.safe_dump(configuration))
    os.environ |= {
        "DATA_DIR": str(root / "library"),
        "DAGSTER_HOME": str(root / "home"),
        LOADS: str(root / "loads"),
    }
    load_settings.cache_clear()
    library = Library(load_settings())
    folder.register(library.storage, folder.Registration(str(root / "photos"), recursive=True))
    with open_instance(library.settings) as instance:
        sync.find_albums(library, instance)
    return library


def carry_out(root: Path, albums: int, photos: int) -> Backfill:
    """Have Dagster's daemon carry out a backfill of all albums of a new library."""
    library = make_library(root, albums, photos)
    workspace = root / "workspace.yaml"
    here = {"relative_path": __file__, "working_directory": str(Path(__file__).parent)}
    workspace.write_text(yaml.safe_dump({"load_from": [{"python_file": here}]}))
    with (
        open_instance(library.settings) as instance,
        dagster_dev.dagster_dev(library.settings, workspace) as ask,
    ):
        state = dagster_dev.backfill(
            ask,
            dagster_dev.ALBUM_ASSETS,
            instance.get_dynamic_partitions("albums"),
            seconds=PATIENCE,
        )
        assert state["status"] == "COMPLETED_SUCCESS", state
        records = [
            each
            for each in instance.get_run_records()
            if "dagster/backfill" in each.dagster_run.tags
        ]
        work = 0.0
        for record in records:
            for entry in instance.all_logs(
                record.dagster_run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
            ):
                seconds = entry.asset_materialization.metadata["seconds"].value
                work += float(seconds)
        loads = len((root / "loads").read_text().splitlines())
        started = min(record.create_timestamp.timestamp() for record in records)
        ended = max(record.end_time for record in records)
    return Backfill(albums, len(records), ended - started, work, loads)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--albums", type=int, default=75)
    parser.add_argument("--photos", type=int, default=10, help="in each album")
    parser.add_argument("--others", type=int, default=1, help="albums brought in by the default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        ours = carry_out(Path(root), arguments.albums, arguments.photos)
    os.environ[IS_DEFAULT] = "1"
    with tempfile.TemporaryDirectory() as root:
        others = carry_out(Path(root), arguments.others, arguments.photos)
    limit = -(-arguments.albums // ALBUMS_A_RUN)
    print_table(
        "A backfill in Dagster",
        [
            Line(
                f"orchestration's own cost, each of {arguments.albums} albums",
                f"{ours.overhead:.2f} s",
                f"{others.overhead:.1f} s",
                f"{others.overhead / ours.overhead:.0f}",
                f"{LIMIT} s",
                ours.overhead <= LIMIT,
            ),
            Line(
                f"loads of the model, {arguments.albums} albums",
                f"{ours.loads}",
                f"{others.loads / others.albums:g} an album",
                limit=f"{limit}",
                reached=ours.loads <= limit,
            ),
            Line(
                "from start to end, an album",
                f"{ours.took / ours.albums:.2f} s",
                f"{others.took / others.albums:.1f} s",
                f"{others.took / others.albums / (ours.took / ours.albums):.0f}",
            ),
        ],
        f"Albums of {arguments.photos} photos, in {ours.runs} runs of up to {ALBUMS_A_RUN} albums,"
        " one run at a time. The alternative is Dagster's default, a run for each album and a"
        f" process for each step; it was measured on {others.albums} album(s), as 300 would take"
        " hours. The time until Dagster's daemon looks at a new backfill, up to 30 s once for each,"
        " is not counted.",
    )


if __name__ == "__main__":
    main()
