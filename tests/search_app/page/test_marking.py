"""What is kept on the page: saved searches; favourites, tags and hidden photos, found at once."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.search_app.browser import Server, open_photo, photos, search, serving, settled, tiles


@pytest.fixture(scope="module")
def server(demo_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page of a library of its own, where the tests may write."""
    root = tmp_path_factory.mktemp("marking")
    shutil.copytree(demo_library, root / "library")
    with serving(root / "library", root / "log") as server:
        yield server


def test_a_search_is_saved_by_a_name_for_all_browsers(page: Page, server: Server) -> None:
    page.goto(server.url)
    expect(page.get_by_role("heading", name="28 photos")).to_be_visible()
    search(page, "a drum")
    expect(photos(page).first).to_have_text("drum")
    settled(page)
    page.get_by_role("button", name="Save search").click()
    name = page.get_by_role("dialog").get_by_label("Name", exact=True)
    expect(name).to_have_value("a drum")
    name.fill("Drums")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Saved: Drums")).to_be_visible()

    page.goto(server.url)  # as any other browser does
    saved = page.locator(".wall-shelf", has_text="Saved searches")
    saved.get_by_role("link", name="Drums").click()
    expect(page).to_have_url(re.compile(r"\?q=a\+drum"))
    expect(photos(page).first).to_have_text("drum")
    page.go_back()
    saved.get_by_role("button", name="Forget “Drums”").click()
    expect(saved).to_have_count(0)
    assert "Traceback" not in server.log


def test_photos_are_marked_and_found_by_it(page: Page, server: Server) -> None:
    page.goto(server.url)
    expect(page.get_by_role("heading", name="28 photos")).to_be_visible()
    settled(page)
    tiles(page).first.focus()
    title = photos(page).first.inner_text()
    page.keyboard.press("f")
    expect(page.get_by_text("1 photo is a favourite now")).to_be_visible()
    expect(page.locator(".wall-tile.is-favourite")).to_have_count(1)
    dialog = open_photo(page, title)
    favourite = dialog.get_by_role("button", name="Favourite")
    expect(favourite).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Favourites").click()
    expect(photos(page)).to_have_text([title])
    expect(page).to_have_url(re.compile("q=is%3Afavourite"))
    expect(page.get_by_role("button", name="Favourites")).to_have_attribute("aria-pressed", "true")

    search(page, "")
    expect(page.get_by_role("heading", name="28 photos")).to_be_visible()
    settled(page)
    for place in (0, 1):
        tiles(page).nth(place).hover()
        page.locator(".wall-tile .wall-check").nth(place).click()
    bar = page.get_by_role("toolbar", name="Selected photos")
    bar.get_by_role("button", name="Add tag").click()
    page.get_by_role("dialog").get_by_label("Tag", exact=True).fill("For the programme")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 photos have other tags now")).to_be_visible()
    bar.get_by_role("button", name="Hide").click()
    expect(page.get_by_role("heading", name="26 photos")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="28 photos")).to_be_visible()
    search(page, 'tag:"for the programme"')
    expect(photos(page)).to_have_count(2)
    dialog = open_photo(page, title)
    expect(dialog.get_by_role("link", name="For the programme")).to_be_visible()
    assert "Traceback" not in server.log
