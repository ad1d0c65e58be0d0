"""The current snapshot, for as long as somebody searches it, and the next one after that."""

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import AlbumscopeError
from pipeline.settings import Settings
from pipeline.snapshot import reading
from pipeline.snapshot.mirror import RemoteSnapshots, remote_snapshots
from pipeline.snapshot.reading import Snapshot
from search_app.search.searcher import Searcher

_log = logging.getLogger("albumscope.search")
_LOOK_AGAIN_AFTER = 2.0  # seconds, whether there is a new snapshot under LIBRARY_URL
_PATIENCE = 0.5  # seconds that whoever looks waits for it


class CurrentSnapshot:
    """Lends out a searcher of the current snapshot; one of these may serve many threads.

    A newly published snapshot is opened beside the one in use, which is closed when its last search
    is through.
    """

    def __init__(self, settings: Settings) -> None:
        """Open the current snapshot. Raises AlbumscopeError if there is none that can be opened."""
        self._settings = settings
        remote = remote_snapshots(settings)
        self._follower = _Follower(remote, settings) if remote else None
        self._opening = threading.Lock()
        self._passed_over: str | None = None  # the name of a snapshot that could not be opened
        self._searcher = Searcher(
            reading.open_current(settings.library_dir, settings.library_url), settings
        )
        self._counting = threading.Lock()
        self._users = Counter([self._searcher])  # searches, and this as long as it is the current

    @contextmanager
    def searcher(self) -> Iterator[Searcher]:
        """Lend out a searcher, of the newest current snapshot that can be opened.

        A new one that turns out to be damaged is passed over: the old one goes on serving. So it
        does while a new one is on its way here from LIBRARY_URL.
        """
        self._keep_up()
        with self._counting:
            searcher = self._searcher
            self._users[searcher] += 1
        try:
            yield searcher
        finally:
            self._give_back(searcher)

    def close(self) -> None:
        """Close the current snapshot after its last search; none may begin any more."""
        self._give_back(self._searcher)

    def _give_back(self, searcher: Searcher) -> None:
        with self._counting:
            self._users[searcher] -= 1
            if self._users[searcher]:
                return
            del self._users[searcher]
        searcher.close()

    def _keep_up(self) -> None:
        """Open what was published since; while another thread does, the old one will do."""
        if self._follower and self._follower.look():
            self._searcher.marks.refresh()
        if not self._opening.acquire(blocking=False):
            return
        try:
            name = reading.current_name(self._settings.library_dir)
            if name not in {None, self._searcher.snapshot.name, self._passed_over}:
                self._open(str(name))
        finally:
            self._opening.release()

    def _open(self, name: str) -> None:
        folder = reading.snapshots_folder(self._settings.library_dir) / name
        try:
            searcher = Searcher(Snapshot(folder), self._settings)
        except AlbumscopeError as error:
            # else another was published meanwhile, and this one deleted
            if name == reading.current_name(self._settings.library_dir):
                self._passed_over = name
                _log.warning("%s. Until then %s is searched.", error, self._searcher.snapshot.name)
            return
        with self._counting:
            before, self._searcher = self._searcher, searcher
            self._users[searcher] += 1
        self._passed_over = None
        self._give_back(before)


class _Follower:
    """Brings here what is current under LIBRARY_URL."""

    def __init__(self, remote: RemoteSnapshots, settings: Settings) -> None:
        """Bring the current snapshot here; one that is here already will do if that fails."""
        self._remote = remote
        self._looking = threading.Lock()
        self._trouble = ""
        try:
            remote.follow()
        except AlbumscopeError as error:
            if reading.current_name(settings.library_dir) is None:
                raise
            self._tell(error)
        self._next_look = time.monotonic() + _LOOK_AGAIN_AFTER

    def look(self) -> bool:
        """Look for a new snapshot every now and then, and bring it here behind the scenes.

        Returns whether the object store answered just now.
        """
        with self._looking:
            if time.monotonic() < self._next_look:
                return False
            self._next_look = math.inf
        thread = threading.Thread(target=self._bring, daemon=True)
        thread.start()
        thread.join(_PATIENCE)
        return not thread.is_alive() and not self._trouble

    def _bring(self) -> None:
        try:
            self._remote.follow()
            self._trouble = ""
        except AlbumscopeError as error:
            self._tell(error)
        finally:
            self._next_look = time.monotonic() + _LOOK_AGAIN_AFTER

    def _tell(self, error: AlbumscopeError) -> None:
        """Log what went wrong, once for as long as it stays the same."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            _log.warning("%s. Until then what was published before is searched.", error)
