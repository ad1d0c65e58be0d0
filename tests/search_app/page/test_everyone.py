"""The pages for everyone: by screen reader, on a phone, in the dark, in other languages."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Locator, Page, expect

from search_app.page.language import LANGUAGES
from tests.search_app.browser import Server, loaded, photos, search, settled


@contextmanager
def visitor(browser: BrowserContext, url: str, **options: Any) -> Iterator[Page]:
    """Somebody with a browser of their own."""
    assert browser.browser is not None
    with browser.browser.new_context(reduced_motion="reduce", **options) as context:
        page = context.new_page()
        page.goto(url)
        loaded(page)
        yield page


PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1280, "height": 900}}

# Their sum is at least the cumulative layout shift, which takes the worst five seconds.
MOVES = """
    window.moves = [];
    const named = ({node, previousRect: {y, height}, currentRect}) =>
        `${node?.className} from ${y} + ${height} to ${currentRect.y} + ${currentRect.height}`;
    const add = list => list.getEntries().forEach(
        ({value, sources}) => moves.push([value, sources.map(named).join(', ')]));
    new PerformanceObserver(add).observe({type: 'layout-shift', buffered: true});
"""


def violations(page: Page) -> list[str]:
    """What axe-core finds to object to, however little."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:200]} {node['any'][:1]}"
        for each in found
        for node in each["nodes"]
    ]


@contextmanager
def first_visit(browser: BrowserContext, url: str, **options: Any) -> Iterator[Page]:
    """Somebody who was never there, and finds no fault and everything in its place."""
    assert browser.browser is not None
    with browser.browser.new_context(**options) as context:
        page = context.new_page()
        page.add_init_script(MOVES)
        page.goto(url)
        loaded(page)
        # What is not found is an error there, too.
        messages = page.console_messages()
        assert [each.text for each in messages if each.type == "error"] == []
        moves = page.evaluate("moves")
        assert sum(by for by, _ in moves) <= 0.1, moves
        page.emulate_media(reduced_motion="reduce")
        yield page


@pytest.mark.parametrize(
    ("theme", "screen"), [("light", DESK), ("dark", PHONE)], ids=["light-desk", "dark-phone"]
)
def test_a_first_visit_finds_no_fault_and_nothing_keeps_anyone_out(
    browser: BrowserContext, demo_server: Server, theme: str, screen: dict[str, Any]
) -> None:
    visit = partial(first_visit, browser, color_scheme=theme, **screen)
    with visit(demo_server.url) as page:
        expect(page.get_by_role("heading", name="28 photos")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("button", name="Map", exact=True).click()
        expect(page).to_have_url(re.compile("view=map"))
        expect(page.get_by_text("Photos with a place: 1 of 28")).to_be_visible()
        loaded(page)
        assert violations(page) == []
    with visit(f"{demo_server.url}/?q=colorful+cups") as page:
        expect(photos(page).first).to_have_text("colorful cups")
        photos(page).first.click(force=True)
        expect(page.get_by_role("dialog")).to_be_visible()
        if screen is PHONE:
            page.keyboard.press("i")
        expect(page.locator(".wall-panel dl")).to_be_visible()
        loaded(page)
        assert violations(page) == []
        page.keyboard.press("c")
        expect(page.get_by_role("button", name="Search cropped")).to_be_visible()
        assert violations(page) == []
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.keyboard.press("x")
        expect(page.get_by_role("toolbar", name="Selected photos")).to_be_visible()
        assert violations(page) == []
    for view, heading in (("people", "People"), ("library", "Snapshots")):
        with visit(f"{demo_server.url}/{view}") as page:
            expect(page.get_by_role("heading", name=heading)).to_be_visible()
            assert violations(page) == []


def test_a_phone_shows_all_of_it(browser: BrowserContext, demo_server: Server) -> None:
    with visitor(browser, demo_server.url, **PHONE) as page:
        expect(page.get_by_role("heading", name="28 photos")).to_be_visible()
        second_row = photos(page).nth(3)
        expect(second_row).to_be_in_viewport()
        page.get_by_role("button", name="Albums", exact=True).tap()
        expect(page.get_by_role("link", name="Space and Flight 3 photos")).to_be_in_viewport()
        page.get_by_role("button", name="Albums", exact=True).tap()
        expect(second_row).to_be_in_viewport()
        search(page, "two dogs")
        expect(photos(page).first).to_have_text("two dogs")
        settled(page)
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(overflow) <= 0
        dialog = open_photo_without_panel(page, "two dogs")
        dialog.get_by_role("button", name="About this photo").click()
        for part in (dialog.get_by_role("img", name="two dogs"), dialog.get_by_text("Album")):
            box = part.first.bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 360
        page.keyboard.press("Escape")
        bar = page.get_by_role("navigation", name="Pages")
        expect(bar.get_by_role("link", name="Search")).to_have_attribute("aria-current", "page")
        for link in bar.get_by_role("link").all():
            box = link.bounding_box()
            assert box
            assert min(box["width"], box["height"]) >= 44  # pixels, for a thumb
        bar.get_by_role("link", name="Library").tap()
        expect(page.get_by_role("heading", name="Snapshots")).to_be_visible()
        expect(bar.get_by_role("link", name="Library")).to_have_attribute("aria-current", "page")
        assert page.evaluate(overflow) <= 0


def open_photo_without_panel(page: Page, title: str) -> Locator:
    """On a phone the photo has the whole window."""
    page.locator(".wall-open", has=page.get_by_text(title, exact=True)).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("img", name=title).first).to_be_visible()
    expect(dialog.locator(".wall-panel")).to_be_hidden()
    return dialog


def test_the_browser_chooses_the_language_and_people_may_choose_another(
    browser: BrowserContext, demo_server: Server
) -> None:
    """Each chooses one for the next, who gets a link to it and then opens the page without it."""
    chosen, titles = (
        "English",
        {"English": "28 photos", "Русский": "28 фотографий", "日本語": "写真 28 枚"},
    )
    link = f"{demo_server.url}/?lang=en"
    for locale, own, similar, other in (
        ("ja-JP", "日本語", "似た写真を探す", "Русский"),
        ("de-DE", "English", "Find similar", "日本語"),
        ("ru-RU", "Русский", "Найти похожие", "English"),
    ):
        with visitor(browser, link, locale=locale) as page:
            expect(page.get_by_role("heading", name=titles[chosen])).to_be_visible()
            page.goto(demo_server.url)
            expect(page.get_by_role("heading", name=titles[own])).to_be_visible()
            expect(page.get_by_role("button", name=similar).first).to_be_attached()
            language = locale[:2] if locale[:2] in LANGUAGES else "en"
            expect(page.locator("html")).to_have_attribute("lang", language)
            settled(page)
            page.locator(".st-key-options button").click()
            page.locator(".st-key-lang").get_by_role("combobox").click()
            page.get_by_role("option", name=other).click()
            expect(page.get_by_role("heading", name=titles[other])).to_be_visible()
            expect(page).to_have_url(re.compile("lang="))
            chosen, link = other, page.url
    assert link == f"{demo_server.url}/?lang=en"  # which the first of them was sent
