"""What runs in one go, and what runs by itself: jobs, the nightly schedule, the sensor."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from pydantic import BaseModel

from pipeline.assets import discovery, partitions
from pipeline.assets.faiss_index import faiss_index
from pipeline.assets.instance import end_killed_runs, runs_under_way
from pipeline.assets.night_report import note_night
from pipeline.assets.raw_images import raw_images
from pipeline.assets.resources import LibraryResource
from pipeline.assets.source_albums import asset_of
from pipeline.errors import AlbumError, AlbumscopeError
from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.snapshot.inputs import fingerprint, input_files, is_due
from pipeline.sources import Album, AlbumListing

sync_album = dg.define_asset_job(
    "sync_album",
    selection=dg.AssetSelection.assets(raw_images).downstream()
    | dg.AssetSelection.assets(faiss_index),
    description="One album from its photos on disk to the published snapshot.",
)
find_albums = dg.define_asset_job(
    "find_albums",
    selection=dg.AssetSelection.groups("albums"),
    description="Look for albums in all sources and register them as partitions.",
)

_NIGHTLY = "0 3 * * *"
_SENSOR_SECONDS = 10
_UNDER_WAY = "Runs are under way"


def nightly_sync(settings: Settings) -> dg.ScheduleDefinition:
    """The schedule, which runs where `SYNC_SCHEDULE` is set. Raises AlbumscopeError if it is wrong.

    It asks the sources itself, so that a night on which nothing changed starts no run.
    """

    def evaluate(
        context: dg.ScheduleEvaluationContext, library: LibraryResource
    ) -> dg.RunRequest | dg.SkipReason:
        """Look for new, changed and removed albums in all sources."""
        try:
            discovered = discovery.discover(library, context.instance)
        except AlbumscopeError as error:
            note_night(context.instance, str(error))
            raise
        note_night(context.instance)
        # What cannot be asked is run too: the run shows the reason, or gets through.
        sources = [*discovered.changed, *discovered.failed]
        if not sources:
            return dg.SkipReason("No album is new, changed or gone")
        return dg.RunRequest(asset_selection=[asset_of(source) for source in sources])

    is_on = settings.sync_schedule is not None
    decorate = dg.schedule(
        name="nightly_sync",
        job=find_albums,
        cron_schedule=settings.sync_schedule or _NIGHTLY,
        execution_timezone=settings.sync_timezone,
        default_status=dg.DefaultScheduleStatus("RUNNING" if is_on else "STOPPED"),
    )
    try:
        return decorate(evaluate)
    except dg.DagsterInvalidDefinitionError as error:
        raise AlbumscopeError(
            f"SYNC_SCHEDULE={settings.sync_schedule!r} is no cron schedule: give minute, hour, day,"
            f" month and weekday, such as {_NIGHTLY!r}"
        ) from error


def album_changes(settings: Settings) -> dg.SensorDefinition:
    """The sensor that starts runs for what there is to do; it runs where `SYNC_SCHEDULE` is set.

    It compares the catalogue with the tables and asks no source.
    """

    def evaluate(
        context: dg.SensorEvaluationContext, library: LibraryResource
    ) -> dg.SensorResult | dg.SkipReason:
        """Bring in the albums that changed or are incomplete, and publish: first what is quick."""
        instance = context.instance
        end_killed_runs(instance)
        library.storage.refresh()
        if requests := partitions.partition_requests(instance, library):
            return dg.SensorResult(dynamic_partitions_requests=requests)  # their runs come next
        day = datetime.now(ZoneInfo(settings.sync_timezone)).date().isoformat()
        state = f"{day} {fingerprint(library, input_files(library))}"
        cursor = _Cursor.model_validate_json(context.cursor) if context.cursor else _Cursor()
        under_way = runs_under_way(instance)
        catalogue = fingerprint(library, input_files(library, ["albums"]))
        # Runs change the tables all the time; while they do only a new catalogue counts.
        if cursor.catalogue == catalogue if under_way else cursor.state == state:
            return dg.SkipReason(_UNDER_WAY if under_way else "Nothing changed since the last tick")
        albums = {album["album_id"]: album for album in library.albums()}
        registered = instance.get_dynamic_partitions("albums")
        busy = {album for run in under_way for album in partitions.albums_of_run(run, registered)}
        rows = {
            album_id: left
            for album_id, album in albums.items()
            if album_id not in busy and (left := _work_left(library, album))
        }
        library.remember()
        work = {each: f"{day} {albums[each]['updated_at']} {left}" for each, left in rows.items()}
        # What was tried and changed nothing is tried again on the next day.
        pending = [each for each in work if cursor.tried.get(each) != work[each]]
        quick, slow = library.tables_of(slow=False), library.tables_of(slow=True)
        not_searchable = [each for each in pending if rows[each].keys() - set(slow)]
        started: list[str] = []

        def run(group: list[str], tables: list[str], **tags: str) -> dg.RunRequest:
            started.extend(group)
            assets = [dg.AssetKey(table) for table in tables]
            return dg.RunRequest(
                asset_selection=assets, tags=partitions.run_tags(group, albums) | tags
            )

        if not_searchable:
            runs = [run(group, quick) for group in partitions.groups(registered, not_searchable)]
        elif not under_way and is_due(library):
            runs = [dg.RunRequest(run_key=f"publish {state}", asset_selection=[faiss_index.key])]
        elif not under_way:  # one at a time, so that each is published
            seconds = {partitions.SECONDS_TAG: str(partitions.SLOW_STEP_SECONDS)}
            groups = partitions.groups(registered, pending)
            runs = [run(group, slow, **seconds) for group in islice(groups, 1)]
        else:
            runs = []
        tried = {each: key for each, key in cursor.tried.items() if each in work or each in busy}
        tried |= {album_id: work[album_id] for album_id in started}
        is_quiet = not pending and not under_way
        cursor = _Cursor(state=state if is_quiet else "", catalogue=catalogue, tried=tried)
        return dg.SensorResult(
            run_requests=runs,
            skip_reason=None if runs else _UNDER_WAY if under_way else "Everything is published",
            cursor=cursor.model_dump_json(),
        )

    return _sensor(settings, "album_changes", sync_album, evaluate)


def folder_changes(settings: Settings) -> dg.SensorDefinition:
    """The sensor that looks at what lies on this machine; it runs where `SYNC_SCHEDULE` is set.

    What changed is brought in once it is found the same twice: files may still be copied.
    """

    def evaluate(
        context: dg.SensorEvaluationContext, library: LibraryResource
    ) -> dg.SensorResult | dg.SkipReason:
        """Find the albums of a source on this machine anew when its photos changed."""
        library.storage.refresh()
        changed = [
            listing
            for name, source in library.sources.items()
            if not source.is_remote
            and not library.is_catalogued(listing := library.find_albums(name))
        ]
        if not changed:
            return dg.SkipReason("Nothing changed")
        state = _digest(changed)
        if state != context.cursor:
            return dg.SensorResult(skip_reason="Photos are changing", cursor=state)
        assets = [asset_of(listing.partition) for listing in changed]
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=f"folders {state}", asset_selection=assets)],
            cursor=state,
        )

    return _sensor(settings, "folder_changes", find_albums, evaluate)


def _sensor(
    settings: Settings,
    name: str,
    job: Any,
    evaluate: Callable[..., dg.SensorResult | dg.SkipReason],
) -> dg.SensorDefinition:
    """A sensor of ``job``, which is of a type that Dagster does not export."""
    is_on = settings.sync_schedule is not None
    return dg.sensor(
        name=name,
        job=job,
        minimum_interval_seconds=_SENSOR_SECONDS,
        default_status=dg.DefaultSensorStatus("RUNNING" if is_on else "STOPPED"),
    )(evaluate)


def _digest(listings: Sequence[AlbumListing]) -> str:
    """What is another whenever a photo came, went or changed."""
    albums = [
        (album["album_id"], album["photo_count"], album["updated_at"], album.get("is_away"))
        for listing in listings
        for album in listing.albums
    ]
    return hashlib.sha256(repr(albums).encode()).hexdigest()


class _Cursor(BaseModel):
    """What the sensor remembers: the state of the tables in which there was nothing to do, that of
    the catalogue when it last planned all albums, and by album the work it started a run for."""

    state: str = ""
    catalogue: str = ""
    tried: dict[str, str] = {}


def _work_left(library: Library, album: Album) -> dict[str, int]:
    try:
        return library.work_left(album)
    except AlbumError:  # its folder is away
        return {}
