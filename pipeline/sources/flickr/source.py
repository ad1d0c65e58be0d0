"""The albums of one Flickr user, and the photos in them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import PurePosixPath
from threading import Event
from typing import ClassVar, NoReturn
from urllib.parse import urlsplit

from pydantic import BaseModel
from typing_extensions import override

from pipeline.errors import AlbumError, PhotoError
from pipeline.photos.look_ahead import map_ahead
from pipeline.settings import FlickrSize, Settings
from pipeline.sources import Album, AlbumListing, KnownRows, PhotoRow, Source
from pipeline.sources.events import overrides, with_event
from pipeline.sources.flickr.addresses import picture_of_size
from pipeline.sources.flickr.api import FlickrApi
from pipeline.sources.flickr.downloads import (
    AlbumPhoto,
    Downloads,
    PicturesAtHand,
    pictures_folder,
)
from pipeline.sources.flickr.errors import FlickrCodeError, FlickrUnavailable, FlickrUnreachable
from pipeline.sources.flickr.listings import listing_key, read_listing, write_listing
from pipeline.sources.flickr.parsing import FlickrAlbum, FlickrPhoto
from pipeline.sources.flickr.pictures import PictureServer
from pipeline.sources.flickr.transport import Transport
from pipeline.storage import sealed

_USERS = "flickr/users.json"
# Of a photograph's picture of each size, for a library that has none yet; rough.
_TYPICAL_BYTES: dict[FlickrSize, int] = {
    **{"s": 5_000, "q": 15_000, "t": 7_000, "m": 20_000, "n": 35_000, "-": 90_000, "z": 120_000},
    **{"c": 180_000, "b": 280_000, "h": 600_000, "k": 900_000, "o": 4_000_000},
}
_DOWNLOADS = 8  # at a time
_GIVE_UP_AFTER = 2 * _DOWNLOADS  # failed downloads in a row


class Flickr(Source[AlbumPhoto]):
    """The albums of the Flickr user that `FLICKR_USER_ID` names; without a key those known so far.

    What concerns all of them is a FlickrError.
    """

    name: ClassVar[str] = "flickr"
    is_remote: ClassVar[bool] = True

    _failed_in_a_row = 0  # albums

    @property
    @override
    def missing_setting(self) -> str | None:
        return "FLICKR_API_KEY" if self.settings.flickr_api_key is None else None

    @property
    @override
    def typical_bytes(self) -> int:
        return _TYPICAL_BYTES[self.settings.flickr_size]

    @cached_property
    def api(self) -> FlickrApi:
        """The client of Flickr's API."""
        return FlickrApi(Transport(self.settings))

    @cached_property
    def _downloads(self) -> Downloads:
        server = PictureServer(self.settings, self.storage)
        return Downloads(self.storage, server, self.settings.flickr_size)

    @override
    def find_albums(self, known: Sequence[Album]) -> AlbumListing:
        """Ask for the albums of the user; one API call for each 500. Raises FlickrError.

        If there are none where there were some, those are kept, with a warning.
        """
        user_id = self._user_id()
        partition = f"{self.name}-{user_id}"
        found = self.api.albums(user_id)
        before = [album for album in known if album["owner"] == user_id]
        if not found and before:
            warning = (
                f"Flickr lists no albums of user {user_id} any more; the {len(before)} known ones"
                " are kept. If they are gone for good, delete"
                f" {self.storage.where(f'tables/albums/{partition}.parquet')}"
            )
            return AlbumListing(partition, before, [warning])
        events = overrides(self.storage)
        return AlbumListing(partition, [with_event(_album(each), events) for each in found])

    @override
    def needs_listing(self, album: Album) -> bool:
        listing = read_listing(self.storage, album["album_id"])
        return listing is None or (self._can_be_asked(album) and not listing.is_current(album))

    @override
    def update_listing(self, album: Album) -> None:
        """Ask what an album holds and remember it. Raises FlickrError or AlbumGone.

        Without a key what is known stays, and likewise if Flickr does not answer but nothing says
        that the album changed; the pictures can then still be fetched.
        """
        if not self._can_be_asked(album) and read_listing(self.storage, album["album_id"]):
            return
        try:
            photos = self._list(album)
        except FlickrUnavailable:
            if self.needs_listing(album):
                raise
            return
        write_listing(self.storage, album, photos)

    @override
    def photos(self, album: Album) -> list[AlbumPhoto]:
        listing = read_listing(self.storage, album["album_id"])
        return self._with_files(album, listing.photos if listing else [])

    @override
    def photos_now(self, album: Album) -> list[AlbumPhoto]:
        """Raises FlickrError or AlbumGone."""
        if not self._can_be_asked(album):
            return self.photos(album)
        return self._with_files(album, self._list(album))

    @override
    def fetch(
        self, album: Album, photos: Sequence[AlbumPhoto], known: KnownRows
    ) -> Iterator[tuple[AlbumPhoto, PhotoRow | PhotoError]]:
        """Download the pictures, several at a time, and read their headers.

        What is there already, in this album or another, is not fetched again. Raises
        FlickrUnavailable when there is no getting through.
        """
        at_hand = self._at_hand(photos, known)
        failed_in_a_row = 0
        stop = Event()
        for photo, row in map_ahead(
            lambda photo: self._downloads.fetch(album["album_id"], photo, at_hand, stop),
            photos,
            threads=_DOWNLOADS,
            look_ahead=4 * _DOWNLOADS,
            stop=stop,
        ):
            yield photo, row
            has_failed = not isinstance(row, PhotoError) and row.get("retryable")
            failed_in_a_row = failed_in_a_row + 1 if has_failed else 0
            if failed_in_a_row == _GIVE_UP_AFTER and not isinstance(row, PhotoError):
                reason = (
                    f"{failed_in_a_row} downloads from Flickr failed in a row, the last because"
                    f" {row['error']}. Try again later: what was downloaded is kept"
                )
                self._give_up(album, FlickrUnavailable(reason))
        self._failed_in_a_row = 0

    @override
    def downloads(self, photos: Sequence[AlbumPhoto], known: KnownRows) -> int:
        at_hand = self._at_hand(photos, known)
        return sum((each.image_id, each.photo.secret) not in at_hand for each in photos)

    @override
    def drop_unlisted(self, album: Album) -> None:
        listing = read_listing(self.storage, album["album_id"])
        if listing is None:
            return
        listed = {photo.photo_id for photo in listing.photos}
        folder = pictures_folder(album["album_id"])
        pictures = self._pictures(album["album_id"]).items()
        self.storage.delete(*(f"{folder}/{name}" for key, name in pictures if key not in listed))

    @override
    def drop_album(self, album_id: str) -> None:
        self.storage.delete(listing_key(album_id))
        self.storage.delete_folder(pictures_folder(album_id))

    @staticmethod
    @override
    def picture_url(image_url: str, side: int, settings: Settings) -> str | None:
        """Flickr's servers give pictures out if FLICKR_PICTURES says so."""
        host = urlsplit(image_url).hostname or ""
        if not settings.flickr_pictures or not settings.is_image_host(host):
            return None
        return picture_of_size(image_url, side)

    def _can_be_asked(self, album: Album) -> bool:
        """Whether there is a key, and somebody to ask about; of albums that were moved in nobody
        knows whose they are."""
        return not self.missing_setting and album.get("owner") is not None

    def _at_hand(self, photos: Sequence[AlbumPhoto], known: KnownRows) -> PicturesAtHand:
        listed = {each.image_id: each.photo for each in photos}

        def secret(row: PhotoRow) -> str:
            """That of a large picture that was moved in is not known, but its address is."""
            photo = listed[row["image_id"]]
            is_of_now = row["image_url"] in photo.pictures.values()
            return photo.secret if is_of_now else row["secret"] or ""

        return {
            (row["image_id"], secret(row)): row
            for row in known(listed.keys())
            if self.storage.exists(os.fsdecode(row["path"]))
        }

    def _with_files(self, album: Album, photos: Sequence[FlickrPhoto]) -> list[AlbumPhoto]:
        files = self._pictures(album["album_id"])
        return [AlbumPhoto(photo, files.get(photo.photo_id)) for photo in photos]

    def _pictures(self, album_id: str) -> dict[str, str]:
        """The names of an album's pictures, by the photo's id."""
        names = self.storage.names(pictures_folder(album_id))
        return {PurePosixPath(name).stem: name for name in names}

    def _list(self, album: Album) -> list[FlickrPhoto]:
        try:
            photos = self.api.photos(album["album_id"], album["owner"] or "")
        except FlickrUnreachable:
            raise
        except FlickrUnavailable as error:
            self._give_up(album, error)
        except FlickrCodeError as error:
            raise AlbumError(f"Album {album['title']!r}: {error}") from None
        return [photo for photo in photos if not photo.is_video]

    def _give_up(self, album: Album, error: FlickrUnavailable) -> NoReturn:
        """Fail this album, or all of Flickr's if this is not the first one in a row."""
        self._failed_in_a_row += 1
        if self._failed_in_a_row > 1:
            raise error
        raise AlbumError(f"Album {album['title']!r}: {error}") from None

    def _user_id(self) -> str:
        """The user's id; a name is asked for only once."""
        given = self.settings.flickr_user_id or ""
        known = _Users()
        with suppress(FileNotFoundError, ValueError):
            known = _Users.model_validate(sealed.from_json(self.storage.read(_USERS)))
        if given not in known.ids:
            known.ids[given] = self.api.user_id(given)
            self.storage.write_text(_USERS, sealed.to_json(known.model_dump()))
        return known.ids[given]


class _Users(BaseModel):
    ids: dict[str, str] = {}


def _album(album: FlickrAlbum) -> Album:
    return {
        "album_id": album.album_id,
        "source": Flickr.name,
        "title": album.title,
        "description": album.description,
        "links": list(album.links),
        "url": f"https://www.flickr.com/photos/{album.owner}/albums/{album.album_id}",
        "photo_count": album.photo_count,
        "event_name": None,
        "event_year": None,
        "event_type": None,
        "created_at": album.created_at,
        "updated_at": album.updated_at,
        "owner": album.owner,
        "video_count": album.video_count,
    }
