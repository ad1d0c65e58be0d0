"""What the server of the pages answers beside them: pictures, and what their scripts ask for.

Pictures are of photos of the library alone, see ``search.pictures``.
"""

import io
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from pipeline.errors import AlbumscopeError, PhotoError
from pipeline.photos.files import printable
from pipeline.snapshot import places as gazetteer
from search_app.page import (
    addresses,
    components,
    examples,
    facet_values,
    panel,
    takeaway,
    wall,
)
from search_app.page.addresses import ROOT, is_allowed
from search_app.page.language import in_language, language, told
from search_app.page.session import current_snapshot
from search_app.search import pictures
from search_app.search.fields import read_part
from search_app.search.parsed import Part
from search_app.search.parts import cut_out
from search_app.search.queries import MAX_QUERY
from search_app.search.searcher import Searcher

MAX_PHOTOS = 10_000
"""In one archive."""
_MOST_TILES = 500  # in one answer
_UNCHANGING = "private, max-age=31536000, immutable"
_FOR_A_DAY = "private, max-age=86400"  # as long as the addresses in it hold where one signs in


def _photo(request: Request) -> Response:
    """Answer with the picture of a photo, or with one that says why there is none."""
    if not is_allowed(request):
        return Response("Sign in first", 403)
    try:
        (image_id,) = _ids(request.path_params["image_id"])
        with current_snapshot().searcher() as searcher:
            photo = searcher.photo(image_id)
            path = pictures.confined(searcher, photo)
        match request.path_params["size"]:
            case "grid":
                content, kind = pictures.thumbnail(path), "image/jpeg"
            case "large":
                content, kind = pictures.large(path), "image/jpeg"
            case "part":
                content, kind = _part(path, _asked(request)), "image/png"
            case "original":
                return FileResponse(
                    path,
                    filename=printable(Path(path).name),
                    headers={"X-Content-Type-Options": "nosniff"},
                )
            case "face":
                content, kind = pictures.face(path, _asked(request)), "image/jpeg"
            case _:
                raise AlbumscopeError("No such size")
    except (AlbumscopeError, PhotoError) as error:
        return Response(
            _placeholder(_told(request, error)), 404, {"Cache-Control": "no-store"}, "image/svg+xml"
        )
    is_current = request.query_params.get("v") == addresses.version(photo)["v"]
    caching = _UNCHANGING if is_current else "private, no-cache"
    return Response(content, headers={"Cache-Control": caching}, media_type=kind)


def _told(request: Request, error: AlbumscopeError | PhotoError) -> str:
    """What went wrong, in the language that is asked for, or else the browser's first."""
    browser = request.headers.get("Accept-Language", "").lower()[:2]
    with in_language(request.query_params.get("language", browser)):
        return told(error.message)


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


def _of_form(
    answer: Callable[[Request, list[int]], Response],
) -> Callable[[Request], Awaitable[Response]]:
    """A route about the photos whose ids are in a form; as many do not fit into an address."""

    @wraps(answer)
    async def route(request: Request) -> Response:
        if not is_allowed(request):
            return Response("Sign in first", 403)
        try:
            image_ids = _ids(str((await request.form()).get("ids", "")))
        except AlbumscopeError as error:
            return Response(_told(request, error), 404)
        return await run_in_threadpool(answer, request, image_ids)

    return route


@_of_form
def _archive(request: Request, image_ids: list[int]) -> Response:
    return StreamingResponse(
        _zipped(image_ids[:MAX_PHOTOS]),
        headers={"Content-Disposition": 'attachment; filename="albumscope.zip"'},
        media_type="application/zip",
    )


@_of_form
def _table(request: Request, image_ids: list[int]) -> Response:
    """What is known of photos: ``photos.csv`` as in a zip of them, or only their links."""
    with current_snapshot().searcher() as searcher:
        photos = searcher.photos(image_ids)
    if request.url.path.endswith(".txt"):
        links = filter(None, map(takeaway.link, photos))
        return Response("\n".join(links), media_type="text/plain")
    return Response(
        takeaway.table(photos),
        headers={"Content-Disposition": 'attachment; filename="albumscope.csv"'},
        media_type="text/csv",
    )


def _zipped(image_ids: list[int]) -> Iterator[bytes]:
    """A zip of photos, in pieces; they are all of one snapshot, however long it takes."""
    with current_snapshot().searcher() as searcher:
        yield from takeaway.archive(
            searcher.photos(image_ids), partial(pictures.confined, searcher)
        )


def _for_page(
    answer: Callable[[Request, Searcher], tuple[Any, str]],
) -> Callable[[Request], Response]:
    """A route that answers in JSON, in the language asked for, and how long that holds."""

    @wraps(answer)
    def route(request: Request) -> Response:
        if not is_allowed(request):
            return Response("Sign in first", 403)
        try:
            with (
                in_language(request.query_params.get("language", "")),
                current_snapshot().searcher() as searcher,
            ):
                content, caching = answer(request, searcher)
        except (AlbumscopeError, PhotoError) as error:
            return Response(_told(request, error), 404)
        except ValueError as error:
            return Response(str(error), 404)
        return JSONResponse(content, headers={"Cache-Control": caching})

    return route


