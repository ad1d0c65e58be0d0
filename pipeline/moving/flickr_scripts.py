"""The Flickr scripts: ``pyconjp_image_search.duckdb``, and pictures under ``data/pyconjp``.

Their albums become Flickr's own, with pictures, ids and listings as a sync would have left them:
without a key they stay as they are, and with one a sync downloads only what is new.
"""

import stat
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.errors import AlbumscopeError, PhotoError
from pipeline.library.library import Library
from pipeline.moving import NotTaken, Progress
from pipeline.moving.flickr_vectors import AGREE, OldPicture, OldVectors
from pipeline.moving.opening import ask_duckdb
from pipeline.photos.decoding import read_header
from pipeline.photos.files import printable, unreadable
from pipeline.photos.look_ahead import map_ahead
from pipeline.photos.words import line
from pipeline.rows import Row, utc_now
from pipeline.sources import Album, AlbumListing
from pipeline.sources.events import Override, overrides, remember, with_event
from pipeline.sources.flickr.addresses import secret_of
from pipeline.sources.flickr.api import is_id
from pipeline.sources.flickr.downloads import link_or_copy, picture_key
from pipeline.sources.flickr.listings import read_listing, write_listing
from pipeline.sources.flickr.parsing import FlickrPhoto
from pipeline.sources.flickr.source import Flickr

PICTURES = Path("data", "pyconjp")
"""Where the scripts keep pictures, in the folder of their database."""
PARTITION = f"{Flickr.name}-moved-in"
"""The file of table ``albums`` for albums of which nobody knows whose they are, until a sync with a
key finds them among a user's."""
_NEEDED = ("id", "image_url", "relative_path", "flickr_photo_id", "album_id", "album_title")
_MORE = ("event_name", "event_year", "event_type", "downloaded_at")
_THREADS = 8
_LISTED = "the next sync downloads it, as Flickr has it now"
_NOT_LISTED = "Flickr has it no more in this album, as the last sync found"


@dataclass
class _OldAlbum:
    """An album of the scripts. ``row`` is what it is in table ``albums``."""

    row: Album
    override: Override | None
    """What they say of its event, unless events.toml says something of it already."""
    known: list[FlickrPhoto] = field(default_factory=list)
    """The photos that the library has listed already."""
    new: list[OldPicture] = field(default_factory=list)
    there: list[OldPicture] = field(default_factory=list)
    """Those of the known ones that the scripts have, too."""

    @property
    def id(self) -> str:
        return self.row["album_id"]


