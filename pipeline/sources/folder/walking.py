"""Which folders hold photos, as far as permissions let us see."""

import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pipeline.photos.files import extension, is_file, is_photo_name
from pipeline.photos.sidecars import is_sidecar_name
from pipeline.sources.folder.companions import companions
from pipeline.sources.folder.exclusions import Exclusions, is_photo_library

_FILMS = frozenset(
    {".3gp", ".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".mpeg", ".mts", ".webm"}
    | {".wmv"}
)
_DOCUMENTS = frozenset(
    {".doc", ".docx", ".html", ".key", ".md", ".odp", ".odt", ".pdf", ".pptx", ".ppt", ".rtf"}
    | {".txt", ".xls", ".xlsx"}
)
# What programs put beside photos, and says something of them or of the folder.
_BESIDE = frozenset({".aae", ".db", ".ini", ".json", ".thm", ".xmp"})


@dataclass
class Walk:
    """What was seen on a walk, besides folders of photos.

    ``left_out`` is with the reason; ``others`` counts files, by kind, in folders without photos.
    """

    left_out: dict[Path, str] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)


@dataclass
class FolderOfPhotos:
    """A folder, or a photo library of Apple's, with the photos in it.

    ``names`` and ``sidecars`` are relative to it. ``others`` counts the files that are not taken,
    by kind: film, document, other.
    """

    path: Path
    device: int
    names: list[str] = field(default_factory=list)
    sidecars: list[str] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)


def folders_with_photos(
    root: Path, *, recursive: bool, exclusions: Exclusions | None = None, walk: Walk | None = None
) -> Iterator[FolderOfPhotos]:
    """Yield each folder that holds photos; a folder is visited only once.

    Links to folders are followed after all else, so that a folder inside ``root`` goes by its own
    name rather than a link's, and a loop of links ends. What is left out is noted in ``walk``.
    """
    exclusions = exclusions or Exclusions(root)
    walk = walk or Walk()
    waiting = deque([root])
    links: deque[Path] = deque()
    seen: set[tuple[int, int]] = set()
    while waiting or links:
        folder = waiting.popleft() if waiting else links.popleft()
        try:
            status = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:  # gone, or not ours to read: not an album
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        found = FolderOfPhotos(folder, status.st_dev)
        if not is_photo_library(folder):
            for entry in entries:
                if is_sidecar_name(entry.name) and is_file(entry):
                    found.sidecars.append(entry.name)
                elif kind := _kind_of_other(entry):
                    found.others[kind] += 1
                elif (
                    recursive
                    and not entry.name.startswith(".")
                    and _is_folder(entry)
                    and _is_wanted(folder, entry, exclusions, walk, is_folder=True)
                ):
                    (links if entry.is_symlink() else waiting).append(Path(entry.path))
        try:
            photos = photos_in(folder, exclusions, walk, entries)
        except OSError:  # a part of a photo library is not ours to read
            continue
        found.names = [each.within(folder) for each in photos]
        found.others["film"] -= sum(len(each.films) for each in photos)
        if found.names:
            yield found
        else:
            walk.others.update(found.others)


class PhotoEntry(NamedTuple):
    """A photo in a folder, and the names of the other files that are the same photo."""

    entry: os.DirEntry[str]
    companions: list[str]

    def within(self, folder: Path) -> str:
        """Its path from the folder that was walked through."""
        return self.entry.path.removeprefix(os.path.join(folder, ""))  # noqa: PTH118

    @property
    def films(self) -> list[str]:
        """Those of them that are films."""
        return [name for name in self.companions if not is_photo_name(name)]


def photos_in(
    folder: Path,
    exclusions: Exclusions,
    walk: Walk | None = None,
    entries: Sequence[os.DirEntry[str]] | None = None,
) -> list[PhotoEntry]:
    """The photos in a folder, by name, or in all of a photo library. Raises OSError.

    ``entries`` are those of the folder, if they are known already.
    """
    walk = walk or Walk()
    found: list[PhotoEntry] = []
    waiting = [folder]
    while waiting:
        within = waiting.pop(0)
        if entries is None or within != folder:
            entries = sorted(os.scandir(within), key=lambda entry: entry.name)
        photos = {
            entry.name: entry
            for entry in entries
            if _is_photo(entry) and _is_wanted(within, entry, exclusions, walk, is_folder=False)
        }
        films = (entry.name for entry in entries if _kind_of_other(entry) == "film")
        together = companions(photos, films)
        found += [PhotoEntry(photos[name], others) for name, others in together.items()]
        waiting += [
            Path(entry.path)
            for entry in entries
            if is_photo_library(folder)
            and not entry.is_symlink()
            and _is_folder(entry)
            and _is_wanted(within, entry, exclusions, walk, is_folder=True)
        ]
    return found


def is_shut(folder: str) -> bool:
    """Whether permissions keep us out of a folder, or even from seeing whether it is there."""
    try:
        return Path(folder).is_dir() and not os.access(folder, os.R_OK | os.X_OK)
    except PermissionError:
        return True


def _is_wanted(
    folder: Path, entry: os.DirEntry[str], exclusions: Exclusions, walk: Walk, *, is_folder: bool
) -> bool:
    reason = exclusions.reason(folder, entry.name, is_folder=is_folder)
    if reason:
        walk.left_out[folder / entry.name] = reason
    return reason is None


def _kind_of_other(entry: os.DirEntry[str]) -> str | None:
    """The kind of a file that is not taken; None for what belongs to others, and for folders."""
    if is_photo_name(entry.name) or entry.name.startswith("."):
        return None
    suffix = extension(entry.name)
    if suffix in _BESIDE or not is_file(entry):
        return None
    return "film" if suffix in _FILMS else "document" if suffix in _DOCUMENTS else "other"


def _is_photo(entry: os.DirEntry[str]) -> bool:
    return is_photo_name(entry.name) and is_file(entry)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
