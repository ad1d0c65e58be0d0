"""Flickr albums in the library: finding them, listing their photos, bringing the pictures in.

::

    flickr/albums/<album id>.json     the photos as Flickr last listed them
    photos/<album id>/<photo id>.jpg
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path, PurePosixPath
from threading import Event
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ValidationError

from pipeline.errors import AlbumError, PhotoError
from pipeline.library.schemas import SCHEMAS
from pipeline.library.tables import Tables
from pipeline.photos.decoding import read_header
from pipeline.photos.files import photo_file, sha256_of
from pipeline.photos.look_ahead import map_ahead
from pipeline.rows import Row, utc_now
from pipeline.settings import FlickrSize, Settings
from pipeline.sources import Found
from pipeline.sources.events import overrides, with_event
from pipeline.sources.flickr.api import FlickrApi
from pipeline.sources.flickr.errors import FlickrCodeError, FlickrUnavailable, FlickrUnreachable
from pipeline.sources.flickr.parsing import FlickrAlbum, FlickrPhoto
from pipeline.sources.flickr.pictures import PictureServer
from pipeline.sources.flickr.transport import Transport

SOURCE = "flickr"
_USERS = f"{SOURCE}/users.json"
LOOK_AGAIN_AFTER = timedelta(days=7)
"""How old a listing of an album may grow. A picture that was replaced does not move the date of its
album, so that only a new look finds it."""
NOT_READY_AFTER = timedelta(hours=1)
"""The same where Flickr was still working on some of the photos."""

# Of a photograph's picture of each size, for a library that has none yet; rough.
_TYPICAL_BYTES: dict[FlickrSize, int] = {
    **{"s": 5_000, "q": 15_000, "t": 7_000, "m": 20_000, "n": 35_000, "-": 90_000, "z": 120_000},
    **{"c": 180_000, "b": 280_000, "h": 600_000, "k": 900_000, "o": 4_000_000},
}
_DOWNLOADS = 8  # at a time
_GIVE_UP_AFTER = 2 * _DOWNLOADS  # failed downloads in a row


def listing_key(album_id: str) -> str:
    """Where the photos of an album are kept as they were last listed."""
    return f"{SOURCE}/albums/{album_id}.json"


def pictures_folder(album_id: str) -> str:
    """Where an album's pictures lie."""
    return f"photos/{album_id}"


class Listing(BaseModel):
    """The photos of an album as Flickr listed them, and what the catalogue said of it then."""

    album_updated_at: datetime
    photo_count: int
    listed_at: datetime
    photos: list[FlickrPhoto]


@dataclass(frozen=True)
class AlbumPhoto:
    """A photo of an album; ``local_filename`` is that of its picture, if that is on disk."""

    photo: FlickrPhoto
    local_filename: str | None

    @property
    def image_id(self) -> int:
        """Flickr's own id."""
        return int(self.photo.photo_id)

    def origin(self) -> Row:
        """What a row of ``raw_images`` is made from: a change of any of it makes a new row."""
        return {
            "secret": self.photo.secret,
            "last_update": self.photo.last_update,
            "local_filename": self.local_filename,
        }


