"""Moving in: what the older scripts made is kept, and what cannot be is told."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from PIL import Image

from pipeline.library.library import Library
from pipeline.models.encoders.loading import load_encoder
from pipeline.moving.folder_scripts import cover
from pipeline.settings import Settings
from pipeline.sources.folder import Registration
from tests.pipeline.command_line import Run
from tests.pipeline.moving.older_scripts import (
    ALBUMS,
    make_flickr_project,
    make_folder_database,
    picture,
)
from tests.pipeline.quick_model import QuickModel, use_quick_models
from tests.pipeline.quick_sync import bring_in
from tests.standins.flickr import Album, FlickrStandIn, Photo, renditions

FIRST, SECOND = ALBUMS


@pytest.fixture(scope="session")
def flickr_project(tmp_path_factory: pytest.TempPathFactory, siglip_folder: Path) -> Path:
    project = tmp_path_factory.mktemp("scripts") / "project"
    make_flickr_project(project, siglip_folder)
    return project


@pytest.fixture
def project(flickr_project: Path, tmp_path: Path) -> Path:
    """A project of the Flickr scripts with two albums of four photos, which may be changed."""
    shutil.copytree(flickr_project, tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, siglip_folder: Path) -> QuickModel:
    """Captions are quick; photos are embedded by the very SigLIP that the scripts have."""
    quick = use_quick_models(monkeypatch)
    monkeypatch.setattr("pipeline.library.stages.siglip_embeddings.load_encoder", load_encoder)
    monkeypatch.setenv("EMBED_MODEL", str(siglip_folder))
    monkeypatch.setenv("CAPTION_MODEL", "none")
    return quick


def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on no photo may be embedded."""

    def refuse(*_: object) -> None:
        raise AssertionError("a photo was embedded again")

    monkeypatch.setattr("pipeline.library.stages.siglip_embeddings.load_encoder", refuse)


def change(project: Path, statement: str, *values: object) -> None:
    with duckdb.connect(str(project / "pyconjp_image_search.duckdb")) as connection:
        connection.execute(statement, values)


def reasons(result: Any) -> dict[int, str]:
    return {row["row"]: row["reason"] for row in result["not_taken"]}


def files(root: Path) -> dict[str, int]:
    return {
        str(path): path.stat().st_mtime_ns
        for folder in ("tables", "photos", "flickr", "imported", "folders", "snapshots")
        for path in (root / folder).rglob("*")
        if path.is_file()
    }


# --- The Flickr scripts --------------------------------------------------------------------------