@_for_page
def _suggestions(request: Request, searcher: Searcher) -> tuple[Any, str]:
    query = request.query_params
    language = query.get("language", "")
    found = searcher.suggest(query.get("typed", "")[:MAX_QUERY], language)
    return [
        {
            "kind": name.kind,
            "value": name.value,
            "label": name.label(language),
            "count": name.count,
            "rest": rest,
        }
        for name, rest in found
    ], "no-store"


def _held(request: Request, searcher: Searcher) -> wall.Held:
    """The search that is asked about. Raises AlbumscopeError if it is held no more."""
    found = wall.held(request.query_params.get("results", ""), searcher)
    if found is None:
        raise AlbumscopeError("Search again")
    return found


@_for_page
def _facets(request: Request, searcher: Searcher) -> tuple[Any, str]:
    query = request.query_params
    typed = query.get("typed", "")[:MAX_QUERY]
    names = query.getlist("facet")
    return facet_values.values(searcher, _held(request, searcher), names, typed), "no-store"


@_for_page
def _examples(request: Request, searcher: Searcher) -> tuple[Any, str]:
    return examples.examples(searcher), "no-store"


@_for_page
def _layout(request: Request, searcher: Searcher) -> tuple[Any, str]:
    return wall.layout(searcher, _held(request, searcher)), _FOR_A_DAY


@_for_page
def _tiles(request: Request, searcher: Searcher) -> tuple[Any, str]:
    """Of the photos at some ``places``, or at ``first`` and after it."""
    query = request.query_params
    if "places" in query:
        asked: Sequence[int] = [*map(int, query["places"].split(","))]
    else:
        asked = range(int(query["first"]), int(query["first"]) + int(query["count"]))
    return wall.tiles(_held(request, searcher), asked[:_MOST_TILES]), _FOR_A_DAY


@_for_page
def _places(request: Request, searcher: Searcher) -> tuple[Any, str]:
    return wall.places(searcher, _held(request, searcher)), _FOR_A_DAY


@_for_page
def _all_ids(request: Request, searcher: Searcher) -> tuple[Any, str]:
    """The ids of the photos at some places, as texts: scripts count to 2**53 only."""
    first, count = int(request.query_params["first"]), int(request.query_params["count"])
    return [*map(str, _held(request, searcher).shown.ids(first, count))], _FOR_A_DAY


@_for_page
def _place(request: Request, searcher: Searcher) -> tuple[Any, str]:
    (image_id,) = _ids(request.query_params["id"])
    return _held(request, searcher).shown.place_of(image_id), _FOR_A_DAY


@_for_page
def _about(request: Request, searcher: Searcher) -> tuple[Any, str]:
    (image_id,) = _ids(request.query_params["id"])
    found = wall.held(request.query_params.get("results", ""), searcher)
    hit = found.hit(image_id) if found and found.is_search else None
    try:
        return panel.about(searcher, image_id, hit), "no-store"
    except AlbumscopeError:
        return None, "no-store"  # an old link is no error of the page


@_for_page
def _towns(request: Request, searcher: Searcher) -> tuple[Any, str]:
    """The names on the map, which are the same whatever is searched for."""
    return gazetteer.towns(language()), _FOR_A_DAY


def _script(request: Request) -> Response:
    """A script or style of a component; its address changes with what is in the folder."""
    path = components.file(request.path_params["path"])
    if path is None:
        return Response("No such file", 404)
    return FileResponse(path, headers={"Cache-Control": _UNCHANGING})


def mount(base_path: str) -> Mount:
    """What the server of the pages, which lie below ``base_path``, serves beside them.

    All else below ``ROOT`` is answered with 404, where Streamlit would answer with its page.
    """
    compressed = [Middleware(GZipMiddleware, minimum_size=2000, compresslevel=4)]
    return Mount(
        base_path + ROOT,
        routes=[
            Route("/photos/{image_id}/{size}", _photo),
            Route("/photos.zip", _archive, methods=["POST"]),
            Route("/photos.csv", _table, methods=["POST"]),
            Route("/photos.txt", _table, methods=["POST"]),
            Route("/suggestions.json", _suggestions),
            Route("/facets.json", _facets, middleware=compressed),
            Route("/examples.json", _examples),
            Route("/wall/layout.json", _layout, middleware=compressed),
            Route("/wall/tiles.json", _tiles, middleware=compressed),
            Route("/wall/ids.json", _all_ids, middleware=compressed),
            Route("/wall/place.json", _place),
            Route("/wall/places.json", _places, middleware=compressed),
            Route("/towns.json", _towns, middleware=compressed),
            Route("/about.json", _about),
            Route("/components/{version}/{path:path}", _script, middleware=compressed),
        ],
    )
