"""The albums in the folders that were added, and the photos in them."""

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, NamedTuple

from typing_extensions import override

from pipeline.errors import AlbumError, AwayError, PhotoError
from pipeline.photos.files import printable
from pipeline.photos.sidecars import Sidecars
from pipeline.rows import utc_now
from pipeline.sources import Album, AlbumListing, KnownRows, PhotoRow, Source
from pipeline.sources.events import overrides, with_event
from pipeline.sources.folder.exclusions import Exclusions, is_photo_library
from pipeline.sources.folder.files import PhotoFile, read_photos
from pipeline.sources.folder.registrations import (
    Registration,
    album_id,
    is_set_aside,
    registration,
    registrations,
)
from pipeline.sources.folder.walking import FolderOfPhotos, Walk, is_shut, photos_in

_MOST_WARNINGS = 5  # of one registered folder


class Folder(Source[PhotoFile]):
    """The albums in the folders that `albumscope add-folder` registered."""

    name: ClassVar[str] = "folder"

    @override
    def find_albums(self, known: Sequence[Album]) -> AlbumListing:
        """Look for albums in the registered folders.

        What had photos and cannot be seen any more may be a disk that is not mounted: such albums
        are kept as they were, marked as away, with a warning. Gone are those whose folder was
        deleted from among others, those that are left out, and those of a folder that was removed.
        """
        before = {album["album_id"]: album for album in known}
        albums: dict[str, Album] = {}
        warnings: list[str] = []
        walk = Walk()
        events = overrides(self.storage)
        for added in registrations(self.storage):
            root = Path(added.folder)
            walk.others.clear()
            folders = list(added.folders(walk))
            for folder in folders[:1]:
                folder.others.update(walk.others)  # of folders that are no albums
            expected = [
                album
                for album in known
                if album["root"] == os.fsencode(root) and _is_expected(added, album, walk)
            ]
            away = _away(root, folders, expected)
            albums |= {each.album["album_id"]: each.album for each in away}
            warnings += _warnings(root, away)
            for folder in folders:
                album = with_event(_album(added, root, folder), events)
                if album["album_id"] in before:
                    album["created_at"] = before[album["album_id"]]["created_at"]
                albums[album["album_id"]] = album
        for path in sorted({album["root"] for album in before.values()}):
            if is_set_aside(self.storage, os.fsdecode(path)):
                kept = {key: each for key, each in before.items() if each["root"] == path}
                albums = kept | albums
                warnings.append(
                    f"What was said of {printable(os.fsdecode(path))} when it was added is lost;"
                    f" its {len(kept)} albums are kept as they were: run `albumscope add-folder`"
                    " again"
                )
        in_order = sorted(albums.values(), key=lambda each: (each["created_at"], each["folder"]))
        left_out = {printable(path): reason for path, reason in walk.left_out.items()}
        return AlbumListing(self.name, in_order, warnings, left_out)

    @override
    def require_there(self, album: Album) -> None:
        folder = Path(os.fsdecode(album["folder"]))
        if album.get("is_away"):
            raise AwayError(
                "The photos of album {album!r} ({folder}) are away; all that is known of them is"
                " kept. `albumscope forget {album_id}` says that they are gone",
                album=album["title"],
                folder=printable(folder),
                album_id=album["album_id"],
            )
        with _told_of(album, folder):
            os.scandir(folder).close()

    @override
    def photos(self, album: Album) -> list[PhotoFile]:
        """List the photos of an album, by name. Raises AlbumError if the folder is gone."""
        self.require_there(album)
        folder = Path(os.fsdecode(album["folder"]))
        root = Path(os.fsdecode(album["root"]))
        with _told_of(album, folder):
            entries = photos_in(folder, self._exclusions(root))
            photos = [
                (photo, status) for photo in entries if (status := _stat_of_photo(photo.entry))
            ]
        sidecars = Sidecars()
        below = os.path.relpath(folder, root)
        return [
            PhotoFile(
                image_id=_image_id(album["album_id"], name := photo.within(folder)),
                path=photo.entry.path,
                relative_path=printable(os.path.normpath(f"{below}/{name}")),
                size=status.st_size,
                mtime_ns=status.st_mtime_ns,
                ctime_ns=status.st_ctime_ns,
                companions=[printable(each) for each in photo.companions],
                sidecars=sidecars.version(photo.entry.path, photo.companions),
            )
            for photo, status in photos
        ]

    def _exclusions(self, root: Path) -> Exclusions:
        """What is left out below a registered folder."""
        added = registration(self.storage, root)
        return added.exclusions if added else Exclusions(root)

    @override
    def fetch(
        self, album: Album, photos: Sequence[PhotoFile], known: KnownRows
    ) -> Iterator[tuple[PhotoFile, PhotoRow | PhotoError]]:
        return read_photos(photos)


