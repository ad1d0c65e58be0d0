"""A stand-in for Flickr: its API and its pictures over real HTTP, with faults on demand.

    with FlickrStandIn(make_albums(3, 20)) as flickr:
        flickr.fail_next("too_many", retry_after=1)
        ...  # a client that was given flickr.api_url and flickr.api_key

``python -m tests.standins.flickr`` starts one by hand; docs/developing.md says what for.
"""

import argparse
import hashlib
import html
import io
import json
import random
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from PIL import Image, ImageOps

from tests.standins.server import Server, StandIn

API_KEY = "0123456789abcdef0123456789abcdef"
REST = "/services/rest/"
UNAVAILABLE = "/pw/images/en-us/photo_unavailable.png"
SERVER = "65535"
EPOCH = 1_700_000_000  # when the generated photos were uploaded

# The extra that asks for a size, its letter in file names, and its longest side.
SIZES = (
    ("url_sq", "s", 75),
    ("url_q", "q", 150),
    ("url_t", "t", 100),
    ("url_s", "m", 240),
    ("url_n", "n", 320),
    ("url_m", "", 500),
    ("url_z", "z", 640),
    ("url_c", "c", 800),
    ("url_l", "b", 1024),
    ("url_h", "h", 1600),
    ("url_k", "k", 2048),
)
SQUARES = ("s", "q")
OWN_SECRETS = ("h", "k", "o")

Json = dict[str, Any]
Where = Literal["api", "pictures"]
T = TypeVar("T")


# --- What is on Flickr ------------------------------------------------------------------------


@dataclass(frozen=True)
class User:
    """Somebody on Flickr; not everybody has an alias."""

    nsid: str = "25925838@N00"
    username: str = "Ada Example"
    alias: str | None = "ada-example"


STRANGER = User("98765432@N01", "No Albums", None)


@dataclass(eq=False)
class Photo:
    """A photo, or with ``media="video"`` a video."""

    id: str
    title: str = ""
    secret: str = ""  # made from the id where it is empty
    description: str | None = None  # None: the answer has no such field
    tags: str = ""
    machine_tags: str = ""
    license: int = 0
    taken: str | None = "2015-07-02 11:28:40"  # None: unknown, so that Flickr makes one up
    granularity: Literal[0, 4, 6, 8] = 0  # of the time taken: exact, a month, a year, circa
    uploaded: int = EPOCH
    last_update: int = EPOCH
    latitude: float | None = None
    longitude: float | None = None
    views: int = 0
    media: Literal["photo", "video"] = "photo"
    size: tuple[int, int] = (240, 160)  # of the original
    original_format: Literal["jpg", "png"] = "jpg"
    picture: Path | None = None  # the original; without one a pattern is made up
    downloadable: bool = True  # whether others may have the original
    ready: bool = True
    available: bool = True
    gone_status: Literal[302, 404, 410] = 302  # how its pictures answer when it is not available

    def __post_init__(self) -> None:
        self.secret = self.secret or _digest("secret", self.id)


@dataclass(eq=False)
class Album:
    """A photoset."""

    id: str
    title: str
    photos: list[Photo] = field(default_factory=list)
    description: str = ""
    created: int = EPOCH
    updated: int = EPOCH
    videos: int = 0  # counted on top of those among the photos


