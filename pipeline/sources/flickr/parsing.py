"""What the API answers, as typed models. A field that makes no sense costs that field alone."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from pipeline.photos.dates import Moment, Precision, read_date
from pipeline.sources.flickr.html import read_html

_EPOCH = datetime(1970, 1, 1)
_LICENSES = {
    0: "All Rights Reserved",
    1: "CC BY-NC-SA 2.0",
    2: "CC BY-NC 2.0",
    3: "CC BY-NC-ND 2.0",
    4: "CC BY 2.0",
    5: "CC BY-SA 2.0",
    6: "CC BY-ND 2.0",
    7: "No known copyright restrictions",
    8: "United States Government Work",
    9: "CC0 1.0",
    10: "Public Domain Mark 1.0",
    11: "CC BY 4.0",
    12: "CC BY-SA 4.0",
    13: "CC BY-ND 4.0",
    14: "CC BY-NC 4.0",
    15: "CC BY-NC-SA 4.0",
    16: "CC BY-NC-ND 4.0",
}
# Size letters as in file names, largest first, and the fields that hold their URLs. Mind that
# "url_s" is letter m, and "url_l" is letter b.
_URL_FIELDS = {
    "o": "url_o",
    "k": "url_k",
    "h": "url_h",
    "b": "url_l",
    "c": "url_c",
    "z": "url_z",
    "-": "url_m",
    "n": "url_n",
    "m": "url_s",
    "q": "url_q",
    "t": "url_t",
    "s": "url_sq",
}
_SQUARES = "qs"
_PRECISIONS: dict[int | None, Precision] = {4: "month", 6: "year", 8: "circa"}
"""By what Flickr calls granularity, where a time is not exact."""
URL_EXTRAS = tuple(_URL_FIELDS.values())
"""The extras to ask for, to be told the URL of each size."""


class FlickrAlbum(BaseModel):
    """An album; times are UTC without a zone, the epoch where Flickr gives none."""

    model_config = ConfigDict(frozen=True)

    album_id: str
    owner: str
    title: str
    description: str
    links: tuple[str, ...]
    photo_count: int
    video_count: int
    created_at: datetime
    updated_at: datetime


class FlickrPhoto(BaseModel):
    """A photo of an album, and where its pictures lie.

    ``uploaded_at`` and ``last_update`` are UTC without a zone, the latter the epoch where Flickr
    gives none; ``taken_at`` is what the camera's clock said, as exactly as ``taken_precision``
    says. Latitude and longitude are degrees. ``license`` is empty where unknown. ``links`` are
    those of the description.
    """

    model_config = ConfigDict(frozen=True)

    photo_id: str
    secret: str
    title: str
    description: str
    links: tuple[str, ...]
    tags: tuple[str, ...]
    owner: str
    owner_name: str
    license: str
    uploaded_at: datetime | None
    taken_at: datetime | None
    taken_precision: Precision | None
    last_update: datetime
    latitude: float | None
    longitude: float | None
    views: int | None
    page_url: str
    is_video: bool
    is_ready: bool
    pictures: dict[str, str]

    def picture(self, size: str) -> str | None:
        """The URL of a size, by its letter; without it, of the next size below that exists.

        If there are only larger ones it is the smallest of them. A square, which shows only a
        part of the photo, is taken only if asked for.
        """
        sizes = [each for each in _URL_FIELDS if each == size or each not in _SQUARES]
        asked = sizes.index(size)
        order = [*sizes[asked:], *reversed(sizes[:asked])]
        return next((self.pictures[each] for each in order if each in self.pictures), None)


def parse_album(raw: Mapping[str, Any], owner: str) -> FlickrAlbum:
    """Read one ``photoset`` of a listing; ``owner`` is whose albums were listed."""
    description = read_html(text(raw.get("description")))
    return FlickrAlbum(
        album_id=text(raw.get("id")),
        owner=text(raw.get("owner")) or owner,
        title=text(raw.get("title")),
        description=description.text,
        links=description.links,
        photo_count=number(raw.get("count_photos", raw.get("photos"))) or 0,
        video_count=number(raw.get("count_videos", raw.get("videos"))) or 0,
        created_at=_time(raw.get("date_create")) or _EPOCH,
        updated_at=_time(raw.get("date_update")) or _EPOCH,
    )


def parse_photo(raw: Mapping[str, Any], owner: str, owner_name: str = "") -> FlickrPhoto:
    """Read one ``photo`` of a listing; owner and name are the album's."""
    photo_id = text(raw.get("id"))
    owner = text(raw.get("owner")) or owner
    uploaded_at = _time(raw.get("dateupload"))
    latitude, longitude = _place(raw)
    description = read_html(text(raw.get("description")))
    taken = _taken(raw)
    tags = [*text(raw.get("tags")).split(), *text(raw.get("machine_tags")).split()]
    return FlickrPhoto(
        photo_id=photo_id,
        secret=text(raw.get("secret")),
        title=text(raw.get("title")),
        description=description.text,
        links=description.links,
        tags=tuple(dict.fromkeys(tags)),
        owner=owner,
        owner_name=text(raw.get("ownername")) or owner_name,
        license=_license(raw.get("license")),
        uploaded_at=uploaded_at,
        taken_at=taken.at if taken else None,
        taken_precision=taken.precision if taken else None,
        last_update=_time(raw.get("lastupdate")) or uploaded_at or _EPOCH,
        latitude=latitude,
        longitude=longitude,
        views=number(raw.get("views")),
        page_url=f"https://www.flickr.com/photos/{text(raw.get('pathalias')) or owner}/{photo_id}/",
        is_video=text(raw.get("media")) == "video",
        is_ready=text(raw.get("media_status")) in {"", "ready"} and number(raw.get("farm")) != 0,
        pictures={
            letter: url for letter, field in _URL_FIELDS.items() if (url := text(raw.get(field)))
        },
    )


def text(value: object) -> str:
    """A string as Flickr gives it: plain, as a number, inside ``{"_content": …}``, or not."""
    if isinstance(value, Mapping):
        value = value.get("_content")
    # Half of a surrogate pair is legal in JSON, but nothing that can be stored.
    return "" if value is None else str(value).encode("utf-8", "replace").decode()


def number(value: object) -> int | None:
    """A whole number that Flickr may give as a string; None if it is no number."""
    try:
        return int(text(value))
    except ValueError:
        return None


def _time(value: object) -> datetime | None:
    seconds = number(value)
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None) if seconds else None
    except (ValueError, OverflowError, OSError):  # no year that a calendar has
        return None


def _taken(raw: Mapping[str, Any]) -> Moment | None:
    if number(raw.get("datetakenunknown")):
        return None  # made up from the time of the upload
    taken = read_date(text(raw.get("datetaken")).strip())
    precision = _PRECISIONS.get(number(raw.get("datetakengranularity")))
    return taken._replace(precision=precision) if taken and precision else taken


def _place(raw: Mapping[str, Any]) -> tuple[float, float] | tuple[None, None]:
    try:
        latitude, longitude = float(text(raw.get("latitude"))), float(text(raw.get("longitude")))
    except ValueError:
        return None, None
    is_nowhere = number(raw.get("accuracy")) == 0 or latitude == longitude == 0
    is_on_earth = abs(latitude) <= 90 and abs(longitude) <= 180  # also false for no numbers
    return (latitude, longitude) if is_on_earth and not is_nowhere else (None, None)


def _license(value: object) -> str:
    license_id = number(value)
    if license_id is None:
        return ""
    return _LICENSES.get(license_id, f"Flickr license {license_id}")
