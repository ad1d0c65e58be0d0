"""Every row tells the run that made it, and the snapshot tells it on."""

import shutil
from pathlib import Path

import pytest

from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.assets.sync import SyncReport
from pipeline.errors import AlbumscopeError
from pipeline.library.library import Library
from pipeline.library.schemas import ALBUM_TABLES
from pipeline.settings import Settings, load_settings
from pipeline.snapshot import inputs, publishing, reading
from pipeline.sources import folder
from tests.conftest import DEMO_PHOTOS


def synced(library: Library) -> SyncReport:
    with open_instance(library.settings) as instance:
        return sync.sync(library, instance)


def run_ids(library: Library) -> set[str | None]:
    """The runs that made the rows of any table."""
    return {
        run_id
        for table in ALBUM_TABLES
        for run_id in library.tables.read_all(table, ["run_id"])["run_id"].to_pylist()
    }


def provenance(library: Library) -> dict[tuple[str, str], str | None]:
    """The run by the photo's title and the asset, as the current snapshot tells it."""
    opened = reading.open_current(library.settings.data_dir)
    rows = opened.cursor().execute(
        "SELECT title, asset, run_id FROM provenance JOIN images USING (image_id)"
    )
    found = {(title, asset): run_id for title, asset, run_id in rows.fetchall()}
    assert len(found) == opened.manifest["tables"]["provenance"]
    opened.close()
    return found


@pytest.fixture
def demo(demo_copy: Path) -> Library:
    """The demo library, synced."""
    return Library(Settings(data_dir=demo_copy))


def test_rows_keep_the_run_that_made_them(data_dir: Path, tmp_path: Path) -> None:
    album = tmp_path / "album"
    shutil.copytree(DEMO_PHOTOS / "Space and Flight", album)
    library = Library(Settings(data_dir=data_dir))
    folder.register(library.storage, folder.Registration(str(album)))
    synced(library)
    (first,) = run_ids(library)
    shutil.copy(DEMO_PHOTOS / "Nature Walks 2018" / "two-dogs.jpg", album)
    shutil.copy(album / "astronaut.jpg", album / "copy.jpg")
    synced(library)
    with open_instance(library.settings) as instance:
        second, *earlier = [run.run_id for run in instance.get_runs()]  # newest first
    assert first in earlier
    made = provenance(library)
    for asset in (table for table, stage in library.stages.items() if stage.active):
        assert made["astronaut", asset] == first
        assert made["two dogs", asset] == second
    # A file of its own, but what is in it was known.
    assert made["copy", "raw_images"] == second
    assert made["copy", "siglip_embeddings"] == made["copy", "exif_metadata"] == first


def test_a_snapshot_from_before_is_published_anew(
    demo: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as past:
        before = reading.FORMAT - 1
        for module in (reading, inputs, publishing):
            past.setattr(module, "FORMAT", before)
        assert synced(demo).published
    report = synced(demo)
    assert (report.albums, report.published) == ([], True)
    assert not synced(demo).published


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("", "http://127.0.0.1:3000"),
        ("localhost:3001", "http://localhost:3001"),
        ("https://photos.example/dagster/", "https://photos.example/dagster"),
    ],
)
def test_where_dagster_is(monkeypatch: pytest.MonkeyPatch, given: str, taken: str) -> None:
    monkeypatch.setenv("DAGSTER_URL", given)
    assert load_settings().dagster_url == taken


@pytest.mark.parametrize("address", ["javascript://alert(1)", "http://", "http://localhost:port"])
def test_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DAGSTER_URL", address)
    with pytest.raises(AlbumscopeError, match=r"DAGSTER_URL=.* is wrong: .*http://127.0.0.1:3000$"):
        load_settings()