def make_albums(
    albums: int = 2, photos_per_album: int = 5, *, size: tuple[int, int] = (240, 160)
) -> list[Album]:
    """Albums that differ as real ones do: titles in several scripts, with a place and without, …"""
    titles = (
        "Harbour at night",
        "Ein Weg im Wald",
        "夜の港",
        "Лодки на озере",
        "",
        "Café & <b>bar</b>",
    )
    made = []
    for a in range(albums):
        photos = []
        for p in range(photos_per_album):
            n = a * photos_per_album + p
            photos.append(
                Photo(
                    id=str(50_000_000_000 + n),
                    title=f"{titles[n % len(titles)]} {n}".strip() if n % 6 != 4 else "",
                    description=(None, "", f"The {n}th <i>photo</i>")[n % 3],
                    tags=("", "harbour night", "ここ tag2")[n % 3],
                    license=n % 11,
                    taken=None if n % 7 == 3 else f"20{10 + n % 15}-07-02 11:28:{n % 60:02}",
                    latitude=39.938447 if n % 4 == 1 else None,
                    longitude=-86.261 if n % 4 == 1 else None,
                    views=n,
                    size=size if n % 3 else size[::-1],
                    original_format="png" if n % 10 == 9 else "jpg",
                    downloadable=n % 5 != 2,
                )
            )
        title = f"{('PyCon', 'Summer trip', '京都')[a % 3]} {2010 + a % 15}"
        made.append(Album(str(72_157_700_000_000 + a), title, photos, videos=a % 2))
    return made


def albums_in(folder: Path) -> list[Album]:
    """The folders in this folder as albums of their photos; they are the same at each start."""
    albums = []
    for album in sorted(path for path in folder.iterdir() if path.is_dir()):
        photos = []
        for path in sorted(album.iterdir()):
            if path.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
                continue
            with Image.open(path) as image:
                size = image.size
            modified = int(path.stat().st_mtime)
            photos.append(
                Photo(
                    id=str(50_000_000_000 + zlib.crc32(f"{album.name}/{path.name}".encode())),
                    title=path.stem.replace("-", " ").replace("_", " ").capitalize(),
                    secret=_digest(path, modified),
                    taken=None,
                    uploaded=modified,
                    last_update=modified,
                    size=size,
                    original_format="png" if path.suffix.lower() == ".png" else "jpg",
                    picture=path,
                )
            )
        if photos:
            dates = [photo.last_update for photo in photos]
            number = str(72_157_000_000_000 + zlib.crc32(album.name.encode()))
            albums.append(Album(number, album.name, photos, created=min(dates), updated=max(dates)))
    return albums


def _digest(*parts: object) -> str:
    return hashlib.sha1(" ".join(map(str, parts)).encode()).hexdigest()[:10]


# --- Pictures ---------------------------------------------------------------------------------


class Rendition(NamedTuple):
    """One size of a photo."""

    path: str
    size: tuple[int, int]
    square: bool = False


def renditions(photo: Photo) -> dict[str, Rendition]:
    """The sizes that exist, by the extra that asks for them: none is larger than the original."""

    def path(letter: str, extension: str = "jpg") -> str:
        secret = _digest(photo.secret, letter) if letter in OWN_SECRETS else photo.secret
        return f"/static/{SERVER}/{photo.id}_{secret}{'_' * bool(letter)}{letter}.{extension}"

    width, height = photo.size
    longest = max(photo.size)
    found = {}
    for extra, letter, side in SIZES:
        if letter in SQUARES:
            found[extra] = Rendition(path(letter), (side, side), square=True)
        elif longest >= side:
            size = (max(1, round(width * side / longest)), max(1, round(height * side / longest)))
            found[extra] = Rendition(path(letter), size)
    if photo.downloadable:
        found["url_o"] = Rendition(path("o", photo.original_format), photo.size)
    return found


def draw(photo: Photo, rendition: Rendition) -> bytes:
    """The picture; without a file it is a pattern that another secret changes."""
    is_original = rendition.path.rpartition(".")[0].endswith("_o")
    if photo.picture and is_original:
        return photo.picture.read_bytes()
    buffer = io.BytesIO()
    exif = b""
    if photo.picture:
        with Image.open(photo.picture) as original:
            # With its EXIF data, or a photo that is stored turned would lie on its side.
            exif = original.info.get("exif", b"")
            image = original.convert("RGB")
        if rendition.square:
            image = ImageOps.fit(image, rendition.size)
    else:
        colours = hashlib.sha512(f"{photo.id} {photo.secret}".encode()).digest()[:48]
        image = Image.frombytes("RGB", (4, 4), colours)
    image = image.resize(rendition.size, Image.Resampling.BICUBIC)
    kind = "PNG" if rendition.path.endswith(".png") else "JPEG"
    image.save(buffer, kind, quality=85, exif=exif)
    return buffer.getvalue()


