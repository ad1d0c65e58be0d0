"""What is being worked on, for whoever looks: the page, from another process or machine.

Each process that works keeps one small file in the library, ``running/<host>-<process>.json``. It
is written by a thread of its own every ``BEAT`` seconds, however long a photo takes, and deleted at
the end. Work that is done within the first of them leaves no trace. One that was killed cannot
delete its file: whoever reads it sees that its process is gone, or has not written for a while.
"""

import json
import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import psutil

from pipeline.errors import AlbumscopeError
from pipeline.sources import Album
from pipeline.storage import Storage

FOLDER = "running"
BEAT = 1.0
"""How often the file is written, in seconds."""
FINDING = "find_albums"
"""What is worked on while sources are asked for their albums."""
_SILENT = 60.0
"""How many seconds without a beat make sure that nobody works any more, even on a busy machine."""


class Progress(NamedTuple):
    """How many photos a stage is through with, of how many that it was given."""

    done: int
    photos: int


@dataclass(frozen=True)
class Work:
    """What is being worked on.

    ``since`` is in seconds since the epoch; ``stages`` go by table, in their order; ``doing`` are
    the tables and other assets that are at work, and ``albums`` the titles of those at hand.
    """

    since: float
    stages: Mapping[str, Progress]
    doing: frozenset[str]
    albums: tuple[str, ...]


class UnderWay:
    """What this process is working on, as it tells others."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._key = f"{FOLDER}/{socket.gethostname()}-{os.getpid()}.json"
        self._reset()

    def _reset(self) -> None:
        self._since = time.time()
        self._doing: list[str] = []
        self._album = ""
        self._photos: dict[str, dict[str, int]] = defaultdict(dict)  # by table and album
        self._done: dict[str, dict[str, int]] = defaultdict(dict)

    @contextmanager
    def working(self, on: str = "") -> Iterator[None]:
        """Tell others that this process works, ``on`` an asset; one may be within another."""
        with nullcontext() if self._doing else self._telling():
            self._doing.append(on)
            try:
                yield
            finally:
                self._doing.pop()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        self._reset()
        ended = threading.Event()
        teller = threading.Thread(target=self._tell, args=(ended,), daemon=True)
        teller.start()
        try:
            yield
        finally:
            ended.set()
            teller.join()

    def expect(self, table: str, albums: Mapping[str, Album]) -> None:
        """These albums, by their ids, are to be brought up to date in a table."""
        photos = {album_id: album["photo_count"] for album_id, album in albums.items()}
        self._photos[table].update(photos)

    def done(self, table: str, album: Album, photos: int) -> None:
        """So many photos of an album have their rows in a table by now."""
        self._done[table][album["album_id"]] = photos
        self._album = album["title"]

    def _tell(self, ended: threading.Event) -> None:
        """Write the file again and again, until the work has ended; a full disk may let it not."""
        has_told = False
        while not ended.wait(BEAT):
            with suppress(AlbumscopeError):
                if not has_told:
                    _sweep(self._storage)
                self._storage.write_text(self._key, json.dumps(self._state()))
                has_told = True
        if has_told:
            with suppress(AlbumscopeError):
                self._storage.delete(self._key)

    def _state(self) -> dict[str, Any]:
        stages = {}
        for table, photos in tuple(self._photos.items()):  # copied: work goes on meanwhile
            total = sum(tuple(photos.values()))
            done = sum(tuple(self._done[table].values()))
            stages[table] = [min(done, total), total]
        return {
            "host": socket.gethostname(),
            "process": os.getpid(),
            "since": self._since,
            "at": time.time(),
            "doing": [each for each in self._doing if each][-1:],
            "album": self._album,
            "stages": stages,
        }


def under_way(storage: Storage) -> Work | None:
    """What all processes are working on together; None if none does."""
    storage.refresh()
    states = [state for key in _keys(storage) if (state := _alive(storage, key))]
    if not states:
        return None
    stages: dict[str, Progress] = {}
    for state in states:
        for table, (done, photos) in state["stages"].items():
            before = stages.get(table, Progress(0, 0))
            stages[table] = Progress(before.done + done, before.photos + photos)
    return Work(
        since=min(state["since"] for state in states),
        stages=stages,
        doing=frozenset(each for state in states for each in state["doing"]),
        albums=tuple(dict.fromkeys(state["album"] for state in states if state["album"])),
    )


def is_alive(process: int, since: float) -> bool:
    """Whether a process of this machine that lived at a time (since the epoch) still does."""
    try:
        found = psutil.Process(process)
        # a later one may have the same number
        return found.create_time() < since + 1 and found.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _keys(storage: Storage) -> list[str]:
    return [f"{FOLDER}/{name}" for name in storage.names(FOLDER)]


def _alive(storage: Storage, key: str) -> dict[str, Any] | None:
    """What a file tells, if whoever wrote it is still at work."""
    try:
        state: dict[str, Any] = json.loads(storage.read(key))
    except (FileNotFoundError, ValueError):  # it has just ended; or is no such file
        return None
    is_silent = time.time() - state["at"] > _SILENT
    is_here = state["host"] == socket.gethostname()
    if is_silent or (is_here and not is_alive(state["process"], state["since"])):
        return None
    return state


def _sweep(storage: Storage) -> None:
    """Delete the files of those who were killed."""
    storage.delete(*(key for key in _keys(storage) if not _alive(storage, key)))
