"""The Dagster project: what its UI shows, and what materialising from there does."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pytest

from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.assets.partitions import many_albums_a_run
from pipeline.assets.project import definitions
from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.snapshot import reading
from pipeline.sources import folder
from tests.conftest import DEMO_PHOTOS, PROJECT_ROOT
from tests.pipeline.dagster_dev import ALBUM_ASSETS

ALL_ASSETS = ["flickr_albums", "folder_albums", *ALBUM_ASSETS, "faiss_index"]


@pytest.fixture
def library(data_dir: Path) -> Library:
    return Library(Settings(data_dir=data_dir))


def materialise(
    library: Library, *assets: str, album_id: str | None = None
) -> dg.ExecuteInProcessResult:
    """A run as the UI starts it, in this process; with ``sync_album`` the checks run too."""
    job = "find_albums" if "folder_albums" in assets else "sync_album"
    with open_instance(library.settings) as instance:
        return (
            definitions(library)
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance,
                partition_key=album_id,
                asset_selection=[dg.AssetKey(asset) for asset in assets],
                raise_on_error=False,
            )
        )


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in event.metadata.items()}


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {
        f"{check.asset_key.to_user_string()}: {check.check_name}": check.passed
        for check in result.get_asset_check_evaluations()
    }


def test_every_asset_is_described_owned_and_grouped(library: Library) -> None:
    graph = definitions(library).resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == set(ALL_ASSETS)
    for name in ALL_ASSETS:
        node = graph.get(dg.AssetKey(name))
        assert node.description and node.kinds and node.owners and node.group_name != "default"
        is_of_albums = name in ALBUM_ASSETS
        assert (node.partitions_def is not None) == is_of_albums
        assert node.backfill_policy == (many_albums_a_run if is_of_albums else None)


def test_definitions_are_those_that_dg_lists(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And looking at them leaves nothing behind."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    monkeypatch.setenv("DG_CLI_CONFIG", str(PROJECT_ROOT / ".ci" / "dg.toml"))
    before = set(PROJECT_ROOT.iterdir())
    dg_command = [str(Path(sys.executable).with_name("dg")), "list", "defs"]
    result = subprocess.run(
        dg_command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert (result.returncode, result.stderr) == (0, "")
    for name in [*ALL_ASSETS, "sync_album", "nightly_sync", "album_changes"]:
        assert name in result.stdout
    assert set(PROJECT_ROOT.iterdir()) == before
    assert not data_dir.exists() and not (tmp_path / "home").exists()


def test_one_album_goes_from_raw_images_to_faiss_index_in_one_run(
    library: Library, tmp_path: Path
) -> None:
    album = tmp_path / "Walks 2018"
    shutil.copytree(DEMO_PHOTOS / "Nature Walks 2018", album)
    (album / "broken.jpg").write_text("no photo")
    folder.register(library.storage, folder.Registration(str(album)))
    assert materialise(library, "folder_albums").success
    album_id = library.albums()[0]["album_id"]

    result = materialise(library, *ALBUM_ASSETS, "faiss_index", album_id=album_id)

    assert result.success
    raw = metadata(result, "raw_images")
    assert (raw["photos new"], raw["photos kept"], raw["photos failed"]) == (10, 0, 1)
    assert raw["thumbnails"].startswith("![thumbnails](data:image/jpeg;base64,")
    embedded = metadata(result, "siglip_embeddings")
    assert embedded["photos new"] == 9
    assert embedded["seconds"] > 0
    assert embedded["photos a second"] > 0
    assert len(metadata(result, "llm_captions")["sample of captions"].records) == 5
    index = metadata(result, "faiss_index")
    assert index["snapshot"] == reading.current_name(library.settings.data_dir)
    assert index["recall@20 against exact search"] >= 0.99
    assert index["size (MB)"] > 0
    assert checks(result) == {
        "raw_images: no_failed_photos": False,
        "exif_metadata: no_failed_photos": True,
        "llm_captions: no_failed_photos": True,
        "visible_text: no_failed_photos": True,
        "faces: no_failed_photos": True,
        "siglip_embeddings: no_failed_photos": True,
        "siglip_embeddings: every_photo_embedded": True,
        "siglip_embeddings: vectors_normalised_and_finite": True,
        "faiss_index: snapshot_opens_and_answers": True,
    }

    again = materialise(library, *ALBUM_ASSETS, "faiss_index", album_id=album_id)
    assert metadata(again, "siglip_embeddings")["photos kept"] == 9
    assert metadata(again, "siglip_embeddings")["photos new"] == 0
    assert metadata(again, "faiss_index")["published now"] is False


def test_checks_fail_on_bad_tables(demo_copy: Path) -> None:
    library = Library(Settings(data_dir=demo_copy))
    album_id = library.tables.partitions("siglip_embeddings")[0]
    rows = library.tables.read("siglip_embeddings", album_id)
    vectors = [np.asarray(vector, np.float32) for vector in rows["embedding"].to_pylist()]
    vectors[0] = vectors[0] * 2
    vectors[1] = np.full_like(vectors[1], np.nan)
    bad = rows.set_column(
        rows.column_names.index("embedding"), "embedding", pa.array(vectors, pa.list_(pa.float32()))
    )
    library.tables.write("siglip_embeddings", album_id, bad)
    current = reading.current_name(demo_copy)
    (demo_copy / "snapshots" / str(current) / "images.faiss").write_bytes(b"nonsense")

    found = {}
    for check in definitions(library).asset_checks or []:
        spec = next(iter(check.check_specs))
        if spec.name in {"vectors_normalised_and_finite", "snapshot_opens_and_answers"}:
            result = dg.materialize(
                [check], resources=dict(definitions(library).resources or {}),
                selection=dg.AssetSelection.checks(spec.key), raise_on_error=False,
            )  # fmt: skip
            found |= checks(result)
    assert found == {
        "siglip_embeddings: vectors_normalised_and_finite": False,
        "faiss_index: snapshot_opens_and_answers": False,
    }


def test_one_album_that_is_away_undoes_none_of_the_others(library: Library, tmp_path: Path) -> None:
    for name in ("A", "B", "C"):
        shutil.copytree(DEMO_PHOTOS / "Space and Flight", tmp_path / name)
        folder.register(library.storage, folder.Registration(str(tmp_path / name)))
    with open_instance(library.settings) as instance:
        sync.find_albums(library, instance)
        shutil.rmtree(tmp_path / "B")  # a disk that is taken away
        report = sync.sync(library, instance)
        materialised = instance.get_materialized_partitions(dg.AssetKey("faiss_index"))
        embedded = instance.get_materialized_partitions(dg.AssetKey("siglip_embeddings"))
    titles = {album["album_id"]: album["title"] for album in library.albums()}
    assert not report.failed
    assert any(str(tmp_path / "B") in warning for warning in report.warnings)
    assert {titles[album_id] for album_id in embedded} == {"A", "C"}
    assert not materialised  # not partitioned
    opened = reading.open_current(library.settings.data_dir)
    assert opened.manifest["tables"]["images"] == 6
    opened.close()


def test_nothing_new_starts_no_run_and_opens_no_model(demo_copy: Path) -> None:
    """Even its files are left as they are; demo_copy has the demo photos, synced."""

    def state() -> set[tuple[str, int]]:
        return {(str(path), path.stat().st_mtime_ns) for path in demo_copy.rglob("*.parquet")}

    before = state()
    program = (
        "import sys; sys.argv[1:] = ['sync']; from pipeline.cli.main import main"
        "\ntry: main()\nexcept SystemExit as stop: assert not stop.code, stop"
        "\nassert 'torch' not in sys.modules"
    )
    with open_instance(Settings(data_dir=demo_copy)) as instance:
        runs = instance.get_runs_count()
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    with open_instance(Settings(data_dir=demo_copy)) as instance:
        assert instance.get_runs_count() == runs
    assert state() == before