class FlickrSource:
    """The albums of one Flickr user, and the photos in them."""

    def __init__(self, tables: Tables, settings: Settings) -> None:
        self.tables = tables
        self.storage = tables.storage
        self.settings = settings
        self._failed_in_a_row = 0  # albums

    @property
    def is_set_up(self) -> bool:
        """Whether there is a key to ask Flickr with."""
        return self.settings.flickr_api_key is not None

    @cached_property
    def api(self) -> FlickrApi:
        """The client of Flickr's API."""
        return FlickrApi(Transport(self.settings))

    @cached_property
    def pictures(self) -> PictureServer:
        """The client of Flickr's picture servers."""
        return PictureServer(self.settings, self.storage)

    def find_albums(self) -> Found:
        """Ask for the albums of the user; one API call for each 500. Raises FlickrError.

        If there are none where there were some, those are kept, with a warning.
        """
        user_id = self._user_id()
        partition = f"{SOURCE}-{user_id}"
        known = self.tables.read("albums", partition)
        found = self.api.albums(user_id)
        if not found and known.num_rows:
            warning = (
                f"Flickr lists no albums of user {user_id} any more; the {known.num_rows} known"
                " ones are kept. If they are gone for good, delete"
                f" {self.storage.where(self.tables.key('albums', partition))}"
            )
            return Found(partition, known, [warning])
        said = overrides(self.storage)
        rows = [with_event(_album_row(album), said) for album in found]
        return Found(partition, pa.Table.from_pylist(rows, schema=SCHEMAS["albums"]))

    def needs_look(self, album: Row) -> bool:
        """Whether Flickr has to be asked what an album holds, as far as the catalogue tells."""
        listing = self._listing(album["album_id"])
        if listing is None:
            return True
        if not self.is_set_up:
            return False
        as_catalogued = (album["updated_at"], album["photo_count"])
        ready = all(photo.is_ready for photo in listing.photos)
        age = utc_now() - listing.listed_at
        return (
            (listing.album_updated_at, listing.photo_count) != as_catalogued
            or age > LOOK_AGAIN_AFTER
            or (not ready and age > NOT_READY_AFTER)
        )

    def known_photos(self, album: Row) -> list[AlbumPhoto]:
        """The photos that an album held at the last look, in its order. Asks nobody."""
        listing = self._listing(album["album_id"])
        return self._with_files(album, listing.photos if listing else [])

    def _give_up(self, album: Row, error: FlickrUnavailable) -> NoReturn:
        """Fail this album, or all of Flickr's if this is not the first one in a row."""
        self._failed_in_a_row += 1
        if self._failed_in_a_row > 1:
            raise error
        raise AlbumError(f"Album {album['title']!r}: {error}") from None

    def listed_photos(self, album: Row) -> list[AlbumPhoto]:
        """The photos that an album holds now; remembers nothing. Raises FlickrError, AlbumGone."""
        return self._with_files(album, self._ask(album))

    def look(self, album: Row) -> None:
        """Ask what an album holds and remember it. Raises FlickrError or AlbumGone.

        Without a key what is known stays, and likewise if Flickr does not answer but nothing says
        that the album changed; the pictures can then still be fetched.
        """
        if not self.is_set_up and self._listing(album["album_id"]):
            return
        try:
            photos = self._ask(album)
        except FlickrUnavailable:
            if self.needs_look(album):
                raise
            return
        listing = Listing(
            album_updated_at=album["updated_at"],
            photo_count=album["photo_count"],
            listed_at=utc_now(),
            photos=photos,
        )
        self.storage.write_text(listing_key(album["album_id"]), listing.model_dump_json())

    def read_photos(
        self, album: Row, photos: Sequence[AlbumPhoto]
    ) -> Iterator[tuple[AlbumPhoto, Row | PhotoError]]:
        """Bring the pictures onto the disk, several at a time, and read their headers.

        What is there already, in this album or another, is not fetched again. Raises
        FlickrUnavailable when there is no getting through.
        """
        before = self._rows_of({photo.image_id for photo in photos})
        failed_in_a_row = 0
        stop = Event()
        for photo, row in map_ahead(
            lambda photo: self._bring_in(album["album_id"], photo, before, stop),
            photos,
            threads=_DOWNLOADS,
            look_ahead=4 * _DOWNLOADS,
            stop=stop,
        ):
            yield photo, row
            failed = not isinstance(row, PhotoError) and row.get("retryable")
            failed_in_a_row = failed_in_a_row + 1 if failed else 0
            if failed_in_a_row == _GIVE_UP_AFTER:
                reason = (
                    f"{failed_in_a_row} downloads from Flickr failed in a row, the last because"
                    f" {row['error']}. Try again later: what was downloaded is kept"  # type: ignore[index]  # no PhotoError
                )
                self._give_up(album, FlickrUnavailable(reason))
        self._failed_in_a_row = 0

    def downloads(self, photos: Sequence[AlbumPhoto]) -> tuple[int, int]:
        """How many of these photos are to be downloaded, and about how many bytes that is.

        Flickr tells no sizes in bytes: the pictures that are here already are taken as typical.
        """
        before = self._rows_of({photo.image_id for photo in photos})
        missing = sum((item.image_id, item.photo.secret) not in before for item in photos)
        rows = self.tables.read_all("raw_images", ["source", "file_size_bytes"])
        mean = pc.mean(rows.filter(pc.equal(rows["source"], SOURCE))["file_size_bytes"]).as_py()
        return missing, round(missing * (mean or _TYPICAL_BYTES[self.settings.flickr_size]))

    def _bring_in(
        self,
        album_id: str,
        item: AlbumPhoto,
        before: Mapping[tuple[int, str], Row],
        stop: Event,
    ) -> Row:
        photo = item.photo
        row = _photo_row(photo)
        try:
            url = photo.picture(self.settings.flickr_size)
            if not photo.is_ready:
                raise PhotoError("Flickr is still working on it; a later sync looks again")
            if url is None:
                raise PhotoError("Flickr offers no picture of it")
            name = f"{photo.photo_id}{_suffix(url)}"
            key = f"{pictures_folder(album_id)}/{name}"
            earlier = before.get((item.image_id, photo.secret))
            if earlier:
                known = photo_file(self.storage, earlier["path"], earlier["sha256"])
                if os.fsdecode(earlier["path"]) != key:
                    self.storage.replace(key, lambda temporary: _link(Path(known), temporary))
            elif not self._is_at_hand(key, photo):
                self.pictures.download(url, key, photo.last_update, stop)
            if item.local_filename not in {None, name}:  # it was a PNG, say
                self.storage.delete(f"{pictures_folder(album_id)}/{item.local_filename}")
            file = self.storage.local(key)
            header = read_header(file)
            return row | {
                "path": os.fsencode(key),
                "image_url": earlier["image_url"] if earlier else url,
                "relative_path": f"{album_id}/{name}",
                "local_filename": name,
                "image_format": header.image_format,
                "width": header.width,
                "height": header.height,
                "file_size_bytes": file.stat().st_size,
                "sha256": sha256_of(str(file)),
                "downloaded_at": earlier["downloaded_at"] if earlier else utc_now(),
            }
        except PhotoError as error:
            if item.local_filename:  # what it was before is not what Flickr has now
                self.storage.delete(f"{pictures_folder(album_id)}/{item.local_filename}")
            return row | {"error": str(error), "retryable": error.transient}

    def _rows_of(self, image_ids: set[int]) -> dict[tuple[int, str], Row]:
        """By photo and secret, the rows of any album whose picture is on disk."""
        columns = [
            *("image_id", "secret", "path", "sha256", "image_url", "downloaded_at", "source"),
            "error",
        ]
        return {
            (row["image_id"], row["secret"]): row
            for album_id in self.tables.partitions("raw_images")
            for row in self.tables.read("raw_images", album_id, columns).to_pylist()
            if row["image_id"] in image_ids
            and row["source"] == SOURCE
            and row["error"] is None
            and self.storage.exists(os.fsdecode(row["path"]))
        }

    def unlisted_pictures(self, album_id: str) -> list[str]:
        """The keys of pictures on disk of photos that the album held no more at the last look."""
        listing = self._listing(album_id)
        listed = {photo.photo_id for photo in listing.photos} if listing else set()
        pictures = self._pictures(album_id) if listing else {}
        return [
            f"{pictures_folder(album_id)}/{name}"
            for photo_id, name in pictures.items()
            if photo_id not in listed
        ]

    def _with_files(self, album: Row, photos: Sequence[FlickrPhoto]) -> list[AlbumPhoto]:
        files = self._pictures(album["album_id"])
        return [AlbumPhoto(photo, files.get(photo.photo_id)) for photo in photos]

    def _pictures(self, album_id: str) -> dict[str, str]:
        """The names of an album's pictures, by the photo's id."""
        names = self.storage.names(pictures_folder(album_id))
        return {PurePosixPath(name).stem: name for name in names}

    def _is_at_hand(self, key: str, photo: FlickrPhoto) -> bool:
        """Whether the file is this very picture, brought in by a run that was killed afterwards.

        Downloads carry the photo's last update as their modification time, and get their name when
        they are whole.
        """
        try:
            modified = self.storage.local(key).stat().st_mtime
        except FileNotFoundError:
            return False
        return datetime.fromtimestamp(modified, UTC).replace(tzinfo=None) == photo.last_update

    def _ask(self, album: Row) -> list[FlickrPhoto]:
        try:
            photos = self.api.photos(album["album_id"], album["owner"])
        except FlickrUnreachable:
            raise
        except FlickrUnavailable as error:
            self._give_up(album, error)
        except FlickrCodeError as error:
            raise AlbumError(f"Album {album['title']!r}: {error}") from None
        return [photo for photo in photos if not photo.is_video]

    def _listing(self, album_id: str) -> Listing | None:
        try:
            return Listing.model_validate_json(self.storage.read(listing_key(album_id)))
        except (FileNotFoundError, ValidationError):  # or a damaged one
            return None

    def _user_id(self) -> str:
        """The user's id; a name is asked for only once."""
        given = self.settings.flickr_user_id or ""
        known = _Users()
        with suppress(FileNotFoundError, ValidationError):
            known = _Users.model_validate_json(self.storage.read(_USERS))
        if given not in known.ids:
            known.ids[given] = self.api.user_id(given)
            self.storage.write_text(_USERS, known.model_dump_json())
        return known.ids[given]


