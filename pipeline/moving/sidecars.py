"""Sidecars of all photos: beside them, or below a folder that mirrors theirs.

Photos that the library keeps itself, Flickr's, get some only below such a folder.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb

from pipeline.errors import AlbumscopeError
from pipeline.library.library import Library
from pipeline.library.marks import JOURNALS
from pipeline.moving.xmp_writing import Known, merge
from pipeline.photos.files import is_raw_name, printable, title_of_file
from pipeline.photos.look_ahead import map_ahead
from pipeline.photos.sidecars import Sidecars
from pipeline.photos.words import DamagedError, Position, Said, line, lines, said, text
from pipeline.rows import Row
from pipeline.snapshot.marks import last_words
from pipeline.snapshot.people import as_stored
from pipeline.snapshot.places import country_name
from pipeline.snapshot.reading import Snapshot
from pipeline.sources import Album
from pipeline.sources.folder.registrations import album_id
from pipeline.storage.disk import replace_file

_THREADS = 8
_FAVOURITE = 5  # stars; five are read as a favourite, too
_SAYS = ("xmp", "iptc", "exif", "text")  # within the file, what counts most first
_PHOTOS = """
    SELECT image_id, album_id, source, path, relative_path, local_filename, width, height,
           images.title, images.description, coalesce(retagged.tags, images.tags) AS tags,
           caption, coalesce(caption_tags, captions.tags) AS caption_tags,
           said, regions, orientation, favourite, latitude, longitude,
           quarter, town, region, country, faces
    FROM images
         JOIN (
             SELECT image_id, min(album_id) AS album_id FROM album_images
             WHERE ?::VARCHAR[] IS NULL OR list_contains(?::VARCHAR[], album_id) GROUP BY image_id
         ) USING (image_id)
         LEFT JOIN exif USING (image_id)
         LEFT JOIN places USING (place_id)
         LEFT JOIN captions USING (image_id)
         LEFT JOIN retagged USING (image_id)
         LEFT JOIN (
             SELECT faces.image_id, list({'name': name, 'region': faces.region}
                    ORDER BY faces.face) AS faces
             FROM faces JOIN people USING (person_id)
             WHERE name IS NOT NULL AND NOT is_hidden GROUP BY ALL
         ) USING (image_id)
    ORDER BY images.rowid
