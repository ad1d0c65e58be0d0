"""Folders as people really have them: system folders, mounts that go away, copies, moves."""

import json
import re
import shutil
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from PIL import Image

from pipeline.assets import sync
from pipeline.assets.automation import folder_changes
from pipeline.assets.instance import open_instance
from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.sources import folder
from pipeline.sources.folder.exclusions import IGNORE_FILE
from pipeline.sources.folder.registrations import registrations
from tests.conftest import INPUTS
from tests.pipeline.command_line import Run
from tests.pipeline.photos.camera_raw import write_dng
from tests.pipeline.quick_model import QuickModel, use_quick_models
from tests.pipeline.quick_sync import bring_in, use_quick_runs
from tests.waiting import wait_for

NAS = (
    *("Trip/a.jpg", "Trip/@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "#recycle/old.jpg"),
    *("@Recycle/x.jpg", "$RECYCLE.BIN/S-1-5/y.jpg", "lost+found/z.jpg", ".stversions/a~1.jpg"),
    *("Mac.photoslibrary/originals/0/p.jpg", "Mac.photoslibrary/resources/derivatives/p_thumb.jpg"),
    "Trip/drafts/d.jpg",
)

_shades = iter(range(1, 10**6))


def make_photo(path: Path) -> Path:
    """Write a photo unlike any other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shade = (next(_shades) * 12_345_677) % 0xFFFFFF
    Image.new("RGB", (32, 24), f"#{shade:06x}").save(path)
    return path


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> QuickModel:
    """Describes and embeds, and counts that."""
    return use_quick_models(monkeypatch)


def albums(run: Run) -> dict[str, dict[str, Any]]:
    """What `albumscope albums --json` says, by title."""
    return {row["title"]: row for row in json.loads(run("albums", "--json").out)}


def paths(run: Run, root: Path) -> set[str]:
    return {str(Path(row["path"]).relative_to(root)) for row in run("images", "--json").json}


def test_system_folders_and_what_is_excluded_are_no_albums(
    run: Run, tmp_path: Path, model: QuickModel
) -> None:
    root = tmp_path / "nas"
    for name in NAS:
        make_photo(root / name)
    make_photo(root / "Private" / "s.jpg")
    (root / "Trip" / IGNORE_FILE).write_text("drafts/\n")
    run("add-folder", "-r", root, "--exclude", "Priv*")
    bring_in(Library(Settings()))
    assert paths(run, root) == {"Trip/a.jpg", "Mac.photoslibrary/originals/0/p.jpg"}
    found = albums(run)
    assert {title for title, row in found.items() if row["album_id"]} == {"Trip", "Mac"}
    left_out = {
        str(Path(title).relative_to(root)): row["reason"]
        for title, row in found.items()
        if row["state"] == "left out"
    }
    assert left_out["Trip/@eaDir"] == left_out["lost+found"] == "a system folder"
    assert left_out["Private"] == f"excluded when {root} was added"
    assert left_out["Trip/drafts"].endswith(f"{IGNORE_FILE} leaves it out")
    assert left_out["Mac.photoslibrary/resources"] == "not the originals of a photo library"


def test_a_pattern_may_take_back_what_another_leaves_out(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for name in ("a.jpg", "raw/b.jpg", "raw/keep/c.jpg"):
        make_photo(root / name)
    (root / IGNORE_FILE).write_text("*.jpg\n")
    (root / "raw" / "keep" / IGNORE_FILE).write_text("!*.jpg\n")
    run("add-folder", "-r", root)
    assert {title for title, row in albums(run).items() if row["album_id"]} == {"keep"}


def test_what_is_no_photo_is_counted_by_kind(run: Run, tmp_path: Path, model: QuickModel) -> None:
    root = tmp_path / "photos"
    make_photo(root / "a.jpg")
    for name in ("film.MP4", "b.mov", "notes.pdf", "a.xmp", ".hidden", "music.flac"):
        (root / name).touch()
    (root / "videos").mkdir()  # no photo there
    (root / "videos" / "long.mkv").touch()
    run("add-folder", root, "-r")
    bring_in(Library(Settings()))
    assert run("status", "--json").json["not_taken"] == {
        "film": 3,
        "document": 1,
        "other file": 1,
    }
    assert "Not taken: 3 films, 1 document, 1 other file" in run("status").err


@pytest.mark.usefixtures("quick_runs")
def test_a_damaged_sidecar_is_named_until_it_is_mended(
    run: Run, tmp_path: Path, model: QuickModel
) -> None:
    root = tmp_path / "photos"
    make_photo(root / "a.jpg")
    shutil.copy(INPUTS / "damaged" / "cut-at-60-percent.jpg", root / "cut.jpg")
    sidecar = root / "a.jpg.xmp"
    sidecar.write_text("<x:xmpmeta")
    run("add-folder", root)
    assert "failed" not in run("sync").err
    named = {row["photo"]: row["reason"] for row in run("status", "--json").json["failed"]}
    assert set(named) == {"a.jpg", "cut.jpg"}
    assert "a.jpg.xmp" in named["a.jpg"]
    shutil.copy(INPUTS / "metadata" / "sidecar.jpg.xmp", sidecar)
    bring_in(Library(Settings()))
    assert [row["photo"] for row in run("status", "--json").json["failed"]] == ["cut.jpg"]
    assert run("images", "--json").json[0]["title"] == "From the sidecar"
    assert model.embedded == 2


@pytest.mark.usefixtures("quick_runs")
def test_a_photo_that_failed_at_two_stages_is_one(
    run: Run, tmp_path: Path, model: QuickModel
) -> None:
    content = bytearray(make_photo(tmp_path / "photos" / "a.png").read_bytes())
    at = content.index(b"IDAT") + 4
    content[at : at + 4] = bytes(4)
    (tmp_path / "photos" / "a.png").write_bytes(content)
    run("add-folder", tmp_path / "photos")
    assert "1 photo failed" in run("sync").err
    assert len(run("status", "--json").json["failed"]) == 2


def test_what_runs_in_the_background_can_be_stopped(
    run: Run, tmp_path: Path, model: QuickModel
) -> None:
    make_photo(tmp_path / "photos" / "a.jpg")
    run("add-folder", tmp_path / "photos")
    # As a shell does for what ends in &; tests before this one may have left others.
    background = {signal.SIGINT: signal.SIG_IGN, signal.SIGTERM: signal.SIG_DFL}
    before = {each: signal.signal(each, handler) for each, handler in background.items()}
    try:
        run("sync")
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_a_library_among_the_photos_is_no_album(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: QuickModel
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "photos" / "data"))
    make_photo(tmp_path / "photos" / "a.jpg")
    run("add-folder", "-r", tmp_path / "photos")
    bring_in(Library(Settings()))
    make_photo(tmp_path / "photos" / "data" / "photos" / "7215" / "1.jpg")
    found = albums(run)
    assert found.keys() == {"photos", str(tmp_path / "photos" / "data")}
    assert found[str(tmp_path / "photos" / "data")]["reason"] == "a library of Albumscope"


def test_a_dry_run_tells_of_what_is_away_once(run: Run, tmp_path: Path, model: QuickModel) -> None:
    make_photo(tmp_path / "photos" / "a.jpg")
    run("add-folder", tmp_path / "photos")
    bring_in(Library(Settings()))
    (tmp_path / "photos").rename(tmp_path / "away")
    told = run("sync", "--dry-run").err.splitlines()
    assert len(told) == 1 and "its album is kept as it was" in told[0]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a registered ``root``, of an album and a mount below it, and its library."""
    made = tmp_path_factory.mktemp("nas")
    for name in ("Home/a.jpg", "Home/b.jpg", "nas/c.jpg", "nas/Deep/d.jpg"):
        make_photo(made / "root" / name)
    shutil.copytree(made / "root", made / "as it was")
    library = Library(Settings(data_dir=made / "library"))
    folder.register(library.storage, folder.Registration(str(made / "root"), recursive=True))
    with pytest.MonkeyPatch.context() as patch, open_instance(library.settings) as instance:
        use_quick_models(patch)
        use_quick_runs(patch)
        assert not sync.sync(library, instance).failed
    return made


@pytest.fixture
def nas(synced: Path, data_dir: Path, model: QuickModel) -> Path:
    """A registered root with an album of its own and a mount below it, synced."""
    root = synced / "root"
    shutil.rmtree(root)
    shutil.copytree(synced / "as it was", root)
    shutil.copytree(synced / "library", data_dir)
    return root


def away_titles(run: Run) -> set[str]:
    return {title for title, row in albums(run).items() if row["state"] == "away"}


@pytest.mark.usefixtures("quick_runs")
def test_an_empty_mount_point_is_away_and_back_without_work(
    run: Run, nas: Path, tmp_path: Path, model: QuickModel
) -> None:
    everything = paths(run, nas)
    (nas / "nas").rename(tmp_path / "unmounted")
    (nas / "nas").mkdir()
    synced = run("sync")
    assert synced.code == 0
    assert "holds no photos any more; its album is kept as it was" in synced.err
    assert away_titles(run) == {"nas", "Deep"}
    assert paths(run, nas) == everything
    status = run("status", "--json").json
    assert {row["title"] for row in status["albums"] if row["is_away"]} == {"nas", "Deep"}
    assert "nas (away)" in run("status").out
    by_id = run("sync", albums(run)["nas"]["album_id"])
    assert (by_id.code, "are away" in by_id.err) == (1, True)

    shutil.rmtree(nas / "nas")
    (tmp_path / "unmounted").rename(nas / "nas")
    assert run("sync").code == 0
    assert away_titles(run) == set()
    assert paths(run, nas) == everything
    assert (model.embedded, model.described) == (0, 0)


@pytest.mark.usefixtures("quick_runs")
def test_most_of_a_root_that_is_missing_is_away(run: Run, nas: Path, tmp_path: Path) -> None:
    make_photo(nas / "a.jpg")
    bring_in(Library(Settings()))
    for name in ("Home", "nas"):
        (nas / name).rename(tmp_path / f"{name} elsewhere")
    assert "like most of" in run("sync").err
    assert away_titles(run) == {"Home", "nas", "Deep"}


@pytest.mark.usefixtures("quick_runs")
def test_another_device_where_the_folder_was_is_away(
    run: Run, nas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the disk that the folder above lay on was another one by now."""
    library = Library(Settings())
    rows = [album | {"device": 1} for album in library.albums() if album["title"] == "Deep"]
    others = [album for album in library.albums() if album["title"] != "Deep"]
    listing = library.find_albums("folder")
    library.catalogue(type(listing)(listing.partition, [*others, *rows]))  # type: ignore[list-item]
    (nas / "nas" / "Deep").rename(tmp_path / "Deep elsewhere")
    assert "lies on a disk that is not there" in run("sync").err
    assert away_titles(run) == {"Deep"}


@pytest.mark.usefixtures("quick_runs")
def test_a_folder_that_was_deleted_from_among_others_is_gone(run: Run, nas: Path) -> None:
    shutil.rmtree(nas / "nas" / "Deep")
    assert run("sync").code == 0
    assert {"Home", "nas"} == set(albums(run))
    assert "nas/Deep/d.jpg" not in paths(run, nas)


@pytest.mark.usefixtures("quick_runs")
def test_what_is_away_is_gone_once_somebody_says_so(run: Run, nas: Path) -> None:
    shutil.rmtree(nas / "nas")
    (nas / "nas").mkdir()
    run("sync")
    gone = albums(run)["nas"]["album_id"]
    kept = albums(run)["Home"]["album_id"]
    assert "Forgot nas" in run("forget", gone).err
    assert "is not away" in run("forget", kept).error
    assert "No album" in run("forget", "unknown").error
    assert run("sync").code == 0
    assert set(albums(run)) == {"Home", "Deep"}
    assert paths(run, nas) == {"Home/a.jpg", "Home/b.jpg", "nas/Deep/d.jpg"}
    assert not list(Settings().data_dir.glob(f"tables/*/**/{gone}.parquet"))


def test_copies_are_described_and_embedded_once(
    run: Run, tmp_path: Path, model: QuickModel
) -> None:
    first = make_photo(tmp_path / "photos" / "a.jpg")
    for number in range(7):
        shutil.copy(first, tmp_path / "photos" / f"copy {number}.jpg")
    run("add-folder", tmp_path / "photos")
    bring_in(Library(Settings()))
    assert (model.embedded, model.described) == (1, 1)
    assert len({row["image_id"] for row in run("images", "--json").json}) == 8


@pytest.mark.parametrize("how", ["renamed", "moved", "added elsewhere"])
def test_a_folder_that_moved_costs_no_model(
    run: Run, nas: Path, tmp_path: Path, model: QuickModel, how: str
) -> None:
    match how:
        case "renamed":
            (nas / "Home").rename(nas / "House")
        case "moved":
            (nas / "Home").rename(nas / "nas" / "Home")
        case _:
            shutil.copytree(nas / "Home", tmp_path / "other" / "Home")
            run("remove-folder", nas)
            run("add-folder", "-r", tmp_path / "other")
    bring_in(Library(Settings()))
    assert (model.embedded, model.described) == (0, 0)


def test_files_that_are_one_photo_are_one_tile(run: Run, tmp_path: Path, model: QuickModel) -> None:
    root = tmp_path / "photos"
    for name in (
        "IMG_1.JPG",
        "IMG_2.JPG",
        "IMG_1234.jpg",
        "IMG_E1234.jpg",
        "b.jpg",
        "b-edited.jpg",
        "b-edited-edited.jpg",
    ):
        make_photo(root / name)
    write_dng(root / "IMG_1.DNG")
    write_dng(root / "IMG_3.DNG")
    for film in ("IMG_2.MOV", "party.mp4"):
        (root / film).write_bytes(b"film")
    run("add-folder", root)
    bring_in(Library(Settings()))
    shown = {row["local_filename"]: row["companions"] for row in run("images", "--json").json}
    assert shown == {
        "IMG_1.JPG": ["IMG_1.DNG"],
        "IMG_2.JPG": ["IMG_2.MOV"],
        "IMG_E1234.jpg": ["IMG_1234.jpg"],
        "b-edited-edited.jpg": ["b-edited.jpg", "b.jpg"],
        "IMG_3.DNG": [],
    }
    assert run("status", "--json").json["not_taken"]["film"] == 1
    (root / "IMG_2.MOV").unlink()  # which costs no model
    bring_in(Library(Settings()))
    assert (model.embedded, model.described) == (5, 5)
    assert run("albums", "--json").json[0]["photo_count"] == 5


def test_a_pattern_that_is_none_is_told_or_passed_over(run: Run, tmp_path: Path) -> None:
    """In a file it is passed over, as git does: one such line would stop all albums."""
    for name in ("a.jpg", "draft.jpg"):
        make_photo(tmp_path / "photos" / name)
    assert "--exclude" in run("add-folder", tmp_path / "photos", "--exclude", "!").error
    (tmp_path / "photos" / IGNORE_FILE).write_text("!\ndraft*\n")
    assert run("add-folder", tmp_path / "photos").code == 0
    assert run("albums", "--json").json[0]["photo_count"] == 1


def test_registrations_keep_what_they_exclude(run: Run, tmp_path: Path) -> None:
    make_photo(tmp_path / "photos" / "a.jpg")
    run("add-folder", tmp_path / "photos", "--exclude", "*.png", "--exclude", "old/")
    (added,) = registrations(Library(Settings()).storage)
    assert added.exclude == ["*.png", "old/"]


def test_what_changes_is_brought_in_once_it_has_stopped_changing(nas: Path, tmp_path: Path) -> None:
    """Dagster's sensor, tick by tick."""
    library = Library(Settings())
    sensor = folder_changes(library.settings)
    cursor = None

    def tick() -> dg.SensorResult | dg.SkipReason:
        nonlocal cursor
        with dg.build_sensor_context(cursor=cursor) as context:
            result = sensor(context, library=Library(Settings()))
        if isinstance(result, dg.SensorResult):
            cursor = result.cursor
        assert isinstance(result, dg.SensorResult | dg.SkipReason)
        return result

    assert isinstance(tick(), dg.SkipReason)
    for number in range(2):  # still being copied
        make_photo(nas / "Home" / f"new {number}.jpg")
        result = tick()
        assert isinstance(result, dg.SensorResult) and not result.run_requests
    settled = tick()
    assert isinstance(settled, dg.SensorResult) and settled.run_requests
    (request,) = settled.run_requests
    assert request.asset_selection == [dg.AssetKey("folder_albums")]


@pytest.mark.usefixtures("quick_runs", "model")
def test_watch_brings_in_what_changes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not what it writes itself; and it notices a disk that comes back."""
    root, said = tmp_path / "root", tmp_path / "said"
    monkeypatch.setenv("DATA_DIR", str(root / "library"))
    make_photo(root / "Home" / "a.jpg")
    run("add-folder", "-r", root)
    make_photo(tmp_path / "disk" / "b.jpg")
    run("add-folder", tmp_path / "disk")
    (tmp_path / "disk").rename(tmp_path / "taken out")
    main, has_ended = threading.get_ident(), threading.Event()

    def has_said(text: str) -> bool:
        assert not has_ended.is_set(), said.read_text()
        return text in said.read_text()

    def until(text: str) -> None:
        wait_for(lambda: has_said(text), f"it to say: {text}", every=0.1)

    def change_folders() -> None:
        try:
            until("Watching")
            make_photo(root / "Home" / "new.jpg")
            until("in the folders.\n1 album brought up to date")
            (tmp_path / "taken out").rename(tmp_path / "disk")
            until("came or went.\n1 album brought up to date")
        finally:
            if not has_ended.is_set():
                signal.pthread_kill(main, signal.SIGINT)

    with (
        monkeypatch.context() as patch,
        said.open("w", buffering=1) as file,
        ThreadPoolExecutor(1) as pool,
    ):
        patch.setattr(sys, "stderr", file)
        changing = pool.submit(change_folders)
        try:
            ended = run("watch")
        finally:
            has_ended.set()
        changing.result()
    assert ended.code == 130
    assert paths(run, tmp_path) == {"root/Home/a.jpg", "root/Home/new.jpg", "disk/b.jpg"}
    assert all(int(each) < 10 for each in re.findall(r"(\d+) changes?", said.read_text()))