class FlickrScripts:
    """What the Flickr scripts left: a ``Takeover``."""

    def __init__(
        self, library: Library, database: Path, progress: Progress = lambda *done: None
    ) -> None:
        """Look at every row and every picture. Raises AlbumscopeError."""
        self.not_taken: list[NotTaken] = []
        self._library = library
        self._database = database
        self._progress = progress
        self._vectors = OldVectors(library, database)
        self._albums = self._compared(self._rows())

    @property
    def found(self) -> dict[str, object]:
        """See ``Takeover``."""
        pictures = [picture for album in self._albums for picture in album.new]
        return {
            "made_by": "Flickr scripts",
            "database": printable(self._database),
            "albums": len(self._albums),
            "photos": len(pictures),
            "photos_there_already": sum(len(album.there) for album in self._albums),
            "megabytes": round(sum(picture.size for picture in pictures) / 1e6, 1),
            "vectors": sum(map(len, self._without_vector.values())),
            "vectors_of": self._vectors.models,
            "model": self._library.settings.embed_model,
            "rows_not_taken": len({each.row for each in self.not_taken}),
        }

    @property
    def hints(self) -> Sequence[str]:
        """See ``Takeover``."""
        models = self._vectors.models
        if not models or self._vectors.model:
            return []
        return [f"Vectors are kept with another EMBED_MODEL alone: {', '.join(models)}"]

    @property
    def is_new(self) -> bool:
        """See ``Takeover``."""
        return any(album.new for album in self._albums) or any(self._without_vector.values())

    def take(self, progress: Progress) -> list[str]:
        """See ``Takeover``."""
        news = []
        keeps_vectors = any(self._without_vector.values())
        if keeps_vectors:
            least = self._vectors.least_cosine(
                [each for its in self._without_vector.values() for each in its]
            )
            keeps_vectors = least >= AGREE
            news.append(
                f"The vectors are {'kept' if keeps_vectors else 'made anew by the next sync'}:"
                f" their cosine to some made now is {least:.4f} or more"
                + ("" if keeps_vectors else f", which should be {AGREE}")
            )
        for album in self._albums:
            if album.new:
                self._take_pictures(album, progress)
            if keeps_vectors and self._without_vector[album.id]:
                self.not_taken += self._vectors.take(album.id, self._without_vector[album.id])
        return news

    @cached_property
    def _without_vector(self) -> Mapping[str, list[OldPicture]]:
        """By album, the pictures of which they have a vector, and the library has not."""
        return {
            album.id: self._vectors.missing(album.id, [*album.there, *album.new])
            for album in self._albums
        }

    # --- what there is ---------------------------------------------------------------------------

    def _ask(self, query: str, *values: object) -> list[Row]:
        answer: list[Row] = ask_duckdb(self._database, query, values).to_pylist()
        return answer

    def _rows(self) -> list[Row]:
        known = self._ask("SELECT column_name FROM duckdb_columns() WHERE table_name = 'images'")
        columns = {row["column_name"] for row in known}
        if missing := set(_NEEDED) - columns:
            raise AlbumscopeError(
                "{file} has no table images with {columns}: is it that of the Flickr scripts?",
                file=printable(self._database),
                columns=", ".join(sorted(missing)),
            )
        types = {"id": "BIGINT", "event_year": "INTEGER", "downloaded_at": "TIMESTAMP"}
        values = [
            f"TRY_CAST({name if name in columns else 'NULL'} AS {types.get(name, 'VARCHAR')})"
            f" AS {name}"
            for name in (*_NEEDED, *_MORE)
        ]
        return self._ask(f"SELECT {', '.join(values)} FROM images ORDER BY id")

    def _compared(self, rows: Sequence[Row]) -> list[_OldAlbum]:
        """The albums of all rows that can be taken, compared with what the library has."""
        by_album: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            if reason := _wrong(row):
                self._leave(row, reason)
            else:
                by_album[row["album_id"]].append(row)
        catalogued = {album["album_id"]: album for album in self._library.albums()}
        said = {each.album for each in overrides(self._library.storage)}
        albums = []
        for album_id, its in by_album.items():
            album = _album(its, catalogued.get(album_id), is_said=album_id in said)
            listing = read_listing(self._library.storage, album_id)
            album.known = listing.photos if listing else []
            self._sort(album, its)
            albums.append(album)
        return albums

    def _sort(self, album: _OldAlbum, rows: Sequence[Row]) -> None:
        """Sort the album's pictures into new ones and those that are there already."""
        storage = self._library.storage
        known = {photo.photo_id for photo in album.known}
        is_flickrs = album.row.get("owner") is not None
        first: dict[str, int] = {}
        looked = map_ahead(self._look, rows, threads=_THREADS, look_ahead=8 * _THREADS)
        for number, (row, picture) in enumerate(looked, 1):
            photo_id = row["flickr_photo_id"]
            if photo_id in first:
                self._leave(row, f"row {first[photo_id]} is of the same photo")
            elif isinstance(picture, PhotoError):
                self._leave(row, str(picture))
                continue
            elif photo_id in known and storage.exists(picture.key):
                album.there.append(picture)
            elif is_flickrs:
                is_there = photo_id in known
                self._leave(row, _LISTED if is_there else _NOT_LISTED)
            else:
                album.new.append(picture)
            first.setdefault(photo_id, row["id"])
            self._progress("looked at", album.row["title"], number)

    def _look(self, row: Row) -> OldPicture:
        """Raises PhotoError if there is no picture that can be shown."""
        file = self._database.parent / PICTURES / row["relative_path"]
        try:
            status = file.stat()
            if not stat.S_ISREG(status.st_mode):
                raise PhotoError("it is no file")
            header = read_header(file)
        except OSError as error:
            raise unreadable(error) from error
        if header.is_cut:
            raise PhotoError("a part of the picture is missing: the file is not whole")
        photo = FlickrPhoto(
            photo_id=row["flickr_photo_id"],
            secret=secret_of(row["image_url"]) or "",
            title="", description="", links=(), tags=(), owner="", owner_name="", license="",
            uploaded_at=None, taken_at=None, taken_precision=None, latitude=None, longitude=None,
            views=None,
            # that of the file: a picture of this time in its place counts as downloaded
            last_update=datetime.fromtimestamp(status.st_mtime, UTC).replace(tzinfo=None),
            page_url=f"https://www.flickr.com/photo.gne?id={row['flickr_photo_id']}",
            is_video=False, is_ready=True,
            pictures={"-": row["image_url"]},  # of whichever size: there is no other
        )  # fmt: skip
        key = picture_key(row["album_id"], photo.photo_id, row["image_url"])
        return OldPicture(row["id"], photo, file, key, status.st_size)

    def _leave(self, row: Row, reason: str) -> None:
        self.not_taken.append(NotTaken(row["id"], printable(row["relative_path"] or ""), reason))

    # --- pictures --------------------------------------------------------------------------------

    def _take_pictures(self, album: _OldAlbum, progress: Progress) -> None:
        """Bring in its pictures, then what says that they are there."""
        library = self._library

        def bring(picture: OldPicture) -> None:
            library.storage.replace(
                picture.key, lambda temporary: link_or_copy(picture.file, temporary)
            )

        brought = map_ahead(bring, album.new, threads=_THREADS, look_ahead=8 * _THREADS)
        for number, _ in enumerate(brought, 1):
            progress("pictures", album.row["title"], number)
        photos = [*album.known, *(picture.photo for picture in album.new)]
        album.row["photo_count"] = len(photos)
        write_listing(library.storage, album.row, photos)
        library.raw_images.refresh(album.row)
        if album.override:
            remember(library.storage, album.override)
        album.row = with_event(album.row, overrides(library.storage))
        others: list[Album] = library.tables.read("albums", PARTITION).to_pylist()
        kept = [other for other in others if other["album_id"] != album.id]
        library.catalogue(AlbumListing(PARTITION, [*kept, album.row]))


