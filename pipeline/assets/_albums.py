"""What the assets with one partition for each album have in common."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import dagster as dg

from pipeline.errors import AlbumError, AlbumscopeError
from pipeline.incremental import Counts, Row
from pipeline.library import Library

OWNERS = ["team:albumscope"]

Describe = Callable[[Row], Mapping[str, Any]]


def materialise_albums(
    context: dg.AssetExecutionContext,
    library: Library,
    table: str,
    describe: Describe = lambda album: {},
) -> dg.MaterializeResult[None]:
    """Bring one table up to date for every album of the run, each with metadata of its own.

    An album that fails (AlbumError) does not stop the others: they count as materialised, then
    the step fails and names the ones to retry. Any other AlbumscopeError ends the step at once.
    ``describe`` adds metadata for an album, given its row of table ``albums``.
    """
    stage = library.stages[table]
    done: dict[str, dict[str, Any]] = {}
    failed: dict[str, str] = {}
    try:
        for album_id in context.partition_keys:
            try:
                album = library.album(album_id)
                progress = partial(library.on_progress, table, album["title"])
                counts = stage.refresh(album, progress) if stage.active else Counts()
                done[album_id] = _metadata(counts) | dict(describe(album))
                context.log.info(f"{album['title']}: {_summary(counts)}")
            except AlbumError as error:
                failed[album_id] = str(error)
    except AlbumscopeError as error:
        _log_materialisations(context, done)
        raise dg.Failure(str(error), allow_retries=True) from error
    if failed:
        _log_materialisations(context, done)
        raise dg.Failure(
            f"{len(failed)} of {len(context.partition_keys)} albums failed: "
            + "; ".join(failed.values()),
            metadata=failed,
        )
    for album_id, metadata in done.items():
        context.add_asset_metadata(metadata, partition_key=album_id)
    return dg.MaterializeResult()


def _log_materialisations(
    context: dg.AssetExecutionContext, done: Mapping[str, Mapping[str, Any]]
) -> None:
    """Dagster records no partition of a step that failed, so those that are done are told here."""
    for album_id, metadata in done.items():
        context.log_event(
            dg.AssetMaterialization(context.asset_key, partition=album_id, metadata=metadata)
        )


def _metadata(counts: Counts) -> dict[str, Any]:
    return {
        "photos new": counts.new,
        "photos kept": counts.kept,
        "photos removed": counts.removed,
        "photos failed": counts.failed,
        "seconds": round(counts.seconds, 3),
        "photos a second": round(counts.photos_per_second, 1),
        "dagster/row_count": counts.new + counts.kept,
    }


def _summary(counts: Counts) -> str:
    return (
        f"{counts.new} new, {counts.kept} kept, {counts.removed} removed, {counts.failed} failed"
        f" in {counts.seconds:.1f} s"
    )
