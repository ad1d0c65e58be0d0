"""The API over HTTP: what ``answers`` tells, as JSON, with its OpenAPI and a page to try it on."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

import fastapi
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from typing_extensions import override

from pipeline.errors import AlbumscopeError, NotInLibraryError, PhotoError, QueryError
from pipeline.photos.files import printable
from pipeline.settings import load_settings
from search_app.api import answers
from search_app.api.answers import Asked, Found, InAlbums, Page, Paged, Size
from search_app.api.rows import Album, Event, LibraryPhoto, Person, PhotoDetails
from search_app.search.searcher import Searcher

Lend = Callable[[], AbstractContextManager[Searcher]]
"""Lends out what is searched, for the length of a request. Raises AlbumscopeError."""

_PROBLEM = "application/problem+json"
_ABOUT = """
What a library of photos knows, to read. Rows are those of the command line with `--json`; what can
be written into `q` is the same as in the box of the page. Photos that people hid are in no answer.

Where people have to sign in, programs send a token that `albumscope token create NAME` prints.
"""


class Problem(BaseModel):
    """What went wrong, in words (RFC 9457)."""

    title: str
    status: int
    detail: str


def _described(status: int, description: str) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem, "description": description}}


_NO_PHOTO = _described(404, "The library has no such photo")
_NO_PICTURE = _described(404, "The library has no such photo, or its file cannot be read now")


def routes(
    base_path: str,
    lend: Lend,
    is_let_in: Callable[[Request], bool],
    is_token: Callable[[str], bool],
) -> list[BaseRoute]:
    """The API below ``base_path``; ``is_let_in`` tells who may read it without a token."""
    root = f"{base_path}/api"
    app = _Api(
        title="Albumscope",
        description=_ABOUT,
        version="1",
        docs_url=None,
        redoc_url=None,
        servers=[{"url": "."}],  # a proxy may put another path before it
        root_path_in_servers=False,
        generate_unique_id_function=lambda route: route.name,
        responses={400: {"description": "The address is too long", "content": {"text/plain": {}}}}
        | _described(401, "A token is needed, or is none")
        | _described(422, "What is asked makes no sense")
        | _described(503, "Nothing can be read now"),
    )
    app.state.lend, app.state.is_let_in, app.state.is_token = lend, is_let_in, is_token
    app.add_middleware(GZipMiddleware, minimum_size=2000, compresslevel=4)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.include_router(_router)
    app.add_route("/", _page, include_in_schema=False)
    app.mount("/scripts", StaticFiles(packages=[("fastapi_offline", "static")]))
    return [
        Route(root, lambda _: RedirectResponse("api/")),  # relative: a proxy may take the path away
        Mount(root, app),
    ]


class _Api(FastAPI):
    @override
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI, where what went wrong has its own media type."""
        made = super().openapi()
        for path in made["paths"].values():
            for operation in path.values():
                for status, response in operation["responses"].items():
                    if int(status) >= 400 and "application/json" in response["content"]:
                        response["content"] = {
                            _PROBLEM: response["content"].pop("application/json")
                        }
        return made


def _page(_: Request) -> Response:
    """Everything that can be asked, to read and to try; all of it comes from this server."""
    return get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Albumscope: API",
        swagger_js_url="scripts/swagger-ui-bundle.js",
        swagger_css_url="scripts/swagger-ui.css",
        swagger_favicon_url="scripts/favicon.png",
    )


def _check(
    request: Request,
    token: Annotated[
        HTTPAuthorizationCredentials | None,
        Depends(HTTPBearer(auto_error=False, description="From `albumscope token create NAME`.")),
    ],
) -> None:
    """Let in who has a token, who signed in, or everybody where nobody has to."""
    state = request.app.state
    if token is None:
        is_allowed = state.is_let_in(request)
        why = (
            "Sign in on the page, or send a token that `albumscope token create NAME` prints:"
            " Authorization: Bearer TOKEN"
        )
    else:
        is_allowed = state.is_token(token.credentials)
        why = "This is no token, or it was revoked: `albumscope token list` has those there are"
    if not is_allowed:
        raise HTTPException(401, why, {"WWW-Authenticate": "Bearer"})


