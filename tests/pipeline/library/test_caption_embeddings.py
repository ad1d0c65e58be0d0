"""What a photo is said to show, and where its caption and its words are searched for."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from pipeline.library.library import Library
from pipeline.library.schemas import SCHEMAS
from pipeline.library.stages import llm_captions
from pipeline.models.encoders.text_loading import load_text_encoder
from pipeline.settings import Settings
from pipeline.snapshot import publishing, reading


@pytest.fixture
def library(demo_copy: Path) -> Library:
    return Library(Settings(data_dir=demo_copy))


@pytest.fixture
def album(library: Library) -> dict[str, Any]:
    return next(album for album in library.albums() if album["title"] == "Things and Places")


def change(library: Library, table: str, album_id: str, row: int, **values: object) -> None:
    rows = library.tables.read(table, album_id).to_pylist()
    rows[row] |= values
    library.tables.write(table, album_id, pa.Table.from_pylist(rows, schema=SCHEMAS[table]))


def test_a_caption_is_embedded_with_the_title(library: Library, album: dict[str, Any]) -> None:
    titles = {
        row["image_id"]: row["file_title"]
        for row in library.tables.read("raw_images", album["album_id"]).to_pylist()
    }
    captions = library.tables.read("llm_captions", album["album_id"]).to_pylist()
    said = [f"{titles[row['image_id']]}. {row['caption']}" for row in captions]
    expected = load_text_encoder("embedded", "cpu").encode_texts(said)
    rows = library.tables.read("caption_embeddings", album["album_id"]).to_pylist()
    assert [row["image_id"] for row in rows] == [row["image_id"] for row in captions]
    assert np.array([row["embedding"] for row in rows]) == pytest.approx(expected, abs=1e-5)


def test_what_the_encoder_saw_is_described_without_another_look(
    library: Library, album: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = library.tables.read("llm_captions", album["album_id"]).to_pylist()
    library.tables.write("llm_captions", album["album_id"], SCHEMAS["llm_captions"].empty_table())
    monkeypatch.setattr(llm_captions, "open_photo", None)
    assert library.stages["llm_captions"].refresh(album).new == len(before)
    again = library.tables.read("llm_captions", album["album_id"]).to_pylist()
    assert [row["caption"] for row in again] == [row["caption"] for row in before]


def test_another_title_or_caption_is_embedded_anew_alone(
    library: Library, album: dict[str, Any]
) -> None:
    stage = library.stages["caption_embeddings"]
    assert stage.refresh(album).new == 0
    change(library, "raw_images", album["album_id"], 0, title="Boots in the rain")
    assert stage.refresh(album).new == 1
    change(library, "llm_captions", album["album_id"], 1, caption="A lighthouse.")
    change(library, "raw_images", album["album_id"], 2, file_title=None)
    counts = stage.refresh(album)
    assert (counts.new, counts.kept) == (2, 6)


def test_text_that_can_be_read_in_a_photo_is_searched(
    library: Library, album: dict[str, Any]
) -> None:
    change(library, "llm_captions", album["album_id"], 0, visible_text="MIND THE GAP")
    publishing.publish(library, duckdb.connect, run_id="test")
    opened = reading.open_current(library.settings.data_dir)
    found = opened.cursor().execute(
        "SELECT row FROM search_words WHERE contains(caption, 'mind the gap')"
    )
    assert len(found.fetchall()) == 1
    opened.close()