def _wrong(row: Row) -> str | None:
    """What is wrong with a row whatever its picture is like; None if nothing is."""
    for column in ("flickr_photo_id", "album_id"):
        if not is_id(row[column] or ""):
            return f"{column} is {str(row[column])[:100]!r}, which is no id of Flickr's"
    if not (row["image_url"] or "").startswith(("https://", "http://")):
        return "image_url is no address"
    path = PurePosixPath(row["relative_path"] or "")
    if not path.name or path.is_absolute() or ".." in path.parts or "\0" in path.name:
        return f"relative_path is no path below {PICTURES}"
    return None


def _album(rows: Sequence[Row], before: Album | None, *, is_said: bool) -> _OldAlbum:
    """The album of these rows; ``is_said``: events.toml has an entry for it."""

    def first(column: str) -> Any:
        return next((row[column] for row in rows if row[column] is not None), None)

    album_id = rows[0]["album_id"]
    title = line(first("album_title")) or album_id
    times = [row["downloaded_at"] for row in rows if row["downloaded_at"]] or [utc_now()]
    album: Album = before or {
        "album_id": album_id,
        "source": Flickr.name,
        "title": title,
        "description": "",
        "links": [],
        "url": None,
        "photo_count": 0,
        "event_name": None,
        "event_year": None,
        "event_type": None,
        "created_at": min(times),
        "updated_at": max(times),
        "video_count": 0,
    }
    year = first("event_year") or 0
    event = Override(
        album=album_id,
        event=line(first("event_name")),
        year=year if 1800 <= year <= 2999 else None,
        type=line(first("event_type")),
    )
    return _OldAlbum(album, None if is_said else event)
