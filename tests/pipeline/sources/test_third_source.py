"""A source that nobody else knows of is synced, searched, changed, and shown by Dagster."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.sources.registry import SOURCES
from tests.conftest import DEMO_PHOTOS
from tests.pipeline.command_line import Run
from tests.pipeline.sources.json_list import JsonList

PHOTOS = {
    "Walks": ["Nature Walks 2018/dragonfly.jpg", "Nature Walks 2018/two-dogs.jpg"],
    "Cups": ["Northern Light 2015/colorful-cups.jpg"],
}


def test_a_source_of_its_own_needs_no_other_module(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOURCES, JsonList.name, JsonList)
    file = tmp_path / "list.json"
    monkeypatch.setenv("JSON_LIST", os.fspath(file))
    listed = {title: [str(DEMO_PHOTOS / name) for name in names] for title, names in PHOTOS.items()}
    file.write_text(json.dumps(listed))

    def search(*arguments: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = run("search", "--json", *arguments).json
        return found

    def albums() -> list[tuple[Any, ...]]:
        columns = ("title", "source", "photo_count", "synced", "state")
        rows = run("albums", "--json").json
        return [tuple(row[name] for name in columns) for row in rows]

    assert albums() == [("Walks", "list", 2, 0, "new"), ("Cups", "list", 1, 0, "new")]
    assert sorted(json.loads(run("sync", "--json").out)["albums"]) == ["list-cups", "list-walks"]
    assert albums() == [("Walks", "list", 2, 2, "complete"), ("Cups", "list", 1, 1, "complete")]

    best = search("dogs")[0]
    assert (best["album_title"], best["title"]) == ("Walks", "two dogs")
    assert best["path"] == listed["Walks"][1]
    (row,) = run("images", "--album-id", "list-cups", "--json").json
    assert (row["source"], row["path"]) == ("list", listed["Cups"][0])

    assert not json.loads(run("sync", "--json").out)["albums"]
    listed["Walks"].pop()
    del listed["Cups"]
    file.write_text(json.dumps(listed))
    assert json.loads(run("sync", "--json").out)["albums"] == ["list-walks"]
    assert [hit["title"] for hit in search("a dragonfly", "--min-probability", "0")] == [
        "dragonfly"
    ]