@pytest.mark.usefixtures("quick_runs")
def test_flickr_scripts_move_in_without_a_key(
    project: Path, run: Run, model: QuickModel, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run("import", project, "--dry-run", "--json").json
    assert (shown["albums"], shown["photos"], shown["vectors"], shown["not_taken"]) == (2, 8, 8, [])
    assert not (data_dir / "photos").exists()
    result = run("import", project)
    assert result.code == 1 and "--yes" in result.err and not (data_dir / "photos").exists()

    result = run("import", project, "--yes")
    assert result.code == 0 and "vectors are kept" in result.err, result
    picture = data_dir / "photos" / FIRST / "53000000000.jpg"
    theirs = project / "data" / "pyconjp" / ALBUMS[FIRST] / "53000000000.jpg"
    assert picture.samefile(theirs)
    no_encoder(monkeypatch)
    assert run("sync").code == 0
    albums = {album["album_id"]: album for album in run("albums", "--json").json}
    assert {key: album["title"] for key, album in albums.items()} == ALBUMS
    events = {(a["event_name"], a["event_year"], a["event_type"]) for a in albums.values()}
    assert events == {("PyCon JP 2023", 2023, "conference")}
    assert {album["state"] for album in albums.values()} == {"complete"}
    found = run("search", "--image", theirs, "-k", "1", "--json").json
    assert (found[0]["image_id"], found[0]["event_name"]) == (53000000000, "PyCon JP 2023")
    assert found[0]["image_url"].endswith("_abc123_b.jpg")

    before = files(data_dir)
    again = run("import", project, "--yes", "--json").json
    assert (again["photos"], again["vectors"], again["photos_there_already"]) == (0, 0, 8)
    assert run("sync").code == 0
    assert files(data_dir) == before
    change(project, "DELETE FROM image_embeddings; DELETE FROM images WHERE id = 1")
    assert run("import", project, "--yes").code == 0
    assert files(data_dir) == before  # what they have no more is not taken away


@pytest.mark.usefixtures("quick_runs")
def test_with_a_key_only_what_is_new_is_downloaded(
    project: Path, run: Run, model: QuickModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The standin's photos have secrets and addresses of their own, which the scripts noted."""
    photos = [Photo(id=f"5300000000{n}", title=f"Talk {n}", size=(120, 80)) for n in range(5)]
    album = Album(FIRST, "Day 1 on Flickr", photos)
    with FlickrStandIn([album]) as flickr:
        for row, photo in enumerate(photos[:4], 1):
            path = f"/65535/{photo.id}_{photo.secret}_b.jpg"
            if row > 2:  # an original has a secret of its own
                path = renditions(photo)["url_o"].path
            url = f"http://127.0.0.1:{flickr.port}{path}"
            change(project, "UPDATE images SET image_url = ? WHERE id = ?", url, row)
        assert run("import", project, "--yes").code == 0
        bring_in(Library(Settings()))
        for name, value in flickr.environment.items():
            monkeypatch.setenv(name, value)
        assert run("sync").code == 0
        served = {path.rpartition("/")[2].partition("_")[0] for path in flickr.downloads}
        albums = {album["album_id"]: album for album in run("albums", "--json").json}
    assert served == {photos[4].id}
    assert {key: album["title"] for key, album in albums.items()} == {
        FIRST: "Day 1 on Flickr",
        SECOND: ALBUMS[SECOND],  # which is of somebody else, and stays as it was
    }
    assert albums[FIRST]["synced"] == 5 and albums[FIRST]["event_name"] == "PyCon JP 2023"
    assert len(run("images", "--json").json) == 9


def test_vectors_of_another_model_are_made_anew(
    project: Path, run: Run, model: QuickModel, data_dir: Path
) -> None:
    change(project, "UPDATE image_embeddings SET embedding = list_reverse(embedding)::FLOAT[16]")
    result = run("import", project, "--yes")
    assert result.code == 0 and "made anew" in result.err
    bring_in(Library(Settings()))
    rows = Library(Settings()).tables.read("siglip_embeddings", FIRST)
    assert rows.num_rows == 4 and rows["error"].null_count == 4


def test_of_each_row_that_cannot_be_taken_it_is_told_why(
    project: Path, run: Run, model: QuickModel, data_dir: Path
) -> None:
    pictures = project / "data" / "pyconjp"
    (pictures / ALBUMS[FIRST] / "53000000001.jpg").unlink()
    cut = pictures / ALBUMS[FIRST] / "53000000002.jpg"
    cut.write_bytes(cut.read_bytes()[:700])
    database = project / "pyconjp_image_search.duckdb"
    with duckdb.connect(str(database)) as connection:  # as if nobody had thought of constraints
        connection.execute(
            """
            CREATE TABLE copied AS FROM images; DROP TABLE images;
            ALTER TABLE copied RENAME TO images;
            INSERT INTO images SELECT * REPLACE (9 AS id) FROM images WHERE id = 1;
            UPDATE images SET relative_path = '../../../etc/passwd' WHERE id = 4;
            UPDATE images SET flickr_photo_id = '../5' WHERE id = 5;
            UPDATE images SET album_id = NULL WHERE id = 6;
            UPDATE images SET album_title = repeat('Ж', 2000000) || chr(0) WHERE id > 6;
            UPDATE image_embeddings SET embedding = list_transform(embedding, x -> 'nan'::FLOAT)
            WHERE image_id = 7
            """
        )
    told = reasons(run("import", project, "--yes", "--json").json)
    assert told[2] == "the file is gone"
    assert "missing" in told[3] or "damaged" in told[3]
    assert "no path below" in told[4]
    assert "'../5'" in told[5] and "album_id" in told[6]
    assert "made anew" in told[7]
    assert told[9] == "row 1 is of the same photo"
    assert set(told) == {2, 3, 4, 5, 6, 7, 9}
    bring_in(Library(Settings()))
    ids = {row["image_id"] for row in run("images", "--json").json}
    assert ids == {53000000000, 53010000002, 53010000003}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda file: file.with_name("none.duckdb"), "No such file"),
        (lambda file: _written(file.with_name("no.db"), b"hello"), "is not the database"),
        (lambda file: _empty_duckdb(file.with_name("other.duckdb")), "has no table images"),
        (lambda file: _written(file.with_name("half.duckdb"), file.read_bytes()[:900]), "read"),
        (lambda file: file.parent / "data", "does not hold"),
    ],
)
def test_what_is_no_database_of_scripts_is_said_to_be_none(
    make: Callable[[Path], Path], said: str, project: Path, run: Run, data_dir: Path
) -> None:
    assert said in run("import", make(project / "pyconjp_image_search.duckdb"), "--yes").error


def test_a_database_that_is_in_use_is_told(project: Path, albumscope: Any, data_dir: Path) -> None:
    with duckdb.connect(str(project / "pyconjp_image_search.duckdb")):
        result = albumscope("import", project, "--yes")
    assert result.returncode == 1 and "another program has it open" in result.stderr


