"""Files on a disk: written whole or not at all, and what to do when the disk does not let us."""

import errno
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import AlbumscopeError, Message
from pipeline.storage import DAMAGED

TEMPORARY = ".tmp"
"""How the names of files end that are being written; they start with a dot."""
_WRITER = re.compile(r"\.(\d+)@(.+)" + re.escape(TEMPORARY))
_LEFTOVER_AGE = 24 * 3600.0  # seconds; no writer works on one file that long


_FULL_DISK = ("no space left on device", "disk is full", "disk quota exceeded", "disk i/o error")


_READ_ONLY = ("readonly database", "unable to open database file")


YOURS = Message("set DATA_DIR to a folder that is yours, or mend its permissions")


class DiskStorage:
    """The files in a folder of this disk: a ``Storage``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read(self, key: str) -> bytes:
        """The content of a file. Raises FileNotFoundError."""
        return self._path(key).read_bytes()

    def local(self, key: str, sha256: str | None = None) -> Path:
        """The file itself. Raises FileNotFoundError."""
        path = self._path(key)
        path.stat()
        return path

    def exists(self, key: str) -> bool:
        """Whether there is such a file."""
        return self._path(key).exists()

    def names(self, folder: str) -> list[str]:
        """The names of what lies in a folder, those of temporary files left out."""
        try:
            entries = os.scandir(self._path(folder))
        except FileNotFoundError:
            return []
        return [entry.name for entry in entries if not entry.name.startswith(".")]

    def walk(self, folder: str) -> Iterator[str]:
        """The keys of the files in a folder and all folders below it."""
        for parent, _, names in os.walk(self._path(folder)):
            below = Path(parent).relative_to(self._root).as_posix()
            yield from (f"{below}/{name}" for name in names)

    def version(self, key: str) -> str:
        """The file's size and time; empty without one."""
        try:
            status = self._path(key).stat()
        except FileNotFoundError:
            return ""
        return f"{status.st_size} {status.st_mtime_ns}"

    def replace(self, key: str, write: Callable[[Path], object]) -> None:
        """Write a file as ``replace_file`` does: readers see the old one or the new one."""
        replace_file(self._path(key), write)

    def write_text(self, key: str, text: str) -> None:
        """Write a text as ``replace`` does."""
        self.replace(key, lambda path: path.write_text(text))

    def delete(self, *keys: str) -> None:
        """Delete these files, if they are there."""
        for path in map(self._path, keys):
            with explain_disk_errors(path):
                path.unlink(missing_ok=True)

    def set_aside(self, key: str) -> None:
        """Rename a damaged file, in place of one that was set aside before."""
        path = self._path(key)
        with explain_disk_errors(path):
            path.replace(path.with_name(path.name + DAMAGED))

    def delete_folder(self, folder: str) -> None:
        """Delete what lies in a folder, and the folder."""
        path = self._path(folder)
        with explain_disk_errors(path), suppress(FileNotFoundError):
            shutil.rmtree(path)

    def where(self, key: str) -> str:
        """The file's path."""
        return str(self._path(key))

    def refresh(self) -> None:
        """Nothing: what others write is seen at once."""

    def _path(self, key: str) -> Path:
        return self._root / key


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under a temporary name beside ``path``, flush it to the disk, rename it.

    Readers see the old file or the new one, never a part. Raises AlbumscopeError if the disk is
    full or the folder cannot be written to; the old file is then still there.
    """
    temporary = path.with_name(temporary_name(path.name))
    with explain_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(temporary)
            flush_to_disk(temporary)
            temporary.replace(path)
            flush_to_disk(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def temporary_name(name: str = "") -> str:
    """A name for a file that is being written; it tells which process of which machine does so."""
    writer = f"{os.getpid()}@{socket.gethostname()}"
    return f".{name}.{uuid.uuid4().hex}.{writer}{TEMPORARY}"


def is_left_over(temporary: Path) -> bool:
    """Whether the process that wrote a temporary file is gone, or has had a day for it."""
    try:
        is_old = time.time() - temporary.stat().st_ctime > _LEFTOVER_AGE
    except FileNotFoundError:
        return False
    writer = _WRITER.search(temporary.name)
    if is_old or writer is None or writer[2] != socket.gethostname():
        return is_old
    import psutil  # slow, and hardly ever needed

    return not psutil.pid_exists(int(writer[1]))


def keep_text(path: Path, text: str) -> None:
    """Write a text as ``replace_file`` does, unless the file has it already."""
    if not path.exists() or path.read_bytes() != text.encode():
        replace_file(path, lambda temporary: temporary.write_text(text))


def flush_to_disk(path: Path) -> None:
    """Make sure that a file, or the names in a folder, outlive a power cut (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def explain_disk_errors(path: Path) -> Iterator[None]:
    """Turn what a disk does not let us do into an AlbumscopeError that says what to do."""
    try:
        yield
    except AlbumscopeError:
        raise
    except Exception as error:
        advice = disk_advice(error)
        if advice is None and not isinstance(error, OSError):
            raise
        raise AlbumscopeError(
            "Writing {path} failed: {reason}", path=path, reason=advice or first_line(error)
        ) from error


def disk_advice(error: BaseException) -> str | None:
    """What to do if a full disk or missing permissions are behind an error, else None.

    Python says so by a number, DuckDB, SQLite and FAISS in words.
    """
    number = error.errno if isinstance(error, OSError) else None
    text = str(error).lower()
    if number in {errno.ENOSPC, errno.EDQUOT} or any(words in text for words in _FULL_DISK):
        return Message("the disk is full: make room and run the command again, nothing is lost")
    denied = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
    if number in denied or any(words in text for words in _READ_ONLY):
        return Message("it cannot be written to: {advice}", advice=YOURS)
    return None


def first_line(error: BaseException) -> str:
    """The first line of what went wrong, or at least its kind."""
    return str(error).partition("\n")[0] or type(error).__name__
