"""The preview of a photo in a real browser: looking on from it, and cutting a part out of it."""

import io
import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops
from playwright.sync_api import Locator, Page, expect

from search_app.search.parts import cut_out
from search_app.search.query import read_part
from tests.search_app.browser import (
    draw,
    loaded,
    notes,
    open_photo,
    photo_id,
    photos,
    search,
    settled,
)
from tests.search_app.conftest import DEMO_PHOTOS

KITE = DEMO_PHOTOS / "Northern Light 2015" / "kite.jpg"
COPIED = """async () => {
    const [item] = await navigator.clipboard.read();
    const bytes = new Uint8Array(await (await item.getType('image/png')).arrayBuffer());
    return Array.from(bytes);
}"""


def cropped(dialog: Locator) -> Locator:
    return dialog.get_by_role("button", name="Search cropped")


def copy(dialog: Locator) -> Locator:
    return dialog.get_by_role("button", name="Copy to clipboard")


def part_of_address(page: Page) -> str:
    expect(page).to_have_url(re.compile(r"q=photo%3A\d+%2C"))
    return re.findall(r"q=photo%3A\d+%2C([\d.C%]+)", page.url)[0].replace("%2C", ",")


def test_a_part_that_was_drawn_is_searched_for(demo: Page) -> None:
    search(demo, "kite")
    expect(demo).to_have_url(re.compile(r"q=kite$"))
    dialog = open_photo(demo, "kite")
    expect(cropped(dialog)).to_be_disabled()
    expect(copy(dialog)).to_be_disabled()
    draw(demo, dialog, 0.3, 0.3, 0.301, 0.301)  # a click that slipped is no rectangle
    expect(cropped(dialog)).to_be_disabled()

    draw(demo, dialog, 0.25, 0.2, 0.75, 0.6)
    cropped(dialog).click()
    expect(demo.get_by_text("Photos like a part of kite")).to_be_visible()
    expect(dialog).to_have_count(0)
    left, top, right, bottom = map(float, part_of_address(demo).split(","))
    np.testing.assert_allclose([left, top, right, bottom], [25, 20, 75, 60], atol=0.6)
    expect(photos(demo)).to_have_count(20)
    expect(notes(demo).first).to_have_text(re.compile(r"^0\.\d{3} · "))
    settled(demo)
    assert "kite" not in photos(demo).all_inner_texts()
    part = demo.get_by_role("img", name="kite")
    ratio = part.evaluate("image => image.naturalWidth / image.naturalHeight")
    whole = Image.open(KITE)
    assert abs(ratio - 1.25 * whole.width / whole.height) < 0.05

    demo.go_back()
    expect(dialog).to_be_visible()
    demo.go_back()
    expect(dialog).to_have_count(0)
    expect(demo.get_by_label("Search", exact=True)).to_have_value("kite")


def test_a_part_is_copied_to_the_clipboard(demo: Page) -> None:
    demo.context.grant_permissions(["clipboard-read", "clipboard-write"])
    search(demo, "kite")
    dialog = open_photo(demo, "kite")
    with demo.expect_response(re.compile("/part")) as answer:
        draw(demo, dialog, 0.5, 0.1, 0.9, 0.5)
        copy(dialog).click()
    expect(dialog.get_by_text("Copied.")).to_be_visible()
    part = read_part(re.findall(r"part=([\d.,]+)", answer.value.url)[0])
    copied = Image.open(io.BytesIO(bytes(demo.evaluate(COPIED)))).convert("RGB")
    expected = cut_out(str(KITE), part)
    assert copied.size == expected.size
    assert ImageChops.difference(copied, expected).getbbox() is None  # pixel by pixel
    np.testing.assert_allclose(part, [50, 10, 90, 50], atol=0.6)


def test_a_part_can_be_drawn_with_the_keyboard(demo: Page) -> None:
    search(demo, "kite")
    dialog = open_photo(demo, "kite")
    stage = dialog.locator(".stage")
    stage.focus()
    stage.press("Enter")
    expect(cropped(dialog)).to_be_enabled()
    stage.press("Delete")
    expect(cropped(dialog)).to_be_disabled()
    for key in ("Enter", "ArrowRight", "ArrowDown", "Shift+ArrowLeft", "Shift+ArrowDown"):
        stage.press(key)
    cropped(dialog).press("Enter")
    expect(demo.get_by_text("Photos like a part of kite")).to_be_visible()
    assert part_of_address(demo) == "27,27,75,79"


def test_the_strip_and_the_arrows_lead_to_the_photos_beside(demo: Page, demo_library: Path) -> None:
    expect(photos(demo)).to_have_count(20)
    titles = photos(demo).all_inner_texts()
    open_photo(demo, titles[0])
    dialog = demo.get_by_role("dialog")
    strip = dialog.locator("[class*=st-key-strip-open-] button")
    expect(strip).to_have_text(titles[:9])
    expect(dialog.get_by_role("button", name="Previous photo")).to_be_disabled()
    strip.nth(3).click()
    expect(dialog.get_by_role("heading", name=titles[3])).to_be_visible()
    dialog.get_by_role("button", name="Next photo").click()
    expect(dialog.get_by_role("heading", name=titles[4])).to_be_visible()
    settled(demo)
    demo.keyboard.press("ArrowLeft")
    expect(dialog.get_by_role("heading", name=titles[3])).to_be_visible()
    settled(demo)

    expect(demo).to_have_url(re.compile(f"photo={photo_id(demo_library, titles[3])}"))
    address = demo.url
    demo.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(demo).not_to_have_url(re.compile("photo="))
    demo.goto(address)
    expect(dialog.get_by_role("heading", name=titles[3])).to_be_visible()
    loaded(demo)
    demo.keyboard.press("s")
    expect(demo.get_by_text(f"Photos like {titles[3]}")).to_be_visible()
    expect(dialog).to_have_count(0)


def test_the_place_of_a_photo_is_shown_on_a_map(demo: Page) -> None:
    search(demo, "colorful cups")
    dialog = open_photo(demo, "colorful cups")
    at = re.compile(r"^Place\s+Århus, Midtjylland, Denmark, 56\.1560° N, 10\.2082° E$")
    expect(dialog.get_by_text(at)).to_be_visible()
    expect(dialog.get_by_role("link", name="Show on a map")).to_have_attribute(
        "href", re.compile(r"openstreetmap\.org/\?mlat=56\.15")
    )
    expect(dialog.get_by_label("Where it was taken").first).to_be_visible()
