"""A large library that other benchmarks measure with.

It is made from the demo photos: folders of a hundred links to them each, and tables whose rows are
those that the models made of the originals. These lie in a hidden folder beside the albums, as the
page shows no photo that a link leads out of its folder. Each vector is turned a little at random
(as far as the demo photos of one kind are apart, cosine about 0.9), so that results differ. A sync
finds nothing left to do in it but to publish.
"""

import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.library.library import Library
from pipeline.library.schemas import ALBUM_TABLES, SCHEMAS
from pipeline.settings import Settings
from pipeline.shipped import shipped
from pipeline.sources import folder

ALBUM = 100  # photos
COSINE = 0.9
ORIGINALS = ".originals"


def make_library(root: Path, photos: int) -> Settings:
    """Make and publish a library of so many photos under ``root``."""
    print(f"making a library of {photos:,} photos", file=sys.stderr)
    random = np.random.default_rng(7)
    originals = _originals(root)
    rows = {table: {row["image_id"]: row for row in found} for table, found in originals.items()}
    of_file = {row["local_filename"]: row for row in originals["raw_images"]}
    names = sorted(of_file)
    for number in range(photos // ALBUM):
        album = root / "albums" / f"Album {number:05}"
        album.mkdir(parents=True)
        for photo in range(ALBUM):
            name = names[random.integers(len(names))]
            (album / f"{photo:02} {name}").symlink_to(Path("..") / ORIGINALS / name)

    settings = Settings(data_dir=root / "library")
    library = Library(settings)
    folder.register(library.storage, folder.Registration(str(root / "albums"), recursive=True))
    with open_instance(settings) as instance:
        sync.find_albums(library, instance)
        for album in library.albums():
            made: dict[str, list[dict[str, object]]] = {table: [] for table in ALBUM_TABLES}
            for photo in library.raw_images.wanted(album):
                original = of_file[Path(photo.path).name[3:]]
                own = {
                    **photo.origin(),
                    "image_id": photo.image_id,
                    "path": photo.path.encode(),
                    "sha256": hashlib.sha256(str(photo.image_id).encode()).hexdigest(),
                }
                for table in ALBUM_TABLES:
                    known = SCHEMAS[table].names
                    row = rows[table][original["image_id"]]
                    made[table].append(row | {key: own[key] for key in own if key in known})
            _write(library, album["album_id"], made, random)
        report = sync.sync(library, instance)
    assert not report.albums, "the library was not complete"
    return settings


def _originals(root: Path) -> dict[str, list[dict[str, object]]]:
    """Bring the demo photos in; returns their rows by table."""
    place = root / "albums" / ORIGINALS
    place.mkdir(parents=True)
    for photo in sorted(shipped("data/demo").rglob("*.jpg")):
        shutil.copy(photo, place)
    settings = Settings(data_dir=root / "original library")
    library = Library(settings)
    folder.register(library.storage, folder.Registration(str(place)))
    with open_instance(settings) as instance:
        assert not sync.sync(library, instance).failed
    (album,) = library.albums()
    return {
        table: library.tables.read(table, album["album_id"]).to_pylist() for table in ALBUM_TABLES
    }


def _write(
    library: Library,
    album_id: str,
    rows: dict[str, list[dict[str, object]]],
    random: np.random.Generator,
) -> None:
    """Write the tables of an album."""
    for table in ALBUM_TABLES:
        if table == "caption_embeddings":  # they say which text they were made from
            texts = {item.image_id: item for item in library.stages[table].wanted(
                {"album_id": album_id})}  # fmt: skip
            for row in rows[table]:
                row.update(library.stages[table].origin(texts[row["image_id"]]))
        written = pa.Table.from_pylist(rows[table], SCHEMAS[table])
        if "embedding" in written.column_names:
            at = written.column_names.index("embedding")
            turned = _turned(
                np.array([row["embedding"] for row in rows[table]], np.float32), random
            )
            written = written.set_column(at, "embedding", pa.array(list(turned)))
        library.tables.write(table, album_id, written)


def _turned(vectors: np.ndarray, random: np.random.Generator) -> np.ndarray:
    noise = random.normal(size=vectors.shape).astype(np.float32)
    noise *= np.sqrt(1 / COSINE**2 - 1) / np.linalg.norm(noise, axis=1, keepdims=True)
    turned = vectors + noise
    return turned / np.linalg.norm(turned, axis=1, keepdims=True)
