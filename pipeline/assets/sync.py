"""Bringing the library up to date, in Dagster runs that its UI shows like any others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import dagster as dg

from pipeline.assets import discovery
from pipeline.assets.instance import end_killed_runs, process_tag
from pipeline.assets.partitions import groups, run_tags
from pipeline.assets.resources import Listings
from pipeline.assets.source_albums import asset_of
from pipeline.errors import AlbumError, AlbumscopeError, AwayError, SourceError
from pipeline.library import files
from pipeline.library.library import Library
from pipeline.snapshot import inputs, reading
from pipeline.snapshot.mirror import remote_snapshots
from pipeline.sources import Album

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class SyncReport:
    """What one sync did.

    ``albums`` are those that it brought up to date, ``failed`` gives the reason by album id for
    each of the others that had work, or by its name for a source.

    ``photos_failed`` counts the photos of the albums brought up to date that could not be had,
    read, described or embedded.
    """

    albums: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    snapshot: str | None = None
    published: bool = False
    photos_failed: int = 0


def find_albums(library: Library, instance: dg.DagsterInstance) -> discovery.Discovery:
    """Ask all sources for their albums and register them, if there is anything to register."""
    discovered = discovery.discover(library, instance)
    if discovered.changed:
        assets = [asset_of(source).to_user_string() for source in discovered.changed]
        _run(library, instance, "find_albums", assets, listings=discovered.listings)
    return discovered


def sync(
    library: Library,
    instance: dg.DagsterInstance,
    album_ids: Sequence[str] = (),
    on_start: Callable[[int], object] = lambda photos: None,
) -> SyncReport:
    """Materialise what is new in these albums (or all) and publish once they are through.

    Without anything new, no run is started and no model is loaded. The source of albums that are
    named is asked afresh, whatever the catalogue says. An album or a source that fails does not
    stop the others. ``on_start`` is told how many photos the albums with work have. Raises
    AlbumscopeError for what concerns all albums.
    """
    end_killed_runs(instance)
    if remote := remote_snapshots(library.settings):
        remote.mirror()
    files.sweep(library.settings.library_dir, ["folders", "tables"])
    before = _newest_snapshot(library)
    discovered = find_albums(library, instance)
    report = SyncReport(failed=discovered.failed, warnings=discovered.warnings)
    albums = {album["album_id"]: album for album in library.albums()}
    for album_id in album_ids:
        library.album(album_id)  # an unknown one is an error before any work
    pending = []
    for album_id in album_ids or albums:
        try:
            if album_ids:
                library.raw_images.update_listing(albums[album_id])
            work = library.work_left(albums[album_id])
            if albums[album_id]["source"] in discovered.failed:
                work.pop("listing", None)  # in vain, as was just seen
            if work:
                pending.append(album_id)
        except (AlbumError, SourceError) as error:
            if album_ids or not isinstance(error, AwayError):  # of which the source has warned
                report.failed[album_id] = str(error)

    library.remember()
    on_start(sum(albums[album_id]["photo_count"] for album_id in pending))
    for group in groups(instance.get_dynamic_partitions("albums"), pending):
        assets = [*library.stages, *(["faiss_index"] if len(pending) == 1 else [])]
        outcome = _run(library, instance, "sync_album", assets, group, albums)
        report.albums += [album_id for album_id in group if album_id in outcome.materialised]
        report.failed |= outcome.failed
    # Partitions may be deleted while a sync is at work, by another one that finds them gone.
    for album_id in set(pending).difference(report.albums, report.failed):
        report.failed[album_id] = (
            f"{albums[album_id]['title']} ({album_id}) was not brought in: Dagster has no partition"
            " for it. Run `albumscope sync` again"
        )
    if inputs.is_due(library):
        _run(library, instance, "sync_album", ["faiss_index"])
    statuses = [library.status(albums[album_id]) for album_id in report.albums]
    report.photos_failed = sum(
        counts["failed"] for status in statuses for counts in status.values()
    )
    if report.albums:
        library.remember()
    report.snapshot = _newest_snapshot(library)
    report.published = report.snapshot != before
    return report


def _newest_snapshot(library: Library) -> str | None:
    return next(reversed(reading.names(library.settings.library_dir)), None)


@dataclass(frozen=True)
class _Outcome:
    """What became of the albums of a run: those that are through, and the reason of each other."""

    materialised: set[str]
    failed: dict[str, str]


def _run(
    library: Library,
    instance: dg.DagsterInstance,
    job: str,
    assets: Sequence[str],
    group: Sequence[str] = (),
    albums: Mapping[str, Album] = MappingProxyType({}),
    listings: Listings = MappingProxyType({}),
) -> _Outcome:
    """Execute a job in this process, for the partitions in ``group`` if it has any.

    Raises AlbumscopeError for any failure but those of single albums.
    """
    from pipeline.assets.project import definitions  # slow, and not needed if nothing is new

    result = (
        definitions(library, listings)
        .resolve_job_def(job)
        .execute_in_process(
            instance=instance,
            run_config=_QUIET,
            asset_selection=[dg.AssetKey(asset) for asset in assets],
            partition_key=group[0] if len(group) == 1 else None,
            tags={**(run_tags(group, albums) if group else {}), **process_tag()},
            raise_on_error=False,
        )
    )
    outcome = _Outcome(set(), {})
    last_stage = list(library.stages)[-1]
    for event in result.all_events:
        if event.is_step_materialization and event.asset_key == dg.AssetKey(last_stage):
            outcome.materialised.add(str(event.partition))
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
            outcome.failed[album_id] = str(text.value)
    return outcome
