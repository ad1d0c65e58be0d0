"""What the Library page tells: how far albums are, what is new, and the snapshots that are kept."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipeline.errors import AlbumError, AlbumscopeError
from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.snapshot import reading
from pipeline.snapshot.reading import Snapshot
from pipeline.sources import Album

_NAMED = 12  # new photos
_CHANGED = """
    CREATE TEMP TABLE changed AS
    SELECT 'new' AS what, album_id, image_id, album_images.rowid AS place
    FROM after.album_images ANTI JOIN before.images USING (image_id)
    UNION ALL
    SELECT 'gone', album_id, image_id, 0
    FROM before.album_images ANTI JOIN after.images USING (image_id)
    UNION ALL
    SELECT 'described', album_id, image_id, 0
    FROM after.album_images SEMI JOIN (
        SELECT image_id FROM after.captions AS now JOIN before.images USING (image_id)
        LEFT JOIN before.captions AS earlier USING (image_id)
        WHERE now.caption IS DISTINCT FROM earlier.caption
    ) USING (image_id)
"""
_CHANGED_ALBUMS = """
    SELECT coalesce(now.title, earlier.title),
           count(*) FILTER (what = 'new'),
           count(*) FILTER (what = 'gone'),
           count(*) FILTER (what = 'described'),
           CASE WHEN earlier.album_id IS NULL THEN 'new' WHEN now.album_id IS NULL THEN 'gone' END
    FROM after.albums AS now FULL JOIN before.albums AS earlier USING (album_id)
    LEFT JOIN changed USING (album_id)
    GROUP BY album_id, now.title, earlier.title, now.album_id, earlier.album_id
    HAVING count(what) > 0 OR now.album_id IS NULL OR earlier.album_id IS NULL
    ORDER BY min(now.rowid) NULLS LAST, 1
