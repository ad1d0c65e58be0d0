"""The API over HTTP, as programs use it: on a server where people sign in, below a path."""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from pipeline.library import tokens
from pipeline.settings import Settings
from pipeline.storage.opening import open_storage
from search_app.search.filters import Filters
from search_app.search.marks import Marking
from tests.pipeline.command_line import Run
from tests.search_app.browser import Server, serving
from tests.search_app.searching import searcher_of

SECRET = "a long and random text"
SIGN_IN = f"""
[auth]
redirect_uri = "http://127.0.0.1:9/oauth2callback"
cookie_secret = "{SECRET}"
client_id = "albumscope"
client_secret = "x"
server_metadata_url = "http://127.0.0.1:9/.well-known/openid-configuration"
"""


@dataclass(frozen=True)
class Api:
    """A server's API, and a token for it."""

    server: Server
    data_dir: Path
    token: str

    @property
    def url(self) -> str:
        return f"{self.server.url}/api"

    def ask(self, path: str, **parameters: Any) -> httpx.Response:
        return self.ask_with(self.token, path, **parameters)

    def ask_with(self, token: str, path: str, **parameters: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{self.url}{path}", params=parameters, headers=headers, timeout=60)


@pytest.fixture(scope="module")
def api(demo_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    root = tmp_path_factory.mktemp("api")
    shutil.copytree(demo_library, root / "library")
    (root / ".streamlit").mkdir()
    (root / ".streamlit" / "secrets.toml").write_text(SIGN_IN)
    token = tokens.create(open_storage(Settings(data_dir=root / "library")), "tests")
    with serving(root / "library", root / "log", "/tools/photos") as server:
        yield Api(server, root / "library", token)


def test_schemathesis_finds_nothing(api: Api, tmp_path: Path) -> None:
    tested = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{api.url}/openapi.json"),
            *("--url", api.url, "--header", f"Authorization: Bearer {api.token}"),
            *("--max-examples", "10", "--request-timeout", "60", "--seed", "1"),
            *("--generation-database", "none"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
    assert "Tested: 9" in tested.stdout


def test_rows_are_those_of_the_command_line(
    api: Api, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(api.data_dir))
    printed = run("search", "a dog", "--event", "Nature Walks 2018", "--json").json
    found = api.ask("/search", q="a dog", event="Nature Walks 2018").json()
    assert found["rows"] == printed
    assert found["total"] == len(printed) > 0
    listed = run("images", "--json").json
    pages = [api.ask("/photos", limit=20, offset=offset).json() for offset in (0, 20)]
    assert pages[0]["rows"] + pages[1]["rows"] == listed
    assert [page["next_offset"] for page in pages] == [20, None]
    albums = run("albums", "--json").json
    for row, told in zip(api.ask("/albums").json()["rows"], albums, strict=True):
        assert row == {name: told[name] for name in row}


def test_a_photo_with_its_picture_and_what_is_like_it(api: Api) -> None:
    (dogs, *_) = api.ask("/search", q="two dogs").json()["rows"]
    photo = api.ask(f"/photos/{dogs['image_id']}").json()
    assert photo["albums"][0]["title"] == "Nature Walks 2018"
    assert photo["caption"]["caption"] == dogs["caption"]
    picture = api.ask(f"/photos/{dogs['image_id']}/picture")
    assert Image.open(io.BytesIO(picture.content)).height == 480
    original = api.ask(f"/photos/{dogs['image_id']}/original")
    assert original.content == Path(dogs["path"]).read_bytes()
    like_it = api.ask(f"/similar/{dogs['image_id']}", limit=3).json()["rows"]
    assert len(like_it) == 3
    assert dogs["image_id"] not in {row["image_id"] for row in like_it}


def test_what_is_wrong_is_told_in_words(api: Api) -> None:
    unknown = api.ask("/photos/1")
    assert unknown.status_code == 404
    assert unknown.headers["content-type"] == "application/problem+json"
    assert unknown.json()["detail"] == "No photo 1 in the library"
    typo = api.ask("/search", albumid="x").json()
    assert (typo["status"], typo["detail"]) == (422, "albumid: Extra inputs are not permitted")
    long = api.ask("/search", tag=["dog", "x" * 201]).json()["detail"]
    assert long == "tag[1]: String should have at most 200 characters"
    assert api.ask("/photos/-1").json()["detail"].startswith("image_id: Input should be")
    assert api.ask("/search", q="dog taken:tomorrow").json()["problems"]


def test_who_has_signed_in_or_has_a_token_may_read(
    api: Api, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = httpx.get(f"{api.url}/albums")
    assert refused.status_code == 401
    assert "albumscope token create" in refused.json()["detail"]
    assert api.ask_with("albumscope_wrong", "/albums").status_code == 401

    monkeypatch.setenv("DATA_DIR", str(api.data_dir))
    other = run("token", "create", "a script").out.strip()
    assert api.ask_with(other, "/albums").status_code == 200
    listed = run("token", "list", "--json").json
    assert [token["name"] for token in listed] == ["tests", "a script"]
    assert run("token", "revoke", "a script").code == 0
    assert run("token", "revoke", "a script").code == 1
    assert api.ask_with(other, "/albums").status_code == 401

    for signer, status in ((SECRET, 200), ("another", 401)):
        said = json.dumps({"is_logged_in": True, "email": "ann@example.org"})
        cookie = create_signed_value(signer, "_streamlit_user", said).decode()
        answer = httpx.get(f"{api.url}/albums", headers={"Cookie": f"_streamlit_user={cookie}"})
        assert answer.status_code == status
    kept = [file.read_bytes() for file in (api.data_dir / "tokens").iterdir()]
    for token in (api.token, other):
        assert token not in api.server.log
        assert not any(token.encode() in content for content in kept)


def test_hidden_photos_are_in_no_answer(api: Api) -> None:
    searcher = searcher_of(api.data_dir)
    hidden = next(row for row in searcher.images(Filters()) if row["title"] == "two dogs")
    image_id, album = hidden["image_id"], hidden["album_id"]
    searcher.marks.mark(Marking("hide", [image_id]))
    try:
        for q in ("two dogs", "is:hidden", "", f"album:{album}", '"two dogs'):
            found = api.ask("/search", q=q, limit=500, min_probability=0).json()["rows"]
            assert image_id not in {row["image_id"] for row in found}, q
        listed = api.ask("/photos", limit=500).json()
        assert image_id not in {row["image_id"] for row in listed["rows"]}
        assert listed["total"] == 27
        (count,) = [
            row["photo_count"]
            for row in api.ask("/albums").json()["rows"]
            if row["album_id"] == album
        ]
        assert count == api.ask("/search", album_id=album).json()["total"]
        for path in ("", "/picture", "/original"):
            assert api.ask(f"/photos/{image_id}{path}").status_code == 404
        assert api.ask(f"/similar/{image_id}").status_code == 404
    finally:
        searcher.marks.mark(Marking("show", [image_id]))
        searcher.close()


def test_the_page_of_the_api_needs_nothing_from_elsewhere(page: Page, api: Api) -> None:
    page.goto(api.url)
    expect(page.get_by_role("heading", name="Albumscope")).to_be_visible()
    expect(page.locator(".opblock")).to_have_count(9)
