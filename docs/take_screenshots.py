"""Take the pictures of the documentation from a running search page of the demo library.

Run ``albumscope demo`` first, then ``python docs/take_screenshots.py http://127.0.0.1:8501``.
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

QUERY = "boats on a lake shore"
EXPECTED = "rowing boats"
PATIENCE = 60_000  # milliseconds; the first search loads the models


def main() -> None:
    """Write ``search.png``, ``preview.png``, ``map.png`` and ``library.png`` beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="the address of the search page")
    url = parser.parse_args().url
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-background-networking"],
        )
        page = browser.new_page(
            viewport={"width": 1440, "height": 900}, color_scheme="light", reduced_motion="reduce"
        )
        page.goto(url)
        expect(page.locator(".wall-open img").last).to_have_js_property("complete", True)
        take(page, "search")
        search(page, QUERY, EXPECTED)
        page.locator(".wall-open", has=page.get_by_text(EXPECTED, exact=True)).click()
        expect(page.get_by_role("dialog").locator("dl")).to_be_visible()
        take(page, "preview")
        page.goto(f"{url}/?view=map")
        expect(page.locator(".wall-map-photo").first).to_be_visible()
        page.wait_for_timeout(2000)  # its picture is asked for when the map is at rest
        take(page, "map")
        page.goto(f"{url}/library")
        expect(page.get_by_role("heading", name="Snapshots")).to_be_attached()
        take(page, "library")
        browser.close()


def take(page: Page, name: str) -> None:
    """Take a picture of what is in the window, once all of it is there."""
    settled(page)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=Path(__file__).with_name(f"{name}.png"), animations="disabled")


def settled(page: Page) -> None:
    """Wait until the page is drawn."""
    app = page.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning")


def search(page: Page, text: str, expected: str) -> None:
    """Search, and wait until the photos found are there to be seen."""
    box = page.get_by_label("Search", exact=True)
    box.fill(text)
    box.press("Enter")
    expect(page.locator(".wall-open b").first).to_have_text(expected)
    settled(page)
    box.blur()


if __name__ == "__main__":
    main()
