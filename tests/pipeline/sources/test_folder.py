"""Folders as albums: added, synced, changed, moved, gone; and never touched."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.assets import sync
from pipeline.assets.sync import SyncReport
from pipeline.errors import AlbumError, AlbumscopeError, PhotoError
from pipeline.library.library import Library
from pipeline.library.schemas import ALBUM_TABLES
from pipeline.photos.files import title_of_file
from pipeline.settings import Settings
from pipeline.snapshot import reading
from pipeline.snapshot.publishing import Published
from pipeline.sources import folder
from pipeline.sources.folder import Registration
from tests.pipeline.quick_sync import bring_in, use_quick_runs

FORMATS = {
    "jpg": "JPEG", "jpeg": "JPEG", "jpe": "JPEG", "png": "PNG", "webp": "WEBP", "tif": "TIFF",
    "tiff": "TIFF", "gif": "GIF", "heic": "HEIF", "heif": "HEIF", "avif": "AVIF",
}  # fmt: skip


class CountingEncoder:
    """Stands in for a model: a photo's vector is its mean color. Remembers what it embedded."""

    name = producer = "embedded"
    dimension = 3
    image_size = 8
    batch_size = 16
    in_flight = 2

    def __init__(self) -> None:
        self.embedded = 0

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        return np.asarray(image, np.float32).mean((0, 1)) + 1

    def encode_prepared(self, batch: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        self.embedded += len(batch)
        vectors = np.stack(batch)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> CountingEncoder:
    counting = CountingEncoder()
    monkeypatch.setattr(
        "pipeline.library.stages.siglip_embeddings.load_encoder", lambda name, device: counting
    )
    return counting


class SyncedLibrary(Library):
    """A library that is synced as the command line does it, but for Dagster's runs."""

    def __init__(self, data_dir: Path, instance: dg.DagsterInstance) -> None:
        super().__init__(Settings(data_dir=data_dir, caption_model="none"))
        self.instance = instance

    def sync(self) -> SyncReport:
        return sync.sync(Library(self.settings), self.instance)

    def bring_in(self) -> Published:
        """For what concerns the folder and the tables alone."""
        return bring_in(Library(self.settings))


@pytest.fixture
def library(
    data_dir: Path, encoder: CountingEncoder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SyncedLibrary]:
    use_quick_runs(monkeypatch)
    with dg.DagsterInstance.ephemeral() as instance:
        yield SyncedLibrary(data_dir, instance)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder of three photos of their own colors."""
    path = tmp_path / "Photos 2021"
    for number in range(3):
        make_photo(path / f"photo-{number}.jpg")
    return path


_colors = iter(range(1, 10**6))


def make_photo(path: Path, format_: str | None = None) -> Path:
    """Write a photo unlike any other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    color = (next(_colors) * 12_345_677) % 0xFFFFFF
    Image.new("RGB", (32, 24), f"#{color:06x}").save(path, format_)
    return path


def add(library: SyncedLibrary, path: Path, **options: Any) -> None:
    folder.register(library.storage, Registration(str(path), **options))


def titles(library: SyncedLibrary) -> dict[str, list[str]]:
    """What a searcher can find: the titles of the photos, by the titles of their albums."""
    opened = reading.open_current(library.settings.data_dir)
    found = opened.cursor().execute(
        """
        SELECT albums.title, list(images.title ORDER BY position)
        FROM albums LEFT JOIN album_images USING (album_id) LEFT JOIN images USING (image_id)
        SEMI JOIN image_embeddings USING (image_id) GROUP BY albums.title
        """
    )
    result = dict(found.fetchall())
    opened.close()
    return result


def rows(
    library: SyncedLibrary, table: str, title: str = "Photos 2021"
) -> dict[str, dict[str, Any]]:
    """The rows of an album by file name."""
    (row,) = (album for album in library.albums() if album["title"] == title)
    album_id = row["album_id"]
    names = {
        row["image_id"]: Path(row["relative_path"]).name
        for row in library.tables.read("raw_images", album_id).to_pylist()
    }
    found = library.tables.read(table, album_id).to_pylist()
    return {names[row["image_id"]]: row for row in found}


def albums_with_files(library: Library) -> set[str]:
    return {album_id for table in ALBUM_TABLES for album_id in library.tables.partitions(table)}


def state_of(*roots: Path) -> dict[str, tuple[Any, ...]]:
    """Everything about the files below folders that a program could change."""
    state = {}
    for root in roots:
        for path in [root, *sorted(root.rglob("*"))]:
            stat = path.lstat()
            content = path.read_bytes() if path.is_file() else b""
            digest = hashlib.sha256(content).hexdigest()
            times = (stat.st_mtime_ns, stat.st_ctime_ns)
            state[str(path)] = (stat.st_ino, stat.st_mode, stat.st_size, *times, digest)
    return state


# What an album is


def test_all_formats_in_both_cases_but_nothing_hidden(
    library: SyncedLibrary, encoder: CountingEncoder, tmp_path: Path
) -> None:
    root = tmp_path / "Mixed 2020"
    for extension, format_ in FORMATS.items():
        make_photo(root / f"lower {extension}.{extension}", format_)
        make_photo(root / f"UPPER {extension}.{extension.upper()}", format_)
    for name in (".hidden.jpg", "._resource.jpg", ".trash/deleted.jpg", "sub/.cache/thumb.jpg"):
        make_photo(root / name)
    for name in ("notes.txt", "movie.mp4", "jpg"):
        (root / name).write_text("no photo")
    (root / "folder.jpg").mkdir()
    os.mkfifo(root / "pipe.jpg")

    add(library, root, recursive=True)
    report = library.sync()
    assert not report.warnings
    assert encoder.embedded == 2 * len(FORMATS)
    expected = [f"lower {name}" for name in FORMATS] + [f"UPPER {name}" for name in FORMATS]
    assert {name: sorted(found) for name, found in titles(library).items()} == {
        "Mixed 2020": sorted(expected)
    }
    raw = rows(library, "raw_images", "Mixed 2020")
    assert {name: row["image_format"] for name, row in raw.items()} == {
        **{f"lower {name}.{name}": format_ for name, format_ in FORMATS.items()},
        **{f"UPPER {name}.{name.upper()}": format_ for name, format_ in FORMATS.items()},
    }
    assert {(row["width"], row["height"]) for row in raw.values()} == {(32, 24)}


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("two-dogs.jpg", "two dogs"),
        ("IMG_2041.JPG", "IMG 2041"),
        ("2019-07--trip_to__Rome.v2.jpg", "2019 07 trip to Rome.v2"),
        (" spaces  inside .png", "spaces inside"),
        ("new\nline.png", "new line"),
        ("emoji 🐈‍⬛.webp", "emoji 🐈‍⬛"),
        ("写真.jpg", "写真"),
        ("---.jpg", "---"),
    ],
)
def test_a_title_from_the_name(name: str, title: str) -> None:
    assert title_of_file(name) == title


