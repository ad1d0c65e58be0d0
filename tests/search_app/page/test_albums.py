"""The start page, and the pages of albums and events that it leads to."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.search_app.browser import open_photo, photos, search, serving, settled


def test_an_album_has_a_page_that_searches_in_it(demo: Page) -> None:
    """From its cover on the start page to a photo, its event, a search in it, and back."""
    settled(demo)
    cover = demo.locator(".wall-shelf", has_text="Albums").get_by_role(
        "link", name="Northern Light 2015 8 photos"
    )
    cover.click()
    expect(demo).to_have_url(re.compile(r"\?album=northern-light-2015-"))
    head = demo.locator(".wall-album")
    expect(head.get_by_role("heading", name="Northern Light 2015")).to_be_visible()
    expect(head).to_contain_text("29 Apr 2014 – 29 Oct 2015 · 8 photos")
    expect(demo.get_by_role("heading", name="8 photos")).to_be_visible()
    expect(photos(demo)).to_have_count(8)
    # Its title is told once, and its photos lie in its own order.
    expect(demo.get_by_role("heading", name="Northern Light 2015")).to_have_count(1)
    order = demo.get_by_label("Sort", exact=True).locator("option:checked")
    expect(order).to_have_text("In the album's order")
    expect(demo.get_by_placeholder("Search in this album")).to_be_visible()

    search(demo, "a kite")
    expect(photos(demo).first).to_have_text("kite")
    expect(head.get_by_role("link", name="Northern Light 2015")).to_be_visible()
    dialog = open_photo(demo, "kite")
    dialog.get_by_role("link", name="Northern Light 2015").first.click()
    expect(demo).not_to_have_url(re.compile("q="))  # else going back would go from the search
    expect(head).to_contain_text("8 photos")
    demo.go_back()
    demo.go_back()
    expect(demo.get_by_label("Search", exact=True)).to_have_value("a kite")
    head.get_by_role("link", name="All photos").click()
    expect(demo.get_by_role("heading", name="28 photos")).to_be_visible()

    event = demo.locator(".wall-words", has_text="2018").get_by_role("link", name="Nature Walks")
    expect(event).to_have_text("Nature Walks 2018 9")
    event.click()
    expect(demo).to_have_url(re.compile(r"\?event=Nature\+Walks\+2018&year=2018"))
    expect(head).to_contain_text("9 photos")
    expect(demo.get_by_role("heading", name="9 photos")).to_be_visible()


def test_a_search_is_saved_by_a_name_for_all_browsers(
    page: Page, demo_copy: Path, tmp_path: Path
) -> None:
    with serving(demo_copy, tmp_path / "log") as server:
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
