"""What every page needs: the current snapshot, and errors that are told in words."""

import gc
import json
import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from urllib.parse import urlsplit

import streamlit as st
from starlette.requests import Request
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.server_util import AUTH_COOKIE_NAME
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

from pipeline.errors import AlbumscopeError, PhotoError
from pipeline.library.tokens import Door
from pipeline.settings import load_settings
from pipeline.storage.opening import open_storage
from search_app.page.language import t, told
from search_app.page.wording import with_code
from search_app.search.current import CurrentSnapshot

_log = logging.getLogger("albumscope.page")
_OF_PROXIES = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")


@st.cache_resource(show_spinner=False)
def current_snapshot() -> CurrentSnapshot:
    """The one of this process: it serves every session and keeps up with what is published."""
    return CurrentSnapshot(load_settings())


@st.cache_resource(show_spinner=False)
def door() -> Door:
    """The one of this process, which lets programs in by their tokens."""
    return Door(open_storage(load_settings()))


@cache
def spare_the_collector(*, has_words: bool, has_picture: bool) -> None:
    """Let Python's garbage collector leave alone what lives after a look or a search of a kind.

    Only the first of each kind does, as it loads modules or models. Streamlit has the collector go
    through everything each time that it has drawn a page, which takes an eighth of a second, with
    the models a quarter, and holds up what was drawn.
    """
    gc.collect()
    gc.freeze()


def sign_in_secret() -> str | None:
    """The secret that signs cookies where one has to sign in; None where anyone may look."""
    return _sign_in_secret_at(int(time.monotonic()))


@lru_cache(maxsize=1)
def _sign_in_secret_at(second: int) -> str | None:
    """Asked for once a second: Streamlit looks for its files each time, as long as there are none,
    and a wall of photos needs to know a hundred times."""
    try:
        return str(st.secrets["auth"]["cookie_secret"])
    except (KeyError, FileNotFoundError):
        return None


def is_let_in(request: Request) -> bool:
    """Whether the browser that asks has signed in on the page, or nobody has to."""
    secret = sign_in_secret()
    if secret is None:
        return True

    def cookie(name: str) -> bytes | None:
        return decode_signed_value(secret, name, request.cookies.get(name, ""))

    signed = get_cookie_with_chunks(cookie, AUTH_COOKIE_NAME)
    return bool(signed and json.loads(signed).get("is_logged_in"))


def user() -> str:
    """The address of whoever signed in, "" where nobody has to."""
    return "" if sign_in_secret() is None else str(st.user.get("email") or "")


def may_change() -> bool:
    """Whether whoever looks may change what others see.

    Where one has to sign in, these are the addresses in ADMINS; else only those who sit at the
    machine itself. A proxy on it is at the machine too, but tells for whom it asks, or for which
    host.
    """
    if sign_in_secret() is not None:
        email = str(st.user.get("email") or "").lower()
        is_verified = st.user.get("email_verified") is not False
        return is_verified and email in map(str.lower, load_settings().admins)
    headers = st.context.headers
    host = urlsplit(f"//{headers.get('Host', '')}").hostname
    return (
        st.context.ip_address is None
        and host in {"localhost", "127.0.0.1", "::1"}
        and not any(name in headers for name in _OF_PROXIES)
    )


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show what goes wrong inside as a message; what nobody foresaw goes to the log by its id."""
    try:
        yield
    except (AlbumscopeError, PhotoError) as error:
        st.error(with_code(told(error.message)), icon=":material/error:")
    except Exception:
        reference = secrets.token_hex(4)
        _log.exception("Error %s", reference)
        st.error(
            t(
                "Something went wrong. The log of the page tells more, at error {reference}.",
                reference=reference,
            ),
            icon=":material/error:",
        )