class _Users(BaseModel):
    ids: dict[str, str] = {}


def _album_row(album: FlickrAlbum) -> dict[str, Any]:
    return {
        "album_id": album.album_id,
        "source": SOURCE,
        "title": album.title,
        "description": album.description,
        "url": f"https://www.flickr.com/photos/{album.owner}/albums/{album.album_id}",
        "photo_count": album.photo_count,
        "video_count": album.video_count,
        "owner": album.owner,
        "created_at": album.created_at,
        "updated_at": album.updated_at,
    }


def _photo_row(photo: FlickrPhoto) -> dict[str, Any]:
    return {
        "source": SOURCE,
        "page_url": photo.page_url,
        "flickr_photo_id": photo.photo_id,
        "title": photo.title,
        "description": photo.description,
        "tags": list(photo.tags),
        "owner": photo.owner_name or photo.owner,
        "license": photo.license,
        "uploaded_at": photo.uploaded_at,
        "taken_at": photo.taken_at,
        "latitude": photo.latitude,
        "longitude": photo.longitude,
        "views": photo.views,
        "local_filename": None,
    }


def _suffix(url: str) -> str:
    return PurePosixPath(urlsplit(url).path).suffix.lower() or ".jpg"


def _link(source: Path, path: Path) -> None:
    """Give a picture of another album a second name, without a second copy where possible."""
    try:
        os.link(source, path)
    except OSError:  # not on this file system
        shutil.copy2(source, path)
