"""Telling people of a night that failed or brought something: once a night, to NOTIFY_URLS."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import BaseModel

from pipeline.assets.instance import RETRIED_BY_TAG, runs_under_way
from pipeline.assets.resources import LibraryResource
from pipeline.errors import AlbumscopeError, count
from pipeline.library.library import Library
from pipeline.settings import Settings

if TYPE_CHECKING:
    from apprise import Apprise

QUIET_SECONDS = 300
"""So long after its last run a night counts as over; the sensors start runs within seconds."""

_NIGHT_KEY = "albumscope/night"  # of what is remembered in Dagster's storage
_LONGEST = 20  # lines of a list
_MATERIALISATIONS = 1000  # that one query asks for


class _Night(BaseModel):
    """When the schedule looked for albums, in seconds since the epoch; why it could not."""

    at: float = 0
    problem: str = ""


class _Cursor(BaseModel):
    """What the sensor remembers: the last night it looked at, and until when all was told."""

    night: float = 0
    told_until: float = 0


def note_night(instance: dg.DagsterInstance, problem: str = "") -> None:
    """Remember that the nightly schedule has looked for albums, or why it could not."""
    night = _Night(at=time.time(), problem=problem).model_dump_json()
    instance.daemon_cursor_storage.set_cursor_values({_NIGHT_KEY: night})


def night_report(settings: Settings, quiet_seconds: float = QUIET_SECONDS) -> dg.SensorDefinition:
    """The sensor that tells of each night; it runs where SYNC_SCHEDULE and NOTIFY_URLS are set.

    A night is what came since the one before that was told of, so that nothing gets lost: what
    nobody could be told is told with the next one. Raises AlbumscopeError for a wrong NOTIFY_URLS.
    """
    if settings.notify_urls:
        _services(settings)

    def evaluate(
        context: dg.SensorEvaluationContext, library: LibraryResource
    ) -> dg.SensorResult | dg.SkipReason:
        """Tell what failed last night and why, and what it brought."""
        instance = context.instance
        cursor = _Cursor.model_validate_json(context.cursor) if context.cursor else _Cursor()
        kept = instance.daemon_cursor_storage.get_cursor_values({_NIGHT_KEY}).get(_NIGHT_KEY)
        night = _Night.model_validate_json(kept) if kept else _Night()
        if night.at <= cursor.night:
            return dg.SkipReason("No night since the last report")
        now = time.time()
        last = [record.end_time or 0 for record in instance.get_run_records(limit=1)]
        ended = max([night.at, *last])
        if runs_under_way(instance) or now - ended < quiet_seconds:
            return dg.SkipReason("The night is not over")
        library.storage.refresh()
        since = cursor.told_until or night.at
        report = _report(instance, library, since, night.problem)
        told = report is None or _tell(settings, report)
        if not told:
            context.log.warning("None of NOTIFY_URLS could be reached: told with the next night")
        cursor = _Cursor(night=night.at, told_until=now if told else since)
        reason = "Nothing to tell" if report is None else "Told" if told else "Nobody was reached"
        return dg.SensorResult(skip_reason=reason, cursor=cursor.model_dump_json())

    is_on = settings.sync_schedule is not None and settings.notify_urls is not None
    return dg.sensor(
        name="night_report",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus("RUNNING" if is_on else "STOPPED"),
    )(evaluate)


class _Report(BaseModel):
    """What people are told."""

    title: str
    body: str
    has_failures: bool


def _report(
    instance: dg.DagsterInstance, library: Library, since: float, problem: str
) -> _Report | None:
    """What happened since a time, in words; None if nothing did that anybody wants to hear of."""
    settings = library.settings
    failures = [problem] if problem else []
    failed_runs = [
        record.dagster_run
        for record in instance.get_run_records(
            dg.RunsFilter(
                statuses=[dg.DagsterRunStatus.FAILURE],
                updated_after=datetime.fromtimestamp(since, UTC),
            ),
            ascending=True,
        )
        if RETRIED_BY_TAG not in record.dagster_run.tags
    ]
    for run in failed_runs:
        link = f"{settings.dagster_url}/runs/{run.run_id}"
        failures += [f"{reason}\n  {link}" for reason in _reasons(instance, run)]
    new, unreadable = _photos_new(instance, since)
    if not failures and not new:
        return None
    titles = {album["album_id"]: album["title"] for album in library.albums()}
    photos = count(new.total(), "photo")
    lines = []
    if failures:
        lines += ["What failed:", *_listed(list(dict.fromkeys(failures))), ""]
    if new:
        albums = [
            f"{titles.get(each, each)}: {count(number, 'photo')}"
            for each, number in new.most_common()
        ]
        lines += ["New or changed:", *_listed(albums), ""]
    if unreadable:
        verb = "could not be had or read: `albumscope status` says why."
        lines += [f"{count(unreadable, 'photo')} {verb}", ""]
    if settings.page_url:
        lines.append(f"Search page: {settings.page_url}")
    lines.append(f"Dagster: {settings.dagster_url}/runs")
    brought = f"{photos} in {count(len(new), 'album')}"
    title = f"{count(len(failures), 'failure')}, {brought}" if failures and new else brought
    if failures and not new:
        title = count(len(failures), "failure")
    return _Report(title=f"Albumscope: {title}", body="\n".join(lines), has_failures=bool(failures))


def _photos_new(instance: dg.DagsterInstance, since: float) -> tuple[Counter[str], int]:
    """By album, how many photos came in since a time; and how many of these albums' failed."""
    asset = dg.AssetRecordsFilter(asset_key=dg.AssetKey("raw_images"), after_timestamp=since)
    new: Counter[str] = Counter()
    failed: dict[str, int] = {}
    cursor, has_more = None, True
    while has_more:
        found = instance.fetch_materializations(asset, _MATERIALISATIONS, cursor, ascending=True)
        for record in found.records:
            event = record.asset_materialization
            if event and event.partition:
                new[event.partition] += int(str(event.metadata["photos new"].value))
                failed[event.partition] = int(str(event.metadata["photos failed"].value))
        cursor, has_more = found.cursor, found.has_more
    return +new, sum(failed.values())


