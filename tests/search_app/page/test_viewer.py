"""The viewer in a real browser: a photo, what is known of it, its neighbours, and parts of it."""

import io
import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops
from playwright.sync_api import Locator, Page, Route, expect

from search_app.search.fields import read_part
from search_app.search.parts import cut_out
from tests.search_app.browser import (
    draw,
    find_similar,
    notes,
    open_photo,
    photo_id,
    photos,
    search,
    settled,
    sort_by,
    tiles,
)
from tests.search_app.conftest import DEMO_PHOTOS
from tests.search_app.searching import searcher_of

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
    expect(page).to_have_url(re.compile(r"like=photo%3A\d+%2C"))
    return re.findall(r"like=photo%3A\d+%2C([\d.C%]+)", page.url)[0].replace("%2C", ",")


def test_a_photo_tells_all_that_is_known_of_it_and_leads_on(demo: Page) -> None:
    search(demo, "autumn leaves")
    expect(photos(demo).first).to_have_text("maple leaves")
    dialog = open_photo(demo, "maple leaves")
    expect(dialog.get_by_text("A photo taken on 29 October 2015 in the afternoon")).to_be_visible()
    facts = dialog.locator(".wall-panel dl")
    for name, fact in {
        "Camera": "Canon EOS 70D",
        "Lens": "EF50mm f/1.8 II",
        "Settings": "1/4,000 s · f/2 · ISO 100 · 50 mm",
        "Taken": "29 October 2015, 15:44",
        "Photographer": "Martin Klapetek",
        "Album": "Northern Light 2015",
    }.items():
        expect(facts).to_contain_text(re.compile(rf"{name}\s*{re.escape(fact)}"))
    picture = dialog.get_by_role("img", name="maple leaves")
    expect(picture.last).to_have_js_property("naturalWidth", 1024)

    facts.get_by_role("link", name="Northern Light 2015").click()
    expect(dialog).to_have_count(0)
    expect(photos(demo)).to_have_count(8)
    expect(demo).to_have_url(re.compile("album="))
    expect(demo.get_by_label("Search", exact=True)).to_have_value("")
    demo.go_back()  # to the photo, in the search that it was found by
    expect(dialog.get_by_role("heading", name="maple leaves")).to_be_visible()
    demo.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(photos(demo).first).to_have_text("maple leaves")
    expect(tiles(demo).first).to_be_focused()


def test_a_photo_with_a_place_shows_it_and_leads_on_to_similar_ones(demo: Page) -> None:
    search(demo, "plastic cups")
    expect(photos(demo).first).to_have_text("colorful cups")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    demo.route("**/still_map.js", hold)
    with demo.expect_request("**/still_map.js"):
        dialog = open_photo(demo, "colorful cups")
    below = dialog.locator(".wall-panel").get_by_role("button", name="Find similar")
    place = below.bounding_box()
    assert place
    for route in held:
        route.continue_()
    expect(dialog.locator(".wall-still canvas")).to_be_visible()
    assert below.bounding_box() == place  # it does not move when the map comes
    expect(dialog.locator("dl")).to_contain_text(
        "Århus, Midtjylland, Denmark, 56.1560° N, 10.2082° E"
    )
    expect(dialog.get_by_role("link", name="Show on a map")).to_have_attribute(
        "href", re.compile(r"^https://www\.openstreetmap\.org/\?mlat=56\.15600&mlon=10\.20820#")
    )
    expect(dialog.get_by_text(re.compile(r"^1 of \d+$"))).to_be_visible()
    demo.set_viewport_size({"width": 1000, "height": 700})  # where all pixels are computed
    dialog.get_by_role("button", name="Open the map here").click()
    expect(dialog).to_have_count(0)
    expect(demo).to_have_url(re.compile("view=map"))
    expect(demo.get_by_role("button", name="colorful cups")).to_be_visible()
    demo.go_back()
    expect(dialog.get_by_role("button", name="Open the map here")).to_be_visible()
    dialog.locator(".wall-panel").get_by_role("button", name="Find similar").click()
    expect(dialog).to_have_count(0)
    expect(demo.get_by_text("Photos like colorful cups")).to_be_visible()
    expect(photos(demo).first).not_to_have_text("colorful cups")


def test_a_result_is_explained_and_followed_back_to_its_runs(
    demo: Page, demo_library: Path
) -> None:
    search(demo, "boats")
    expect(photos(demo).first).to_have_text("rowing boats")
    dialog = open_photo(demo, "rowing boats")
    expect(dialog.locator("table")).to_be_hidden()
    dialog.get_by_text("Explain this result").click()
    for text in (
        "Found by what it shows (place 1), its caption (place 1), its words (place 1)",
        "Matching words: boats",
    ):
        expect(dialog.get_by_text(text, exact=True)).to_be_visible()
    searcher = searcher_of(demo_library)
    origin = searcher.provenance(photo_id(demo_library, "rowing boats"))
    rows = dialog.get_by_role("row")
    expect(rows).to_have_count(1 + len(origin.origins))
    for row, made in zip(rows.all()[1:], origin.origins, strict=True):
        expect(row).to_contain_text(made.producer or made.asset)
        expect(row.get_by_role("link", name=made.asset)).to_have_attribute("href", made.asset_url)
        run = row.get_by_role("link", name=str(made.run_id)[:8])
        expect(run).to_have_attribute("href", f"http://127.0.0.1:3000/runs/{made.run_id}")
    versions = f"Snapshot {origin.snapshot}, made with "
    expect(dialog.get_by_text(versions)).to_contain_text(f"faiss {origin.versions['faiss']}")
    demo.keyboard.press("Escape")
    search(demo, "")
    expect(photos(demo).first).to_have_text("cat portrait")
    dialog = open_photo(demo, "cat portrait")  # which no search found
    dialog.get_by_text("Where it comes from").click()
    expect(dialog.get_by_role("table")).to_be_visible()
    expect(dialog.get_by_text("Found by")).to_have_count(0)


