"""Flickr's limit on API calls, counted over all processes and runs that share a DATA_DIR."""

import json
import logging
import time
from pathlib import Path

from filelock import FileLock

from pipeline.storage.disk import explain_disk_errors, replace_file

CALLS = 3600
# Seconds: an hour, and what a call may take to reach Flickr, whose clock counts.
PERIOD = 3600.0 + 60.0

log = logging.getLogger("pipeline.flickr")


class RateLimit:
    """At most ``calls`` in any ``period`` seconds; ``path`` is the file that counts them."""

    def __init__(self, path: Path, calls: int = CALLS, period: float = PERIOD) -> None:
        self._path = path
        self._calls = calls
        self._period = period
        self._lock = FileLock(path.with_suffix(".lock"))

    def wait(self) -> None:
        """Return as soon as a call is free, and count it.

        Raises AlbumscopeError if the file cannot be written.
        """
        is_logged = False
        while (seconds := self._take()) > 0:
            if not is_logged:
                log.warning("Flickr's limit of calls is reached; going on in %.0f s", seconds)
                is_logged = True
            time.sleep(min(seconds, 60))  # no longer: the clock may be set meanwhile

    def _take(self) -> float:
        """Count a call if one is free now, else return the seconds until one is."""
        with explain_disk_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock:
                now = time.time()
                # A call of the future was made before the clock was set back: at the latest, now.
                # That is written down, or it would be "now" each time.
                times = sorted(min(each, now) for each in self._read())[-self._calls :]
                seconds = times[0] + self._period - now if len(times) == self._calls else 0.0
                if seconds <= 0:
                    times.append(now)
                text = json.dumps(times)
                replace_file(self._path, lambda path: path.write_text(text))
                return seconds

    def _read(self) -> list[float]:
        try:
            return [float(each) for each in json.loads(self._path.read_text())]
        except (FileNotFoundError, ValueError, TypeError):  # none yet, or not written by us
            return []
