"""First searchable, then rich: what takes long holds up neither the search nor other work."""

import time
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from PIL import Image

from pipeline.assets import sync
from pipeline.assets.automation import album_changes
from pipeline.assets.instance import open_instance
from pipeline.assets.partitions import SECONDS_TAG
from pipeline.library.library import Library
from pipeline.library.stages.visible_text import VisibleText
from pipeline.models.readers import Line
from pipeline.settings import Settings
from pipeline.snapshot import publishing, reading
from pipeline.sources import folder
from tests.pipeline.quick_model import use_quick_models

ALBUMS, PHOTOS = 2, 6


class SlowReader:
    """Reads the same on each photo, and takes its time."""

    name = producer = "slow"
    image_size = 8

    def read(self, image: Image.Image) -> list[Line]:
        time.sleep(0.2)
        return [Line(text="Welcome", score=1.0, corners=[0.0] * 8)]


@pytest.fixture
def library(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    use_quick_models(monkeypatch)
    monkeypatch.setattr(VisibleText, "reader", SlowReader())
    random = np.random.default_rng(0)
    for album in range(ALBUMS):
        root = tmp_path / "photos" / str(album)
        root.mkdir(parents=True)
        for photo in range(PHOTOS):
            pixels = random.integers(0, 255, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(root / f"{photo}.png")
    library = Library(Settings(data_dir=data_dir, ocr=True))
    where = str(tmp_path / "photos")
    folder.register(library.storage, folder.Registration(where, recursive=True))
    return library


def published(library: Library) -> list[tuple[int, int]]:
    """For each snapshot, oldest first: photos with a vector, photos in which text was read."""
    data_dir = library.settings.data_dir
    tables = [reading.read_manifest(data_dir, name)["tables"] for name in reading.names(data_dir)]
    return [(each["image_embeddings"], each["visible_text"]) for each in tables]


def test_a_snapshot_comes_before_what_takes_long_and_others_while_it_lasts(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "SLOW_STEP_SECONDS", 0.4)
    monkeypatch.setattr(sync, "PUBLISHED_EVERY", 0)
    monkeypatch.setattr(publishing, "KEPT", 100)
    with open_instance(library.settings) as instance:
        report = sync.sync(library, instance)
    assert not report.failed
    assert len(report.albums) == ALBUMS
    every = ALBUMS * PHOTOS
    first, *others = published(library)
    assert first == (every, 0)
    assert others[-1] == (every, every)
    assert len(others) >= 2
    assert [texts for _, texts in others] == sorted(texts for _, texts in others)


def test_the_sensor_starts_what_takes_long_after_the_first_snapshot(library: Library) -> None:
    sensor = album_changes(library.settings)
    quick, slow = library.tables_of(slow=False), library.tables_of(slow=True)
    assert slow == ["visible_text"]
    started = []
    with open_instance(library.settings) as instance:
        sync.find_albums(library, instance)
        cursor = None
        for _ in range(4):
            with dg.build_sensor_context(instance, cursor=cursor) as context:
                result = sensor(context, library=Library(library.settings))
            assert isinstance(result, dg.SensorResult | dg.SkipReason)
            if isinstance(result, dg.SkipReason):
                break
            cursor = result.cursor
            for request in result.run_requests or []:
                assets = [key.to_user_string() for key in request.asset_selection or []]
                started.append((assets, SECONDS_TAG in request.tags))
                library.storage.refresh()
                albums = {album["album_id"]: album for album in library.albums()}
                group = list(albums) if assets != ["faiss_index"] else []
                sync._run(library, instance, "sync_album", assets, group, albums)
    publish = ["faiss_index"]
    assert started == [(quick, False), (publish, False), (slow, True), (publish, False)]
