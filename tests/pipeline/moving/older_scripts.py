"""What the scripts leave that Albumscope replaces, made as they would."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray
from PIL import Image

TABLES = """
    CREATE TABLE images (
        id INTEGER PRIMARY KEY, image_url VARCHAR UNIQUE, relative_path VARCHAR,
        local_filename VARCHAR, flickr_photo_id VARCHAR UNIQUE, album_id VARCHAR,
        album_title VARCHAR, event_name VARCHAR, event_year INTEGER,
        event_type VARCHAR DEFAULT 'conference', image_format VARCHAR, width INTEGER,
        height INTEGER, file_size_bytes BIGINT, downloaded_at TIMESTAMP, created_at TIMESTAMP
    );
    CREATE TABLE image_embeddings (
        image_id INTEGER, model_name VARCHAR, embedding FLOAT[{dimension}], created_at TIMESTAMP,
        PRIMARY KEY (image_id, model_name)
    );
"""
ALBUMS = {"72157600000000001": "PyCon JP 2023 Day 1", "72157600000000002": "Sprints"}


def picture(number: int) -> Image.Image:
    """A pattern that is no other's."""
    pixels = np.random.default_rng(number).integers(0, 256, (8, 12, 3), np.uint8)
    return Image.fromarray(pixels).resize((120, 80), Image.Resampling.BICUBIC)


def vectors_of(model: Path, files: Sequence[Path]) -> NDArray[np.float32]:
    """As the scripts make them: by transformers, from the whole picture."""
    from transformers import AutoModel, AutoProcessor  # takes seconds

    processor, siglip = AutoProcessor.from_pretrained(model), AutoModel.from_pretrained(model)
    pixels = processor(images=[Image.open(file) for file in files], return_tensors="pt")
    vectors = siglip.get_image_features(**pixels)
    vectors = getattr(vectors, "pooler_output", vectors).detach().numpy()
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def make_flickr_project(
    project: Path, model: Path, albums: Mapping[str, Sequence[str]] | None = None
) -> Path:
    """A project of the Flickr scripts: of each album (by its id) the pictures of these photos."""
    albums = albums or {
        album_id: [f"53{album:02}{photo:07}" for photo in range(4)]
        for album, album_id in enumerate(ALBUMS)
    }
    project.mkdir(exist_ok=True)
    database = project / "pyconjp_image_search.duckdb"
    rows, files = [], []
    for album_id, photo_ids in albums.items():
        title = ALBUMS[album_id]
        for photo_id in photo_ids:
            file = project / "data" / "pyconjp" / title / f"{photo_id}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            picture(int(photo_id)).save(file, quality=95)
            files.append(file)
            rows.append(
                (
                    len(rows) + 1, f"https://live.staticflickr.com/65535/{photo_id}_abc123_b.jpg",
                    f"{title}/{photo_id}.jpg", file.name, photo_id, album_id, title,
                    "PyCon JP 2023", 2023, "conference", "JPEG", 120, 80, file.stat().st_size,
                    "2024-01-02 03:04:05", "2024-01-02 03:04:05",
                )
            )  # fmt: skip
    vectors = vectors_of(model, files)
    with duckdb.connect(str(database)) as connection:
        connection.execute(TABLES.format(dimension=vectors.shape[1]))
        connection.executemany(f"INSERT INTO images VALUES ({', '.join('?' * 16)})", rows)
        connection.executemany(
            "INSERT INTO image_embeddings VALUES (?, ?, ?, now())",
            [[row[0], str(model), list(map(float, vectors[at]))] for at, row in enumerate(rows)],
        )
    return database


def make_folder_database(database: Path, captions: Mapping[Path, str | None]) -> Path:
    """A database of the folder scripts: these photos with what an LLM said of them."""
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, started TEXT)")
        connection.execute(
            "CREATE TABLE photos (id INTEGER PRIMARY KEY, image_path TEXT, exif TEXT, camera TEXT,"
            " description TEXT)"
        )
        connection.executemany(
            "INSERT INTO photos (image_path, exif, camera, description) VALUES (?, ?, ?, ?)",
            [
                (str(path), '{"Model": "X100", "Lens": "23 mm f/2"}' + " " * 900, "X100", caption)
                for path, caption in captions.items()
            ],
        )
    connection.close()
    return database
