"""A source that nobody else knows of is synced, searched, changed, and shown by Dagster."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DEMO_PHOTOS, PROJECT_ROOT, built_once
from tests.quick_dagster import make_empty_databases

PHOTOS = {
    "Walks": ["Nature Walks 2018/dragonfly.jpg", "Nature Walks 2018/two-dogs.jpg"],
    "Kites": ["Northern Light 2015/kite.jpg"],
}


def with_list(databases: Path, *commands: str) -> list[Any]:
    """Run commands with the third source, in a process that has it; returns what they print."""
    module = [sys.executable, "-m", "tests.pipeline.sources.json_list", str(databases)]
    done = subprocess.run(
        [*module, *commands],
        cwd=PROJECT_ROOT,
        env={**os.environ, "CAPTION_MODEL": "none"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
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
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    listed = {title: [str(DEMO_PHOTOS / name) for name in names] for title, names in PHOTOS.items()}
    first.write_text(json.dumps(listed))
    second.write_text(json.dumps({"Walks": listed["Walks"][:1]}))

    before, synced, after, dogs, (kite,), nothing, changed, found = with_list(
        built_once(tmp_path_factory, "dagster", make_empty_databases),
        f"list {first}",
        *("albums --json", "sync --json", "albums --json"),
        *("search dogs --json", "images --album-id list-kites --json", "sync --json"),
        f"list {second}",
        *("sync --json", "search 'a dragonfly' --min-probability 0 --json"),
    )
    assert states(before) == [("Walks", "list", 2, 0, "new"), ("Kites", "list", 1, 0, "new")]
    assert sorted(synced["albums"]) == ["list-kites", "list-walks"]
    assert states(after) == [
        ("Walks", "list", 2, 2, "complete"),
        ("Kites", "list", 1, 1, "complete"),
    ]
    assert (dogs[0]["album_title"], dogs[0]["title"]) == ("Walks", "two dogs")
    assert dogs[0]["path"] == listed["Walks"][1]
    assert (kite["source"], kite["path"]) == ("list", listed["Kites"][0])
    assert not nothing["albums"]
    assert changed["albums"] == ["list-walks"]
    assert [hit["title"] for hit in found] == ["dragonfly"]
