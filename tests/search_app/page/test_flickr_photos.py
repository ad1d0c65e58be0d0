"""Photos from Flickr in a real browser: shown from its servers, with whose they are and a link."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from pipeline.library.library import Library
from pipeline.settings import Settings
from tests.conftest import DEMO_PHOTOS
from tests.pipeline.quick_sync import bring_in
from tests.search_app.browser import clear, draw, open_photo, serving
from tests.standins.flickr import FlickrStandIn, Photo, albums_in


def test_pictures_come_from_flickr_in_the_size_that_is_shown(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    album = next(each for each in albums_in(DEMO_PHOTOS) if each.title == "Space and Flight")
    small, hubble = (
        next(photo for photo in album.photos if photo.title == title)
        for title in ("Astronaut", "Hubble deep field")
    )
    with FlickrStandIn([album]) as flickr:
        for name, value in flickr.environment.items():
            monkeypatch.setenv(name, value)
        library = Library(Settings(data_dir=tmp_path / "library"))
        bring_in(library)

        def expect_picture(picture: Locator, photo: Photo, letter: str, width: int) -> None:
            name = rf"{photo.id}_[0-9a-f]+{letter}\.jpg"
            address = re.compile(rf"^{re.escape(flickr.origin)}/static/\d+/{name}$")
            expect(picture).to_have_attribute("src", address)
            expect(picture).to_have_js_property("naturalWidth", width)

        with serving(library.settings.data_dir, tmp_path / "log") as server:
            page.goto(server.url)
            expect_picture(on_wall(page, "Astronaut"), small, "", 500)
            expect_picture(on_wall(page, hubble.title), hubble, "_z", 640)
            dialog = open_photo(page, hubble.title)
            # Its original has 1,000 pixels, so there is no picture of 1,024.
            expect_picture(dialog.get_by_role("img", name=hubble.title).last, hubble, "_c", 800)
            for fact in (flickr.user.username, "All Rights Reserved"):
                expect(dialog.get_by_text(fact)).to_be_visible()
            link = f"https://www.flickr.com/photos/{flickr.user.alias}/{hubble.id}/"
            expect(dialog.get_by_role("link", name="On Flickr")).to_have_attribute("href", link)
            draw(page, dialog, 0.2, 0.2, 0.8, 0.6)
            dialog.get_by_role("button", name="Search cropped").click()
            expect(page.get_by_text(f"Photos like a part of {hubble.title}")).to_be_visible()

            clear(page)
            page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            on_wall(page, hubble.title).hover()
            page.get_by_role("button", name=f"Select: {hubble.title}").click()
            page.get_by_role("button", name="Copy links").click()
            expect(page.get_by_text("Links copied: 1")).to_be_visible()
            assert page.evaluate("navigator.clipboard.readText()") == link
            assert "Traceback" not in server.log


def on_wall(page: Page, title: str) -> Locator:
    return page.locator(".wall-open", has=page.get_by_text(title, exact=True)).locator("img")
