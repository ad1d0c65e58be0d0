"""Tokens, by which programs are let in to read where people have to sign in. The one door for them.

A token is a random text that is shown once. The library keeps a file named after its SHA-256, from
which nobody comes back to it: it has 256 bits that nobody chose. Without the file it opens nothing.
"""

import hashlib
import secrets
import threading
import time
from typing import NamedTuple

from pipeline.errors import AlbumscopeError, DamagedFileError
from pipeline.rows import utc_now
from pipeline.storage import Storage, sealed

_FOLDER = "tokens"
_PREFIX = "albumscope_"  # by which people, and programs that look for secrets, know it
_LONGEST_NAME = 100
_LOOK_AGAIN_AFTER = 10.0  # seconds, for what other machines did to a bucket


class Token(NamedTuple):
    """What is known of a token: the file, what it is called, since when (UTC, ISO 8601)."""

    key: str
    name: str
    created_at: str


def create(storage: Storage, name: str) -> str:
    """Make a token of this name and return it. Raises AlbumscopeError if there is one already."""
    name = " ".join(name.split())
    if not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
        raise AlbumscopeError(
            "Give the token a name of up to {most} characters", most=_LONGEST_NAME
        )
    if any(token.name == name for token in listed(storage)):
        raise AlbumscopeError(
            "There is a token {name!r} already: choose another name, or revoke it first", name=name
        )
    token = _PREFIX + secrets.token_urlsafe(32)
    said = {"name": name, "created_at": utc_now().isoformat(timespec="seconds")}
    storage.write_text(_key(token), sealed.to_json(said))
    return token


def listed(storage: Storage) -> list[Token]:
    """All tokens, the oldest first. Raises DamagedFileError."""
    found = []
    for name in storage.names(_FOLDER):
        key = f"{_FOLDER}/{name}"
        if name.endswith(".json"):
            try:
                said = sealed.from_json(storage.read(key))
                found.append(Token(key, said["name"], said["created_at"]))
            except (ValueError, KeyError) as error:
                raise DamagedFileError(
                    "{file} is damaged: delete it, and make the token anew", file=storage.where(key)
                ) from error
    return sorted(found, key=lambda token: token.created_at)


def revoke(storage: Storage, name: str) -> None:
    """Let nobody in by the token of this name any more. Raises AlbumscopeError if there is none."""
    keys = [token.key for token in listed(storage) if token.name == name]
    if not keys:
        raise AlbumscopeError("No token {name!r}: `albumscope token list` has the names", name=name)
    storage.delete(*keys)


class Door:
    """Lets in by tokens; may serve many threads."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._looking = threading.Lock()
        self._next_look = time.monotonic() + _LOOK_AGAIN_AFTER

    def lets_in(self, text: str) -> bool:
        """Whether a text is a token. Raises AlbumscopeError if the library cannot be reached."""
        with self._looking:
            if time.monotonic() > self._next_look:
                self._storage.refresh()
                self._next_look = time.monotonic() + _LOOK_AGAIN_AFTER
        return self._storage.exists(_key(text))


def _key(token: str) -> str:
    return f"{_FOLDER}/{hashlib.sha256(token.encode()).hexdigest()}.json"
