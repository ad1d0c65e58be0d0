"""The API as tools for an assistant, by the Model Context Protocol over standard input and output.

What searches is imported when it is first asked, so that no assistant has to wait when it starts.
"""

import base64
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio.to_thread
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    ImageContent,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import BaseModel

from pipeline.errors import AlbumscopeError, PhotoError
from pipeline.settings import Settings, load_settings

if TYPE_CHECKING:
    from search_app.search.current import CurrentSnapshot
    from search_app.search.searcher import Searcher

_ABOUT = """A person's own library of photos. Search it by words or filters (search_photos) or by a
photo (similar_photos), look at what was found (look_at_photo), and name photos by title and path.
What a search finds is a guess by models: look before you say what is on a photo."""
_ALL_IDS = {"ids": "text"}  # scripts, of which many an assistant is made, count to 2**53 only


class _Tool(NamedTuple):
    """What is asked, and who answers with rows, or with what else an assistant can take in."""

    asked: type[BaseModel]
    answer: Callable[["Searcher", Any], BaseModel | list[ContentBlock]]
    description: str


class _Lender:
    """Lends out the current snapshot, which is opened when it is first asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opening = threading.Lock()
        self._current: CurrentSnapshot | None = None

    @contextmanager
    def searcher(self) -> "Iterator[Searcher]":
        """Lend out a searcher. Raises AlbumscopeError if nothing was published."""
        from search_app.search.current import CurrentSnapshot

        with self._opening:
            self._current = self._current or CurrentSnapshot(self._settings)
        with self._current.searcher() as searcher:
            yield searcher


async def serve(settings: Settings) -> None:
    """Answer an assistant until it closes standard input."""
    lender = _Lender(settings)

    async def list_tools(
        _: ServerRequestContext[Any], __: PaginatedRequestParams | None
    ) -> ListToolsResult:
        tools = await anyio.to_thread.run_sync(_tools)
        return ListToolsResult(
            tools=[
                Tool(
                    name=name,
                    description=tool.description,
                    input_schema=tool.asked.model_json_schema(),
                    annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
                )
                for name, tool in tools.items()
            ]
        )

    async def call_tool(
        _: ServerRequestContext[Any], call: CallToolRequestParams
    ) -> CallToolResult:
        return await anyio.to_thread.run_sync(_call, lender, call)

    server = Server(
        "albumscope", instructions=_ABOUT, on_list_tools=list_tools, on_call_tool=call_tool
    )
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def _call(lender: _Lender, call: CallToolRequestParams) -> CallToolResult:
    from search_app.api.answers import understood

    tool = _tools().get(call.name)
    if tool is None:
        return _failed(f"There is no tool {call.name!r}")
    try:
        asked = understood(tool.asked, call.arguments or {})
        with lender.searcher() as searcher:
            answer = tool.answer(searcher, asked)
    except (AlbumscopeError, PhotoError) as error:
        return _failed(str(error))
    if isinstance(answer, BaseModel):
        answer = [_text(answer.model_dump_json(context=_ALL_IDS, exclude_none=True))]
    return CallToolResult(content=answer)


def _failed(why: str) -> CallToolResult:
    return CallToolResult(content=[_text(why)], is_error=True)


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)


@cache
def _tools() -> Mapping[str, _Tool]:
    from search_app.api import answers
    from search_app.api.answers import Asked, OnePhoto, Paged, Seen, Similar

    def look(searcher: "Searcher", asked: Seen) -> list[ContentBlock]:
        photo = answers.photo(searcher, asked.image_id)
        picture = answers.picture(searcher, asked.image_id, asked.size)
        data = base64.b64encode(picture).decode()
        return [
            ImageContent(type="image", data=data, mime_type="image/jpeg"),
            _text(f"{photo.title}, in {', '.join(album.title for album in photo.albums)}"),
        ]

    return {
        "search_photos": _Tool(
            Asked,
            lambda searcher, asked: answers.search(
                searcher, asked, load_settings().min_probability
            ),
            "Find photos by words and filters, the best first; without words list all that pass"
            " the filters.",
        ),
        "similar_photos": _Tool(
            Similar,
            lambda searcher, asked: answers.similar(searcher, asked.image_id, asked),
            "Find the photos that look most like one of the library.",
        ),
        "look_at_photo": _Tool(Seen, look, "See a photo."),
        "about_photo": _Tool(
            OnePhoto,
            lambda searcher, asked: answers.photo(searcher, asked.image_id),
            "All that is known of a photo, such as when, where and how it was taken.",
        ),
        "list_albums": _Tool(
            Paged,
            lambda searcher, asked: answers.page(answers.albums(searcher), asked),
            "The albums, with their number of photos.",
        ),
        "list_events": _Tool(
            Paged,
            lambda searcher, asked: answers.page(answers.events(searcher), asked),
            "The events, those of the latest year first.",
        ),
        "list_people": _Tool(
            Paged,
            lambda searcher, asked: answers.page(answers.people(searcher), asked),
            "Whose faces are on the photos, those on most photos first.",
        ),
    }
