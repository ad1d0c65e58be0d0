"""What albums held when Flickr last listed them: ``flickr/albums/<album id>.json``."""

from datetime import datetime, timedelta

from pydantic import BaseModel

from pipeline.rows import utc_now
from pipeline.sources import Album
from pipeline.sources.flickr.parsing import FlickrPhoto
from pipeline.storage import Storage, sealed

LIST_AGAIN_AFTER = timedelta(days=7)
"""How old a listing of an album may grow. A picture that was replaced does not move the date of its
album, so that only a new listing finds it."""
NOT_READY_AFTER = timedelta(hours=1)
"""The same where Flickr was still working on some of the photos."""


class Listing(BaseModel):
    """The photos of an album as Flickr listed them, and what the catalogue said of it then."""

    album_updated_at: datetime
    photo_count: int
    listed_at: datetime
    photos: list[FlickrPhoto]

    def is_current(self, album: Album) -> bool:
        """Whether nothing says that the album may have changed since."""
        as_catalogued = (album["updated_at"], album["photo_count"])
        is_ready = all(photo.is_ready for photo in self.photos)
        age = utc_now() - self.listed_at
        return (
            (self.album_updated_at, self.photo_count) == as_catalogued
            and age <= LIST_AGAIN_AFTER
            and (is_ready or age <= NOT_READY_AFTER)
        )


def listing_key(album_id: str) -> str:
    """Where the listing of an album lies."""
    return f"flickr/albums/{album_id}.json"


def read_listing(storage: Storage, album_id: str) -> Listing | None:
    """The last listing of an album; None if there is none, or if it is damaged."""
    try:
        return Listing.model_validate(sealed.from_json(storage.read(listing_key(album_id))))
    except (FileNotFoundError, ValueError):
        return None


def write_listing(storage: Storage, album: Album, photos: list[FlickrPhoto]) -> None:
    """Remember what an album holds now."""
    listing = Listing(
        album_updated_at=album["updated_at"],
        photo_count=album["photo_count"],
        listed_at=utc_now(),
        photos=photos,
    )
    storage.write_text(
        listing_key(album["album_id"]), sealed.to_json(listing.model_dump(mode="json"))
    )
