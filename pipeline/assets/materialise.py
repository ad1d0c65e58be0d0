"""What the assets that find albums, and those with a partition for each album, have in common."""

import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg

# There is no public way to say that a step has reported its assets' events itself (see below).
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

from pipeline.assets.partitions import (
    SECONDS_TAG,
    albums,
    many_albums_a_run,
    match_catalogue,
    tag_run,
)
from pipeline.assets.resources import FailedAlbums
from pipeline.assets.versions import CATALOGUE_VERSION, version_tags
from pipeline.errors import AlbumError, AlbumscopeError, CaptionerError, SourceError
from pipeline.library.incremental import Counts
from pipeline.library.library import Library
from pipeline.library.under_way import FINDING
from pipeline.sources import Album, AlbumListing

OWNERS = ["team:albumscope"]

Describe = Callable[[Album], Mapping[str, Any]]
AlbumEvents = Iterator[dg.AssetMaterialization | dg.AssetObservation | dg.MaterializeResult[None]]


def materialise_catalogue(
    context: dg.AssetExecutionContext, library: Library, find: Callable[[], AlbumListing]
) -> dg.MaterializeResult[None]:
    """Write the albums that a source has, and make them the partitions."""
    try:
        with library.under_way.working(on=FINDING):
            listing = find()
        library.catalogue(listing)
    except AlbumscopeError as error:
        raise dg.Failure(str(error)) from error
    for warning in listing.warnings:
        context.log.warning(warning)
    added, dropped = match_catalogue(context.instance, library)
    return dg.MaterializeResult(
        data_version=CATALOGUE_VERSION,
        metadata={
            "albums": len(listing.albums),
            "albums new": added,
            "albums removed": dropped,
            "photos": sum(album["photo_count"] for album in listing.albums),
            "warnings": list(listing.warnings),
            "dagster/row_count": len(listing.albums),
        },
    )


def album_asset(
    *,
    deps: Sequence[dg.AssetsDefinition],
    group_name: str,
    kinds: set[str],
    pool: str | None = None,
    priority: int = 0,
) -> Callable[[Callable[..., AlbumEvents]], dg.AssetsDefinition]:
    """Declare an asset with a partition for each album; its name and text are the function's."""

    def decorate(function: Callable[..., AlbumEvents]) -> dg.AssetsDefinition:
        name = function.__name__
        spec = dg.AssetSpec(
            name,
            deps=deps,
            description=inspect.getdoc(function),
            group_name=group_name,
            kinds=kinds,
            owners=OWNERS,
        )
        return dg.multi_asset(
            name=name,
            specs=[spec],
            partitions_def=albums,
            backfill_policy=many_albums_a_run,
            pool=pool,
            op_tags={"dagster/priority": str(priority)},
        )(function)

    return decorate


def materialise_albums(
    context: dg.AssetExecutionContext,
    library: Library,
    failed: FailedAlbums,
    table: str,
    describe: Describe = lambda album: {},
) -> AlbumEvents:
    """Bring one table up to date for every album of the run, each with an event of its own.

    An album that fails (AlbumError, or SourceError for all of its source) does not stop the others,
    neither here nor in the assets downstream; it does not count as materialised, is observed with
    its reason, and is left out downstream. The run fails at its end, in the last of its
    stages, or at once if no album is left. Any other AlbumscopeError ends the step.
    ``describe`` adds metadata for an album, given its row of table ``albums``.
    """
    with library.under_way.working(on=table):
        yield from _materialise_albums(context, library, failed, table, describe)


def _materialise_albums(
    context: dg.AssetExecutionContext,
    library: Library,
    failed: FailedAlbums,
    table: str,
    describe: Describe,
) -> AlbumEvents:
    stage = library.stages[table]
    catalogue = {album["album_id"]: album for album in library.albums()}
    tag_run(context.instance, context.run, catalogue)
    unreachable: dict[str, str] = {}  # sources, with the reason
    unavailable: CaptionerError | None = None
    until = time.perf_counter() + float(context.run.tags.get(SECONDS_TAG, "inf"))
    keys = context.partition_keys
    if stage.active:
        known = {key: catalogue[key] for key in keys if key in catalogue}
        library.under_way.expect(table, known)
    for album_id in keys:
        if album_id in failed:
            continue
        try:
            album = catalogue.get(album_id)
            if album is None:
                raise AlbumError(f"Album {album_id} is gone from the catalogue")
            if album["source"] in unreachable:
                raise AlbumError(unreachable[album["source"]])
            progress = partial(library.tell, table, album)
            counts = stage.refresh(album, progress, context.run.run_id, unavailable, until)
            unavailable = counts.unavailable
            metadata = _metadata(counts) | dict(describe(album))
        except (AlbumError, SourceError) as error:
            failed[album_id] = str(error)
            if isinstance(error, SourceError) and album:
                unreachable[album["source"]] = str(error)
            context.log.error(str(error))
            yield dg.AssetObservation(
                context.asset_key, partition=album_id, metadata={"failed": str(error)}
            )
            continue
        except AlbumscopeError as error:
            raise dg.Failure(str(error)) from error
        if counts.unavailable:
            context.log.warning(
                f"{album['title']}: {counts.pending} photos pending, because {counts.unavailable};"
                " a later run does them"
            )
        yield dg.AssetMaterialization(
            context.asset_key,
            description=f"{album['title']}: {_summary(counts)}",
            partition=album_id,
            metadata=metadata,
            tags=version_tags(context, library, table, album_id),
        )
    if failed and (
        _is_last_stage(context, library, table) or len(failed) == len(context.partition_keys)
    ):
        raise dg.Failure(
            f"{len(failed)} of {len(context.partition_keys)} albums failed: "
            + "; ".join(dict.fromkeys(failed.values())),
            metadata=failed,
        )
    # Dagster would now count all albums of the run as materialised, the failed ones too. It knows
    # no other way of being told that the assets have told their events themselves.
    yield dg.MaterializeResult(metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True})


def _is_last_stage(context: dg.AssetExecutionContext, library: Library, table: str) -> bool:
    chosen = context.run.asset_selection  # None is all
    stages = [each for each in library.stages if not chosen or dg.AssetKey(each) in chosen]
    return table == stages[-1]


def _metadata(counts: Counts) -> dict[str, Any]:
    return {
        "photos new": counts.new,
        "photos kept": counts.kept,
        "photos removed": counts.removed,
        "photos failed": counts.failed,
        "seconds": round(counts.seconds, 3),
        "photos a second": round(counts.photos_per_second, 1),
        "dagster/row_count": counts.new + counts.kept,
        **({"photos pending": counts.pending} if counts.pending else {}),
        **({"pending because": str(counts.unavailable)} if counts.unavailable else {}),
    }


def _summary(counts: Counts) -> str:
    return (
        f"{counts.new} new, {counts.kept} kept, {counts.removed} removed, {counts.failed} failed"
        f" in {counts.seconds:.1f} s"
    )
