"""Bringing the library up to date, in Dagster runs that its UI shows like any others."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import MappingProxyType

import dagster as dg

from pipeline.assets import discovery
from pipeline.assets.instance import end_killed_runs, process_tag
from pipeline.assets.partitions import SECONDS_TAG, SLOW_STEP_SECONDS, groups, run_tags
from pipeline.assets.resources import Listings, Search
from pipeline.assets.source_albums import asset_of
from pipeline.errors import AlbumError, AlbumscopeError, AwayError, SourceError
from pipeline.library import files, under_way
from pipeline.library.library import Library
from pipeline.snapshot import inputs, reading
from pipeline.snapshot.mirror import remote_snapshots
from pipeline.sources import Album

PUBLISHED_EVERY = 300
"""How many seconds of such work are published together."""

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
    search: Search | None = None,
    *,
    again: bool = False,
) -> SyncReport:
    """Materialise what is new in these albums (or all), and publish.

    First searchable, then rich: once the photos of all can be found by what they show, a snapshot
    is published; what takes longer (their faces, text that can be read in them, descriptions by a
    server) follows, and is published every few minutes. That may be stopped at any time.

    Without anything new, no run is started and no model is loaded. The source of albums that are
    named is asked afresh, whatever the catalogue says. An album or a source that fails does not
    stop the others. ``on_start`` is told how many photos the albums with work have.
    ``search`` is what the check of judged queries asks. What failed before, however often, is tried
    ``again``. Raises AlbumscopeError for what concerns all albums.
    """
    with library.under_way.working():
        return _sync(library, instance, album_ids, on_start, search, again=again)


def _sync(
    library: Library,
    instance: dg.DagsterInstance,
    album_ids: Sequence[str],
    on_start: Callable[[int], object],
    search: Search | None,
    *,
    again: bool,
) -> SyncReport:
    end_killed_runs(instance)
    if remote := remote_snapshots(library.settings):
        remote.mirror()
    files.sweep(library.settings.library_dir, ["folders", "tables", under_way.FOLDER])
    before = _newest_snapshot(library)
    with library.under_way.working(on=under_way.FINDING):
        discovered = find_albums(library, instance)
    report = SyncReport(failed=discovered.failed, warnings=discovered.warnings)
    albums = {album["album_id"]: album for album in library.albums()}
    for album_id in album_ids:
        library.album(album_id)  # an unknown one is an error before any work
    pending = []
    for album_id in album_ids or albums:
        try:
            if again:
                library.try_again(albums[album_id])
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
    outcome = _bring_in(library, instance, albums, pending, search)
    report.failed |= outcome.failed
    report.albums = [
        each for each in pending if each in outcome.materialised and each not in report.failed
    ]
    # Partitions may be deleted while a sync is at work, by another one that finds them gone.
    for album_id in set(pending).difference(report.albums, report.failed):
        report.failed[album_id] = (
            f"{albums[album_id]['title']} ({album_id}) was not brought in: Dagster has no partition"
            " for it. Run `albumscope sync` again"
        )
    for album_id in report.albums:
        report.photos_failed += library.failed(albums[album_id])
        library.status(albums[album_id])  # to be remembered
    if report.albums:
        library.remember()
    report.snapshot = _newest_snapshot(library)
    report.published = report.snapshot != before
    return report


def _bring_in(
    library: Library,
    instance: dg.DagsterInstance,
    albums: Mapping[str, Album],
    pending: Sequence[str],
    search: Search | None,
) -> "_Outcome":
    """Materialise and publish what can be found at once, then what takes longer."""
    partitions = instance.get_dynamic_partitions("albums")
    through = _Outcome(set(), {})

    def run(assets: Sequence[str], group: Sequence[str], seconds: int | None = None) -> None:
        outcome = _run(
            library, instance, "sync_album", assets, group, albums, seconds=seconds, search=search
        )
        through.materialised.update(outcome.materialised)
        through.failed.update(outcome.failed)

    quick, slow = library.tables_of(slow=False), library.tables_of(slow=True)
    and_publish = ["faiss_index"] if len(pending) == 1 else []
    with_quick = _with_work(library, albums, pending, ["listing", *quick])
    _expect(library, albums, with_quick, quick)
    for group in groups(partitions, with_quick):
        run([*quick, *and_publish], group)
    _publish(library, instance, search)
    published = time.monotonic()
    with_slow = _with_work(library, albums, pending, slow)
    _expect(library, albums, with_slow, slow)
    slow_groups = list(groups(partitions, with_slow))
    for group in slow_groups:
        goes_on = True
        while goes_on:
            started, left = time.monotonic(), _rows_left(library, albums, group, slow)
            run(slow, group, SLOW_STEP_SECONDS)
            was_cut_short = time.monotonic() - started >= SLOW_STEP_SECONDS
            goes_on = was_cut_short and 0 < _rows_left(library, albums, group, slow) < left
            if time.monotonic() - published >= PUBLISHED_EVERY:
                _publish(library, instance, search)
                published = time.monotonic()
    if slow_groups:
        _publish(library, instance, search)
    return through


def _expect(
    library: Library, albums: Mapping[str, Album], chosen: Sequence[str], tables: Sequence[str]
) -> None:
    """Tell whoever looks which albums the tables have before them, all runs together."""
    for table in tables:
        if library.stages[table].active:
            library.under_way.expect(table, {each: albums[each] for each in chosen})


def _with_work(
    library: Library, albums: Mapping[str, Album], chosen: Sequence[str], tables: Sequence[str]
) -> list[str]:
    """Those of the chosen albums that have work in these tables."""
    if not tables:
        return []
    return [each for each in chosen if _rows_left(library, albums, [each], tables)]


def _rows_left(
    library: Library, albums: Mapping[str, Album], chosen: Sequence[str], tables: Sequence[str]
) -> int:
    """How many rows of these tables are to be made for the chosen albums."""
    rows = 0
    for album_id in chosen:
        with suppress(AlbumError):  # gone meanwhile: the next sync says so
            work = library.work_left(albums[album_id])
            rows += sum(work.get(table, 0) for table in tables)
    return rows


def _publish(library: Library, instance: dg.DagsterInstance, search: Search | None) -> None:
    if inputs.is_due(library):
        _run(library, instance, "sync_album", ["faiss_index"], search=search)


def _newest_snapshot(library: Library) -> str | None:
    return next(reversed(reading.names(library.settings.library_dir)), None)


@contextmanager
def _sigterm_as_before() -> Iterator[None]:
    """Dagster leaves SIGTERM to do what SIGINT does: in what a shell began with &, nothing."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


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
    seconds: int | None = None,
    search: Search | None = None,
) -> _Outcome:
    """Execute a job in this process, for the partitions in ``group`` if it has any.

    ``seconds`` is how long each step may make rows.
    Raises AlbumscopeError for any failure but those of single albums.
    """
    from pipeline.assets.project import definitions  # slow, and not needed if nothing is new

    with _sigterm_as_before():
        result = (
            definitions(library, listings, search)
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance,
                run_config=_QUIET,
                asset_selection=[dg.AssetKey(asset) for asset in assets],
                partition_key=group[0] if len(group) == 1 else None,
                tags={
                    **(run_tags(group, albums) if group else {}),
                    **({SECONDS_TAG: str(seconds)} if seconds else {}),
                    **process_tag(),
                },
                raise_on_error=False,
            )
        )
    outcome = _Outcome(set(), {})
    stages = [table for table in library.stages if table in assets]
    last_stage = dg.AssetKey(stages[-1]) if stages else None
    for event in result.all_events:
        if event.is_step_materialization and event.asset_key == last_stage:
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