"""


@dataclass(frozen=True)
class AlbumReport:
    """An album, with its photos that are done, missing and failed by stage.

    ``state`` is "new", "changed" (at its source), "incomplete" or "complete", or "away" where its
    folder cannot be read, for which ``reason`` says why and what to do.
    """

    album_id: str
    title: str
    event: str | None
    year: int | None
    photos: int
    state: str
    stages: Mapping[str, Mapping[str, int]]
    failed: int
    """How many of its photos failed, at whichever stages."""
    failures: Sequence[Mapping[str, Any]]
    reason: str | None = None


@dataclass(frozen=True)
class AlbumChange:
    """What changed in an album: how many of its photos are new, gone and described anew.

    ``state`` says whether the album itself is "new" or "gone".
    """

    title: str
    new: int
    gone: int
    described: int
    state: str | None


@dataclass(frozen=True)
class Changes:
    """What changed from the snapshot ``before`` to the one after it.

    ``new``, ``gone`` and ``described`` count photos; the last have another description than
    before, or one for the first time. ``new_photos`` are the ids of some new ones.
    """

    before: str
    new: int
    gone: int
    described: int
    albums: Sequence[AlbumChange]
    new_photos: Sequence[int]


@dataclass(frozen=True)
class KeptSnapshot:
    """A snapshot that is kept, with its manifest or the problem with reading it."""

    name: str
    manifest: Mapping[str, Any] | None
    problem: str | None = None


@dataclass(frozen=True)
class IndexFacts:
    """An index of a snapshot; ``of`` is "images" or "captions", ``recall`` from 0 to 1."""

    of: str
    kind: str
    vectors: int
    megabytes: float
    recall: float


def albums(library: Library) -> list[AlbumReport]:
    """How far each album is, in the order in which they were found. Opens no photo.

    What came to its folder since it was last looked at shows once a sync has found it.
    """
    return [_album(library, row) for row in library.albums()]


def _album(library: Library, album: Album) -> AlbumReport:
    stages = library.last_status(album)
    state, reason = _state(library, album, stages)
    return AlbumReport(
        album_id=album["album_id"],
        title=album["title"],
        event=album["event_name"],
        year=album["event_year"],
        photos=album["photo_count"],
        state=state,
        stages=stages,
        failed=library.failed(album),
        failures=library.failures(album),
        reason=reason,
    )


def _state(
    library: Library, album: Album, stages: Mapping[str, Mapping[str, int]]
) -> tuple[str, str | None]:
    """The state and the reason: like ``Library.state``, which would compare all tables again."""
    try:
        library.raw_images.source_of(album).require_there(album)
    except AlbumError as error:
        return "away", error.message
    if not any(counts["done"] or counts["failed"] for counts in stages.values()):
        return "new", None
    if library.raw_images.needs_listing(album):
        return "changed", None
    is_complete = not any(counts["missing"] for counts in stages.values())
    return ("complete" if is_complete else "incomplete"), None


def totals(reports: Sequence[AlbumReport]) -> dict[str, Counter[str]]:
    """By stage, how many photos of all albums are done, missing and failed."""
    stages: dict[str, Counter[str]] = {}
    for report in reports:
        for stage, counts in report.stages.items():
            stages.setdefault(stage, Counter()).update(counts)
    return stages


def share_done(stages: Mapping[str, Mapping[str, int]], stage: str) -> float | None:
    """How much of the readable photos a stage has done, from 0 to 1; None without any photo."""
    readable = stages["raw_images"]["done"] if stages else 0
    return stages[stage]["done"] / readable if readable else None


def changes(library_dir: Path, name: str) -> Changes | None:
    """Compare a snapshot with the one before it; None if none is kept.

    Raises AlbumscopeError if one of them cannot be read.
    """
    earlier = [each for each in reading.names(library_dir) if each < name]
    if not earlier:
        return None
    before = earlier[-1]
    with duckdb.connect() as connection:
        for alias, each in {"before": before, "after": name}.items():
            catalog = reading.snapshots_folder(library_dir) / each / "catalog.duckdb"
            try:
                path = str(catalog).replace("'", "''")
                connection.execute(f"ATTACH '{path}' AS {alias} (READ_ONLY)")
            except duckdb.Error as error:
                reason = str(error).partition("\n")[0]
                raise AlbumscopeError(
                    "Snapshot {name} is damaged ({reason})", name=each, reason=reason
                ) from error
        connection.execute(_CHANGED)
        counts = dict(
            connection.execute(
                "SELECT what, count(DISTINCT image_id) FROM changed GROUP BY what"
            ).fetchall()
        )
        albums = connection.execute(_CHANGED_ALBUMS).fetchall()
        new = connection.execute(
            "SELECT image_id FROM changed WHERE what = 'new'"
            " GROUP BY image_id ORDER BY min(place) LIMIT ?",
            [_NAMED],
        ).fetchall()
    return Changes(
        before=before,
        new=counts.get("new", 0),
        gone=counts.get("gone", 0),
        described=counts.get("described", 0),
        albums=[AlbumChange(*row) for row in albums],
        new_photos=[image_id for (image_id,) in new],
    )


def photos_by_year(snapshot: Snapshot) -> dict[int | None, int]:
    """How many photos are of each year: in which they were taken, or else that of their event.

    Those that neither tells of come last, as None.
    """
    rows = snapshot.cursor().execute(
        """
        SELECT coalesce(year(taken_at), event_year) AS year, count(*)
        FROM images LEFT JOIN exif USING (image_id) LEFT JOIN (
            SELECT image_id, min(event_year) AS event_year
            FROM album_images JOIN albums USING (album_id) GROUP BY image_id
        ) USING (image_id)
        GROUP BY year ORDER BY year NULLS LAST
        """
    )
    return dict(rows.fetchall())


def snapshots(settings: Settings, names: Sequence[str]) -> list[KeptSnapshot]:
    """The snapshots of these names, the last first."""
    return [_kept(settings, name) for name in reversed(names)]


def _kept(settings: Settings, name: str) -> KeptSnapshot:
    try:
        return KeptSnapshot(name, reading.manifest_of(settings, name))
    except AlbumscopeError as error:
        return KeptSnapshot(name, None, error.message)


def indexes(manifest: Mapping[str, Any]) -> list[IndexFacts]:
    """What a manifest says of its indexes."""
    return [
        IndexFacts(
            of=Path(name).stem,
            kind=report["kind"],
            vectors=report["vectors"],
            megabytes=manifest["files"][name]["bytes"] / 1e6,
            recall=report["recall"],
        )
        for name, report in manifest["indexes"].items()
    ]
