"""Which folders hold photos, as far as permissions let us see."""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from pipeline.photos.files import is_photo_name


def folders_with_photos(root: Path, *, recursive: bool) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder that holds photos with their names; a folder is visited only once.

    Links to folders are followed after all else, so that a folder inside ``root`` goes by its own
    name rather than a link's, and a loop of links ends.
    """
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
        names = [entry.name for entry in entries if _is_photo(entry)]
        if names:
            yield folder, names
        if recursive:
            for entry in entries:
                if not entry.name.startswith(".") and _is_folder(entry):
                    (links if entry.is_symlink() else waiting).append(Path(entry.path))


def is_shut(folder: str) -> bool:
    """Whether permissions keep us out of a folder, or even from seeing whether it is there."""
    try:
        return Path(folder).is_dir() and not os.access(folder, os.R_OK | os.X_OK)
    except PermissionError:
        return True


def _is_photo(entry: os.DirEntry[str]) -> bool:
    try:
        return is_photo_name(entry.name) and entry.is_file()
    except OSError:  # a loop of links
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