def _draw_unavailable() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (500, 375), "#f3f5f6").save(buffer, "PNG")
    return buffer.getvalue()


# --- Answers of the API -----------------------------------------------------------------------


class ApiError(Exception):
    """What Flickr answers with HTTP 200 and ``stat: fail``."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.answer: Json = {"stat": "fail", "code": code, "message": message}


USER_NOT_FOUND = "User not found"
UNAVAILABLE_CODE = ApiError(105, "Service currently unavailable").answer


def toss(*about: object) -> bool:
    """A coin that falls the same each time."""
    return bool(zlib.crc32(repr(about).encode()) & 1)


def either(value: int, *about: object) -> int | str:
    """A number, or the same as text: Flickr answers both."""
    return value if toss(*about) else str(value)


def photo_json(photo: Photo, owner: User, extras: set[str], origin: str) -> Json:
    """The fields of a photo that every answer has, and those that were asked for."""
    farm = 0 if not photo.ready and toss(photo.id, "farm") else 66  # or its media_status says so
    answer: Json = {
        "id": photo.id,
        "secret": photo.secret,
        "server": SERVER if farm else "0",
        "farm": farm,
        "title": photo.title,
        "ispublic": 1,
        "isfriend": 0,
        "isfamily": 0,
    }
    uploaded = datetime.fromtimestamp(photo.uploaded, UTC).strftime("%Y-%m-%d %H:%M:%S")
    placed = photo.latitude is not None and photo.longitude is not None
    geo = {"latitude": str(photo.latitude), "longitude": str(photo.longitude), "accuracy": "16"}
    by_extra: dict[str, Json] = {
        "license": {"license": either(photo.license, photo.id, "license")},
        "date_upload": {"dateupload": str(photo.uploaded)},
        "date_taken": {
            "datetaken": photo.taken or uploaded,
            "datetakengranularity": either(photo.granularity, photo.id, "granularity"),
            "datetakenunknown": either(int(photo.taken is None), photo.id, "unknown"),
        },
        "last_update": {"lastupdate": str(photo.last_update)},
        "owner_name": {"ownername": owner.username},
        "path_alias": {"pathalias": owner.alias},
        "geo": geo if placed else {"latitude": 0, "longitude": 0, "accuracy": 0, "context": 0},
        "tags": {"tags": photo.tags},
        "machine_tags": {"machine_tags": photo.machine_tags},
        "views": {"views": either(photo.views, photo.id, "views")},
        "media": {
            "media": photo.media,
            "media_status": "ready" if photo.ready or not farm else "processing",
        },
    }
    if photo.description is not None:
        by_extra["description"] = {"description": {"_content": photo.description}}
    if photo.downloadable:
        by_extra["original_format"] = {
            "originalsecret": _digest(photo.secret, "o"),
            "originalformat": photo.original_format,
        }
        by_extra["o_dims"] = {"o_width": str(photo.size[0]), "o_height": str(photo.size[1])}
    if farm:
        for extra, rendition in renditions(photo).items():
            size = extra.removeprefix("url")
            width, height = rendition.size
            by_extra[extra] = {
                extra: origin + rendition.path,
                f"height{size}": either(height, photo.id, "height", size),
                f"width{size}": either(width, photo.id, "width", size),
            }
    for extra, fields in by_extra.items():
        if extra in extras:
            answer |= fields
    return answer


def album_json(album: Album, owner: User, extras: set[str], origin: str) -> Json:
    """A photoset as the list of photosets tells of it."""
    videos = sum(photo.media == "video" for photo in album.photos)
    photos = len(album.photos) - videos
    videos += album.videos
    prefix = "count_" if toss(album.id, "prefix") else ""
    primary = album.photos[0] if album.photos else None
    answer: Json = {
        "id": album.id,
        "owner": owner.nsid,
        "username": owner.username,
        "primary": primary.id if primary else "0",
        "secret": primary.secret if primary else "",
        "server": SERVER,
        "farm": 66,
        "title": {"_content": album.title},
        "description": {"_content": album.description},
        f"{prefix}photos": either(photos, album.id, "photos"),
        f"{prefix}videos": either(videos, album.id, "videos"),
        "date_create": str(album.created),
        "date_update": str(album.updated),
        "can_comment": 0,
        "needs_interstitial": 0,
        "visibility_can_see_set": 1,
    }
    if extras and primary:
        fields = photo_json(primary, owner, extras, origin)
        base = photo_json(primary, owner, set(), origin)
        answer["primary_photo_extras"] = {k: v for k, v in fields.items() if k not in base}
    return answer


def page_of(items: Sequence[T], params: dict[str, str], most: int) -> tuple[list[T], Json]:
    """One page, and what the answer says of paging."""

    def number(name: str, default: int) -> int:
        text = params.get(name, "")
        return max(1, int(text)) if text.isdecimal() else default

    page, per_page = number("page", 1), min(number("per_page", most), most)
    about = (params.get("method"), params.get("photoset_id"), page)
    paging = {
        "page": either(page, *about, "page"),
        "pages": -(-len(items) // per_page),
        "perpage": either(per_page, *about, "perpage"),
        "total": either(len(items), *about, "total"),
    }
    return list(items[(page - 1) * per_page : page * per_page]), paging


# --- Faults -----------------------------------------------------------------------------------

PASSING = ("too_many", "html_500", "502", "503", "timeout", "cut", "wrong_type", "slow")
KINDS: dict[Where, tuple[str, ...]] = {
    "api": (*PASSING, "unavailable_code"),
    "pictures": (*PASSING, "photo_unavailable"),
}
STATUS = {"too_many": 429, "html_500": 500, "502": 502, "503": 503, "wrong_type": 200}


@dataclass
class Fault:
    """One thing that goes wrong, ``times`` times, where the request contains ``match``."""

    kind: str
    where: Where
    times: int = 1
    match: str = ""
    retry_after: int | str | None = None


@dataclass
class Faults:
    """What goes wrong by chance, and what was ordered."""

    api_rate: float = 0.0  # 0.2: one call in five
    picture_rate: float = 0.0
    kinds: Sequence[str] = KINDS["api"]  # in turn; photo_unavailable is no thing to try again
    in_a_row: int = 2  # by chance, the same request fails no more often than this before it works
    retry_after: int | str | None = None  # of each 429 by chance
    hold_seconds: float = 1.0  # how long a time-out keeps the client waiting
    slow_seconds: float = 0.2
    seed: int = 0
    ordered: list[Fault] = field(default_factory=list)
    given: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._turn: Counter[Where] = Counter()
        self._in_a_row: Counter[str] = Counter()

    def pick(self, where: Where, target: str) -> Fault | None:
        """What goes wrong with this request, if anything does."""
        fault = self._ordered(where, target) or self._by_chance(where, target)
        if fault:
            self.given[fault.kind] += 1
        return fault

    def _ordered(self, where: Where, target: str) -> Fault | None:
        for fault in self.ordered:
            if fault.where == where and fault.match in target:
                fault.times -= 1
                if fault.times <= 0:
                    self.ordered.remove(fault)
                return fault
        return None

    def _by_chance(self, where: Where, target: str) -> Fault | None:
        rate = self.api_rate if where == "api" else self.picture_rate
        kinds = [kind for kind in self.kinds if kind in KINDS[where]]
        if not kinds or not rate or self._random.random() >= rate:
            self._in_a_row.pop(target, None)
            return None
        if self._in_a_row[target] >= self.in_a_row:
            self._in_a_row.pop(target)
            return None
        self._in_a_row[target] += 1
        self._turn[where] += 1
        return Fault(kinds[self._turn[where] % len(kinds)], where, retry_after=self.retry_after)


# --- The server -------------------------------------------------------------------------------


class Call(NamedTuple):
    """A call of the API that was answered; the parameters are without the key."""

    time: float
    method: str
    params: dict[str, str]


class Request(NamedTuple):
    """Anything that was asked for; ``fault`` is the kind of what went wrong."""

    time: float
    where: Literal["api", "pictures", "other"]
    target: str
    fault: str | None


class FlickrStandIn(StandIn):
    """The server, as a context manager, and what it serves.

    Tests may change photos and albums, best under ``lock``; the methods that change something
    move its dates as Flickr does.
    """

    def __init__(
        self,
        albums: Iterable[Album] = (),
        *,
        user: User | None = None,
        api_key: str = API_KEY,
        port: int = 0,
    ) -> None:
        self.albums = list(albums)
        self.user = user or User()
        self.users = [self.user, STRANGER]  # the albums are the first one's
        self.api_key = api_key
        self.port = port
        self.lock = threading.RLock()
        self.faults = Faults()
        self.calls: list[Call] = []
        self.downloads: Counter[str] = Counter()  # pictures that were sent whole, by path
        self.requests: list[Request] = []  # everything, with what failed
        self.between_pages: Callable[[], object] | None = None  # called once, after a first page
        self.max_per_page = 500
        self.hourly_limit = 3600
        self.past_the_end: Literal["empty", "error"] = "empty"  # what a page too far answers
        self.unavailable_url = UNAVAILABLE  # where the pictures of removed photos redirect to
        self.verbose = False
        self.stopping = threading.Event()
        self._clock = 0
        self._photos: dict[str, Photo] = {}
        self._pictures: dict[Rendition, bytes] = {}

    def handler(self) -> type[BaseHTTPRequestHandler]:
        return _Handler

    def start(self) -> None:
        self.stopping.clear()
        super().start()

    def stop(self) -> None:
        self.stopping.set()
        super().stop()

    @property
    def origin(self) -> str:
        """Where both the API and the pictures are."""
        return f"http://{self.address}:{self.port}"

    @property
    def api_url(self) -> str:
        """The REST endpoint."""
        return self.origin + REST

    @property
    def user_id(self) -> str:
        """Whose albums these are."""
        return self.user.nsid

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which Albumscope takes this for Flickr."""
        return {
            "FLICKR_API_URL": self.api_url,
            "FLICKR_IMAGE_HOSTS": self.address,
            "FLICKR_API_KEY": self.api_key,
            "FLICKR_USER_ID": self.user_id,
        }

    # Changes

    def fail_next(
        self,
        kind: str,
        times: int = 1,
        where: Where = "api",
        match: str = "",
        retry_after: int | str | None = None,
    ) -> None:
        """Let the next requests fail whose path or ``method?parameters`` contains ``match``."""
        if kind not in KINDS[where]:
            raise ValueError(f"{kind!r} is no fault of {where}: {', '.join(KINDS[where])}")
        with self.lock:
            self.faults.ordered.append(Fault(kind, where, times, match, retry_after))

    def add_album(self, album: Album) -> None:
        """Put an album before the others, as Flickr lists the newest first."""
        with self.lock:
            self.albums.insert(0, album)

    def delete_album(self, album: Album) -> None:
        """The photos stay on Flickr, in no album or in others."""
        with self.lock:
            self._know_photos()
            self.albums.remove(album)

    def edit_album(self, album: Album, **changes: object) -> None:
        """Change the title, say."""
        with self.lock:
            _change(album, **changes, updated=self._now())

    def add_photo(self, album: Album, photo: Photo) -> None:
        """Put a photo, new or of another album, at the end of an album."""
        with self.lock:
            self.edit_album(album, photos=[*album.photos, photo])

    def remove_photo(self, album: Album, photo: Photo) -> None:
        """Take a photo out of an album; it stays on Flickr."""
        with self.lock:
            self._know_photos()
            self.edit_album(album, photos=[other for other in album.photos if other is not photo])

    def move_photo(self, photo: Photo, source: Album, target: Album) -> None:
        """Take a photo out of one album and put it into another."""
        with self.lock:
            self.remove_photo(source, photo)
            self.add_photo(target, photo)

    def reorder(self, album: Album, photos: Iterable[Photo]) -> None:
        """Put the photos of an album into another order."""
        self.edit_album(album, photos=list(photos))

    def edit_photo(self, photo: Photo, **changes: object) -> None:
        """Change a title, say; the albums' dates do not move."""
        with self.lock:
            _change(photo, **changes, last_update=self._now())

    def replace_picture(self, photo: Photo, **changes: object) -> None:
        """Another picture under the same id; the albums' dates do not move."""
        with self.lock:
            now = self._now()
            self.edit_photo(photo, **{"secret": _digest(photo.secret, now), **changes})

    def delete_photo(self, photo: Photo) -> None:
        """Delete a photo from Flickr, and so from its albums."""
        with self.lock:
            for album in self.albums:
                if photo in album.photos:
                    self.remove_photo(album, photo)
            photo.available = False

    def _now(self) -> int:
        """The time in seconds, of which no two changes have the same."""
        self._clock = max(int(time.time()), self._clock + 1)
        return self._clock

    def _know_photos(self) -> None:
        self._photos |= {photo.id: photo for album in self.albums for photo in album.photos}

    # Answers

    def call(self, params: dict[str, str]) -> Json:
        """The answer to a call of the API."""
        methods = {
            "flickr.photosets.getList": self._get_list,
            "flickr.photosets.getPhotos": self._get_photos,
            "flickr.people.findByUsername": self._find_by_username,
            "flickr.urls.lookupUser": self._lookup_user,
        }
        method = params.get("method", "")
        try:
            if params.get("format") != "json":
                raise ApiError(111, f'Format "{params.get("format", "")}" not found')
            if method not in methods:
                raise ApiError(112, f'Method "{method}" not found')
            if params.get("api_key") != self.api_key:
                raise ApiError(100, "Invalid API Key (Key not found)")
            with self.lock:
                return {**methods[method](params), "stat": "ok"}
        except ApiError as error:
            return error.answer

    def _get_list(self, params: dict[str, str]) -> Json:
        owner = next((user for user in self.users if user.nsid == params.get("user_id")), None)
        if owner is None:
            raise ApiError(1, USER_NOT_FOUND)
        albums, paging = page_of(
            self.albums if owner is self.user else [], params, self.max_per_page
        )
        extras = set(filter(None, params.get("primary_photo_extras", "").split(",")))
        photosets = [album_json(album, owner, extras, self.origin) for album in albums]
        return {"photosets": {"cancreate": 0, **paging, "photoset": photosets}}

    def _get_photos(self, params: dict[str, str]) -> Json:
        if params.get("user_id") not in {user.nsid for user in self.users}:
            raise ApiError(2, USER_NOT_FOUND)
        number = params.get("photoset_id")
        album = next((album for album in self.albums if album.id == number), None)
        if album is None or params["user_id"] != self.user_id:
            raise ApiError(1, "Photoset not found")
        wanted = {"photos": {"photo"}, "videos": {"video"}}.get(params.get("media", "all"))
        listed = [photo for photo in album.photos if not wanted or photo.media in wanted]
        photos, paging = page_of(listed, params, self.max_per_page)
        if not photos and listed and self.past_the_end == "error":
            raise ApiError(1, "Photoset not found")
        extras = set(params.get("extras", "").split(","))
        primary = album.photos[0].id if album.photos else "0"
        answers = [photo_json(photo, self.user, extras, self.origin) for photo in photos]
        for answer in answers:
            answer["isprimary"] = either(int(answer["id"] == primary), answer["id"], "primary")
        return {
            "photoset": {
                "id": album.id,
                "primary": primary,
                "owner": self.user_id,
                "ownername": self.user.username,
                "photo": answers,
                **paging,
                "title": album.title,
            }
        }

    def _find_by_username(self, params: dict[str, str]) -> Json:
        return self._user(lambda user: user.username == params.get("username"))

    def _lookup_user(self, params: dict[str, str]) -> Json:
        parts = urlsplit(params.get("url", "")).path.strip("/").split("/")
        name = parts[1] if len(parts) > 1 and parts[0] in {"photos", "people"} else parts[0]
        return self._user(lambda user: name in {user.nsid, user.alias})

    def _user(self, wanted: Callable[[User], bool]) -> Json:
        for user in filter(wanted, self.users):
            return {
                "user": {
                    "id": user.nsid,
                    "nsid": user.nsid,
                    "username": {"_content": user.username},
                }
            }
        raise ApiError(1, USER_NOT_FOUND)

    def picture(self, path: str) -> bytes | int:
        """The picture at this path, or the status that says that there is none."""
        number = path.rpartition("/")[2].partition("_")[0]
        with self.lock:
            for _ in range(2):  # once more where the photo is new, or another one has its id
                photo = self._photos.get(number)
                if photo and not photo.available:
                    return photo.gone_status
                found = [r for r in renditions(photo).values() if r.path == path] if photo else []
                if photo and photo.ready and found:
                    if found[0] not in self._pictures:
                        self._pictures[found[0]] = draw(photo, found[0])
                    return self._pictures[found[0]]
                self._know_photos()
        return 302


