"""One call of Flickr's API: the key, the rate limit, the retries, Flickr's error codes."""

import logging
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

import httpx

from pipeline.retries import PassingError
from pipeline.settings import Settings
from pipeline.sources.flickr.errors import (
    FlickrCodeError,
    FlickrError,
    FlickrUnavailable,
    FlickrUnreachable,
)
from pipeline.sources.flickr.rate_limit import RateLimit
from pipeline.sources.flickr.retries import (
    UnreachableError,
    check_status,
    fault_of,
    open_client,
    with_retries,
)

_GET_A_KEY = "get one at https://www.flickr.com/services/apps/create/"
_PASSING_CODES = {0, 105, 201}  # all say that the service is not available just now
_KEY_CODE = 100
_LOGIN_CODES = {98, 99}
# All loggers that see a request's URL or headers, at any level.
_LOGGERS = (
    "httpx",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "hpack.hpack",
    "hpack.table",
)


class Transport:
    """Calls methods of the API. The key is in the URL, so no URL leaves this class."""

    def __init__(self, settings: Settings) -> None:
        """Raises FlickrError if there is no key."""
        key = settings.flickr_api_key.get_secret_value().strip() if settings.flickr_api_key else ""
        if not key:
            raise FlickrError(f"Flickr needs a key: set FLICKR_API_KEY ({_GET_A_KEY})")
        _hidden_keys.add(key)
        self._key = key
        self._url = settings.flickr_api_url
        self._limit = RateLimit(settings.data_dir / "flickr" / "calls.json")
        self._client = open_client()
        self._client_lock = threading.Lock()

    def call(self, method: str, **params: str | int) -> dict[str, Any]:
        """Return what an API method answers.

        Raises FlickrCodeError for Flickr's error codes, FlickrUnavailable if Flickr stays
        unreachable or busy, and FlickrError for a wrong key or address.
        """
        try:
            return with_retries(lambda: self._attempt(method, params))
        except PassingError as fault:
            reason = str(fault)
            is_unreachable = isinstance(fault, UnreachableError)
        if is_unreachable:
            raise FlickrUnreachable(
                f"Flickr cannot be reached ({reason}): check the network and try again"
            )
        raise FlickrUnavailable(f"Flickr is not available just now ({reason}): try again later")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _attempt(self, method: str, params: Mapping[str, str | int]) -> dict[str, Any]:
        self._limit.wait()
        answer = self._answer(
            {
                **params,
                "method": method,
                "api_key": self._key,
                "format": "json",
                "nojsoncallback": "1",
            }
        )
        match answer.get("stat"):
            case "ok":
                return answer
            case "fail":
                raise _failure(method, answer)
            case _:
                raise PassingError("an answer that is none")

    def _answer(self, query: Mapping[str, str | int]) -> dict[str, Any]:
        """Get one answer as JSON.

        What httpx and json raise holds the URL or the body, which may hold the key: nothing is
        raised inside ``except``, so that no error is chained to theirs.
        """
        fault: Exception
        try:
            with self._client_lock:
                response = self._client.get(self._url, params=query)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            fault = FlickrError(f"FLICKR_API_URL={self._url!r} is no address of a server: mend it")
        except httpx.RequestError as error:
            fault = fault_of(error)
        else:
            check_status(response)
            if response.status_code != httpx.codes.OK:
                raise FlickrError(
                    f"{self._url} answers HTTP {response.status_code}, not like Flickr's API:"
                    " check FLICKR_API_URL"
                )
            try:
                answer = response.json()
            except ValueError:
                answer = None
            if isinstance(answer, dict):
                return answer
            fault = PassingError("an answer that is cut short or no JSON")
        raise fault


def _failure(method: str, answer: Mapping[str, Any]) -> Exception:
    """The error for an answer of ``{"stat": "fail"}``."""
    try:
        code = int(answer.get("code", -1))
    except (TypeError, ValueError):
        code = -1
    message = _without_key(" ".join(str(answer.get("message", "")).split()))[:200]
    if code in _PASSING_CODES:
        return PassingError(f"error {code}, {message}")
    if code == _KEY_CODE:
        return FlickrError(f"Flickr does not know the key: check FLICKR_API_KEY, or {_GET_A_KEY}")
    if code in _LOGIN_CODES:
        return FlickrCodeError(
            f"Flickr shows this only after a login ({method}): make it public on Flickr", code
        )
    return FlickrCodeError(
        _without_key(f"Flickr refused {method} with error {code}: {message}"), code
    )


_hidden_keys: set[str] = set()


def _without_key(text: str) -> str:
    for key in _hidden_keys:
        for written in (key, quote(key, safe=""), quote_plus(key)):
            text = text.replace(written, "…")
    return text


def _hide_key(record: logging.LogRecord) -> bool:
    """Take the key out of a record, whatever level its logger was set to."""
    if record.name.startswith("hpack"):
        return False  # it logs compressed headers too, from which the key can be had
    record.msg, record.args = _without_key(record.getMessage()), ()
    return True


for _name in _LOGGERS:
    logging.getLogger(_name).addFilter(_hide_key)
