"""The addresses of pictures: on the servers of their source, or on this one.

A picture is asked for by the id of a photo, never by a path. What is served is always a JPEG or PNG
that was made here from a photo of the catalogue whose file lies in its album's folder: links that
lead elsewhere are not followed.
"""

import hashlib
import hmac
import io
import os
import re
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from pipeline.errors import AlbumscopeError, PhotoError
from pipeline.photos.files import unreadable
from pipeline.settings import load_settings
from pipeline.snapshot.who_is_who import KnownFace
from pipeline.sources.registry import SOURCES
from search_app.page import pictures, takeaway
from search_app.page.session import current_snapshot, sign_in_secret
from search_app.search.parsed import Part
from search_app.search.parts import cut_out
from search_app.search.query import read_part
from search_app.search.searcher import MAX_QUERY, Searcher

Size = Literal["grid", "large"]

# Streamlit takes addresses below this path as they are, and puts before them what the browser sees
# of a base path. Scripts get them without the first "/", so that the browser itself does so: the
# pages lie directly below the base path.
_ROOT = "/app/static"
_SIDES: dict[Size, int] = {"grid": 640, "large": 1024}  # pixels, of what other servers give
_DAY = 24 * 3600
MAX_PHOTOS = 200
"""In one archive."""
_UNCHANGING = "private, max-age=31536000, immutable"
_WORLD = Path(__file__).with_name("world") / "countries.json"


def picture(photo: Mapping[str, Any], size: Size) -> str:
    """The address of a photo's picture: on the servers of its source, or else on this one.

    The row has ``image_id``, ``image_url`` and ``sha256``.
    """
    return _elsewhere(photo, size) or _own(photo, size)


def large_for_script(searcher: Searcher, photo: Mapping[str, Any]) -> str:
    """The address of a photo's large picture, for a script rather than for Streamlit.

    Raises PhotoError if it would be made here, and the file is gone or may not be served.
    """
    if elsewhere := _elsewhere(photo, "large"):
        return elsewhere
    confined(searcher, photo)
    return _for_script(_own(photo, "large"))


def picture_of_part(photo: Mapping[str, Any], part: Part) -> str:
    """The address of a part of a photo, in the resolution of its file."""
    return _with_part(_own(photo, "part"), part)


def _with_part(address: str, part: Part) -> str:
    return f"{address}&part={','.join(f'{edge:g}' for edge in part)}"


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


def archive(image_ids: list[int]) -> str:
    """The address of a zip of photos with a table of them."""
    return _for_script(_signed("/photos.zip", {"ids": ",".join(map(str, image_ids))}))


def world() -> str:
    """The address of the outlines of the world's countries, as TopoJSON."""
    return _for_script(f"{_ROOT}/world.json")


def suggestions() -> str:
    """Where names are to be had that begin like a text; ``&typed=…&language=…`` go behind it."""
    return _for_script(_signed("/suggestions.json", {}))


def _elsewhere(photo: Mapping[str, Any], size: Size) -> str | None:
    """The address of a photo's picture on the servers of its source, if that has some."""
    image_url, side, settings = photo["image_url"], _SIDES[size], load_settings()
    addresses = (kind.picture_url(image_url or "", side, settings) for kind in SOURCES.values())
    return next(filter(None, addresses), None)


def _for_script(address: str) -> str:
    return address.removeprefix("/")


def _own(photo: Mapping[str, Any], size: str) -> str:
    """The address of a photo's picture on this server."""
    return _signed(f"/photos/{photo['image_id']}/{size}", _version(photo))


def _version(photo: Mapping[str, Any]) -> dict[str, str]:
    """A changed photo has another address, so that a browser may keep what it has for good."""
    return {"v": (photo["sha256"] or "")[:12]}


