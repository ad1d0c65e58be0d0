"""Bringing the library up to date, in Dagster runs that its UI shows like any others."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from pipeline import snapshot
from pipeline.definitions import definitions
from pipeline.errors import AlbumError, AlbumscopeError
from pipeline.library import Library
from pipeline.partitions import ALBUMS_A_RUN, matches_catalogue
from pipeline.sources import folder

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class SyncReport:
    """What one sync did. ``failed`` gives the reason by album id."""

    albums: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    snapshot: str | None = None


def find_albums(library: Library, instance: dg.DagsterInstance) -> list[str]:
    """Look for albums and register them, if there is anything to register; returns warnings."""
    found, warnings = folder.find_albums(library.store)
    known = library.store.read("albums", folder.CATALOGUE)
    if not found.equals(known) or not matches_catalogue(instance, library):
        _run(library, instance, "find_albums")
    return warnings


def sync(
    library: Library,
    instance: dg.DagsterInstance,
    album_ids: Sequence[str] = (),
    on_start: Callable[[int], object] = lambda photos: None,
) -> SyncReport:
    """Materialise what is new in these albums (or all) and publish once they are through.

    Without anything new, no run is started and no model is loaded. An album that fails does not
    stop the others. ``on_start`` is told how many photos the albums with work have. Raises
    AlbumscopeError for what concerns all albums.
    """
    report = SyncReport(warnings=find_albums(library, instance))
    albums = {album["album_id"]: album for album in library.albums()}
    for album_id in album_ids:
        library.album(album_id)  # an unknown one is an error before any work
    pending = []
    for album_id in album_ids or albums:
        try:
            if library.has_work(albums[album_id]):
                pending.append(album_id)
        except AlbumError as error:
            report.failed[album_id] = str(error)

    on_start(sum(albums[album_id]["photo_count"] for album_id in pending))
    for group in _groups(instance, pending):
        _sync_group(library, instance, group, report, publish=len(pending) == 1)
    if not snapshot.is_up_to_date(library):
        _run(library, instance, "sync_album", assets=["faiss_index"])
    report.snapshot = next(reversed(snapshot.names(library.settings.data_dir)), None)
    return report


def _sync_group(
    library: Library,
    instance: dg.DagsterInstance,
    group: Sequence[str],
    report: SyncReport,
    *,
    publish: bool,
) -> None:
    assets = [*library.stages, *(["faiss_index"] if publish else [])]
    failed = _run(library, instance, "sync_album", assets=assets, albums=group)
    report.failed |= failed
    if not failed:
        report.albums += group
        return
    # Dagster stopped this run where an album failed: the others go on without it.
    for rest in _groups(instance, [album_id for album_id in group if album_id not in failed]):
        _sync_group(library, instance, rest, report, publish=publish)


def _run(
    library: Library,
    instance: dg.DagsterInstance,
    job: str,
    *,
    assets: Sequence[str] | None = None,
    albums: Sequence[str] = (),
) -> dict[str, str]:
    """Execute a job in this process; returns the reason for each album that failed.

    Raises AlbumscopeError for any other failure.
    """
    tags = {}
    if len(albums) > 1:
        tags = {
            ASSET_PARTITION_RANGE_START_TAG: albums[0],
            ASSET_PARTITION_RANGE_END_TAG: albums[-1],
        }
    result = (
        definitions(library)
        .resolve_job_def(job)
        .execute_in_process(
            instance=instance,
            run_config=_QUIET,
            asset_selection=[dg.AssetKey(asset) for asset in assets] if assets else None,
            partition_key=albums[0] if len(albums) == 1 else None,
            tags=tags,
            raise_on_error=False,
        )
    )
    failed: dict[str, str] = {}
    for event in result.all_events:
        if not event.is_step_failure:
            continue
        failure = event.step_failure_data
        if failure.user_failure_data is None:
            if failure.error and failure.error.cls_name == "DagsterExecutionInterruptedError":
                raise KeyboardInterrupt
            error = failure.error and (failure.error.cause or failure.error)
            reason = error.message.strip() if error else "no reason given"
            raise AlbumscopeError(
                f"Step {event.step_key} of Dagster run {result.run_id} failed: {reason}"
            )
        if not failure.user_failure_data.metadata:
            raise AlbumscopeError(failure.user_failure_data.description or event.step_key or "")
        for album_id, text in failure.user_failure_data.metadata.items():
            failed[album_id] = str(text.value)
    return failed


def _groups(instance: dg.DagsterInstance, pending: Iterable[str]) -> Iterator[list[str]]:
    """Cut albums into ranges of neighbouring partitions, which is what one run can take."""
    wanted = set(pending)
    group: list[str] = []
    for album_id in instance.get_dynamic_partitions("albums"):
        if group and (album_id not in wanted or len(group) == ALBUMS_A_RUN):
            yield group
            group = []
        if album_id in wanted:
            group.append(album_id)
    if group:
        yield group
