"""Where albums come from: the Source protocol, and the rows that a source makes.

A room for each source, ``registry`` lists them; nothing outside asks which one it is. May import
photos, storage, rows, settings and errors, never tables: what a source needs to know of rows that
exist it is handed.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol, TypedDict, TypeVar

from pipeline.errors import PhotoError
from pipeline.rows import Int32, Outcome, Row
from pipeline.settings import Settings
from pipeline.storage import Storage


class _AlbumOfAnySource(TypedDict):
    album_id: str
    source: str
    title: str
    description: str
    links: list[str]
    """What its description links to."""
    url: str | None
    photo_count: int
    event_name: str | None
    event_year: Int32 | None
    event_type: str | None
    created_at: datetime
    updated_at: datetime


class Album(_AlbumOfAnySource, total=False):
    """A row of table ``albums``. ``source`` is a key of ``registry.SOURCES``.

    ``url`` is the album's page. The columns below are for their sources alone, and null in the rows
    of others.
    """

    owner: str | None  # of Flickr: the user's id; None for one that was moved in
    video_count: int  # which are left out
    # Of folders: where the photos lie, and the registered folder that relative paths start from.
    # Bytes, because a file name need not be text.
    folder: bytes
    root: bytes
    # The number of their device; whether they are away, which is not known to be for good; and the
    # files in them that are not taken.
    device: int
    is_away: bool
    document_count: int
    other_count: int


class PhotoRow(Outcome, total=False):
    """A row of table ``raw_images``; a source fills in what it knows.

    Times are UTC without a zone, but for ``taken_at``, which is what the camera's clock said.
    ``image_id`` and what the photo's ``origin`` says are put in by whoever writes the row.
    """

    image_id: int
    path: bytes
    """The key of a picture in the library's storage, or the path of a file that lies elsewhere."""
    image_url: str | None
    page_url: str | None
    relative_path: str
    local_filename: str | None
    companions: list[str]
    """The names of files beside it that are the same photo: its RAW, its film, what was edited."""
    source: str
    title: str | None
    """As its source says; a folder says none."""
    file_title: str | None
    """What the file's name says, for want of another title."""
    description: str | None
    links: list[str]
    """What its description links to."""
    tags: list[str]
    owner: str | None
    license: str | None
    image_format: str
    width: Int32
    height: Int32
    is_cut: bool | None
    """Whether a part of the picture is missing, as of a file that was not copied whole."""
    file_size_bytes: int
    sha256: str
    uploaded_at: datetime | None
    downloaded_at: datetime | None
    # What the source knows that the file may not: when and where (degrees), how often looked at.
    taken_at: datetime | None
    taken_precision: str | None
    """How exactly, see ``photos.dates.Precision``; None without a time."""
    latitude: float | None
    longitude: float | None
    views: int | None
    # What says that a photo changed. Of files:
    mtime_ns: int | None
    ctime_ns: int | None
    sidecars: str | None
    """See ``photos.sidecars``."""
    # Of Flickr:
    flickr_photo_id: str | None
    secret: str | None
    last_update: datetime | None


@dataclass(frozen=True)
class AlbumListing:
    """The albums that a source has now: all the rows of one partition of table ``albums``."""

    partition: str
    albums: Sequence[Album]
    warnings: Sequence[str] = field(default_factory=list)
    left_out: Mapping[str, str] = field(default_factory=dict)
    """By path, as people are told it, why a file or folder is left out."""


class SourcePhoto(Protocol):
    """A photo as its source lists it, not yet opened."""

    @property
    def image_id(self) -> int:
        """The photo's id, unique in the library."""
        ...

    def origin(self) -> Row:
        """What its row is made from, as columns of PhotoRow: a change of any makes a new row."""
        ...


KnownRows = Callable[[Collection[int]], Sequence[PhotoRow]]
"""The rows of the photos with these ids that this source brought in before, for any album: those
without an error. Their pictures may be gone since."""

PhotoT = TypeVar("PhotoT", bound=SourcePhoto)


class Source(Protocol[PhotoT]):
    """A place that albums come from.

    The methods that have a body are right for a source whose photos lie on this machine. All raise
    SourceError for what concerns the whole source, and AlbumError for what concerns one album.
    """

    name: ClassVar[str]
    """What column ``source`` says of its albums and photos."""
    is_remote: ClassVar[bool] = False
    """Whether it is asked over a network: what it refused may be had the next time."""

    storage: Storage
    """Where it keeps what it downloads and remembers."""
    settings: Settings

    def __init__(self, storage: Storage, settings: Settings) -> None:
        self.storage = storage
        self.settings = settings

    @property
    def missing_setting(self) -> str | None:
        """The setting without which it cannot be asked for albums, if that is not set."""
        return None

    def find_albums(self, known: Sequence[Album]) -> AlbumListing:
        """Ask for its albums. ``known`` are the rows that it has in table ``albums`` so far."""
        ...

    def require_there(self, album: Album) -> None:
        """Raise AlbumError if the photos of an album cannot be seen now. Lists none of them."""

    def needs_listing(self, album: Album) -> bool:
        """Whether it has to be asked before anyone can say what an album holds."""
        return False

    def update_listing(self, album: Album) -> None:
        """Ask what an album holds now, and remember it."""

    def photos(self, album: Album) -> Sequence[PhotoT]:
        """The photos that an album holds, in its order, as last listed. Asks nobody."""
        ...

    def photos_now(self, album: Album) -> Sequence[PhotoT]:
        """The photos that an album holds, in its order, asked now; nothing of it is remembered."""
        return self.photos(album)

    def fetch(
        self, album: Album, photos: Sequence[PhotoT], known: KnownRows
    ) -> Iterable[tuple[PhotoT, PhotoRow | PhotoError]]:
        """Bring photos to where they can be read, and make their rows: lazily, in order.

        What can be said of a photo that cannot be had is a row too, with ``error`` and
        ``retryable``.
        """
        ...

    def downloads(self, photos: Sequence[PhotoT], known: KnownRows) -> int:
        """How many pictures have to be downloaded to fetch these photos."""
        return 0

    @property
    def typical_bytes(self) -> int:
        """How large a picture is that has to be downloaded, where none has been yet; rough."""
        return 0

    def drop_unlisted(self, album: Album) -> None:
        """Delete the pictures of photos that an album holds no more."""

    def drop_album(self, album_id: str) -> None:
        """Delete what this source keeps in the library of an album, if it keeps anything."""

    @staticmethod
    def picture_url(image_url: str, side: int, settings: Settings) -> str | None:
        """Where browsers get a picture of ``side`` pixels from; None if this server has to make it.

        ``image_url`` is that of a photo's row, of whatever source; a photo that is smaller than
        ``side`` has a smaller picture.
        """
        return None
