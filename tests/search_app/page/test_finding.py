"""Finding photos by other means than words: filters, order, time, place, memory, the clipboard."""

import base64
import re
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, expect

from tests.search_app.browser import (
    Server,
    clear,
    enter,
    loaded,
    notes,
    open_photo,
    options,
    photo_id,
    photos,
    search,
    serving,
    settled,
    show_all,
    sort_by,
)
from tests.search_app.conftest import DEMO_PHOTOS, sync_folder

GIVE = """([name, picture]) => {
    const bytes = Uint8Array.from(atob(picture), letter => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], 'pasted.jpg', {type: 'image/jpeg'}));
    const how = {bubbles: true, cancelable: true, clipboardData: data, dataTransfer: data};
    const given = name === 'paste' ? new ClipboardEvent(name, how) : new DragEvent(name, how);
    document.body.dispatchEvent(given);
    if (name === 'drop' && !given.defaultPrevented) throw new Error('the browser would go to it');
}"""


def test_a_name_that_is_suggested_becomes_a_filter(demo: Page) -> None:
    settled(demo)
    box = demo.locator(".st-key-q input")
    box.click()
    box.press_sequentially("sunset in nat")
    options = demo.get_by_role("listbox", name="Suggestions").get_by_role("option")
    expect(options.first).to_have_text(re.compile(r"Nature Walks 2018\s+Event · 9"))
    expect(box).to_have_attribute("aria-expanded", "true")
    demo.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    active = demo.locator(f"#{box.get_attribute('aria-activedescendant')}")
    expect(active).to_have_attribute("aria-selected", "true")
    demo.keyboard.press("Enter")
    expect(demo).to_have_url(re.compile(r"q=sunset\+in&event=Nature\+Walks\+2018"))
    expect(box).to_have_value("sunset in")
    expect(options).to_have_count(0)


def test_the_order_is_a_matter_of_choice(demo: Page) -> None:
    search(demo, "camera:olympus")
    expect(photos(demo)).to_have_count(4)
    oldest = ["blue hour", "wooden pier", "kite", "forest path"]
    sort_by(demo, "Oldest first, by date taken")
    expect(photos(demo)).to_have_text(oldest)
    sort_by(demo, "Newest first, by date taken")
    expect(photos(demo)).to_have_text(oldest[::-1])
    expect(demo).to_have_url(re.compile("sort=newest"))


def test_the_last_searches_are_remembered_by_the_browser_alone(
    demo: Page, demo_server: Server, demo_library: Path
) -> None:
    """Among them that by a photo, whose address was put into the box."""
    for words in ("a drum", "two dogs"):
        search(demo, words)
        expect(photos(demo).first).to_have_text(words.removeprefix("a "))
        loaded(demo)
    with options(demo):
        last = demo.locator(".memory button.go")
        expect(last.nth(0)).to_have_text("two dogs")
        last.nth(1).click()
        expect(photos(demo).first).to_have_text("drum")
        expect(demo).to_have_url(re.compile(r"q=a\+drum"))

    kite = photo_id(demo_library, "kite")
    enter(demo, f"{demo_server.url}/?photo={kite}")
    expect(demo.get_by_text("Photos like kite")).to_be_visible()
    loaded(demo)
    with options(demo):
        expect(demo.locator(".memory button.go").first).to_have_text("Photos like kite")
    search(demo, "https://www.flickr.com/photos/somebody/1234567/")
    expect(demo.get_by_role("alert")).to_contain_text("the library has no such photo")


def test_a_picture_that_is_pasted_or_dropped_is_searched_by(
    demo: Page, demo_server: Server
) -> None:
    """Wherever it is: in a preview and on the Library page, too."""
    expect_search_by_what_is_given(demo, "paste")
    open_photo(demo, "clock")
    expect_search_by_what_is_given(demo, "paste")
    for how in ("paste", "drop"):
        demo.goto(f"{demo_server.url}/library")
        expect_search_by_what_is_given(demo, how)


def expect_search_by_what_is_given(page: Page, how: str) -> None:
    loaded(page)
    drum = DEMO_PHOTOS / "Things and Places" / "drum.jpg"
    given = page.get_by_text("Photos like your picture pasted.jpg")
    for _ in range(10):  # until the script that listens is there
        with suppress(AssertionError, Error):
            page.evaluate(GIVE, [how, base64.b64encode(drum.read_bytes()).decode()])
            expect(given).to_be_visible(timeout=4000)
            break
    expect(photos(page).first).to_have_text("drum")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(notes(page).first).to_have_text(re.compile(r"^(1\.000|0\.99\d) · "))
    clear(page)
    expect(given).to_have_count(0)


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """The DATA_DIR of a library with one photo three times, and another."""
    album = tmp_path / "Copies"
    album.mkdir()
    for name in ("drum", "drum again", "drum once more"):
        shutil.copy(DEMO_PHOTOS / "Things and Places" / "drum.jpg", album / f"{name}.jpg")
    shutil.copy(DEMO_PHOTOS / "Things and Places" / "clock.jpg", album)
    sync_folder(tmp_path / "copies", album)
    return tmp_path / "copies"


def test_near_duplicates_are_one_tile_with_a_count(
    page: Page, copies: Path, tmp_path: Path
) -> None:
    with serving(copies, tmp_path / "log") as server:
        page.goto(server.url)
        expect(photos(page)).to_have_count(4)  # where nothing is searched for, all are shown
        search(page, "a drum")
        show_all(page)
        expect(page).to_have_url(re.compile("least=0"))
        expect(page.get_by_role("heading", name="4 photos · 2 nearly the same")).to_be_visible()
        expect(photos(page)).to_have_count(2)
        loaded(page)
        page.get_by_role("button", name="Nearly the same photos: 2").click()
        expect(photos(page)).to_have_count(4)
        assert sorted(photos(page).all_inner_texts()) == [
            *("clock", "drum", "drum again", "drum once more")
        ]
        settled(page)
        page.get_by_role("button", name="Fold nearly the same photos").click()
        expect(photos(page)).to_have_count(2)
