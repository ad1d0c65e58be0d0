"""A source that nobody else knows of is synced, searched, changed, and shown by Dagster."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DEMO_PHOTOS, PROJECT_ROOT

PHOTOS = {
    "Walks": ["Nature Walks 2018/dragonfly.jpg", "Nature Walks 2018/two-dogs.jpg"],
    "Cups": ["Northern Light 2015/colorful-cups.jpg"],
}


def with_list(*commands: str) -> list[Any]:
    """Run commands with the third source, in a process that has it; returns what they print."""
    module = [sys.executable, "-m", "tests.pipeline.sources.json_list"]
    each = [f"{command} --json" for command in commands]
    done = subprocess.run(
        [*module, *each], cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    printed, answers = done.stdout, []
    while printed.strip():
        answer, end = json.JSONDecoder().raw_decode(printed.lstrip())
        answers.append(answer)
        printed = printed.lstrip()[end:]
    return answers


def states(albums: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    columns = ("title", "source", "photo_count", "synced", "state")
    return [tuple(row[name] for name in columns) for row in albums]


def test_a_source_of_its_own_needs_no_other_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "list.json"
    monkeypatch.setenv("JSON_LIST", os.fspath(file))
    listed = {title: [str(DEMO_PHOTOS / name) for name in names] for title, names in PHOTOS.items()}
    file.write_text(json.dumps(listed))

    before, synced, after, dogs, (cups,), nothing = with_list(
        "albums", "sync", "albums", "search dogs", "images --album-id list-cups", "sync"
    )
    assert states(before) == [("Walks", "list", 2, 0, "new"), ("Cups", "list", 1, 0, "new")]
    assert sorted(synced["albums"]) == ["list-cups", "list-walks"]
    assert states(after) == [
        ("Walks", "list", 2, 2, "complete"),
        ("Cups", "list", 1, 1, "complete"),
    ]
    assert (dogs[0]["album_title"], dogs[0]["title"]) == ("Walks", "two dogs")
    assert dogs[0]["path"] == listed["Walks"][1]
    assert (cups["source"], cups["path"]) == ("list", listed["Cups"][0])
    assert not nothing["albums"]

    listed["Walks"].pop()
    del listed["Cups"]
    file.write_text(json.dumps(listed))
    changed, found = with_list("sync", "search 'a dragonfly' --min-probability 0")
    assert changed["albums"] == ["list-walks"]
    assert [hit["title"] for hit in found] == ["dragonfly"]
