"""The project as Dagster loads it, but runs of a backfill take two albums, and wait for each other.

Two are at work at once then, however quick the first one is.
"""

from pathlib import Path

import dagster as dg

from pipeline.definitions import defs
from tests.waiting import wait_for

TWO_ALBUMS = dg.BackfillPolicy.multi_run(2)


@dg.definitions
def definitions() -> dg.Definitions:
    return dg.Definitions(
        [
            asset.with_attributes(backfill_policy=TWO_ALBUMS) if asset.partitions_def else asset
            for asset in defs.assets or ()
            if isinstance(asset, dg.AssetsDefinition)
        ],
        asset_checks=defs.asset_checks,
        resources={**(defs.resources or {}), "failed_albums": dg.ResourceDefinition(_wait)},
        executor=defs.executor,
    )


def _wait(context: dg.InitResourceContext) -> dict[str, str]:
    """A run of a backfill waits until another one has begun, too; no album failed yet, as ever."""
    if context.instance and context.run and "dagster/backfill" in context.run.tags:
        begun = Path(context.instance.root_directory) / "begun"
        begun.mkdir(exist_ok=True)
        (begun / context.run.run_id).touch()
        wait_for(lambda: len(list(begun.iterdir())) >= 2, "the other run")
    return {}
