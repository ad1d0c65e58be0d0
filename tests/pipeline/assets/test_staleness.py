"""What Dagster's UI calls synced and unsynced, as its own code tells it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest
from PIL import Image

from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.assets.project import definitions
from pipeline.assets.versions import data_version
from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.sources import folder
from tests.pipeline.dagster_dev import ALBUM_ASSETS
from tests.pipeline.quick_model import use_quick_models

EVERYTHING_SYNCED: dict[str, set[str]] = {}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the photos and of the library."""
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def instance(root: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(Settings(data_dir=root / "library")) as instance:
        yield instance


@pytest.fixture(scope="module")
def library(root: Path, instance: dg.DagsterInstance) -> Iterator[Library]:
    """Albums A and B of two photos each, synced with models that take no time.

    Each test but the last one leaves everything synced.
    """
    for album in "AB":
        make_album(root / "photos" / album)
    library = Library(Settings(data_dir=root / "library"))
    photos = folder.Registration(str(root / "photos"), recursive=True)
    folder.register(library.storage, photos)
    with pytest.MonkeyPatch.context() as patch:
        use_quick_models(patch)
        assert not sync.sync(library, instance).failed
        yield library


def make_album(album: Path) -> None:
    album.mkdir(parents=True)
    for number in range(2):
        shade = sum(album.name.encode()) * (number + 1) % 255
        Image.new("RGB", (64, 48), (shade, 60 * number, 120)).save(album / f"{number}.jpg")


def unsynced(library: Library, instance: dg.DagsterInstance) -> dict[str, set[str]]:
    """What the UI would show as unsynced or missing, by asset: albums' titles, with the causes."""
    resolver = CachingStaleStatusResolver(
        instance, definitions(library).resolve_asset_graph(), LoadingContextForTest(instance)
    )
    titles = {album["album_id"]: album["title"] for album in library.albums()}
    partitions = [(asset, album_id) for asset in ALBUM_ASSETS for album_id in titles]
    found: dict[str, set[str]] = {}
    for asset, album_id in [*partitions, ("folder_albums", None), ("faiss_index", None)]:
        status = resolver.get_status(dg.AssetKey(asset), album_id)
        if status.name != "FRESH":
            causes = resolver.get_stale_causes(dg.AssetKey(asset), album_id)
            why = " ".join(sorted({cause.category.name for cause in causes})) or status.name
            name = f"{titles[album_id]} " if album_id else ""
            found.setdefault(asset, set()).add(name + why)
    return found


def materialise(
    library: Library, instance: dg.DagsterInstance, *assets: str, album_id: str | None = None
) -> None:
    result = (
        definitions(library)
        .resolve_job_def("find_albums" if album_id is None else "sync_album")
        .execute_in_process(
            instance=instance,
            partition_key=album_id,
            asset_selection=[dg.AssetKey(asset) for asset in assets],
        )
    )
    assert result.success


def test_nothing_changed(library: Library, instance: dg.DagsterInstance) -> None:
    assert unsynced(library, instance) == EVERYTHING_SYNCED
    materialise(library, instance, "folder_albums", "flickr_albums")  # which is not set up
    assert unsynced(library, instance) == EVERYTHING_SYNCED
    for album in library.albums():
        materialise(library, instance, "raw_images", "exif_metadata", album_id=album["album_id"])
    assert unsynced(library, instance) == EVERYTHING_SYNCED


def test_an_album_comes_and_goes(
    library: Library, instance: dg.DagsterInstance, root: Path
) -> None:
    make_album(root / "photos" / "C")
    materialise(library, instance, "folder_albums")
    assert unsynced(library, instance) == {asset: {"C MISSING"} for asset in ALBUM_ASSETS}
    assert sync.sync(library, instance).published
    assert unsynced(library, instance) == EVERYTHING_SYNCED
    shutil.rmtree(root / "photos" / "C")
    assert sync.sync(library, instance).published
    assert unsynced(library, instance) == EVERYTHING_SYNCED


def test_a_photo_changes(library: Library, instance: dg.DagsterInstance, root: Path) -> None:
    photo = root / "photos" / "A" / "0.jpg"
    Image.new("RGB", (64, 48), "white").save(photo)
    (a, _) = library.albums()
    materialise(library, instance, "raw_images", album_id=a["album_id"])
    assert unsynced(library, instance) == {"exif_metadata": {"A DATA"}}
    assert sync.sync(library, instance).published
    assert unsynced(library, instance) == EVERYTHING_SYNCED
    photo.touch()  # its row is made anew, with the same picture
    materialise(library, instance, "raw_images", album_id=a["album_id"])
    assert unsynced(library, instance) == EVERYTHING_SYNCED


def test_a_version_is_of_what_rows_hold_not_of_when_they_were_made(
    library: Library, data_dir: Path
) -> None:
    shutil.copytree(library.settings.data_dir, data_dir)
    library = Library(Settings(data_dir=data_dir))
    (album, _) = (album["album_id"] for album in library.albums())
    for table in ALBUM_ASSETS:
        before = data_version(library, table, album)
        rows = library.tables.read(table, album)
        if not rows.num_rows:  # not made, as the settings say
            continue
        one_by_one = [rows.slice(at, 1) for at in range(rows.num_rows)]
        anew = pa.concat_tables(one_by_one)
        for name, values in (("created_at", None), ("run_id", "another"), ("attempts", 3)):
            field = anew.schema.field(name)
            column = pa.array([values] * anew.num_rows, field.type)
            anew = anew.set_column(anew.schema.get_field_index(name), field, column)
        library.tables.write(table, album, anew)
        assert data_version(library, table, album) == before
        library.tables.write(table, album, anew.slice(1))
        assert data_version(library, table, album) != before


def test_the_model_changes(library: Library, instance: dg.DagsterInstance) -> None:
    other = Library(library.settings.model_copy(update={"embed_model": "google/other"}))
    assert unsynced(other, instance) == {"siglip_embeddings": {"A CODE", "B CODE"}}
    assert sync.sync(other, instance).published
    assert unsynced(other, instance) == EVERYTHING_SYNCED
