"""Every model's vectors are kept: going back to a model costs nothing."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.library.library import Library
from pipeline.library.schemas import SCHEMAS
from pipeline.library.tables import Tables
from pipeline.settings import Settings
from pipeline.snapshot import reading
from pipeline.sources import folder
from pipeline.storage.disk import DiskStorage
from tests.pipeline.command_line import Run
from tests.pipeline.quick_sync import QuickRun, bring_in


@pytest.fixture
def album(data_dir: Path, tmp_path: Path) -> Path:
    """A registered folder of two photos."""
    path = tmp_path / "Trip 2021"
    path.mkdir()
    for name in ("one", "two"):
        make_photo(path / f"{name}.jpg")
    folder.register(DiskStorage(data_dir), folder.Registration(str(path)))
    return path


def make_photo(path: Path) -> None:
    noise = np.random.default_rng(list(path.stem.encode())).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(noise).resize((64, 48)).save(path)


def embedded_by_sync(data_dir: Path, model: str, runs: list[QuickRun]) -> int:
    """Sync with a model; returns how many photos were embedded."""
    library = Library(Settings(data_dir=data_dir, embed_model=model, caption_model="none"))
    runs.clear()
    with open_instance(library.settings) as instance:
        assert not sync.sync(library, instance).failed
    return sum(run.new["siglip_embeddings"] for run in runs)


def found(run: Run, data_dir: Path, model: str) -> set[str]:
    """The titles of the photos; the last is found with a model, which the snapshot must name."""
    opened = reading.open_current(data_dir)
    assert opened.manifest["models"]["embedding"] == model
    names = opened.cursor().execute("SELECT DISTINCT model_name FROM image_embeddings").fetchall()
    assert names == [(model,)]
    opened.close()
    *_, image = images = run("images", "--json").json
    best, *_ = run("search", "--image", image["path"], "--json").json
    assert best["title"] == image["title"]
    return {image["title"] for image in images}


def test_going_back_to_a_model_embeds_nothing(
    run: Run, data_dir: Path, album: Path, siglip_folder: Path, quick_runs: list[QuickRun]
) -> None:
    siglip = str(siglip_folder)
    for model, new in (("embedded", 2), (siglip, 2), ("embedded", 0)):
        assert embedded_by_sync(data_dir, model, quick_runs) == new
        assert found(run, data_dir, model) == {"one", "two"}

    make_photo(album / "three.jpg")
    (album / "one.jpg").unlink()
    for model, new in ((siglip, 1), ("embedded", 1)):
        assert embedded_by_sync(data_dir, model, quick_runs) == new
        assert found(run, data_dir, model) == {"two", "three"}


def test_a_dropped_album_is_dropped_for_all_models(
    data_dir: Path, album: Path, siglip_folder: Path
) -> None:
    for model in (str(siglip_folder), "embedded"):
        bring_in(Library(Settings(data_dir=data_dir, embed_model=model)))
    vectors = list((data_dir / "tables" / "siglip_embeddings").rglob("*.parquet"))
    assert len(vectors) == 2
    folder.unregister(DiskStorage(data_dir), str(album))
    bring_in(Library(Settings(data_dir=data_dir)))
    assert not any(file.exists() for file in vectors)


def test_models_of_like_names_do_not_share_files(data_dir: Path) -> None:
    table = "siglip_embeddings"
    names = ["a/b:1", "a-b:1", "A/b:1", "/" + "long/" * 99 + "b:1", "モデル" * 40 + ":1", "../..:1"]
    paths = [
        data_dir / Tables(DiskStorage(data_dir), {table: name}).key(table, "7") for name in names
    ]
    assert len({str(path).lower() for path in paths}) == len(names)
    for path in paths:
        assert path.parents[1] == data_dir / "tables" / table
        assert len(path.parent.name.encode()) <= 255


def test_a_file_is_opened_again_only_after_it_was_replaced(data_dir: Path, album: Path) -> None:
    library = Library(Settings(data_dir=data_dir))
    (found,) = library.find_albums("folder").albums
    library.raw_images.refresh(found)
    known = library.tables.contents("raw_images", found["album_id"])
    assert (known.rows, known.failed, len(known.pictures)) == (2, 0, 2)
    library.remember()

    path = library.storage.local(library.tables.key("raw_images", found["album_id"]))
    before = path.stat()
    path.write_bytes(b"?" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    again = Library(Settings(data_dir=data_dir)).tables
    assert again.contents("raw_images", found["album_id"]) == known

    path.unlink()
    (album / "two.jpg").unlink()
    library.raw_images.refresh(found)
    again = Library(Settings(data_dir=data_dir)).tables
    assert again.contents("raw_images", found["album_id"]).rows == 1


def test_arrow_opens_its_files_itself(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of its threads that still held a Python file at the end would abort the process."""
    opened: list[tuple[object, bool]] = []

    class Watched(pq.ParquetFile):
        def __init__(self, source: object, *, pre_buffer: bool = True, **options: bool) -> None:
            opened.append((source, pre_buffer))
            super().__init__(source, pre_buffer=pre_buffer, **options)

    monkeypatch.setattr("pipeline.library.tables.pq.ParquetFile", Watched)
    tables = Tables(DiskStorage(data_dir))
    tables.write("raw_images", "trip", SCHEMAS["raw_images"].empty_table())
    tables.contents("raw_images", "trip")
    tables.stream("raw_images").read_all()
    assert len(opened) == 3
    for source, is_read_ahead in opened:
        assert isinstance(source, pa.OSFile) and source.closed
        assert not is_read_ahead