def _signed(path: str, query: Mapping[str, str]) -> str:
    """The address of a path below ``_ROOT``.

    Where one has to sign in, only the page of who did so gives addresses that work, for a day or
    two: they stay the same for a day, so that browsers need not ask again for what they have.
    """
    query = dict(query)
    if secret := sign_in_secret():
        query["until"] = str((int(time.time()) // _DAY + 2) * _DAY)
        query["key"] = _key(secret, path, query)
    return f"{_ROOT}{path}?{urlencode(query)}"


def _key(secret: str, path: str, query: Mapping[str, str]) -> str:
    told = f"{path}?{query.get('ids', '')}&{query.get('until', '')}".encode()
    return hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()[:32]


def _is_allowed(request: Request) -> bool:
    secret = sign_in_secret()
    if secret is None:
        return True
    query = request.query_params
    key = _key(secret, request.url.path.removeprefix(request.scope["root_path"]), query)
    is_ours = hmac.compare_digest(key.encode(), query.get("key", "").encode())
    return is_ours and time.time() < int(query["until"])


def _photo(request: Request) -> Response:
    """Answer with the picture of a photo, or with one that says why there is none."""
    if not _is_allowed(request):
        return Response("Sign in first", 403)
    try:
        (image_id,) = _ids(request.path_params["image_id"])
        with current_snapshot().searcher() as searcher:
            photo = searcher.photo(image_id)
            path = confined(searcher, photo)
        match request.path_params["size"]:
            case "grid":
                content, kind = pictures.thumbnail(path), "image/jpeg"
            case "large":
                content, kind = pictures.large(path), "image/jpeg"
            case "part":
                content, kind = _part(path, _asked(request)), "image/png"
            case "face":
                content, kind = pictures.face(path, _asked(request)), "image/jpeg"
            case _:
                raise AlbumscopeError("No such size")
    except (AlbumscopeError, PhotoError) as error:
        return Response(
            _placeholder(str(error)), 404, {"Cache-Control": "no-store"}, "image/svg+xml"
        )
    is_current = request.query_params.get("v") == _version(photo)["v"]
    caching = _UNCHANGING if is_current else "private, no-cache"
    return Response(content, headers={"Cache-Control": caching}, media_type=kind)


def confined(searcher: Searcher, photo: Mapping[str, Any]) -> str:
    """The path of a photo's file.

    Raises PhotoError if the file is gone, or if a link leads it out of its folder.
    """
    try:
        path = Path(searcher.file(photo))
    except AlbumscopeError as error:
        raise PhotoError(str(error), transient=True) from error
    root = path.parents[len(PurePosixPath(photo["relative_path"]).parts) - 1]
    try:
        is_inside = path.resolve(strict=True).is_relative_to(root.resolve())
    except OSError as error:
        raise unreadable(error) from error
    if not is_inside:
        raise PhotoError("it is a link to a file outside of the folder")
    return os.fspath(path)


def _ids(text: str) -> list[int]:
    """Read the numbers of photos. Raises AlbumscopeError if one is no such number."""
    if not all(re.fullmatch("[0-9]{1,19}", each) and int(each) < 2**63 for each in text.split(",")):
        raise AlbumscopeError("No such photo")
    return [int(each) for each in text.split(",")]


def _asked(request: Request) -> Part:
    try:
        return read_part(request.query_params.get("part", ""))
    except ValueError as error:
        raise PhotoError("write part=left,top,right,bottom in percent") from error


def _part(path: str, part: Part) -> bytes:
    buffer = io.BytesIO()
    cut_out(path, part).save(buffer, "PNG")
    return buffer.getvalue()


def _placeholder(reason: str) -> str:
    """A picture with a text, for where a photo should be."""
    lines = "".join(
        f'<tspan x="160" dy="1.4em">{escape(line)}</tspan>'
        for line in [reason[at : at + 34] for at in range(0, min(len(reason), 136), 34)]
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="320" font-size="16"'
        ' font-family="sans-serif" text-anchor="middle"><rect width="320" height="320"'
        f' fill="#eee"/><text fill="#333" y="110">{lines}</text></svg>'
    )


def _archive(request: Request) -> Response:
    if not _is_allowed(request):
        return Response("Sign in first", 403)
    try:
        image_ids = _ids(request.query_params.get("ids", ""))[:MAX_PHOTOS]
    except AlbumscopeError as error:
        return Response(str(error), 404)
    return StreamingResponse(
        _zipped(image_ids),
        headers={"Content-Disposition": 'attachment; filename="albumscope.zip"'},
        media_type="application/zip",
    )


def _zipped(image_ids: list[int]) -> Iterator[bytes]:
    """A zip of photos, in pieces; they are all of one snapshot, however long it takes."""
    with current_snapshot().searcher() as searcher:
        yield from takeaway.archive(searcher.photos(image_ids), partial(confined, searcher))


def _world(request: Request) -> Response:
    return FileResponse(_WORLD, headers={"Cache-Control": "public, max-age=86400"})


def _suggestions(request: Request) -> Response:
    if not _is_allowed(request):
        return Response("Sign in first", 403)
    query = request.query_params
    language = query.get("language", "")
    try:
        with current_snapshot().searcher() as searcher:
            found = searcher.suggest(query.get("typed", "")[:MAX_QUERY], language)
    except AlbumscopeError as error:
        return Response(str(error), 404)
    return JSONResponse(
        [
            {
                "kind": name.kind,
                "value": name.value,
                "label": name.label(language),
                "count": name.count,
                "rest": rest,
            }
            for name, rest in found
        ],
        headers={"Cache-Control": "no-store"},
    )


def mount(base_path: str) -> Mount:
    """What the server of the pages, which lie below ``base_path``, serves beside them.

    All else below ``_ROOT`` is answered with 404, where Streamlit would answer with its page.
    """
    base_path = base_path.strip("/")
    return Mount(
        f"/{base_path}{_ROOT}" if base_path else _ROOT,
        routes=[
            Route("/photos/{image_id}/{size}", _photo),
            Route("/photos.zip", _archive),
            Route("/world.json", _world),
            Route("/suggestions.json", _suggestions),
        ],
    )
