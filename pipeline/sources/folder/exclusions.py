"""What is no photo of anybody's: system folders, and what people say is to be left out."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore import GitIgnorePatternError

from pipeline.errors import AlbumscopeError
from pipeline.photos.files import printable

IGNORE_FILE = ".albumignore"
"""Holds patterns as a .gitignore does, for the folder that it is in and all below."""

# Of NAS makers (thumbnails, recycle bins, snapshots), systems, and of programs that keep previews.
_SYSTEM_FOLDERS = frozenset(
    name.casefold()
    for name in (
        *("@eaDir", "@Recycle", "@Recently-Snapshot", "@__thumb", "#recycle", "#snapshot"),
        *("$RECYCLE.BIN", "System Volume Information", "RECYCLER", "lost+found", "__MACOSX"),
        *("FOUND.000", "Network Trash Folder", "Temporary Items"),
    )
)
_SYSTEM_SUFFIXES = (".lrdata", ".lrcat-data", ".cocatalog", ".tmp")
_PHOTO_LIBRARIES = (".photoslibrary", ".photolibrary", ".aplibrary")
_ORIGINALS = frozenset({"originals", "masters"})


def is_photo_library(folder: Path) -> bool:
    """Whether a folder is a library of Apple's, which is one album: its originals alone count."""
    return folder.name.lower().endswith(_PHOTO_LIBRARIES)


def is_library(folder: Path) -> bool:
    """Whether a folder is a library of Albumscope's, which has pictures of its own."""
    return os.path.isdir(folder / "tables" / "albums")  # noqa: PTH112  # which may be shut


class _Spec(NamedTuple):
    """Patterns, for what lies below ``base``, and why that is left out which they match."""

    base: Path
    patterns: GitIgnoreSpec
    reason: str


class Exclusions:
    """What is left out below a folder that was added."""

    def __init__(self, root: Path, patterns: Sequence[str] = ()) -> None:
        """``patterns`` are as in a .gitignore in ``root``. Raises AlbumscopeError for a bad one."""
        self._root = root
        self._given: tuple[_Spec, ...] = ()
        if patterns:
            reason = f"excluded when {printable(root)} was added"
            self._given = (_Spec(root, _patterns(patterns), reason),)
        self._specs: dict[Path, tuple[_Spec, ...]] = {}

    def reason(self, folder: Path, name: str, *, is_folder: bool) -> str | None:
        """Why a file or folder in ``folder`` is left out; None if it is not.

        Whether ``folder`` itself is left out is not asked.
        """
        if is_folder and (
            name.casefold() in _SYSTEM_FOLDERS or name.lower().endswith(_SYSTEM_SUFFIXES)
        ):
            return "a system folder"
        if is_folder and is_photo_library(folder) and name.lower() not in _ORIGINALS:
            return "not the originals of a photo library"
        if is_folder and is_library(folder / name):
            return "a library of Albumscope"
        for spec in (*self._given, *self._specs_of(folder)):
            relative = (folder / name).relative_to(spec.base).as_posix() + "/" * is_folder
            is_left_out = spec.patterns.check_file(relative).include
            if is_left_out is not None:
                return spec.reason if is_left_out else None
        return None

    def _specs_of(self, folder: Path) -> tuple[_Spec, ...]:
        """Of the files .albumignore from a folder up to the root: the nearest has the last word."""
        if folder not in self._specs:
            file = folder / IGNORE_FILE
            specs: tuple[_Spec, ...] = ()
            with suppress(OSError):  # there is none, most often
                is_text = file.is_file()  # to open a pipe would wait for ever
                lines = file.read_text(errors="replace").splitlines() if is_text else []
                if patterns := [line for line in lines if _is_pattern(line)]:
                    reason = f"{printable(file)} leaves it out"
                    specs = (_Spec(folder, GitIgnoreSpec.from_lines(patterns), reason),)
            if folder not in {self._root, folder.parent}:
                specs += self._specs_of(folder.parent)
            self._specs[folder] = specs
        return self._specs[folder]


def _patterns(given: Sequence[str]) -> GitIgnoreSpec:
    try:
        return GitIgnoreSpec.from_lines(given)
    except GitIgnorePatternError as error:
        raise AlbumscopeError(f"--exclude has a pattern that is none ({error})") from error


def _is_pattern(line: str) -> bool:
    """Whether a line of a file is a pattern; what is none is passed over, as git does."""
    try:
        GitIgnoreSpec.from_lines([line])
    except GitIgnorePatternError:
        return False
    return True
