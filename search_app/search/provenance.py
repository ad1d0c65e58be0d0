"""Where a photo of the library comes from: its albums, and the runs that made its rows."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from pipeline.errors import NotInLibraryError
from pipeline.snapshot.reading import Snapshot


@dataclass(frozen=True)
class Origin:
    """What one asset made for the photo, with links to Dagster's UI.

    ``producer`` is the model and the version of the code. ``run_id`` and ``run_url`` are None for
    what was made outside of Dagster. ``created_at`` is UTC, no zone.
    """

    asset: str
    producer: str | None
    model_name: str | None
    run_id: str | None
    created_at: datetime
    run_url: str | None
    asset_url: str


@dataclass(frozen=True)
class Album:
    """An album that the photo is in; ``url`` is its page on Flickr."""

    album_id: str
    title: str
    url: str | None


@dataclass(frozen=True)
class Provenance:
    """Where a photo comes from.

    ``origins`` go from ``raw_images`` to ``faiss_index``, which made the snapshot; what the photo
    lacks, a caption perhaps, is left out. ``versions`` are of the software that published the
    snapshot, by name.
    """

    page_url: str | None
    albums: list[Album]
    origins: list[Origin]
    snapshot: str
    versions: dict[str, str]


def provenance(snapshot: Snapshot, image_id: int, dagster_url: str) -> Provenance:
    """Where a photo of the snapshot comes from; ``dagster_url`` is where Dagster's UI is.

    Raises AlbumscopeError for an unknown id.
    """
    cursor = snapshot.cursor()
    photo = cursor.execute("SELECT page_url FROM images WHERE image_id = ?", [image_id]).fetchone()
    if photo is None:
        raise NotInLibraryError("No photo {photo} in the library", photo=image_id)
    albums = cursor.execute(
        """
        SELECT album_id, title, url
        FROM albums SEMI JOIN (FROM album_images WHERE image_id = ?) USING (album_id)
        ORDER BY albums.rowid
        """,
        [image_id],
    ).fetchall()
    from pipeline.library.schemas import ALBUM_TABLES  # slow: with all that reads metadata

    rows = cursor.execute(
        """
        SELECT asset, producer, model_name, run_id, created_at, album_id
        FROM provenance WHERE image_id = ? ORDER BY list_position(?, asset)
        """,
        [image_id, list(ALBUM_TABLES)],
    ).fetchall()
    published = datetime.fromisoformat(snapshot.manifest["created_at"]).replace(tzinfo=None)
    rows.append(("faiss_index", None, None, snapshot.manifest["run_id"], published, None))
    return Provenance(
        page_url=photo[0],
        albums=[Album(*album) for album in albums],
        origins=[
            Origin(
                asset,
                producer,
                model_name,
                run_id,
                created_at,
                run_url=run_url(dagster_url, run_id),
                asset_url=_asset_url(dagster_url, asset, album_id),
            )
            for asset, producer, model_name, run_id, created_at, album_id in rows
        ],
        snapshot=snapshot.name,
        versions=snapshot.manifest["versions"],
    )


def run_url(dagster_url: str, run_id: str | None) -> str | None:
    """The page of a run in Dagster's UI; None where no run is known."""
    return f"{dagster_url}/runs/{quote(run_id, safe='')}" if run_id else None


def _asset_url(dagster_url: str, asset: str, album_id: str | None) -> str:
    """The page of an asset, opened at the partition of an album if it has partitions."""
    page = f"{dagster_url}/assets/{asset}"
    return f"{page}?view=partitions&partition={quote(album_id, safe='')}" if album_id else page
