"""Bringing one photo's picture into the library: ``photos/<album id>/<photo id>.jpg``."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from threading import Event
from urllib.parse import urlsplit

from pipeline.errors import PhotoError
from pipeline.photos.decoding import read_header
from pipeline.photos.files import photo_file, sha256_of
from pipeline.rows import Row, utc_now
from pipeline.settings import FlickrSize
from pipeline.sources import PhotoRow
from pipeline.sources.flickr.parsing import FlickrPhoto
from pipeline.sources.flickr.pictures import PictureServer
from pipeline.storage import Storage


@dataclass(frozen=True)
class AlbumPhoto:
    """A photo of an album; ``local_filename`` is that of its picture, if the library has it."""

    photo: FlickrPhoto
    local_filename: str | None

    @property
    def image_id(self) -> int:
        """Flickr's own id."""
        return int(self.photo.photo_id)

    def origin(self) -> Row:
        """What its row is made from: a change of any of it makes a new row."""
        return {
            "secret": self.photo.secret,
            "last_update": self.photo.last_update,
            "local_filename": self.local_filename,
        }


PicturesAtHand = Mapping[tuple[int, str], PhotoRow]
"""By photo and secret, the rows whose pictures the library has, of any album."""


def pictures_folder(album_id: str) -> str:
    """Where an album's pictures lie."""
    return f"photos/{album_id}"


def picture_key(album_id: str, photo_id: str, url: str) -> str:
    """Where a photo's picture lies that comes from this address."""
    suffix = PurePosixPath(urlsplit(url).path).suffix.lower() or ".jpg"
    return f"{pictures_folder(album_id)}/{photo_id}{suffix}"


class Downloads:
    """Brings pictures in, and makes rows of them; for several threads at once."""

    def __init__(self, storage: Storage, server: PictureServer, size: FlickrSize) -> None:
        self._storage = storage
        self._server = server
        self._size = size

    def fetch(
        self, album_id: str, item: AlbumPhoto, at_hand: PicturesAtHand, stop: Event
    ) -> PhotoRow:
        """Bring in a photo's picture, which is not downloaded if it is at hand; returns its row.

        ``stop``, once set, ends the waiting for another attempt.
        """
        row = _row(item.photo)
        earlier = at_hand.get((item.image_id, item.photo.secret))
        try:
            return row | self._bring_in(album_id, item, earlier, stop)
        except PhotoError as error:
            if item.local_filename:  # what it was before is not what Flickr has now
                self._storage.delete(f"{pictures_folder(album_id)}/{item.local_filename}")
            return row | {"error": str(error), "retryable": error.transient}

    def _bring_in(
        self, album_id: str, item: AlbumPhoto, earlier: PhotoRow | None, stop: Event
    ) -> PhotoRow:
        photo = item.photo
        url = photo.picture(self._size)
        if not photo.is_ready:
            raise PhotoError("Flickr is still working on it; a later sync looks again")
        if url is None:
            raise PhotoError("Flickr offers no picture of it")
        key = picture_key(album_id, photo.photo_id, url)
        name = PurePosixPath(key).name
        if earlier:
            known = photo_file(self._storage, earlier["path"], earlier["sha256"])
            if os.fsdecode(earlier["path"]) != key:
                self._storage.replace(key, lambda temporary: link_or_copy(Path(known), temporary))
        elif not self._was_downloaded(key, photo):
            self._server.download(url, key, photo.last_update, stop)
        if item.local_filename not in {None, name}:  # it was a PNG, say
            self._storage.delete(f"{pictures_folder(album_id)}/{item.local_filename}")
        file = self._storage.local(key)
        header = read_header(file)
        return {
            "path": os.fsencode(key),
            "image_url": earlier["image_url"] if earlier else url,
            "relative_path": f"{album_id}/{name}",
            "local_filename": name,
            "image_format": header.image_format,
            "width": header.width,
            "height": header.height,
            "is_cut": header.is_cut,
            "file_size_bytes": file.stat().st_size,
            "sha256": sha256_of(str(file)),
            "downloaded_at": earlier["downloaded_at"] if earlier else utc_now(),
        }

    def _was_downloaded(self, key: str, photo: FlickrPhoto) -> bool:
        """Whether the file is this very picture, brought in by a run that was killed afterwards.

        Downloads carry the photo's last update as their modification time, and get their name when
        they are whole.
        """
        try:
            modified = self._storage.local(key).stat().st_mtime
        except FileNotFoundError:
            return False
        return datetime.fromtimestamp(modified, UTC).replace(tzinfo=None) == photo.last_update


def _row(photo: FlickrPhoto) -> PhotoRow:
    return {
        "page_url": photo.page_url,
        "flickr_photo_id": photo.photo_id,
        "title": photo.title,
        "description": photo.description,
        "links": list(photo.links),
        "tags": list(photo.tags),
        "owner": photo.owner_name or photo.owner,
        "license": photo.license,
        "uploaded_at": photo.uploaded_at,
        "taken_at": photo.taken_at,
        "taken_precision": photo.taken_precision,
        "latitude": photo.latitude,
        "longitude": photo.longitude,
        "views": photo.views,
        "local_filename": None,
    }


def link_or_copy(source: Path, path: Path) -> None:
    """Give a picture a second name, without a second copy where possible."""
    try:
        os.link(source, path)
    except OSError:  # not on this file system
        shutil.copy2(source, path)