def _lent(request: Request) -> Iterator[Searcher]:
    with request.app.state.lend() as searcher:
        yield searcher


_Searcher = Annotated[Searcher, Depends(_lent)]
_ImageId = Annotated[int, fastapi.Path(ge=0, lt=2**63, description="The image_id of a photo.")]
_router = APIRouter(dependencies=[Depends(_check)])


@_router.get("/search")
def search(searcher: _Searcher, asked: Annotated[Asked, Query()]) -> Found:
    """Search by words and filters, as `albumscope search --json` does."""
    return answers.search(searcher, asked, load_settings().min_probability)


@_router.get("/similar/{image_id}", responses=_NO_PHOTO)
def similar(searcher: _Searcher, image_id: _ImageId, asked: Annotated[Paged, Query()]) -> Found:
    """The photos that are most like one of the library."""
    return answers.similar(searcher, image_id, asked)


@_router.get("/photos")
def photos(searcher: _Searcher, asked: Annotated[InAlbums, Query()]) -> Page[LibraryPhoto]:
    """The photos of the library, a row for each album that a photo is in."""
    return answers.library_photos(searcher, asked)


@_router.get("/photos/{image_id}", responses=_NO_PHOTO)
def photo(searcher: _Searcher, image_id: _ImageId) -> PhotoDetails:
    """All that is known of a photo."""
    return answers.photo(searcher, image_id)


@_router.get(
    "/photos/{image_id}/picture",
    response_class=Response,
    responses=_NO_PICTURE | {200: {"content": {"image/jpeg": {}}}},
)
def picture(searcher: _Searcher, image_id: _ImageId, size: Size = "small") -> Response:
    """The picture as JPEG, upright: 480 pixels high, or large enough to fill a window."""
    content = answers.picture(searcher, image_id, size)
    return Response(
        content, headers={"Cache-Control": "private, no-cache"}, media_type="image/jpeg"
    )


@_router.get(
    "/photos/{image_id}/original",
    response_class=Response,
    responses=_NO_PICTURE | {200: {"content": {"application/octet-stream": {}}}},
)
def original(searcher: _Searcher, image_id: _ImageId) -> Response:
    """The photo's own file."""
    path = answers.original(searcher, image_id)
    return FileResponse(
        path, filename=printable(Path(path).name), media_type="application/octet-stream"
    )


@_router.get("/albums")
def albums(searcher: _Searcher, asked: Annotated[Paged, Query()]) -> Page[Album]:
    """The albums that have photos."""
    return answers.page(answers.albums(searcher), asked)


@_router.get("/events")
def events(searcher: _Searcher, asked: Annotated[Paged, Query()]) -> Page[Event]:
    """The events, those of the latest year first."""
    return answers.page(answers.events(searcher), asked)


@_router.get("/people")
def people(searcher: _Searcher, asked: Annotated[Paged, Query()]) -> Page[Person]:
    """Whose faces are on the photos, those on most photos first."""
    return answers.page(answers.people(searcher), asked)


def _problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    problem = Problem(title=_TITLES.get(status, "No answer"), status=status, detail=detail)
    return JSONResponse(problem.model_dump(), status, headers, media_type=_PROBLEM)


_TITLES = {
    401: "Not let in",
    404: "Not there",
    405: "Only to be read",
    422: "Makes no sense",
    500: "Something went wrong",
    503: "Not now",
}


def _of_http(_: Request, error: Any) -> Response:
    return _problem(error.status_code, error.detail, error.headers)


def _of_parameters(_: Request, error: Any) -> Response:
    # the first step says whether it was in the path or in the query
    wrong = [(each["loc"][1:], each["msg"]) for each in error.errors()]
    return _problem(422, answers.in_words(wrong))


_HANDLERS: dict[type[Exception], Callable[[Request, Any], Response]] = {
    StarletteHTTPException: _of_http,
    RequestValidationError: _of_parameters,
    QueryError: lambda _, error: _problem(422, str(error)),
    NotInLibraryError: lambda _, error: _problem(404, str(error)),
    PhotoError: lambda _, error: _problem(404, str(error)),
    AlbumscopeError: lambda _, error: _problem(503, str(error)),
    Exception: lambda _, error: _problem(500, "The log of the server tells more"),
}