def _reasons(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    """Why a run failed: what its steps say, or else its end."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    steps, ends = [], []
    for entry in instance.all_logs(run.run_id, of_type=kinds):
        event = entry.dagster_event
        if event and event.is_step_failure:
            data = event.step_failure_data
            error = data.error and (data.error.cause or data.error)
            said = data.user_failure_data and data.user_failure_data.description
            steps.append(said or (error.message if error else event.step_key or ""))
        elif event:
            ends.append(event.message or "")
    return [" ".join(reason.split()) for reason in steps or ends or ["The run failed"]]


def _listed(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _LONGEST
    return [f"- {line}" for line in lines[:_LONGEST]] + ([f"- and {more} more"] * (more > 0))


def _services(settings: Settings) -> "Apprise":
    """Those that NOTIFY_URLS names. Raises AlbumscopeError if one of them cannot be understood."""
    from apprise import Apprise
    from apprise.utils.parse import parse_urls

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it shows addresses, keys and all
    services = Apprise()
    urls = parse_urls(settings.notify_urls.get_secret_value() if settings.notify_urls else "")
    for number, url in enumerate(urls, 1):
        if not services.add(url):
            raise AlbumscopeError(
                f"NOTIFY_URLS: address {number} ({url.partition('://')[0]}://…) is none that"
                " apprise knows: https://appriseit.com/services/ lists them"
            )
    if not urls:
        raise AlbumscopeError(
            "NOTIFY_URLS has no address in it: give one such as mailto://user:password@example.org"
        )
    return services


def _tell(settings: Settings, report: _Report) -> bool:
    """Send a report to all; returns whether anybody was reached."""
    from apprise import NotifyFormat, NotifyType

    kind = NotifyType.FAILURE if report.has_failures else NotifyType.INFO
    reached = [
        service.notify(
            report.body, title=report.title, notify_type=kind, body_format=NotifyFormat.TEXT
        )
        for service in _services(settings)
    ]
    return any(reached)
