"""Bringing the library up to date, in Dagster runs that its UI shows like any others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import dagster as dg
from dagster._core.storage.tags import PARTITION_NAME_TAG

from pipeline.assets import discovery
from pipeline.assets.instance import end_killed_runs, process_tag
from pipeline.assets.partitions import groups, run_tags
from pipeline.errors import AlbumError, AlbumscopeError, SourceError
from pipeline.library.library import Library
from pipeline.snapshot import publishing, reading
from pipeline.snapshot.mirror import remote_snapshots

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class SyncReport:
    """What one sync did. ``failed`` gives the reason by album id, or by asset for a source.

    ``photos_failed`` counts the photos of the albums brought up to date that could not be had,
    read, described or embedded.
    """

    albums: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    snapshot: str | None = None
    published: bool = False
    photos_failed: int = 0


def find_albums(library: Library, instance: dg.DagsterInstance) -> discovery.News:
    """Look for albums in all sources and register them, if there is anything to register."""
    news = discovery.look(library, instance)
    if news.assets:
        library.just_found = dict(news.found)
        try:
            _run(library, instance, "find_albums", news.assets)
        finally:
            library.just_found.clear()
    return news


def sync(
    library: Library,
    instance: dg.DagsterInstance,
    album_ids: Sequence[str] = (),
    on_start: Callable[[int], object] = lambda photos: None,
) -> SyncReport:
    """Materialise what is new in these albums (or all) and publish once they are through.

    Without anything new, no run is started and no model is loaded. Albums that are named are looked
    at afresh, whatever the catalogue says. An album or a source that fails does not stop the
    others. ``on_start`` is told how many photos the albums with work have. Raises AlbumscopeError
    for what concerns all albums.
    """
    end_killed_runs(instance)
    if remote := remote_snapshots(library.settings):
        remote.mirror()
    before = _newest_snapshot(library)
    news = find_albums(library, instance)
    report = SyncReport(failed=news.failed, warnings=news.warnings)
    albums = {album["album_id"]: album for album in library.albums()}
    for album_id in album_ids:
        library.album(album_id)  # an unknown one is an error before any work
    pending = []
    for album_id in album_ids or albums:
        try:
            if album_ids:
                library.raw_images.look(albums[album_id])
            left = library.work_left(albums[album_id])
            if "flickr_albums" in news.failed:
                left.pop("look", None)  # in vain, as was just seen
            if left:
                pending.append(album_id)
        except (AlbumError, SourceError) as error:
            report.failed[album_id] = str(error)

    library.remember()
    on_start(sum(albums[album_id]["photo_count"] for album_id in pending))
    for group in groups(instance.get_dynamic_partitions("albums"), pending):
        assets = [*library.stages, *(["faiss_index"] if len(pending) == 1 else [])]
        failed = _run(library, instance, "sync_album", assets, run_tags(group, albums))
        report.failed |= failed
        report.albums += [album_id for album_id in group if album_id not in failed]
    if publishing.is_due(library):
        _run(library, instance, "sync_album", ["faiss_index"])
    report.photos_failed = sum(len(library.failures(albums[album])) for album in report.albums)
    report.snapshot = _newest_snapshot(library)
    report.published = report.snapshot != before
    return report


def _newest_snapshot(library: Library) -> str | None:
    return next(reversed(reading.names(library.settings.library_dir)), None)


def _run(
    library: Library,
    instance: dg.DagsterInstance,
    job: str,
    assets: Sequence[str],
    tags: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Execute a job in this process; returns the reason for each album that failed.

    Raises AlbumscopeError for any other failure.
    """
    from pipeline.definitions import definitions  # slow, and not needed if nothing is new

    result = (
        definitions(library)
        .resolve_job_def(job)
        .execute_in_process(
            instance=instance,
            run_config=_QUIET,
            asset_selection=[dg.AssetKey(asset) for asset in assets],
            partition_key=tags.get(PARTITION_NAME_TAG),
            tags={**tags, **process_tag()},
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
