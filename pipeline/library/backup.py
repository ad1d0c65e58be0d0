"""All of a library that cannot be had again by itself, in one file; and a library from it.

A backup is a tar file::

    tables/… folders/… people/… marks/… searches/… imported/… flickr/albums/…   as in files.py
    events.toml, queries.toml
    settings.env       the settings, for people to read; without keys
    manifest.json      the format, and the sha256 of each file; comes last

Pictures from Flickr, snapshots and Dagster's runs are not in it: the next sync fetches the pictures
and publishes from the tables, without a model making anything anew. Nor are tokens: one that was
revoked since would let in again.
"""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import SecretStr

from pipeline.errors import AlbumscopeError
from pipeline.library import files
from pipeline.settings import Settings, without_password
from pipeline.storage import DAMAGED, Storage, sealed
from pipeline.storage.disk import replace_file

FORMAT = 1
"""Goes up when a release writes what an earlier one would not understand."""

_FOLDERS = ("tables", *(name for name in files.SMALL if name != "tokens"), "flickr/albums")
_FILES = ("events.toml", "queries.toml")
_ELSEWHERE = ("photos", "snapshots")  # what a library has beside these
_SETTINGS, _MANIFEST = "settings.env", "manifest.json"
_OF_THE_MACHINE = ("DATA_DIR=", "LIBRARY_URL=", "DAGSTER_HOME=")  # where it was, not how it works
_NAME = "albumscope-"
_SEALED = (".parquet", ".json")


class Restored(NamedTuple):
    """How many files were restored, and what is set otherwise now, as lines of a file .env."""

    files: int
    settings: list[str]


class Backup(NamedTuple):
    """A backup that was written, and the files that were damaged and are not in it."""

    path: Path
    files: int
    damaged: list[str]


def back_up(storage: Storage, settings: Settings, folder: Path) -> Backup:
    """Write a backup into a folder, under a name that tells when it was.

    A sync may be at work: what it has not finished is work for the restored library too. Raises
    AlbumscopeError if the library is empty, or the disk does not let it.
    """
    storage.refresh()
    keys = list(_keys(storage))
    if not keys:
        raise AlbumscopeError("There is nothing to back up yet: `albumscope sync` makes a library")
    path = folder / f"{_NAME}{datetime.now(UTC):%Y%m%d-%H%M%S}.tar"
    hashes: dict[str, str] = {}
    damaged: list[str] = []

    def write(temporary: Path) -> None:
        with tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as tar:
            for key in keys:
                try:
                    file = storage.local(key)
                    if key.endswith(_SEALED) and not sealed.is_as_written(file):
                        damaged.append(storage.where(key))
                        continue
                    with file.open("rb") as content:
                        hashes[key] = hashlib.file_digest(content, "sha256").hexdigest()
                        content.seek(0)
                        tar.addfile(tar.gettarinfo(arcname=key, fileobj=content), content)
                except FileNotFoundError:  # replaced or deleted just now
                    hashes.pop(key, None)
            text = _settings_text(settings)
            hashes[_SETTINGS] = hashlib.sha256(text).hexdigest()
            _add(tar, _SETTINGS, text)
            _add(tar, _MANIFEST, sealed.to_json({"format": FORMAT, "files": hashes}).encode())

    replace_file(path, write)
    return Backup(path, len(hashes) - 1, damaged)


def restore(storage: Storage, settings: Settings, source: Path) -> Restored:
    """Make an empty library that of a backup, or of the newest one in a folder.

    Everything is held against its checksum before anything is written. Raises AlbumscopeError if
    the library is not empty, or the backup damaged or of a newer version.
    """
    storage.refresh()
    taken = next(_keys(storage, elsewhere=True), None)
    if taken:
        raise AlbumscopeError(
            f"A backup is restored into an empty library, and there is {storage.where(taken)}: set"
            " DATA_DIR to a new folder (or LIBRARY_URL to a new place in a bucket)"
        )
    path = _newest(source)
    try:
        with tarfile.open(path, "r:") as tar:
            hashes = _checked(tar)
            before: str = _content(tar, _SETTINGS).read().decode()
            for key in hashes:
                if key != _SETTINGS:
                    _write(storage, key, tar)
    except FileNotFoundError:
        raise AlbumscopeError(f"There is no backup {path}") from None
    except (tarfile.TarError, ValueError, KeyError, TypeError, OSError) as error:
        raise AlbumscopeError(f"{path} is no whole backup ({error}): take another") from error
    now = _settings_text(settings).decode().splitlines()
    otherwise = [
        line
        for line in before.splitlines()
        if line not in now and not line.startswith(_OF_THE_MACHINE)
    ]
    return Restored(len(hashes) - 1, otherwise)


def _keys(storage: Storage, *, elsewhere: bool = False) -> Iterator[str]:
    """The keys of what is backed up, or of all that a library has."""
    for folder in (*_FOLDERS, *(_ELSEWHERE if elsewhere else ())):
        for key in sorted(storage.walk(folder)):
            if not key.rpartition("/")[2].startswith(".") and not key.endswith(DAMAGED):
                yield key
    yield from [key for key in _FILES if storage.exists(key)]


def _newest(source: Path) -> Path:
    if not source.is_dir():
        return source
    found = sorted(source.glob(f"{_NAME}*.tar"))
    if not found:
        raise AlbumscopeError(f"There is no backup in {source}")
    return found[-1]


def _checked(tar: tarfile.TarFile) -> dict[str, str]:
    """The files of a backup with their hashes. Raises ValueError if one is not as written."""
    manifest = sealed.from_json(_content(tar, _MANIFEST).read())
    if manifest["format"] > FORMAT:
        raise AlbumscopeError(
            "The backup was made by a newer version of Albumscope: install that one"
        )
    hashes: dict[str, str] = manifest["files"]
    for key, expected in hashes.items():
        is_known = key.startswith(tuple(f"{each}/" for each in _FOLDERS))
        if not (is_known or key in {*_FILES, _SETTINGS}) or ".." in key.split("/"):
            raise ValueError(f"{key} is no file of a library")
        if hashlib.file_digest(_content(tar, key), "sha256").hexdigest() != expected:
            raise ValueError(f"{key} is not what was written")
    return hashes


def _write(storage: Storage, key: str, tar: tarfile.TarFile) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("wb") as target, _content(tar, key) as content:
            while block := content.read(1 << 20):
                target.write(block)

    storage.replace(key, write)


def _content(tar: tarfile.TarFile, key: str) -> Any:
    content = tar.extractfile(key)
    if content is None:
        raise ValueError(f"{key} is no file")
    return content


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mtime = int(datetime.now(UTC).timestamp())
    tar.addfile(entry, io.BytesIO(content))


def _settings_text(settings: Settings) -> bytes:
    """The settings as a file .env has them, without what is secret."""
    lines = []
    for name, value in settings:
        if isinstance(value, SecretStr):
            lines.append(f"# {name.upper()} was set; keys are not kept")
        elif value not in (None, (), ""):
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            lines.append(f"{name.upper()}={without_password(text)}")
    return ("\n".join(lines) + "\n").encode()
