"""Downloading pictures: from allowed hosts alone, whole or not at all. Never with the key."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import httpx

from pipeline.errors import PhotoError
from pipeline.photos.decoding import open_photo, read_header
from pipeline.retries import PassingError
from pipeline.settings import Settings
from pipeline.sources.flickr.errors import FlickrUnreachable
from pipeline.sources.flickr.retries import (
    UnreachableError,
    check_status,
    fault_of,
    open_client,
    with_retries,
)
from pipeline.storage import Storage

MOST_BYTES = 500_000_000
_REDIRECTS = 3
_DAMAGED_ATTEMPTS = 3  # a body that was cut looks like a damaged picture; so may the picture be
_GONE = "the photo is no longer on Flickr"


class PictureServer:
    """Downloads pictures into a storage, from as many threads as one likes."""

    def __init__(self, settings: Settings, storage: Storage) -> None:
        self._settings = settings
        self._storage = storage
        self._idle: deque[httpx.Client] = deque()  # each is lent to one thread at a time

    def download(self, url: str, key: str, modified: datetime, stop: Event | None = None) -> None:
        """Store a picture under ``key``, with ``modified`` (UTC, without a zone) as its time.

        Raises PhotoError if it cannot be had, FlickrUnreachable if the server cannot be reached
        at all, and AlbumscopeError if the disk is full or cannot be written to. What was
        there before then still is. Once ``stop`` is set it is not tried again.
        """
        seconds = modified.replace(tzinfo=UTC).timestamp()

        def write(temporary: Path) -> None:
            with_retries(lambda: self._attempt(url, temporary), stop)
            os.utime(temporary, (seconds, seconds))

        try:
            self._storage.replace(key, write)
        except PassingError as fault:
            if isinstance(fault, UnreachableError):
                raise FlickrUnreachable(
                    f"{httpx.URL(url).host} cannot be reached ({fault}): check the network and try"
                    " again"
                ) from None
            raise PhotoError(
                "the download failed: {reason}", reason=fault, transient=True
            ) from None

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _client(self) -> Iterator[httpx.Client]:
        try:
            client = self._idle.pop()
        except IndexError:
            client = open_client()
        try:
            yield client
        finally:
            self._idle.append(client)

    def _attempt(self, url: str, file: Path) -> None:
        address = httpx.URL()
        for _ in range(1 + _REDIRECTS):
            address = self._allowed(address, url)
            try:
                with self._client() as client, client.stream("GET", address) as response:
                    if not response.has_redirect_location:
                        _save(response, file)
                        return
                    url = response.headers["Location"]
            except httpx.RequestError as error:
                raise fault_of(error) from None
        raise PhotoError("Flickr redirects the download without end", transient=True)

    def _allowed(self, base: httpx.URL, url: str) -> httpx.URL:
        """Make the address whole, and see whether a picture may come from there."""
        try:
            address = base.join(url)
        except (httpx.InvalidURL, ValueError):
            raise PhotoError(
                "Flickr gives {url!r} as the address of the picture", url=url
            ) from None
        if "photo_unavailable" in address.path:
            raise PhotoError(_GONE)
        is_web = address.scheme in {"http", "https"}
        if not is_web or not self._settings.is_image_host(address.host):
            # Passing, since the setting may be changed.
            raise PhotoError(
                "the picture is at {host!r}, which is not among FLICKR_IMAGE_HOSTS",
                host=address.host,
                transient=True,
            )
        return address


def _save(response: httpx.Response, file: Path) -> None:
    """Write the body of an answer to ``file``. Raises PassingError or PhotoError."""
    check_status(response)
    if response.status_code in {httpx.codes.NOT_FOUND, httpx.codes.GONE}:
        raise PhotoError(_GONE)
    if response.status_code != httpx.codes.OK:
        raise PhotoError(
            "Flickr refuses it: HTTP {status}", status=response.status_code, transient=True
        )
    kind = response.headers.get("Content-Type", "nothing").lower()
    if not kind.startswith("image/"):
        raise PassingError(
            f"the server sent {kind} instead of a picture", attempts=_DAMAGED_ATTEMPTS
        )
    size = 0
    with file.open("wb") as target:
        for block in response.iter_bytes():
            size += len(block)
            if size > MOST_BYTES:
                raise PhotoError(
                    "the picture is larger than {most} MB", most=MOST_BYTES // 1_000_000
                )
            target.write(block)
    try:
        open_photo(file, short_side=64)
        if read_header(file).is_cut:
            raise PhotoError("the picture came in part only")
    except PhotoError as error:
        raise PassingError(str(error), attempts=_DAMAGED_ATTEMPTS) from None
