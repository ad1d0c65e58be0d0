"""The start page, and the pages of albums and events that it leads to."""

import re

from playwright.sync_api import Page, expect

from tests.search_app.browser import open_photo, photos, search, settled


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
