"""A source that nobody else knows of is synced, searched, changed, and shown by Dagster."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import DEMO_PHOTOS, PROJECT_ROOT

PHOTOS = {
    "Walks": ["Nature Walks 2018/dragonfly.jpg", "Nature Walks 2018/two-dogs.jpg"],
    "Cups": ["Northern Light 2015/colorful-cups.jpg"],
}


def with_list(*commands: str) -> list[Any]:
    """Run commands with the third source, in a process that has it; returns what they print."""
    module = [sys.executable, "-m", "tests.pipeline.sources.json_list"]
    done = subprocess.run(
        [*module, *commands],
        cwd=PROJECT_ROOT,
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


def test_a_source_of_its_own_needs_no_other_module(tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    listed = {title: [str(DEMO_PHOTOS / name) for name in names] for title, names in PHOTOS.items()}
    first.write_text(json.dumps(listed))
    second.write_text(json.dumps({"Walks": listed["Walks"][:1]}))

    before, synced, after, dogs, (cups,), nothing, changed, found = with_list(
        f"list {first}",
        *("albums --json", "sync --json", "albums --json"),
        *("search dogs --json", "images --album-id list-cups --json", "sync --json"),
        f"list {second}",
        *("sync --json", "search 'a dragonfly' --min-probability 0 --json"),
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
    assert changed["albums"] == ["list-walks"]
    assert [hit["title"] for hit in found] == ["dragonfly"]