def _written(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    return file


def _empty_duckdb(file: Path) -> Path:
    duckdb.connect(str(file)).close()
    return file


# --- The folder scripts --------------------------------------------------------------------------

BEACH = "На фотографии изображён песчаный пляж, вдали видны две лодки под парусом."


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Photos in two folders, and one that the scripts do not know."""
    paths = [tmp_path / "photos" / folder / f"{n}.jpg" for folder in "ab" for n in range(2)]
    for number, path in enumerate([*paths, tmp_path / "photos" / "b" / "new.jpg"]):
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number).save(path)
    return paths


@pytest.mark.usefixtures("quick_runs")
def test_folder_scripts_move_in(
    photos: list[Path], tmp_path: Path, run: Run, model: QuickModel, data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("CAPTION_MODEL", "embedded")
    gone = tmp_path / "photos" / "a" / "gone.jpg"
    captions: dict[Path, str | None] = {path: f"{BEACH} {path.name}" for path in photos}
    database = make_folder_database(
        tmp_path / "images.db", captions | {photos[3]: None, gone: BEACH}
    )
    shown = run("import", database, "--dry-run", "--json").json
    assert (shown["table"], shown["path_column"], shown["caption_column"]) == (
        *("photos", "image_path", "description"),
    )
    assert (shown["photos"], shown["captions"]) == (4, 3)
    assert shown["folders"] == [f"{tmp_path / 'photos'} and those below"]
    assert reasons(shown) == {5: "there is no such file"}
    assert not (data_dir / "folders").exists()
    assert run("import", tmp_path, "--yes").code == 0
    assert run("sync").code == 0
    assert model.described == 2  # one without a description, and one that is new

    def captioned() -> dict[str, tuple[str, str]]:
        tables = Library(Settings()).tables
        rows = tables.read_all("llm_captions").to_pylist()
        names = {r["image_id"]: r["path"] for r in tables.read_all("raw_images").to_pylist()}
        return {
            os.fsdecode(names[row["image_id"]]): (row["producer"], row["caption"]) for row in rows
        }

    assert [captioned()[str(path)] for path in photos[:3]] == [
        ("imported", captions[path]) for path in photos[:3]
    ]
    found = run("search", "парусом", "--mode", "text", "--json").json
    assert len(found) == 3
    before = files(data_dir)
    assert "Nothing is new" in run("import", database, "--yes").err
    assert run("sync").code == 0
    assert files(data_dir) == before

    # It outlives a move, another captioner, none, and a lost table.
    (tmp_path / "photos" / "c").mkdir()
    moved = photos[0].rename(tmp_path / "photos" / "c" / "moved.jpg")
    monkeypatch.setattr(model, "producer", "other")
    bring_in(Library(Settings()))
    assert captioned()[str(moved)] == ("imported", captions[photos[0]])
    assert model.described == 4
    monkeypatch.setenv("CAPTION_MODEL", "none")
    monkeypatch.setattr("pipeline.library.stages.llm_captions.load_captioner", lambda *_: None)
    shutil.rmtree(data_dir / "tables" / "llm_captions")
    bring_in(Library(Settings()))
    assert {producer for producer, _ in captioned().values()} == {"imported"}
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE photos SET description = 'A boat at last, and a pier' || id")
    assert run("import", database, "--yes").code == 0
    bring_in(Library(Settings()))
    assert captioned()[str(photos[3])] == ("imported", "A boat at last, and a pier4")


def test_columns_may_be_named_and_odd_rows_lose_nothing(
    photos: list[Path], tmp_path: Path, run: Run, data_dir: Path
) -> None:
    database = tmp_path / "images.db"
    with sqlite3.connect(database) as connection:
        connection.execute('CREATE TABLE "a ""b" (f TEXT, "the text" TEXT, long TEXT)')
        connection.executemany(
            'INSERT INTO "a ""b" VALUES (?, ?, ?)',
            [
                (str(photos[0]), "one of two", "longer words than those that are meant " * 9),
                (str(photos[0]), "two of two", None),
                (str(photos[1]), "x " * 50_000 + "\0", None),
                (str(photos[2]) + "\0", "a NUL in it", None),
                ("a" * 5_000 + ".jpg", "too long", None),
                (None, "of nothing", None),
                (str(tmp_path / "images.db"), "no photo", None),
                (b"photos/b/1.jpg", "relative, and bytes", None),
            ],
        )
    connection.close()
    assert "no column nope" in run("import", database, "--path-column", "nope", "--yes").error
    assert "the text" in run("import", database, "--caption-column", "nope", "--yes").error
    shown = run("import", database, "--caption-column", "the text", "--dry-run", "--json").json
    assert (shown["photos"], shown["captions"]) == (3, 3)
    assert reasons(shown) == {
        1: "row 2 describes the same photo, and counts",
        3: "its description is cut after 10,000 characters",
        4: "there is no such file",
        5: "this cannot be a path",
        6: "no path",
        7: "not a photo in a format that can be read",
    }
    with sqlite3.connect(database) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert "another program has it open" in run("import", database, "--yes").error
    writer.close()
    with sqlite3.connect(tmp_path / "empty.db") as connection:
        connection.execute("CREATE TABLE notes (words TEXT)")
    connection.close()
    error = run("import", tmp_path / "empty.db", "--yes").error
    assert "--path-column" in error and "notes: words" in error


def test_folders_are_registered_with_no_photos_that_the_scripts_did_not_know(
    tmp_path: Path,
) -> None:
    for name in ("x/known/a", "x/known/b/c", "x/other", "x/lone/below"):
        (tmp_path / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name / "1.jpg")
    known = {tmp_path / "x" / name for name in ("known/a", "known/b/c", "lone")}
    assert cover(known) == [
        Registration(str(tmp_path / "x" / "lone")),
        Registration(str(tmp_path / "x" / "known"), recursive=True),
    ]
    assert cover(set()) == []