class _Away(NamedTuple):
    """An album that cannot be seen, as it was, and what is the matter."""

    album: Album
    reason: str


def _is_expected(registration: Registration, album: Album, walk: Walk) -> bool:
    """Whether an album that was found before should be found again."""
    folder = Path(os.fsdecode(album["folder"]))
    if not registration.recursive and folder != Path(registration.folder):
        return False
    return not any(path in walk.left_out for path in (folder, *folder.parents))


def _away(root: Path, folders: Sequence[FolderOfPhotos], expected: Sequence[Album]) -> list[_Away]:
    """The albums that are missing and may come back."""
    found = {os.fsencode(folder.path) for folder in folders}
    photos = sum(len(folder.names) for folder in folders)
    has_shrunk = 2 * photos < sum(album["photo_count"] for album in expected)
    away = []
    for album in expected:
        if album["folder"] in found:
            continue
        reason = _why_away(album)
        if reason is None and has_shrunk:
            reason = f"is missing, like most of {printable(root)}"
        if reason:
            away.append(_Away({**album, "is_away": True}, reason))
    return away


def _why_away(album: Album) -> str | None:
    """Why an album's folder may be there again; None if it was deleted from among others."""
    folder = Path(os.fsdecode(album["folder"]))
    if is_shut(os.fspath(folder)):
        return "cannot be read"
    if folder.is_dir():
        return "holds no photos any more"
    above = next(each for each in folder.parents if each.is_dir())
    try:
        if album.get("device") not in {None, above.stat().st_dev}:
            return "lies on a disk that is not there"
        return None if any(above.iterdir()) else f"is missing, and {printable(above)} is empty"
    except OSError:
        return "cannot be read"


def _warnings(root: Path, away: Sequence[_Away]) -> list[str]:
    """What people are told of the albums in a registered folder that are away."""
    if len(away) > _MOST_WARNINGS:
        return [
            f"{len(away)} albums in {printable(root)} are away and kept as they were. Is its disk"
            " mounted? `albumscope remove-folder` takes them out."
        ]
    return [
        f"{printable(os.fsdecode(album['folder']))} {reason}; its album is kept as it was. Is its"
        f" disk mounted? `albumscope forget {album['album_id']}` takes it out."
        for album, reason in away
    ]


def _album(registration: Registration, root: Path, folder: FolderOfPhotos) -> Album:
    changing = (*folder.names, *folder.sidecars)
    newest = max(_modified(f"{folder.path}/{name}") for name in changing)
    title = folder.path.stem if is_photo_library(folder.path) else folder.path.name
    return {
        "album_id": album_id(folder.path),
        "source": Folder.name,
        "title": registration.title or printable(title),
        "description": "",
        "links": [],
        "url": None,
        "photo_count": len(folder.names),
        "event_name": registration.event_name,
        "event_year": registration.event_year,
        "event_type": registration.event_type,
        "created_at": utc_now(),
        "updated_at": datetime.fromtimestamp(newest, UTC).replace(tzinfo=None),
        "folder": os.fsencode(folder.path),
        "root": os.fsencode(root),
        "device": folder.device,
        "is_away": False,
        "video_count": folder.others["film"],
        "document_count": folder.others["document"],
        "other_count": folder.others["other"],
    }


def _image_id(album_id: str, name: str) -> int:
    """A 62-bit hash of album and file name: it fits a BIGINT, and never meets a Flickr id."""
    digest = hashlib.sha256(album_id.encode() + b"\0" + os.fsencode(name)).digest()
    return int.from_bytes(digest[:8]) >> 2


def _stat_of_photo(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        status = entry.stat()
    except OSError:  # it vanished between listing and looking, or is a loop of links
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _modified(path: str) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:  # it vanished since it was listed
        return 0.0


@contextmanager
def _told_of(album: Album, folder: Path) -> Iterator[None]:
    """Turn what the disk does not let us read of an album into an AlbumError."""
    try:
        yield
    except OSError as error:
        raise AlbumError(
            "The folder {folder} of album {album!r} cannot be read ({reason}): is its disk"
            " mounted?",
            folder=printable(folder),
            album=album["title"],
            reason=error.strerror,
        ) from error
