"""A library that is damaged on purpose: each of its files in turn cut, altered and lost."""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from PIL import Image

from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.errors import AlbumscopeError
from pipeline.library.checking import damaged_files
from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.snapshot import publishing, reading
from pipeline.sources import folder
from pipeline.storage import DAMAGED
from tests.conftest import built_once
from tests.pipeline.command_line import Run
from tests.pipeline.quick_model import use_quick_models

OF_ONE_ALBUM = [
    "tables/raw_images/*.parquet",
    "tables/exif_metadata/*.parquet",
    "tables/llm_captions/*.parquet",
    "tables/siglip_embeddings/*/*.parquet",
    "tables/caption_embeddings/*/*.parquet",
]
OF_ALL = ["tables/albums/*.parquet", "folders/*.json"]
REMEMBERED = ["files.json", "status.json"]
PUBLISHED = [
    "snapshots/current",
    "snapshots/*/manifest.json",
    "snapshots/*/catalog.duckdb",
]
DAGSTERS = [
    "dagster/history/runs.db",
    "dagster/history/runs/index.db",
    "dagster/schedules/schedules.db",
]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def turn(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for at in range(len(content) // 3, len(content), max(1, len(content) // 3)):
        content[at] ^= 0xFF
    path.write_bytes(content)


def scramble(path: Path) -> None:
    """More than bits: SQLite has no checksums, and takes other text for text."""
    content = bytearray(path.read_bytes())
    for at in range(0, len(content), 128):
        content[at] ^= 0xFF
    path.write_bytes(content)


def lose(path: Path) -> None:
    path.unlink()


Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of two albums with two photos each, to be copied; and where its photos lie."""

    def build(root: Path) -> None:
        for album in range(2):
            for photo in range(2):
                path = root / "photos" / f"Trip {2010 + album}" / f"photo {photo}.jpg"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (64, 48), (90 * album, 60 * photo, 120)).save(path)
        library = Library(Settings(data_dir=root / "library"))
        registration = folder.Registration(str(root / "photos"), recursive=True)
        folder.register(library.storage, registration)
        with open_instance(library.settings) as instance:
            assert not sync.sync(library, instance).failed

    with pytest.MonkeyPatch.context() as patch:
        use_quick_models(patch)
        return built_once(tmp_path_factory, "damage", build) / "library"


@pytest.fixture(scope="module")
def expected(whole: Path) -> dict[str, object]:
    """What the library holds when nothing is damaged."""
    return contents(whole)


@pytest.fixture
def copy(whole: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_quick_models(monkeypatch)
    shutil.copytree(whole, data_dir)
    return data_dir


def mend(data_dir: Path) -> list[str]:
    """What a sync does, without Dagster; returns its warnings."""
    library = Library(Settings(data_dir=data_dir))
    warnings = library.set_aside_damaged()
    listing = library.find_albums("folder")
    library.catalogue(listing)
    for stage in library.stages.values():
        for album in library.albums():
            stage.refresh(album)
    publishing.publish(library, duckdb.connect, "run")
    library.remember()
    return [*warnings, *listing.warnings]


def contents(data_dir: Path) -> dict[str, object]:
    """The tables of the current snapshot, without when and in which run rows were made."""
    assert reading.named_current(data_dir) in reading.names(data_dir)
    with closing(reading.open_current(data_dir)) as snapshot:
        return {
            table: snapshot.cursor()
            .execute(
                "SELECT COLUMNS(lambda name: name NOT IN ('created_at', 'run_id'))"
                f" FROM {table} ORDER BY ALL"
            )
            .fetchall()
            for table in ("albums", "images", "exif", "captions", "image_embeddings", "provenance")
        }


def tables(data_dir: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(data_dir)): path.read_bytes()
        for path in data_dir.glob("tables/**/*.parquet")
    }


def found(data_dir: Path) -> list[str]:
    """The files that are found to be damaged."""
    library = Library(Settings(data_dir=data_dir))
    return [
        *(damage.file for damage in damaged_files(library)),
        *(str(path) for path, _ in reading.damaged_files(data_dir)),
    ]


@pytest.mark.parametrize("damage", [cut, turn, lose])
@pytest.mark.parametrize(
    "patterns", [OF_ONE_ALBUM, REMEMBERED, *([each] for each in [*OF_ALL, *PUBLISHED])]
)
def test_what_is_damaged_is_found_and_mended(
    expected: dict[str, object], copy: Path, patterns: list[str], damage: Damage
) -> None:
    if patterns == ["folders/*.json"] and damage is lose:
        pytest.skip("that is how a folder is taken out")
    before = tables(copy)
    paths = sorted(sorted(copy.glob(pattern))[0] for pattern in patterns)
    for path in paths:
        damage(path)
    if damage is not lose or patterns[0] not in REMEMBERED:  # which may be deleted
        assert sorted(found(copy)) == list(map(str, paths))
    try:  # the page serves, or says what to do
        reading.open_current(copy).close()
    except AlbumscopeError as error:
        assert "albumscope sync" in str(error)
        assert patterns[0] in PUBLISHED

    warnings = mend(copy)

    is_aside = patterns[0] in OF_ONE_ALBUM + OF_ALL and damage is not lose
    for path in paths:
        assert path.with_name(path.name + DAMAGED).exists() == is_aside
        assert any(str(path) in warning for warning in warnings) == is_aside
    assert contents(copy) == expected
    assert found(copy) == []
    after = tables(copy)
    assert after.keys() == before.keys()
    names = {str(path.relative_to(copy)) for path in paths}
    assert {each for each in after if after[each] != before[each]} <= names


def test_a_folder_whose_registration_is_damaged_is_added_again(
    copy: Path, whole: Path, run: Run
) -> None:
    (path,) = (copy / "folders").iterdir()
    turn(path)
    photos = whole.parent / "photos"
    assert any(f"of {photos} when it was added is lost" in warning for warning in mend(copy))
    assert run("add-folder", photos, "-r").code == 0
    assert mend(copy) == []
    assert [each.name for each in (copy / "folders").iterdir()] == [path.name]


def test_an_altered_table_of_the_same_size_and_time_is_mended_once_it_was_found(
    copy: Path, expected: dict[str, object]
) -> None:
    """So disks lose bits: nothing says that the file is another."""
    path = next(copy.glob("tables/siglip_embeddings/*/*.parquet"))
    times = path.stat()
    turn(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert found(copy) == [str(path)]
    mend(copy)
    assert contents(copy) == expected
    assert found(copy) == []


def test_a_publication_that_meets_a_damaged_table_says_which(copy: Path) -> None:
    path = next(copy.glob("tables/llm_captions/*.parquet"))
    times = path.stat()
    turn(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(AlbumscopeError, match=f"^{path} is damaged.*albumscope sync`, [^\n]*$"):
        publishing.publish(Library(Settings(data_dir=copy)), duckdb.connect, "", alone=True)


# By the command line itself


@pytest.mark.usefixtures("quick_runs")
@pytest.mark.parametrize("damage", [cut, turn])
def test_sync_goes_on_with_the_other_albums(
    run: Run, copy: Path, whole: Path, expected: dict[str, object], damage: Damage
) -> None:
    path = sorted(copy.glob("tables/raw_images/*.parquet"))[0]
    damage(path)
    new = whole.parent / "photos" / "Trip 2011"
    told = run("check")
    assert told.code == 1
    assert str(path) in told.out
    synced = run("sync")
    assert synced.code == 0
    assert f"Warning: {path} was damaged: it is set aside as" in synced.err
    assert "1 album brought up to date" in synced.err
    assert new.exists()
    assert contents(copy) == expected
    assert run("check").code == 0


@pytest.mark.parametrize("damage", [cut, scramble, lose])
@pytest.mark.parametrize("name", DAGSTERS)
def test_a_damaged_database_of_dagster_is_made_anew(
    run: Run, copy: Path, whole: Path, expected: dict[str, object], name: str, damage: Damage
) -> None:
    damage(copy / name)
    if damage is not lose:
        assert [row["file"] for row in run_json(run, "check")] == [str(copy / name)]
    (whole.parent / "photos").touch()
    synced = run("sync")
    assert synced.code == 0, synced
    assert "Traceback" not in synced.err
    assert contents(copy) == expected
    assert run("check").code == 0


def run_json(run: Run, *arguments: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(run(*arguments, "--json").out)
    return rows
