"""Several machines that share the runs: how much faster, and is the library the same?

    python benchmarks/several_machines.py [--albums 60] [--photos 10]

All of it runs on this machine: Redis, in which the runs wait, Postgres for Dagster, moto for the
bucket with the library, the stand-in for Flickr. A worker has folders of its own for DATA_DIR,
DAGSTER_HOME and its working directory, and one thread to compute with. A backfill brings in all
albums: by one worker; by two; and by two of which one is killed (SIGKILL, all of its processes) in
the middle of a run, after which a third one joins. Each library is held against the first, row for
row: all columns but when a row was made and by which run.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import boto3
import dagster as dg
import numpy as np
import pyarrow as pa
from report import Line, print_table

from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.library.library import Library
from pipeline.library.schemas import SCHEMAS
from pipeline.settings import load_settings
from pipeline.snapshot import reading
from pipeline.snapshot.mirror import remote_snapshots

sys.path.append(str(Path(__file__).parents[1]))  # where the tests' stand-ins lie
from tests.pipeline import dagster_dev
from tests.standins.bucket import s3_server
from tests.standins.flickr import FlickrStandIn, make_albums
from tests.standins.postgres import initdb, postgres_server
from tests.standins.redis import redis_server
from tests.waiting import wait_for

ROOT = Path(__file__).parents[1]
LEFT_OUT = {"created_at", "updated_at", "downloaded_at", "run_id"}
LEAST_GAIN = 1.3  # of a second worker, where the machine has a core for each
PATIENCE = 1800.0  # seconds


@dataclass(frozen=True)
class Outcome:
    """How a backfill went, in seconds from the start of its first run to the end of its last, and
    the library that came of it, by table."""

    seconds: float
    runs: Sequence[str]
    tables: dict[str, list[dict[str, object]]]
    photos: int


class Machine:
    """A worker, which shares no folder with others."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        folder = root / name
        home = folder / "home"
        home.mkdir(parents=True)
        shutil.copy(ROOT / "deploy/dagster-celery.yaml", home / "dagster.yaml")
        environment = os.environ | {
            "DATA_DIR": str(folder / "data"),
            "DAGSTER_HOME": str(home),
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "celery", "-A", "pipeline.assets.celery_runs", "worker"]
        with (folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                [*command, "--hostname", f"{name}@{name}", "--loglevel", "WARNING"],
                env=environment,
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """As when it loses its power."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """At once too: nothing is left for it to do."""
        if self._process.poll() is None:
            self.kill()


def bring_in(
    root: Path, bucket: str, workers: int, *, killed: bool = False, albums: int
) -> Outcome:
    """Bring in all albums of the stand-in for Flickr, by so many workers."""
    home = root / "coordinator" / "home"
    home.mkdir(parents=True)
    shutil.copy(ROOT / "deploy/dagster-celery.yaml", home / "dagster.yaml")
    os.environ |= {
        "DATA_DIR": str(root / "coordinator" / "data"),
        "DAGSTER_HOME": str(home),
        "LIBRARY_URL": f"s3://{bucket}/library",
    }
    boto3.client("s3").create_bucket(Bucket=bucket)
    load_settings.cache_clear()
    settings = load_settings()
    library = Library(settings)
    with ExitStack() as stack, open_instance(settings) as instance:
        sync.find_albums(library, instance)
        partitions = list(instance.get_dynamic_partitions("albums"))
        assert len(partitions) == albums

        def runs() -> Sequence[dg.RunRecord]:
            return [
                each
                for each in instance.get_run_records(ascending=True)
                if "dagster/backfill" in each.dagster_run.tags
            ]

        def join(name: str) -> Machine:
            machine = Machine(root, name)
            stack.callback(machine.stop)
            return machine

        machines = [join(f"worker{number}") for number in range(workers)]
        with dagster_dev.dagster_dev(settings) as ask:
            backfill = dagster_dev.start_backfill(ask, dagster_dev.ALBUM_ASSETS, partitions)
            if killed:
                wait_until(lambda: are_at_work(instance), "both to be in the middle of a run")
                machines[0].kill()
                join("late")
            wait_until(lambda: is_done(instance, backfill), "the backfill to end")
            assert dagster_dev.materialise(ask, "faiss_index") == "SUCCESS"
        took = max(each.end_time or 0 for each in runs()) - min(
            each.start_time or 0 for each in runs() if each.start_time
        )
        statuses = [each.dagster_run.status.value for each in runs()]
    library.storage.refresh()
    remote = remote_snapshots(settings)
    assert remote is not None
    remote.mirror()
    opened = reading.open_current(settings.library_dir)
    photos = int(opened.manifest["tables"]["images"])
    opened.close()
    return Outcome(took, statuses, {table: rows(library, table) for table in SCHEMAS}, photos)


def are_at_work(instance: dg.DagsterInstance) -> bool:
    """Whether two runs have begun, and one of them embeds photos."""
    started = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    steps = {entry.step_key for run in started for entry in instance.all_logs(run.run_id)}
    return len(started) == 2 and "siglip_embeddings" in steps


def is_done(instance: dg.DagsterInstance, backfill: str) -> bool:
    """Whether all partitions are brought in, whichever runs failed and were taken up again."""
    runs = instance.get_runs(dg.RunsFilter(tags={"dagster/backfill": backfill}))
    done = [run for run in runs if run.status == dg.DagsterRunStatus.SUCCESS]
    lost = [run for run in runs if run.status == dg.DagsterRunStatus.FAILURE]
    again = {run.parent_run_id for run in runs}
    return (
        bool(done)
        and all(
            run.is_finished and (run in done or (run in lost and run.run_id in again))
            for run in runs
        )
        and backfill_is_submitted(instance, backfill)
    )


def backfill_is_submitted(instance: dg.DagsterInstance, backfill: str) -> bool:
    """Whether the daemon has made all of a backfill's runs."""
    found = instance.get_backfill(backfill)
    return found is not None and found.status.value.startswith("COMPLETED")


def rows(library: Library, table: str) -> list[dict[str, object]]:
    """All rows of a table, but for when they were made, in order; vectors to six digits."""
    names = [name for name in SCHEMAS[table].names if name not in LEFT_OUT]
    found: pa.Table = library.tables.read_all(table, names)
    made = found.to_pylist()
    for row in made:
        if row.get("embedding") is not None:
            row["embedding"] = np.round(np.array(row["embedding"]), 6).tolist()
    return sorted(made, key=repr)


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Wait as the tests do, but longer."""
    wait_for(is_so, what, PATIENCE)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--albums", type=int, default=60)
    parser.add_argument("--photos", type=int, default=10)
    options = parser.parse_args()
    command = initdb()
    if command is None or shutil.which("redis-server") is None:
        sys.exit("Needs Postgres and Redis: apt-get install postgresql redis-server")
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": "us-east-1",
        "OCR": "off",
        "FACES": "off",
    }
    outcomes = {}
    with (
        tempfile.TemporaryDirectory() as place,
        s3_server() as bucket_server,
        FlickrStandIn(make_albums(options.albums, options.photos)) as flickr,
    ):
        root = Path(place)
        os.environ |= {"AWS_ENDPOINT_URL": bucket_server, **flickr.environment}
        for name, workers, killed in (("one", 1, False), ("two", 2, False), ("killed", 2, True)):
            with postgres_server(command) as database, redis_server(root) as redis:
                os.environ |= {
                    "DAGSTER_POSTGRES_URL": database,
                    "CELERY_BROKER_URL": f"{redis}/0",
                    "CELERY_RESULT_BACKEND": f"{redis}/1",
                }
                outcomes[name] = bring_in(
                    root / name, f"machines-{name}", workers, killed=killed, albums=options.albums
                )
            print(name, round(outcomes[name].seconds, 1), outcomes[name].runs, file=sys.stderr)
    one, two, lost = outcomes["one"], outcomes["two"], outcomes["killed"]
    same = [each for each in (two, lost) if each.tables == one.tables and each.photos == one.photos]
    speed = {name: options.albums / each.seconds * 60 for name, each in outcomes.items()}
    gain = speed["two"] / speed["one"]
    total = sum(map(len, one.tables.values()))
    print_table(
        f"Several machines: {options.albums} albums of {options.photos} photos",
        [
            Line("albums a minute, one worker", f"{speed['one']:.0f}"),
            Line(
                "albums a minute, two workers",
                f"{speed['two']:.0f}",
                ratio=f"{gain:.2f}",
                limit=f"{LEAST_GAIN} ×",
                reached=gain >= LEAST_GAIN,
            ),
            Line(
                "albums a minute, one of two killed, another joins",
                f"{speed['killed']:.0f}",
                ratio=f"{speed['killed'] / speed['one']:.2f}",
            ),
            Line(
                "libraries that are row for row that of one worker",
                f"{len(same)} of 2 ({total:,} rows)",
                limit="2",
                reached=len(same) == 2,
            ),
            Line("runs that were lost and taken up again", str(lost.runs.count("FAILURE"))),
        ],
        f"{os.cpu_count()} cores for everything: the workers (a thread each), Dagster, Postgres, "
        "Redis, the bucket and Flickr. Faces and text in photos are left out.",
    )
    sys.exit(len(same) != 2)


if __name__ == "__main__":
    main()
