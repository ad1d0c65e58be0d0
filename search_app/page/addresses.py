"""The addresses of pictures and of what scripts ask for: on servers of a source, or on this one.

A picture is asked for by the id of a photo, never by a path. Where one has to sign in, only the
page of who did so gives addresses that work.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from starlette.requests import Request

from pipeline.settings import load_settings
from pipeline.snapshot.who_is_who import KnownFace
from pipeline.sources.registry import SOURCES
from search_app.page.session import sign_in_secret
from search_app.search.parsed import Part

Size = Literal["grid", "large"]

# Streamlit takes addresses below this path as they are, and puts before them what the browser sees
# of a base path. Scripts get them without the first "/", so that the browser itself does so: the
# pages lie directly below the base path.
ROOT = "/app/static"
"""Below the base path; what Streamlit answers for itself lies elsewhere."""
_SIDES: dict[Size, int] = {"grid": 640, "large": 1024}  # pixels, of what other servers give
_DAY = 24 * 3600


def picture(photo: Mapping[str, Any], size: Size) -> str:
    """The address of a photo's picture: on the servers of its source, or else on this one.

    The row has ``image_id``, ``image_url`` and ``sha256``.
    """
    return _elsewhere(photo, size) or _own(photo, size)


def picture_for_script(photo: Mapping[str, Any], size: Size) -> str:
    """Like ``picture``, for a script rather than for Streamlit."""
    return _elsewhere(photo, size) or _for_script(_own(photo, size))


def picture_of_part(photo: Mapping[str, Any], part: Part) -> str:
    """The address of a part of a photo, in the resolution of its file."""
    return _with_part(_own(photo, "part"), part)


def _with_part(address: str, part: Part) -> str:
    return f"{address}&part={','.join(f'{edge:g}' for edge in part)}"


def face_for_script(face: KnownFace) -> str:
    """Like ``picture_of_face``, for a script rather than for Streamlit."""
    return _for_script(picture_of_face(face))


def picture_of_face(face: KnownFace) -> str:
    """The address of a face, with what is around it."""
    region = face.key.region
    width, height = (region.right - region.left) / 4, (region.bottom - region.top) / 4
    part = Part(
        max(region.left - width, 0.0),
        max(region.top - height, 0.0),
        min(region.right + width, 100.0),
        min(region.bottom + height, 100.0),
    )
    photo = {"image_id": face.image_id, "sha256": face.key.sha256}
    return _with_part(_own(photo, "face"), part)


def parts_for_script(photo: Mapping[str, Any]) -> str:
    """Where parts of a photo are to be had; ``&part=left,top,right,bottom`` goes behind it."""
    return _for_script(_own(photo, "part"))


def original(photo: Mapping[str, Any]) -> str:
    """The address of a photo's own file, for a script."""
    return _for_script(_own(photo, "original"))


def for_script(path: str) -> str:
    """The address of what a script asks for; ``&name=value`` goes behind it."""
    return _for_script(_signed(path, {}))


def _elsewhere(photo: Mapping[str, Any], size: Size) -> str | None:
    """The address of a photo's picture on the servers of its source, if that has some."""
    image_url, side, settings = photo["image_url"], _SIDES[size], load_settings()
    addresses = (kind.picture_url(image_url or "", side, settings) for kind in SOURCES.values())
    return next(filter(None, addresses), None)


def _for_script(address: str) -> str:
    return address.removeprefix("/")


def _own(photo: Mapping[str, Any], size: str) -> str:
    """The address of a photo's picture on this server."""
    return _signed(f"/photos/{photo['image_id']}/{size}", version(photo))


def version(photo: Mapping[str, Any]) -> dict[str, str]:
    """A changed photo has another address, so that a browser may keep what it has for good."""
    return {"v": (photo["sha256"] or "")[:12]}


def _signed(path: str, query: Mapping[str, str]) -> str:
    """The address of a path below ``ROOT``.

    Where one has to sign in, only the page of who did so gives addresses that work, for a day or
    two: they stay the same for a day, so that browsers need not ask again for what they have.
    """
    query = dict(query)
    if secret := sign_in_secret():
        query["until"] = str((int(time.time()) // _DAY + 2) * _DAY)
        query["key"] = _key(secret, path, query)
    return f"{ROOT}{path}?{urlencode(query)}"


def _key(secret: str, path: str, query: Mapping[str, str]) -> str:
    told = f"{path}?{query.get('until', '')}".encode()
    return hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()[:32]


def is_allowed(request: Request) -> bool:
    """Whether the page of somebody who signed in gave the address, or nobody has to."""
    secret = sign_in_secret()
    if secret is None:
        return True
    query = request.query_params
    key = _key(secret, request.url.path.removeprefix(request.scope["root_path"]), query)
    is_ours = hmac.compare_digest(key.encode(), query.get("key", "").encode())
    return is_ours and time.time() < int(query["until"])