"""
_AT_ONCE = 1024  # rows


class Exported(NamedTuple):
    """What became of a photo's sidecar: whether it is new, which of its fields changed, or why it
    could not be written."""

    photo: str
    sidecar: str
    is_new: bool
    changes: Sequence[str]
    error: str | None = None


def export(
    library: Library,
    snapshot: Snapshot,
    folder: Path | None = None,
    album_ids: Sequence[str] | None = None,
    *,
    check: bool = False,
    progress: Callable[[int], object] = lambda photos: None,
) -> Iterator[Exported]:
    """Bring the sidecars of photos up to date, in ``folder`` or beside them, lazily.

    Yields those that are written, or with ``check`` would be, and those that cannot be.
    """
    cursor = snapshot.cursor()
    favourites = _favourites(library, cursor)
    mirror = _Mirror(folder, library.albums()) if folder else None
    beside = Sidecars()

    def rows() -> Iterator[Row]:
        with snapshot.cursor() as reading:
            found = reading.execute(_PHOTOS, [album_ids, album_ids])
            columns = [each[0] for each in found.description]
            while block := found.fetchmany(_AT_ONCE):
                yield from (dict(zip(columns, values, strict=True)) for values in block)

    def places() -> Iterator[tuple[Row, Path, Path | None]]:
        """Each photo with its sidecar, and the one that is there to begin with."""
        for row in rows():
            photo = os.fsdecode(row["path"])
            there = next((Path(each.path) for each in beside.of(photo) if _is_xmp(each.name)), None)
            if mirror:
                sidecar = mirror.place(row, there)
                yield row, sidecar, sidecar if sidecar.exists() else there
            elif Path(photo).is_absolute():
                yield row, there or _sidecar_of(Path(photo)), there

    def bring_up(item: tuple[Row, Path, Path | None]) -> Exported | None:
        row, sidecar, there = item
        name, where = printable(row["relative_path"]), printable(sidecar)
        try:
            before = there.read_bytes() if there else None
            merged = merge(before, known(row, row["image_id"] in favourites))
            if merged is None:
                return None
            if not check:
                _write(sidecar, merged.packet, there)
        except DamagedError:
            return Exported(name, where, False, [], "it is no XMP, and is left as it is")
        except (AlbumscopeError, OSError) as error:
            return Exported(name, where, False, [], str(error))
        return Exported(name, where, there != sidecar, merged.changes)

    done = map_ahead(bring_up, places(), threads=_THREADS, look_ahead=8 * _THREADS)
    for number, (_, exported) in enumerate(done, 1):
        progress(number)
        if isinstance(exported, Exported):
            yield exported


def known(row: Row, is_favourite: bool) -> Known:
    """What the catalogue knows of a photo."""
    by_source = json.loads(row["said"] or "{}")
    by_file: Said = {}
    for source in reversed(_SAYS):
        by_file |= by_source.get(source, {})
    regions = json.loads(row["regions"] or "[]")
    turned = (row["orientation"] or 1) >= 5
    size = (row["height"], row["width"]) if turned else (row["width"], row["height"])
    is_named = row["title"] != title_of_file(row["local_filename"] or "")
    has_place = row["latitude"] is not None and row["longitude"] is not None
    country = row["country"] and country_name(row["country"], "en")
    place = [row["quarter"], row["town"], row["region"], country]
    faces = [
        as_stored(each["name"], each["region"], row["orientation"]) for each in row["faces"] or ()
    ]
    return Known(
        said=said(
            title=line(row["title"]) if is_named else None,
            description=text(row["description"]),
            tags=lines(row["tags"] or ()),
            rating=_FAVOURITE if is_favourite or row["favourite"] else None,
            position=Position(row["latitude"], row["longitude"]) if has_place else None,
            regions=faces,
        ),
        made=said(
            description=text(row["caption"]),
            tags=lines(row["caption_tags"] or ()),
            place_names=[each or "" for each in place] if any(place) else None,
        ),
        by_file=said(**{**by_file, "regions": regions}),
        size=size,
    )


def _is_xmp(name: str) -> bool:
    return name.lower().endswith(".xmp")


def _sidecar_of(photo: Path) -> Path:
    """Where programs look for the sidecar of a photo that has none: ``photo.jpg.xmp``, but for RAW
    ``photo.xmp``, which alone Lightroom knows."""
    name = photo.stem if is_raw_name(photo.name) else photo.name
    return photo.with_name(f"{name}.xmp")


def _write(sidecar: Path, packet: bytes, there: Path | None) -> None:
    """Raises AlbumscopeError."""
    target = Path(os.path.realpath(sidecar))  # a link stays one

    def write(temporary: Path) -> None:
        temporary.write_bytes(packet)
        if there:
            shutil.copymode(there, temporary)

    replace_file(target, write)


def _favourites(library: Library, cursor: duckdb.DuckDBPyConnection) -> set[int]:
    """The photos that are anybody's favourite."""
    marks = JOURNALS["favourite"].entries(library.storage)
    words = last_words(cursor, marks, [mark.user for mark in marks])
    found = zip(words.image_ids.tolist(), words.marks.tolist(), strict=True)
    return {image_id for image_id, mark in found if marks[mark].is_on}


class _Mirror:
    """Where sidecars lie below a folder that mirrors those of the photos.

    Each folder that was added goes by its name, or if another has the same by that of its album;
    the albums that the library keeps itself are below the name of their source.
    """

    def __init__(self, folder: Path, albums: Sequence[Album]) -> None:
        roots = {os.fsdecode(album["root"]) for album in albums if album.get("root")}
        names = [Path(root).name for root in roots]
        self._folder = folder
        self._names: Mapping[str, str] = {
            root: album_id(Path(root)) if names.count(Path(root).name) > 1 else Path(root).name
            for root in roots
        }

    def place(self, row: Row, there: Path | None) -> Path:
        """Where the sidecar of a photo lies; it is called as the one beside the photo is."""
        photo = Path(os.fsdecode(row["path"]))
        sidecar = there or _sidecar_of(photo)
        if not photo.is_absolute():
            return self._folder / str(row["source"]) / str(row["album_id"]) / sidecar.name
        relative: str = row["relative_path"]
        within = photo.parents[relative.count("/")]
        top = self._names.get(str(within), within.name)
        return self._folder / top / sidecar.relative_to(within)