def _change(thing: Photo | Album, **changes: object) -> None:
    for name, value in changes.items():
        if not hasattr(thing, name):
            raise AttributeError(f"{type(thing).__name__} has no {name}")
        setattr(thing, name, value)


class _Handler(BaseHTTPRequestHandler):
    server: Server[FlickrStandIn]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # so that headers and body leave together

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == REST:
            self._answer_call(dict(parse_qsl(query, keep_blank_values=True)))
        elif path.startswith("/static/"):
            self._answer_picture(path)
        elif path == UNAVAILABLE:
            self._fault("other", path)
            self._send(200, _draw_unavailable(), "image/png")
        else:
            self._fault("other", path)
            self._send_page(404)

    def _answer_call(self, params: dict[str, str]) -> None:
        standin = self.server.standin
        without_key = {name: value for name, value in params.items() if name != "api_key"}
        method = without_key.pop("method", "")
        fault = self._fault("api", f"{method}?{urlencode(without_key)}")
        if fault and self._send_instead(fault):
            return
        is_unavailable = fault is not None and fault.kind == "unavailable_code"
        answer = UNAVAILABLE_CODE if is_unavailable else standin.call(params)
        body = json.dumps(answer)
        if params.get("nojsoncallback") != "1":
            body = f"jsonFlickrApi({body})"

        def record() -> None:
            listed = answer.get("photoset") or answer.get("photosets") or {}
            with standin.lock:
                standin.calls.append(Call(time.monotonic(), method, without_key))
                if standin.between_pages and str(listed.get("page")) == "1" and listed["pages"] > 1:
                    between_pages, standin.between_pages = standin.between_pages, None
                    between_pages()

        self._send(200, body.encode(), "application/json", fault=fault, record=record)

    def _answer_picture(self, path: str) -> None:
        standin = self.server.standin
        fault = self._fault("pictures", path)
        if fault and self._send_instead(fault):
            return
        found = standin.picture(path)
        if found == 302:
            self._redirect()
        elif isinstance(found, int):
            self._send_page(found)
        else:

            def record() -> None:
                with standin.lock:
                    standin.downloads[path] += 1

            kind = "image/png" if path.endswith(".png") else "image/jpeg"
            self._send(200, found, kind, fault=fault, record=record)

    def _fault(self, where: Literal["api", "pictures", "other"], target: str) -> Fault | None:
        """Note the request, and what is to go wrong with it."""
        standin = self.server.standin
        now = time.monotonic()
        with standin.lock:
            fault = None if where == "other" else standin.faults.pick(where, target)
            if where == "api" and not fault:
                recent = (r for r in standin.requests if r.where == "api" and r.time > now - 3600)
                if sum(1 for _ in recent) >= standin.hourly_limit:
                    fault = Fault("too_many", where)
            kind = fault.kind if fault else None
            standin.requests.append(Request(now, where, target, kind))
        if standin.verbose:
            print(f"{target}{f': {kind}' if kind else ''}", flush=True)
        return fault

    def _send_instead(self, fault: Fault) -> bool:
        """Send what takes the place of an answer; False where the fault is in the answer."""
        if fault.kind in STATUS:
            after = fault.retry_after
            self._send_page(STATUS[fault.kind], {} if after is None else {"Retry-After": after})
        elif fault.kind == "timeout":
            self.server.standin.stopping.wait(self.server.standin.faults.hold_seconds)
            self.close_connection = True
        elif fault.kind == "photo_unavailable":
            self._redirect()
        else:
            return False
        return True

    def _redirect(self) -> None:
        self._send_page(302, {"Location": self.server.standin.unavailable_url})

    def _send_page(self, status: int, headers: dict[str, Any] | None = None) -> None:
        """A page for people. As bad pages do it repeats the request, with the key in it."""
        page = f"<!DOCTYPE html><title>{status}</title><p>Sorry! {html.escape(self.path)}</p>"
        self._send(status, page.encode(), "text/html; charset=utf-8", headers=headers)

    def _send(
        self,
        status: int,
        body: bytes,
        content_type: str,
        *,
        headers: dict[str, Any] | None = None,
        fault: Fault | None = None,
        record: Callable[[], None] | None = None,
    ) -> None:
        kind = fault.kind if fault else None
        self.send_response(status)
        common = {"Content-Type": content_type, "Content-Length": len(body)}
        for name, value in {**common, **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if kind == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        if kind == "slow":
            piece = len(body) // 5 + 1
            for start in range(0, 4 * piece, piece):
                self.server.standin.stopping.wait(self.server.standin.faults.slow_seconds / 4)
                self.wfile.write(body[start : start + piece])
                self.wfile.flush()
            body = body[4 * piece :]
        if record:  # before the last byte: who has the answer also sees it here
            record()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet: what was asked for is in ``requests``."""


# --- By hand ----------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.standins.flickr",
        description="Serve a stand-in for Flickr on this machine, until Ctrl-C.",
    )
    parser.add_argument("--port", type=int, default=8600)
    parser.add_argument("--photos", type=Path, default=Path("data/demo"), help="folder of albums")
    parser.add_argument("--albums", type=int, help="make up this many albums instead")
    parser.add_argument("--photos-per-album", type=int, default=50)
    parser.add_argument("--fail-rate", type=float, default=0.0, help="0.2: one request in five")
    options = parser.parse_args()
    if options.albums:
        albums = make_albums(options.albums, options.photos_per_album, size=(640, 427))
    elif options.photos.is_dir():
        albums = albums_in(options.photos)
    else:
        parser.error(f"{options.photos} is no folder")
    flickr = FlickrStandIn(albums, port=options.port)
    flickr.faults.api_rate = flickr.faults.picture_rate = options.fail_rate
    flickr.verbose = True
    try:
        flickr.start()
    except OSError as error:
        parser.error(f"port {options.port}: {error.strerror}")
    photos = sum(len(album.photos) for album in albums)
    print(f"{photos} photos in {len(albums)} albums. Albumscope finds them with these settings:\n")
    print("\n".join(f"{name}={value}" for name, value in flickr.environment.items()))
    print(flush=True)
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
    flickr.stop()


if __name__ == "__main__":
    main()
