"""The facets beneath the search box, by mouse, keyboard and on a phone."""

import re

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.search_app.browser import Server, facet, filter_by, loaded, search, settled, values
from tests.search_app.page.test_everyone import PHONE, violations, visitor

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def chips(page: Page) -> Locator:
    return page.get_by_role("list", name="Chosen filters").get_by_role("button")


def photos_found(page: Page, count: int) -> None:
    words = "1 photo" if count == 1 else f"{count} photos"
    expect(page.get_by_role("heading", name=words, exact=True)).to_be_visible()


def test_facets_count_what_was_found_and_narrow_it(demo: Page) -> None:
    facet(demo, "Camera").click()
    cameras = ["OLYMPUS E-M1 4", "Canon EOS 70D 1", "Nokia N9 1", "SONY NEX-3N 1"]
    expect(values(demo)).to_have_text(cameras)
    expect(demo.get_by_role("checkbox", name="OLYMPUS E-M1 4")).to_be_focused()
    for key in ("Space", "ArrowDown"):
        demo.keyboard.press(key)
    demo.keyboard.down("Space")
    photos_found(demo, 4)  # counted anew while a key is down
    settled(demo)
    demo.keyboard.up("Space")  # one or the other
    photos_found(demo, 5)
    expect(values(demo)).to_have_text(cameras)  # each as if the others were not chosen
    demo.keyboard.press("Escape")
    expect(facet(demo, "Camera").and_(demo.locator("[aria-expanded=false]"))).to_be_focused()
    expect(demo).to_have_url(re.compile(r"camera=OLYMPUS\+E-M1&camera=Canon\+EOS\+70D"))

    facet(demo, "Event").click()
    expect(values(demo)).to_have_text(["Northern Light 2015 5"])
    expect(chips(demo)).to_have_text(
        [re.compile("^Camera: OLYMPUS E-M1"), re.compile("^Camera: Canon EOS 70D"), "Clear all"]
    )
    demo.get_by_role("button", name="Camera: OLYMPUS E-M1, remove").press("Enter")
    photos_found(demo, 1)
    expect(demo.get_by_role("button", name="Camera: Canon EOS 70D, remove")).to_be_focused()
    expect(demo).to_have_url(re.compile(r"\?camera=Canon\+EOS\+70D$"))
    demo.go_back()
    photos_found(demo, 5)
    demo.get_by_role("button", name="Clear all").click()
    photos_found(demo, 28)

    facet(demo, "Tag").click()
    field = demo.get_by_role("searchbox", name="Search: Tag")
    expect(field).to_be_focused()
    field.press_sequentially("nowhere")
    expect(demo.get_by_role("status").filter(has_text="Nothing fits.")).to_be_visible()
    field.press("Enter")
    field.press("Escape")
    expect(chips(demo)).to_have_count(0)

    filter_by(demo, "Year", "2018")
    search(demo, "two dogs nature walks 2018")
    understood = demo.get_by_role("button", name="Event: Nature Walks 2018")
    expect(understood).to_be_visible()
    settled(demo)
    facet(demo, "Album").click()
    expect(values(demo)).to_have_text([re.compile(r"^Nature Walks 2018 \d$")])
    found = int(values(demo).first.inner_text().split()[-1])
    photos_found(demo, found)
    assert 0 < found < 9
    demo.keyboard.press("Escape")  # the list lies over it
    understood.click()
    expect(demo.get_by_role("button", name="“nature walks 2018” as words")).to_be_visible()
    expect(demo).to_have_url(re.compile(r"off=event%3Anature\+walks\+2018"))
    settled(demo)
    demo.go_back()
    expect(understood).to_be_visible()


def test_days_places_and_examples(demo: Page) -> None:
    example = demo.get_by_role("button", name="two dogs", exact=True)
    example.click()
    expect(demo.get_by_label("Search", exact=True)).to_have_value("two dogs")
    expect(demo).to_have_url(re.compile(r"q=two\+dogs"))
    expect(example).to_be_hidden()
    search(demo, "")
    settled(demo)
    facet(demo, "Place").click()
    expect(values(demo).filter(has_text="Denmark")).to_have_text(["Denmark 1"])
    assert violations_by_theme(demo) == []
    demo.get_by_role("radio", name="Yes 1").check()
    photos_found(demo, 1)
    expect(demo).to_have_url(re.compile("place=yes"))
    demo.get_by_role("radio", name="Any").check()
    photos_found(demo, 28)
    settled(demo)
    facet(demo, "Date").click()
    demo.get_by_label("Taken until").fill("2012-09-30")
    expect(demo).to_have_url(re.compile("to=2012-09-30"))
    photos_found(demo, 1)
    expect(
        demo.get_by_role("button", name="Taken until: 30 September 2012, remove")
    ).to_be_visible()


def test_a_phone_has_the_filters_in_a_sheet(browser: BrowserContext, demo_server: Server) -> None:
    with visitor(browser, demo_server.url, **PHONE) as page:
        page.get_by_role("button", name="Filters", exact=True).tap()
        sheet = page.get_by_role("dialog", name="Filters")
        facet(page, "Year").tap()
        page.get_by_role("checkbox", name="2018 9").tap()
        expect(sheet).to_be_hidden()  # it closes by itself
        photos_found(page, 9)
        page.get_by_role("button", name="Filters (1)").tap()
        page.get_by_role("checkbox", name="2015 8").tap()
        page.get_by_role("button", name="Filters (2)").tap()
        settled(page)  # a tap while it is still being drawn may hit what is beside
        facet(page, "Tag").tap()  # a long list
        expect(page.get_by_role("searchbox", name="Search: Tag")).not_to_be_focused()
        expect(values(page).last).to_be_attached()
        assert sheet.evaluate("sheet => sheet.getBoundingClientRect().top") > 0
        assert violations_by_theme(page) == []
        sheet.get_by_role("button", name="Show photos").tap()
        expect(sheet).to_be_hidden()
        expect(page.get_by_role("button", name="Filters (2)")).to_be_focused()
        photos_found(page, 17)
        loaded(page)
        assert violations_by_theme(page) == []
        assert page.evaluate(OVERFLOW) <= 0


def violations_by_theme(page: Page) -> list[str]:
    """What there is to object to in the dark, and then in the light, where the page stays."""
    found = []
    for theme in ("dark", "light"):
        page.emulate_media(color_scheme=theme)
        settled(page)
        found += violations(page)
    return found