def test_a_part_is_drawn_and_copied_and_searched_for_by_mouse_and_by_keyboard(demo: Page) -> None:
    demo.context.grant_permissions(["clipboard-read", "clipboard-write"])
    search(demo, "kite")
    expect(demo).to_have_url(re.compile(r"q=kite$"))
    dialog = open_photo(demo, "kite")
    draw(demo, dialog, 0.3, 0.3, 0.301, 0.301)  # a click that slipped is no rectangle
    expect(cropped(dialog)).to_be_disabled()
    expect(copy(dialog)).to_be_disabled()

    with demo.expect_response(re.compile("/part")) as answer:
        draw(demo, dialog, 0.25, 0.2, 0.75, 0.6)
        copy(dialog).click()
    expect(dialog.get_by_text("Copied.")).to_be_visible()
    part = read_part(re.findall(r"part=([\d.,]+)", answer.value.url)[0])
    copied = Image.open(io.BytesIO(bytes(demo.evaluate(COPIED)))).convert("RGB")
    expected = cut_out(str(KITE), part)
    assert copied.size == expected.size
    assert ImageChops.difference(copied, expected).getbbox() is None  # pixel by pixel
    np.testing.assert_allclose(part, [25, 20, 75, 60], atol=0.6)

    cropped(dialog).click()
    expect(demo.get_by_text("Photos like a part of kite")).to_be_visible()
    expect(dialog).to_have_count(0)
    assert read_part(part_of_address(demo)) == part
    expect(photos(demo)).to_have_count(27)
    expect(notes(demo).first).to_have_text(re.compile(r"^0\.\d{3} · "))
    assert "kite" not in photos(demo).all_inner_texts()
    picture = demo.get_by_role("img", name="kite")
    ratio = picture.evaluate("image => image.naturalWidth / image.naturalHeight")
    whole = Image.open(KITE)
    assert abs(ratio - 1.25 * whole.width / whole.height) < 0.05

    demo.go_back()
    expect(dialog).to_be_visible()
    settled(demo)
    demo.keyboard.press("c")
    stage = dialog.locator(".wall-stage")
    expect(stage).to_be_focused()
    stage.press("Enter")
    expect(cropped(dialog)).to_be_enabled()
    stage.press("Delete")
    expect(cropped(dialog)).to_be_disabled()
    for key in ("Enter", "ArrowRight", "ArrowDown", "Shift+ArrowLeft", "Shift+ArrowDown"):
        stage.press(key)
    cropped(dialog).press("Enter")
    expect(demo.get_by_text("Photos like a part of kite")).to_be_visible()
    assert part_of_address(demo) == "27,27,75,79"
    demo.go_back()
    expect(dialog).to_be_visible()
    demo.go_back()
    expect(dialog).to_have_count(0)
    expect(demo.get_by_label("Search", exact=True)).to_have_value("kite")


def test_the_arrows_lead_to_the_photos_beside_and_the_address_follows(
    demo: Page, demo_library: Path
) -> None:
    sort_by(demo, "Oldest first, by date taken")
    expect(demo).to_have_url(re.compile("sort=oldest"))
    settled(demo)
    titles = photos(demo).all_inner_texts()
    dialog = open_photo(demo, titles[0])
    expect(dialog.get_by_role("button", name="Previous photo")).to_have_count(0)
    dialog.get_by_role("button", name="Next photo").click()
    expect(dialog.get_by_role("heading", name=titles[1])).to_be_visible()
    for key, at in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2)):
        demo.keyboard.press(key)
        expect(dialog.get_by_role("heading", name=titles[at])).to_be_visible()

    expect(demo).to_have_url(re.compile(f"photo={photo_id(demo_library, titles[2])}"))
    address = demo.url
    demo.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(demo).not_to_have_url(re.compile("photo="))
    demo.goto(address)
    expect(dialog.get_by_role("heading", name=titles[2])).to_be_visible()
    demo.keyboard.press("?")
    expect(demo.get_by_role("dialog", name="Keys")).to_contain_text("find similar photos")
    demo.keyboard.press("Escape")
    demo.keyboard.press("s")
    expect(demo.get_by_text(f"Photos like {titles[2]}")).to_be_visible()
    expect(dialog).to_have_count(0)
    find_similar(demo, 0)
    expect(demo.get_by_text(f"Photos like {titles[2]}")).to_have_count(0)
