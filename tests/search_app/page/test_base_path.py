"""The page below a path, behind nginx as docs/deployment.md has it: it keeps the path, or not."""

import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response, expect

from pipeline.cli import servers
from tests.conftest import PROJECT_ROOT
from tests.search_app.browser import (
    LOCALHOST,
    Server,
    clear,
    draw,
    free_port,
    loaded,
    open_photo,
    photo_id,
    photos,
    search,
    serving,
    tiles,
    upload,
)
from tests.search_app.conftest import watched

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
UPSTREAM = "127.0.0.1:8501"  # in docs/deployment.md
# One process that writes to no folder but its own.
CONFIGURATION = """
    daemon off; master_process off; pid nginx.pid; events {{}}
    http {{
        access_log off;
        client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
        uwsgi_temp_path uwsgi; scgi_temp_path scgi;
        server {{ listen {address}; {location} }}
    }}
"""
DAGSTER_URL = "http://127.0.0.1:3000"


def locations() -> dict[str, str]:
    """The two locations that docs/deployment.md shows."""
    kept, stripped = re.findall(
        "```nginx\n(.*?)```", (PROJECT_ROOT / "docs" / "deployment.md").read_text(), re.S
    )
    return {"kept": kept, "stripped": re.sub(" *proxy_pass .*\n", stripped, kept)}


@contextmanager
def proxy(location: str, upstream: str, folder: Path) -> Iterator[str]:
    """Run nginx with a location of docs/deployment.md before a server; yields its own address."""
    if NGINX is None:
        pytest.skip("needs nginx")
    port = free_port()
    location = location.replace(UPSTREAM, urlsplit(upstream).netloc)
    configuration = CONFIGURATION.format(address=f"{LOCALHOST}:{port}", location=location)
    (folder / "nginx.conf").write_text(configuration)
    command = [NGINX, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
    with servers.running(command, os.environ, folder) as process:
        servers.wait_until_open({port: process}, LOCALHOST)
        yield f"http://{LOCALHOST}:{port}"


@pytest.fixture(scope="module", params=["kept", "stripped"])
def site(
    request: pytest.FixtureRequest,
    demo_library: Path,
    demo_server: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address of nginx before the page of the demo library."""
    folder = tmp_path_factory.mktemp(request.param)
    is_kept = request.param == "kept"
    page = serving(demo_library, folder / "log", "/photos") if is_kept else nullcontext(demo_server)
    with page as server, proxy(locations()[request.param], server.url, folder) as url:
        yield url


@pytest.fixture(scope="module")
def tab(browser: BrowserContext, site: str) -> Page:
    """What the tests of a site open it in, one after the other."""
    return browser.new_page()


@pytest.fixture
def page(tab: Page) -> Iterator[Page]:
    """No errors, and all that the page asks for lies below the path and is what it should be."""
    wrong: list[str] = []

    def on_response(response: Response) -> None:
        url = urlsplit(response.url)
        kind = response.headers.get("content-type", "")
        if url.scheme != "http":
            return
        is_page = response.request.resource_type == "document"
        is_below = url.path == "/photos" or url.path.startswith("/photos/")
        if not is_below or response.status >= 400 or ("text/html" in kind and not is_page):
            wrong.append(f"{response.status} {kind} {response.url}")

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(f"{message.text} {message.location['url']}")

    tab.on("response", on_response)
    tab.on("console", on_console)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    with watched(tab):
        yield tab
        tab.evaluate("sessionStorage.clear()")  # of what was selected
    assert wrong == []


def expect_all_pictures(page: Page, least: int) -> None:
    """There are at least so many pictures, and each was decoded."""
    loaded(page)
    page.wait_for_function(
        """least => {
            const pictures = [...document.images];
            const isThere = picture => picture.complete && picture.naturalWidth > 0;
            return pictures.length >= least && pictures.every(isThere);
        }""",
        arg=least,
    )


def test_pictures_are_shown_cut_downloaded_and_uploaded(
    site: str, page: Page, tmp_path: Path
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{site}/photos/")
    expect(page.get_by_role("heading", name="28 photos")).to_be_visible()
    expect_all_pictures(page, 20)
    search(page, "colorful cups")
    dialog = open_photo(page, "colorful cups")
    draw(page, dialog, 0.25, 0.25, 0.75, 0.75)
    dialog.get_by_role("button", name="Copy to clipboard").click()
    expect(dialog.get_by_text("Copied.")).to_be_visible()
    page.keyboard.press("Escape")
    dialog.get_by_text("Explain this result").click()
    expect(dialog.get_by_role("link", name="faiss_index")).to_have_attribute(
        "href", f"{DAGSTER_URL}/assets/faiss_index"
    )
    expect_all_pictures(page, 2)
    draw(page, dialog, 0.25, 0.25, 0.75, 0.75)
    dialog.get_by_role("button", name="Search cropped").click()
    expect(page.get_by_text("Photos like a part of colorful cups")).to_be_visible()
    expect_all_pictures(page, 28)  # with the part

    clear(page)
    expect(photos(page).first).to_have_text("cat portrait")
    tiles(page).first.hover()
    page.get_by_role("button", name="Select: cat portrait").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    assert download.value.url.startswith(f"{site}/photos/")
    archive = zipfile.ZipFile(download.value.path())
    assert archive.namelist() == ["cat-portrait.jpg", "photos.csv"]
    for path in ("nothing.jpg", "photos/1/grid/nothing", "nothing/photos.zip"):
        assert page.request.get(f"{site}/photos/app/static/{path}").status == 404

    Image.effect_noise((1500, 1500), 100).save(tmp_path / "large.png")
    upload(page, tmp_path / "large.png")
    expect(page.get_by_text("Photos like your picture large.png")).to_be_visible()
    expect_all_pictures(page, 2)


def test_addresses_keep_the_path(site: str, page: Page, demo_library: Path) -> None:
    page.goto(f"{site}/photos/library/")
    expect(page).to_have_url(f"{site}/photos/library")
    expect(page.get_by_role("heading", name="Snapshots")).to_be_visible()
    loaded(page)
    page.get_by_role("link", name="Search").click()
    expect(page).to_have_url(f"{site}/photos/")
    page.goto(f"{site}/photos")
    expect(page).to_have_url(f"{site}/photos/")
    search(page, "two dogs")  # a photo without a place: maps are drawn above
    expect(page).to_have_url(f"{site}/photos/?q=two+dogs")
    dialog = open_photo(page, "two dogs")
    shared = f"{site}/photos/?q=two+dogs&photo={photo_id(demo_library, 'two dogs')}"
    expect(page).to_have_url(shared)
    loaded(page)
    page.go_back()
    expect(dialog).to_have_count(0)
    page.goto(shared)
    expect(dialog.get_by_role("heading", name="two dogs")).to_be_visible()
    expect_all_pictures(page, 2)
