"""A library that is synced with the stand-in for Flickr, and what it has to hold."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import retries
from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.assets.sync import SyncReport
from pipeline.library.library import Library
from pipeline.photos.files import located
from pipeline.settings import Settings
from pipeline.snapshot import reading
from tests.pipeline.quick_model import use_quick_models
from tests.pipeline.quick_sync import bring_in, use_quick_runs
from tests.standins.flickr import (
    Album,
    FlickrStandIn,
    Photo,
    make_albums,
    renditions,
)

SIZE = (120, 80)  # of the photos: the size below the original is 100 pixels
PARALLEL_DOWNLOADS = 8

Vectors = NDArray[np.float32]


def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "BACKOFF", 0.005)
    use_quick_models(monkeypatch)


@dataclass
class Synced:
    """What one sync did."""

    report: SyncReport
    calls: list[str]
    """Methods of the API, in the order in which they were called, failed calls too."""
    downloads: Counter[str]
    """By photo id, how often the stand-in served its picture whole."""
    albums: list[str]
    """The albums that a run materialised ``raw_images`` of, in order."""
    runs: list[str | None]
    """The runs that it started: of each the album, if it takes just one."""


class FlickrLibrary:
    """A library that is synced with the stand-in."""

    def __init__(self, flickr: FlickrStandIn, settings: Settings) -> None:
        self.flickr = flickr
        self.settings = settings
        library = Library(settings)
        self.tables = library.tables
        self.made = [table for table, stage in library.stages.items() if stage.active]

    def sync(self, *album_ids: str) -> Synced:
        with open_instance(self.settings) as instance:
            known = {run.run_id for run in instance.get_runs()}
            report, calls, downloads = self._sync(instance, album_ids)
            runs = [run for run in instance.get_runs() if run.run_id not in known]
            albums = [
                str(event.partition)
                for run in reversed(runs)
                for event in (
                    entry.asset_materialization
                    for entry in instance.all_logs(
                        run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
                    )
                )
                if event and event.asset_key == dg.AssetKey("raw_images")
            ]
        taken = [run.tags.get("dagster/partition") for run in runs]
        return Synced(report, calls, downloads, albums, taken)

    def sync_well(self, *album_ids: str) -> Synced:
        synced = self.sync(*album_ids)
        assert not synced.report.failed
        return synced

    def sync_quickly(self, *album_ids: str) -> Synced:
        """A sync that goes well, without Dagster's runs."""
        with pytest.MonkeyPatch.context() as patch, open_instance(self.settings) as instance:
            runs = use_quick_runs(patch)
            report, calls, downloads = self._sync(instance, album_ids)
        assert not report.failed
        albums = [each for run in runs if "raw_images" in run.assets for each in run.albums]
        taken = [run.albums[0] if len(run.albums) == 1 else None for run in runs]
        return Synced(report, calls, downloads, albums, taken)

    def _sync(
        self, instance: dg.DagsterInstance, album_ids: Sequence[str]
    ) -> tuple[SyncReport, list[str], Counter[str]]:
        """Returns what the sync reports, called and downloaded."""
        requests, downloads = len(self.flickr.requests), self.downloads()
        report = sync.sync(Library(self.settings), instance, album_ids)
        calls = [
            request.target.partition("?")[0]
            for request in self.flickr.requests[requests:]
            if request.where == "api"
        ]
        return report, calls, self.downloads() - downloads

    def bring_in(self) -> Counter[str]:
        """What a sync does, without Dagster; returns how often each photo was served."""
        before = self.downloads()
        bring_in(Library(self.settings))
        return self.downloads() - before

    def downloads(self) -> Counter[str]:
        with self.flickr.lock:
            served = Counter(self.flickr.downloads)
        counts: Counter[str] = Counter()
        for path, times in served.items():
            counts[photo_id(path)] += times
        return counts

    def rows(self, table: str, album: Album) -> dict[str, dict[str, Any]]:
        """The rows of an album by photo id, in the album's order."""
        rows = self.tables.read(table, album.id).to_pylist()
        return {str(row["image_id"]): row for row in rows}

    def status(self, album: Album) -> tuple[dict[str, dict[str, int]], list[dict[str, Any]]]:
        library = Library(self.settings)
        row = library.album(album.id)
        return library.status(row), library.failures(row)

    def pictures(self) -> dict[str, bytes]:
        """All files under photos/, but for those that a killed process was writing."""
        root = self.settings.data_dir / "photos"
        return {
            str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }

    def published(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the catalogue of the current snapshot."""
        name = reading.current_name(self.settings.data_dir)
        path = self.settings.data_dir / "snapshots" / str(name) / "catalog.duckdb"
        with duckdb.connect(
            str(path), read_only=True, config={"file_search_path": str(path.parent)}
        ) as connection:
            return connection.execute(query).fetchall()

    def files(self) -> dict[str, tuple[int, int]]:
        """What a sync must leave alone if there is nothing to do."""
        root = self.settings.data_dir
        return {
            str(path.relative_to(root)): (path.stat().st_ino, path.stat().st_mtime_ns)
            for folder in ("tables", "photos", "snapshots", "flickr/albums")
            for path in (root / folder).rglob("*")
            if path.is_file()
        }

    def assert_same_as_flickr(self, left_out: Sequence[Photo] = ()) -> None:
        """Tables, disk, snapshot and partitions hold what Flickr shows, and nothing else."""
        shown = {
            album.id: [photo for photo in album.photos if photo not in left_out]
            for album in self.flickr.albums
        }
        assert self.pictures() == {
            f"{album_id}/{photo.id}.jpg": picture_of(self.flickr, photo)
            for album_id, photos in shown.items()
            for photo in photos
        }
        for album in self.flickr.albums:
            ids = [photo.id for photo in shown[album.id]]
            for table in self.made:
                good = [id for id, row in self.rows(table, album).items() if row["error"] is None]
                assert good == ids, table
            rows = self.rows("raw_images", album)
            for photo in shown[album.id]:
                row = rows[photo.id]
                path = self.settings.data_dir / "photos" / album.id / f"{photo.id}.jpg"
                assert located(self.settings.data_dir, row["path"]) == str(path)
                assert (row["title"], row["secret"]) == (photo.title, photo.secret)
        assert set(self.tables.partitions("raw_images")) == {
            a.id for a in self.flickr.albums if a.photos
        }
        members = self.published("SELECT album_id, image_id FROM album_images ORDER BY rowid")
        assert members == [(key, int(photo.id)) for key in shown for photo in shown[key]]
        ids = list(dict.fromkeys(int(photo.id) for photos in shown.values() for photo in photos))
        for table in ("images", "exif", "captions"):
            assert self.published(f"SELECT image_id FROM {table} ORDER BY rowid") == [
                (image_id,) for image_id in ids
            ]
        assert sorted(self.published("SELECT image_id FROM image_embeddings")) == sorted(
            (image_id,) for image_id in ids
        )
        titles = [(album.id, album.title) for album in self.flickr.albums]
        assert self.published("SELECT album_id, title FROM albums ORDER BY rowid") == titles
        with open_instance(self.settings) as instance:
            partitions = instance.get_dynamic_partitions("albums")
        assert sorted(partitions) == sorted(shown)


def four_albums() -> list[Album]:
    return make_albums(4, 5, size=SIZE)


def photo_id(path: str) -> str:
    """Of the path of a picture."""
    return path.rpartition("/")[2].partition("_")[0]


def picture_of(flickr: FlickrStandIn, photo: Photo) -> bytes:
    """What is served of a photo of which there is no size above ``FLICKR_SIZE``."""
    sizes = renditions(photo)
    extras = ("url_l", "url_c", "url_z", "url_m", "url_n", "url_s", "url_t")
    picture = flickr.picture(next(sizes[extra].path for extra in extras if extra in sizes))
    assert isinstance(picture, bytes)
    return picture


def new_photo(number: int, **fields: Any) -> Photo:
    return Photo(id=str(60_000_000_000 + number), title=f"New {number}", size=SIZE, **fields)