def test_each_folder_of_a_tree_is_an_album(library: SyncedLibrary, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    for name in ("top.jpg", "Rome 2019/a.jpg", "Rome 2019/Day 2/b.jpg", "no photos/deep/c.jpg"):
        make_photo(root / name)
    (root / "empty").mkdir()
    add(library, root, recursive=True)
    library.bring_in()
    assert titles(library) == {
        "tree": ["top"],
        "Rome 2019": ["a"],
        "Day 2": ["b"],
        "deep": ["c"],
    }
    albums = {album["title"]: album for album in library.albums()}
    assert albums["Rome 2019"]["event_name"] == "Rome 2019"
    assert albums["Rome 2019"]["event_year"] == 2019
    second_day = rows(library, "raw_images", "Day 2")
    assert second_day["b.jpg"]["relative_path"] == "Rome 2019/Day 2/b.jpg"


def test_without_r_only_the_folder_itself(library: SyncedLibrary, tmp_path: Path) -> None:
    make_photo(tmp_path / "tree" / "top.jpg")
    make_photo(tmp_path / "tree" / "below" / "a.jpg")
    add(library, tmp_path / "tree")
    library.bring_in()
    assert titles(library) == {"tree": ["top"]}


def test_loops_of_links_end_and_no_folder_counts_twice(
    library: SyncedLibrary, tmp_path: Path
) -> None:
    root = tmp_path / "tree"
    make_photo(root / "inside" / "a.jpg")
    make_photo(tmp_path / "elsewhere" / "b.jpg")
    (root / "a first link").symlink_to(root / "inside", target_is_directory=True)
    (root / "inside" / "up").symlink_to(root, target_is_directory=True)
    (root / "self").symlink_to(root / "self")
    (root / "loop.jpg").symlink_to(root / "loop.jpg")
    (root / "dangling.jpg").symlink_to(root / "nothing.jpg")
    (root / "away").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    add(library, root, recursive=True)
    library.bring_in()
    assert titles(library) == {"inside": ["a"], "away": ["b"]}


def test_a_linked_photo_is_a_photo(library: SyncedLibrary, album: Path, tmp_path: Path) -> None:
    (album / "linked.jpg").symlink_to(make_photo(tmp_path / "elsewhere.jpg"))
    add(library, album)
    library.bring_in()
    assert titles(library)["Photos 2021"][0] == "linked"


def test_what_is_said_of_a_folder_overrules_its_name(
    library: SyncedLibrary, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        make_photo(tmp_path / "tree" / name / f"{name}.jpg")
    add(library, tmp_path / "tree", recursive=True)
    own = {"event_name": "RubyKaigi", "event_year": 2017, "event_type": "conference"}
    add(library, tmp_path / "tree" / "b", title="Kaigi", **own)
    library.bring_in()
    assert titles(library) == {"a": ["a"], "Kaigi": ["b"]}
    (kaigi,) = (album for album in library.albums() if album["title"] == "Kaigi")
    assert own.items() <= kaigi.items()


# Only what is new


def test_just_the_work_that_a_change_makes(
    library: SyncedLibrary, encoder: CountingEncoder, album: Path
) -> None:
    add(library, album)
    library.bring_in()
    assert encoder.embedded == 3
    first = rows(library, "siglip_embeddings")

    make_photo(album / "added.jpg")
    make_photo(album / "photo-0.jpg")  # changed
    (album / "photo-1.jpg").rename(album / "renamed.jpg")
    (album / "photo-2.jpg").unlink()
    library.bring_in()

    assert encoder.embedded == 3 + 2
    assert titles(library) == {"Photos 2021": ["added", "photo 0", "renamed"]}
    second = rows(library, "siglip_embeddings")
    assert second["renamed.jpg"]["created_at"] == first["photo-1.jpg"]["created_at"]
    assert second["renamed.jpg"]["embedding"] == first["photo-1.jpg"]["embedding"]
    assert second["photo-0.jpg"]["embedding"] != first["photo-0.jpg"]["embedding"]
    assert second["renamed.jpg"]["image_id"] != first["photo-1.jpg"]["image_id"]


def test_what_stays_is_not_even_read_again(
    library: SyncedLibrary, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(library, album)
    before = library.sync()
    created = rows(library, "raw_images")

    monkeypatch.setattr("pipeline.sources.folder.files.sha256_of", pytest.fail)
    again = library.sync()
    assert (again.albums, again.snapshot) == ([], before.snapshot)
    assert rows(library, "raw_images") == created


def test_a_photo_swapped_behind_the_same_time_and_size_is_noticed(
    library: SyncedLibrary, encoder: CountingEncoder, album: Path
) -> None:
    photo = album / "photo-0.jpg"
    photo.write_bytes(photo.read_bytes().ljust(2000, b"\0"))
    stat = photo.stat()
    add(library, album)
    library.bring_in()
    make_photo(photo)
    photo.write_bytes(photo.read_bytes().ljust(2000, b"\0"))
    os.utime(photo, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert photo.stat().st_size == stat.st_size
    library.bring_in()
    assert encoder.embedded == 4


def test_touched_and_copied_photos_are_not_embedded_again(
    library: SyncedLibrary, encoder: CountingEncoder, album: Path, tmp_path: Path
) -> None:
    add(library, tmp_path, recursive=True)
    library.bring_in()
    os.utime(album / "photo-0.jpg")
    (tmp_path / "Other").mkdir()
    shutil.copy(album / "photo-1.jpg", tmp_path / "Other" / "copy.jpg")
    shutil.copy(album / "photo-2.jpg", album / "copy.jpg")
    library.bring_in()
    assert encoder.embedded == 3
    assert titles(library)["Photos 2021"] == ["copy", "photo 0", "photo 1", "photo 2"]
    assert titles(library)["Other"] == ["copy"]


@pytest.mark.parametrize("album_names", [("A", "B"), ("B", "A")])
def test_a_photo_moved_to_another_album_is_not_embedded_again(
    library: SyncedLibrary,
    encoder: CountingEncoder,
    tmp_path: Path,
    album_names: tuple[str, str],
) -> None:
    start, end = (tmp_path / "tree" / name for name in album_names)
    for path in (start / "stays.jpg", start / "moves.jpg", end / "there.jpg"):
        make_photo(path)
    add(library, tmp_path / "tree", recursive=True)
    library.bring_in()
    (start / "moves.jpg").rename(end / "moved.jpg")
    library.bring_in()
    assert titles(library) == {start.name: ["stays"], end.name: ["moved", "there"]}
    assert encoder.embedded == 3


def test_a_renamed_folder_is_not_embedded_again(
    library: SyncedLibrary, encoder: CountingEncoder, tmp_path: Path
) -> None:
    make_photo(tmp_path / "tree" / "Old" / "a.jpg")
    make_photo(tmp_path / "tree" / "Other" / "b.jpg")
    add(library, tmp_path / "tree", recursive=True)
    library.bring_in()
    (tmp_path / "tree" / "Old").rename(tmp_path / "tree" / "New")
    library.bring_in()
    assert titles(library) == {"New": ["a"], "Other": ["b"]}
    assert encoder.embedded == 2


def test_added_twice_is_added_once(library: SyncedLibrary, album: Path) -> None:
    add(library, album)
    library.bring_in()
    add(library, album, title="Renamed")
    library.bring_in()
    assert list(titles(library)) == ["Renamed"]
    assert len(folder.registrations(library.storage)) == 1


# What goes away


def test_a_folder_that_vanished_leaves_and_its_photos_with_it(
    library: SyncedLibrary, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        make_photo(tmp_path / "tree" / name / f"{name}.jpg")
    add(library, tmp_path / "tree", recursive=True)
    library.bring_in()
    shutil.rmtree(tmp_path / "tree" / "a")
    report = library.sync()
    assert not report.warnings
    assert titles(library) == {"b": ["b"]}
    (album_id,) = albums_with_files(library)
    assert album_id.startswith("b-")


@pytest.mark.parametrize("emptied", [False, True], ids=["missing", "empty mount point"])
def test_a_missing_disk_keeps_its_albums(
    library: SyncedLibrary, encoder: CountingEncoder, tmp_path: Path, emptied: bool
) -> None:
    disk, other = tmp_path / "disk", tmp_path / "other"
    for name in ("a", "b"):
        make_photo(disk / name / f"{name}.jpg")
    make_photo(other / "c.jpg")
    add(library, disk, recursive=True)
    add(library, other)
    before = library.bring_in()

    disk.rename(tmp_path / "unplugged")
    if emptied:
        disk.mkdir()
    make_photo(other / "d.jpg")
    report = library.sync()
    assert any("Is its disk mounted?" in warning for warning in report.warnings)
    assert titles(library) == {"a": ["a"], "b": ["b"], "other": ["c", "d"]}
    assert report.snapshot != before.name

    if emptied:
        disk.rmdir()
    (tmp_path / "unplugged").rename(disk)
    report = library.sync()
    assert not report.warnings
    assert not report.failed
    assert encoder.embedded == 4


def test_a_removed_folder_leaves_the_library_but_not_the_disk(
    library: SyncedLibrary, encoder: CountingEncoder, album: Path, tmp_path: Path
) -> None:
    make_photo(tmp_path / "other" / "b.jpg")
    add(library, album)
    add(library, tmp_path / "other")
    library.bring_in()
    before = state_of(album)
    folder.unregister(library.storage, str(album))
    library.bring_in()
    assert titles(library) == {"other": ["b"]}
    assert state_of(album) == before
    with pytest.raises(AlbumscopeError, match=r"was not added; added folders: .*/other"):
        folder.unregister(library.storage, str(album))


def test_the_last_folder_can_be_removed(library: SyncedLibrary, album: Path) -> None:
    add(library, album)
    library.bring_in()
    folder.unregister(library.storage, str(album))
    library.bring_in()
    assert titles(library) == {}
    assert albums_with_files(library) == set()


# Originals


def test_originals_are_never_copied_or_changed(
    library: SyncedLibrary, album: Path, tmp_path: Path
) -> None:
    for extension, format_ in FORMATS.items():
        make_photo(album / f"a.{extension}", format_)
    (album / "truncated.jpg").write_bytes((album / "photo-0.jpg").read_bytes()[:400])
    (album / "text.jpg").write_text("no photo")
    before = state_of(album)
    add(library, album, recursive=True)
    library.bring_in()
    make_photo(tmp_path / "other" / "b.jpg")
    add(library, tmp_path / "other")
    library.bring_in()
    folder.unregister(library.storage, str(album))
    library.bring_in()
    assert state_of(album) == before


def test_no_photo_is_copied_into_the_library(library: SyncedLibrary, album: Path) -> None:
    add(library, album)
    library.bring_in()
    originals = {path.read_bytes() for path in album.iterdir()}
    stored = [path for path in library.settings.data_dir.rglob("*") if path.is_file()]
    assert stored
    assert not [path for path in stored if path.read_bytes() in originals]
    assert not (library.settings.data_dir / "photos").exists()


# What happens meanwhile


def test_a_photo_that_vanishes_before_it_is_read_is_told(
    album: Path, library: SyncedLibrary
) -> None:
    add(library, album)
    (found,) = library.find_albums("folder").albums
    listed = library.sources["folder"].photos(found)
    (album / "photo-1.jpg").unlink()
    results = [row for _, row in library.sources["folder"].fetch(found, listed, lambda _: [])]
    assert not any(isinstance(row, PhotoError) for row in results)
    assert [row.get("error") for row in results] == [None, "the file is gone", None]  # type: ignore[union-attr]


def test_a_photo_that_vanishes_before_it_is_embedded_fails_alone(
    library: SyncedLibrary, encoder: CountingEncoder, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(library, album)

    def load_encoder(name: str, device: str) -> CountingEncoder:
        (album / "photo-1.jpg").unlink(missing_ok=True)
        return encoder

    monkeypatch.setattr("pipeline.library.stages.siglip_embeddings.load_encoder", load_encoder)
    report = library.sync()
    assert not report.failed
    assert titles(library) == {"Photos 2021": ["photo 0", "photo 2"]}
    assert rows(library, "siglip_embeddings")["photo-1.jpg"]["error"] == "the file is gone"
    library.bring_in()
    assert list(rows(library, "siglip_embeddings")) == ["photo-0.jpg", "photo-2.jpg"]
    assert encoder.embedded == 2


def test_a_folder_that_vanishes_is_an_error_of_its_album(
    album: Path, library: SyncedLibrary
) -> None:
    add(library, album)
    (found,) = library.find_albums("folder").albums
    shutil.rmtree(album)
    with pytest.raises(AlbumError, match=r"Photos 2021.*is its disk mounted\?"):
        library.sources["folder"].photos(found)


# What cannot be added


def test_what_is_no_folder_of_photos(library: SyncedLibrary, tmp_path: Path) -> None:
    make_photo(tmp_path / "tree" / "below" / "a.jpg")
    (tmp_path / "tree" / "text.txt").write_text("")
    for path, message in (
        (tmp_path / "nowhere", "is not a folder: give the path of one"),
        (tmp_path / "tree" / "text.txt", "is not a folder: give the path of one"),
        (tmp_path / "tree", "holds no photos; with -r the folders below it are searched too"),
    ):
        with pytest.raises(AlbumscopeError, match=message):
            add(library, path)
    assert not folder.registrations(library.storage)


def test_a_damaged_registration_says_which(library: SyncedLibrary, album: Path) -> None:
    add(library, album)
    (file,) = (library.settings.data_dir / "folders").iterdir()
    file.write_text(file.read_text()[:20])
    with pytest.raises(AlbumscopeError, match=rf"{file} is damaged: run `albumscope sync`"):
        library.find_albums("folder")
