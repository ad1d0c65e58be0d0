"""What is seen of photos whose pictures are still on their way."""

import re

from playwright.sync_api import Locator, Page, Route, expect

from tests.search_app.browser import Server, open_photo, tiles

_PIXELS = """async element => {
    const url = getComputedStyle(element).backgroundImage.match(/^url\\("(data:.*)"\\)$/)[1];
    const picture = await createImageBitmap(await (await fetch(url)).blob());
    const paper = new OffscreenCanvas(picture.width, picture.height).getContext('2d');
    paper.drawImage(picture, 0, 0);
    const at = (x, y) => [...paper.getImageData(x, y, 1, 1).data];
    return [at(0, picture.height - 1), at(picture.width - 1, 0)];
}"""


def looks_like_the_cups(element: Locator) -> bool:
    """They are blue below on the left and red above on the right."""
    (red, _, blue, opaque), (red_above, _, blue_above, _) = element.evaluate(_PIXELS)
    return bool(opaque == 255 and blue > red + 40 and red_above > blue_above + 40)


def test_the_wall_and_the_viewer_show_blurred_colours_until_pictures_are_there(
    page: Page, demo_server: Server
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/photos/*/*", hold)
    page.goto(f"{demo_server.url}/?sort=newest")
    cups = tiles(page).filter(has_text="colorful cups").first
    expect(cups.locator("img")).to_have_css("opacity", "0")
    assert looks_like_the_cups(cups)
    for cover in page.locator(".wall-shelf li:not(.is-round) img").all():
        expect(cover).to_have_css("background-image", re.compile("data:image"))
    place = cups.locator("..").get_attribute("style")
    dialog = open_photo(page, "colorful cups")
    shown = dialog.locator(".pswp__item[aria-hidden=false]")
    assert looks_like_the_cups(shown.locator(".pswp__img--placeholder"))

    for route in held:
        route.continue_()
    page.unroute("**/photos/*/*")
    expect(shown.locator("img:not(.pswp__img--placeholder)")).to_have_js_property("complete", True)
    page.keyboard.press("Escape")
    expect(cups.locator("img")).to_have_css("opacity", "1")
    assert cups.locator("..").get_attribute("style") == place
