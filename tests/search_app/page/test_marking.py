"""Favourites, tags and hidden photos on the page: marked on the wall, and found at once."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.search_app.browser import open_photo, photos, search, serving, settled, tiles


def test_photos_are_marked_and_found_by_it(page: Page, demo_copy: Path, tmp_path: Path) -> None:
    with serving(demo_copy, tmp_path / "log") as server:
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
        expect(page.get_by_role("button", name="Favourites")).to_have_attribute(
            "aria-pressed", "true"
        )

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
