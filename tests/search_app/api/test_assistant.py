"""The library as tools for an assistant, asked with the protocol's own client."""

import asyncio
import base64
import io
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, ImageContent, TextContent
from PIL import Image


def told(result: CallToolResult) -> Any:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text if result.is_error else json.loads(content.text)


async def conversation(data_dir: Path) -> None:
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "pipeline.cli", "mcp"],
        env={**os.environ, "DATA_DIR": str(data_dir)},
    )
    async with Client(server) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert "album_id" in tools["search_photos"].input_schema["properties"]

        asked = {"q": "two dogs", "event": ["Nature Walks 2018"], "limit": 3}
        dogs = told(await client.call_tool("search_photos", asked))["rows"][0]
        assert dogs["title"] == "two dogs"
        assert isinstance(dogs["image_id"], str)  # a number would lose its end in JavaScript

        this = {"image_id": dogs["image_id"]}
        picture, title = (await client.call_tool("look_at_photo", this)).content
        assert isinstance(picture, ImageContent)
        assert Image.open(io.BytesIO(base64.b64decode(picture.data))).height == 480
        assert isinstance(title, TextContent)
        assert title.text == "two dogs, in Nature Walks 2018"
        about = told(await client.call_tool("about_photo", this))
        assert about["albums"][0]["title"] == "Nature Walks 2018"
        similar = told(await client.call_tool("similar_photos", {**this, "limit": 2}))
        assert len(similar["rows"]) == 2
        for things, name in (("albums", "title"), ("events", "event_name")):
            rows = told(await client.call_tool(f"list_{things}", {}))["rows"]
            assert "Nature Walks 2018" in [row[name] for row in rows]
        assert "rows" in told(await client.call_tool("list_people", {}))

        wrong = await client.call_tool("search_photos", {"limit": 0})
        assert (wrong.is_error, told(wrong)) == (
            True,
            "limit: Input should be greater than or equal to 1",
        )
        long = await client.call_tool("search_photos", {"tag": ["dog", "x" * 201]})
        assert told(long) == "tag[1]: String should have at most 200 characters"
        unknown = await client.call_tool("look_at_photo", {"image_id": "1"})
        assert told(unknown) == "No photo 1 in the library"


def test_an_assistant_searches_and_looks(demo_library: Path) -> None:
    # in a thread of its own: browsers of other tests have a loop in this one
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, conversation(demo_library)).result()
