"""The search page in a real browser: what a person does, and what a person then sees."""

import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from pipeline.settings import Settings
from pipeline.snapshot import publishing, reading
from pipeline.storage import sealed
from search_app.page import components
from tests.pipeline.photos.pngs import png_header
from tests.search_app.browser import (
    MEGABYTE,
    Server,
    choose_mode,
    clear,
    enter,
    expect_pictures,
    facet,
    filter_by,
    find_similar,
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
    slider,
    tiles,
    to_search_box,
    upload,
    values,
)
from tests.search_app.conftest import DEMO_PHOTOS, ODD_ALBUM, ODD_TITLE, WINDOW, sync_folder


@pytest.fixture(scope="module")
def elsewhere(chromium: Browser) -> Iterator[Page]:
    """Somebody else's tab, which has none of the first one's cookies and state."""
    with chromium.new_context(viewport=WINDOW) as context:
        yield context.new_page()


def expect_same(elsewhere: Page, page: Page, titles: list[str]) -> None:
    """Somebody else opens the page's address, and finds photos of these titles."""
    elsewhere.goto(page.url)
    expect(photos(elsewhere)).to_have_text(titles)


def test_before_any_search_the_newest_photos_are_shown(demo: Page) -> None:
    expect(demo).to_have_title("Albumscope")
    expect(photos(demo).first).to_have_text("cat portrait")
    expect_pictures(demo)
    albums = demo.locator(".wall-shelf", has=demo.get_by_role("heading", name="Albums"))
    expect(albums.get_by_role("link")).to_have_count(4)
    albums.get_by_role("link", name="Nature Walks 2018 9 photos").click()
    expect(demo.get_by_role("heading", name="9 photos")).to_be_visible()
    expect(demo).to_have_url(re.compile("album=nature-walks-2018"))
    expect(albums).to_have_count(0)


def test_words_find_the_photo_and_what_is_not_scored_shows_no_score(demo: Page) -> None:
    search(demo, "a cat")
    expect(photos(demo).first).to_have_text("cat portrait")
    expect(notes(demo).first).to_have_text(re.compile(r"^\d\d% · Things and Places$"))
    search(demo, "two dogs")
    expect(photos(demo).first).to_have_text("two dogs")
    search(demo, "")
    expect(demo.get_by_role("heading", name="28 photos")).to_be_visible()

    search(demo, "camera:olympus")
    expect(notes(demo)).to_have_text(["Northern Light 2015"] * 4)
    search(demo, "-people")
    expect(photos(demo)).to_have_count(28)
    expect(notes(demo).filter(has_text="·")).to_have_count(0)


def test_what_means_nothing_matches_nothing_until_one_insists(demo: Page) -> None:
    least = f"{Settings.model_fields['min_probability'].default:.0%}"
    with options(demo):
        expect(slider(demo)).to_have_attribute("aria-valuetext", least)
    search(demo, "quarterly tax return")
    nothing = demo.get_by_text("No photo fits.")
    expect(nothing).to_be_visible()
    settled(demo)
    expect(photos(demo)).to_have_count(0)
    expect(demo.get_by_role("button", name="less likely")).to_have_count(0)
    expect(demo.get_by_label("Sort", exact=True)).to_be_hidden()
    show_all(demo)
    expect(photos(demo)).to_have_count(28)
    expect(nothing).to_have_count(0)


def test_what_is_less_likely_is_one_click_away(demo: Page, elsewhere: Page) -> None:
    search(demo, "a cat")
    button = demo.locator(".wall-more")
    expect(button).to_have_accessible_name(re.compile(r"^\d+ less likely photos$"))
    settled(demo)
    likely, name = photos(demo).all_inner_texts(), button.inner_text()
    count = int(name.split()[0])

    button.press("Enter")
    expect(demo.get_by_role("heading", name=name)).to_be_visible()
    expect(photos(demo)).to_have_count(len(likely) + count)
    expect_pictures(demo)
    expect(button).to_be_focused()
    words = photos(demo).all_inner_texts()
    assert words[: len(likely)] == likely
    chances = [int(note.split("%")[0].strip("<")) for note in notes(demo).all_inner_texts()]
    assert chances == sorted(chances, reverse=True)
    assert chances[len(likely) - 1] >= 18 > chances[len(likely)]
    expect(demo).to_have_url(re.compile("unlikely=yes"))
    expect_same(elsewhere, demo, words)

    button.press("Enter")
    expect(photos(demo)).to_have_text(likely)
    search(demo, "an elephant")
    expect(demo.get_by_text("Nothing surely matches. These come nearest.")).to_be_visible()
    expect(photos(demo).first).to_be_visible()
    expect(button).to_be_hidden()


def test_what_is_wrong_with_a_query_is_told_and_the_rest_is_searched_for(demo: Page) -> None:
    search(demo, "colour:cat taken:*b*:red[x]")
    message = demo.get_by_role("alert")
    expect(message).to_contain_text("No field colour, so its words are searched for")
    expect(message).to_contain_text("taken:*b*:red[x] was left out: write a day")
    expect(photos(demo).first).to_have_text("cat portrait")
    settled(demo)
    search(demo, "year:soon")
    expect(message).to_contain_text("year:soon was left out")
    expect(message).to_have_count(1)
    expect(demo.get_by_role("heading", name="28 photos")).to_be_visible()
    search(demo, "")
    expect(message).to_have_count(0)

    search(demo, "x" * 1001)
    expect(demo.get_by_text("The query has 1,001 characters")).to_be_visible()
    search(demo, "two dogs")
    expect(photos(demo).first).to_have_text("two dogs")


def test_filters_narrow_and_add_up(demo: Page) -> None:
    filter_by(demo, "Album", "Space and Flight")
    expect(photos(demo)).to_have_count(3)
    show_all(demo)
    search(demo, "two dogs")
    filter_by(demo, "Album", "Nature Walks 2018")
    expect(photos(demo)).to_have_count(12)
    filter_by(demo, "Year", "2018")
    expect(photos(demo)).to_have_count(9)
    expect(photos(demo).first).to_have_text("two dogs")
    # No photo of 2018 is from another event, so none is offered.
    facet(demo, "Event").click()
    expect(values(demo)).to_have_text(["Nature Walks 2018 9"])


def test_the_address_holds_the_search(demo: Page, elsewhere: Page) -> None:
    """It brings another browser to the same photos, and the back button to those before."""
    search(demo, "two dogs")
    expect(photos(demo).first).to_have_text("two dogs")
    filter_by(demo, "Album", "Nature Walks 2018")
    choose_mode(demo, "Visual")
    show_all(demo)
    expect(photos(demo)).to_have_count(9)
    settled(demo)
    words = photos(demo).all_inner_texts()
    assert words[0] == "two dogs"
    expect_same(elsewhere, demo, words)

    find_similar(demo, 0)
    expect(demo.get_by_text("Photos like two dogs")).to_be_visible()
    expect(photos(demo)).to_have_count(8)
    expect(demo).to_have_url(re.compile("like=photo%3A"))
    settled(demo)
    expect_same(elsewhere, demo, photos(demo).all_inner_texts())

    demo.go_back()
    expect(photos(demo)).to_have_text(words)
    expect(demo.get_by_text("Photos like")).to_have_count(0)
    expect(demo.get_by_label("Search", exact=True)).to_have_value("two dogs")


def test_keys_lead_from_the_box_to_a_photo_and_on_to_similar_ones(demo: Page) -> None:
    loaded(demo)
    to_search_box(demo)
    demo.keyboard.type("two dogs/")
    demo.keyboard.press("Enter")
    expect(photos(demo).first).to_have_text("two dogs")
    show_all(demo)
    expect(photos(demo)).to_have_count(28)
    settled(demo)
    demo.evaluate("document.activeElement.blur()")
    for key, focused in (("ArrowRight", 0), ("ArrowRight", 1), ("ArrowLeft", 0)):
        demo.keyboard.press(key)
        expect(tiles(demo).nth(focused)).to_be_focused()
    demo.keyboard.press("ArrowDown")
    expect(tiles(demo).nth(0)).not_to_be_focused()
    demo.keyboard.press("ArrowUp")
    expect(tiles(demo).nth(0)).to_be_focused()
    demo.keyboard.press("Enter")
    expect(demo.get_by_role("dialog")).to_be_visible()
    demo.keyboard.press("ArrowRight")
    demo.keyboard.press("Escape")
    expect(demo.get_by_role("dialog")).to_have_count(0)
    expect(tiles(demo).nth(1)).to_be_focused()  # where one was
    title = photos(demo).nth(1).inner_text()
    demo.keyboard.press("s")
    expect(demo.get_by_text(f"Photos like {title}")).to_be_visible()


def test_keys_stay_when_streamlit_cleans_up_after_an_overtaken_call(page: Page) -> None:
    """On a busy machine it calls the script twice at once, and ends the first call last."""
    page.set_content('<div class="st-key-q"><input aria-label="Search"></div>')
    source = (Path(components.__file__).parent / "browser.js").read_text()
    page.evaluate(
        """async source => {
            const address = URL.createObjectURL(new Blob([source], {type: 'text/javascript'}));
            const {default: call} = await import(address);
            const [first, second] = [0, 1].map(() => call({data: {query: ''}}));
            first();
            window.end = second;
        }""",
        source,
    )
    box = page.get_by_label("Search")
    page.keyboard.press("/")
    expect(box).to_be_focused()
    page.evaluate("window.end()")
    box.blur()
    page.keyboard.press("/")
    expect(box).not_to_be_focused()


def test_the_mode_decides_what_words_are_compared_with(demo: Page, demo_library: Path) -> None:
    choose_mode(demo, "Text")
    search(demo, "dragonfly")
    expect(photos(demo)).to_have_text(["dragonfly"])
    # A photo is compared by what it shows in any mode, as an upload is; what is like it is not cut.
    enter(demo, f"photo:{photo_id(demo_library, 'kite')}")
    expect(photos(demo)).to_have_count(27)
    expect(notes(demo).filter(has_text=re.compile(r"^0\.\d{3} · "))).to_have_count(27)
    clear(demo)
    choose_mode(demo, "Visual")
    search(demo, "dragonfly")
    show_all(demo)
    expect(photos(demo)).to_have_count(28)
    expect(photos(demo).first).to_have_text("dragonfly")


def test_a_picture_finds_the_photo_and_can_be_cleared(demo: Page, tmp_path: Path) -> None:
    """Without touching the disk: the server may write no more than a megabyte to any file."""
    upload(demo, DEMO_PHOTOS / "Things and Places" / "drum.jpg")
    expect(demo.get_by_text("Photos like your picture drum.jpg")).to_be_visible()
    expect(photos(demo).first).to_have_text("drum")
    expect(notes(demo).first).to_have_text(re.compile(r"^(1\.000|0\.99\d) · Things and Places$"))
    expect(photos(demo)).to_have_count(28)
    clear(demo)
    expect(demo.get_by_role("heading", name="28 photos")).to_be_visible()
    dragonfly = Image.open(DEMO_PHOTOS / "Nature Walks 2018" / "dragonfly.jpg")
    dragonfly.resize((2048, 1536)).save(tmp_path / "large.png")
    assert (tmp_path / "large.png").stat().st_size > 2 * MEGABYTE
    upload(demo, tmp_path / "large.png")
    expect(photos(demo).first).to_have_text("dragonfly")


def test_an_upload_that_cannot_be_read_is_refused_in_words(demo: Page, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture at all")
    (tmp_path / "vast.png").write_bytes(png_header(300_000, 300_000))
    choose_mode(demo, "Visual")
    for name, reason in {
        "notes.txt": "not a photo in a format that can be read",
        "vast.png": "300000 × 300000 pixels take 450.0 GB of memory to decode; this machine .*",
    }.items():
        upload(demo, tmp_path / name)
        message = re.compile(f"^This picture cannot be read: .*{reason}$")
        expect(demo.get_by_text(message)).to_be_visible()
        clear(demo)
        expect(demo.get_by_role("heading", name="28 photos")).to_be_visible()


def test_find_similar_keeps_the_filters_and_can_be_cleared(demo: Page) -> None:
    filter_by(demo, "Year", "2018")
    search(demo, "two dogs")
    expect(photos(demo).first).to_have_text("two dogs")
    find_similar(demo, 0)
    expect(demo.get_by_text("Photos like two dogs")).to_be_visible()
    expect(demo.get_by_role("img", name="two dogs").first).to_be_visible()
    expect(photos(demo)).to_have_count(8)
    settled(demo)
    assert "two dogs" not in photos(demo).all_inner_texts()
    search(demo, "water")  # the box has room for words, which are searched for with the photo
    expect(demo.get_by_text("Photos like two dogs")).to_be_visible()
    expect(demo).to_have_url(re.compile(r"like=photo%3A\d+&q=water"))
    search(demo, "")
    clear(demo)
    expect(demo.get_by_role("heading", name="9 photos")).to_be_visible()


def test_names_are_shown_as_they_are_and_a_lost_file_is_told(
    page: Page, odd_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the page goes by the settings of its server."""
    monkeypatch.setenv("MIN_PROBABILITY", "0.4")
    monkeypatch.setenv("DAGSTER_URL", "http://dagster.example:8080")
    with serving(odd_library, tmp_path / "log") as server:
        page.goto(server.url)
        expect(photos(page)).to_have_count(5)
        for title in (ODD_TITLE, "京都の東京駅", "Вечер в Москве", r"caf\xe9"):
            expect(photos(page).get_by_text(title, exact=True)).to_be_attached()
        expect(page.get_by_role("heading", name=ODD_ALBUM)).to_be_visible()
        lost = page.locator(".wall-open", has=page.get_by_text("gone", exact=True)).locator("img")
        expect(lost).to_have_js_property("naturalWidth", 320)
        assert "the file is gone" in page.request.get(lost.evaluate("image => image.src")).text()

        dialog = open_photo(page, ODD_TITLE)
        expect(dialog.get_by_text(ODD_ALBUM)).to_be_visible()
        dialog.get_by_text("Where it comes from").click()
        expect(dialog.get_by_role("link", name="faiss_index")).to_have_attribute(
            "href", "http://dagster.example:8080/assets/faiss_index"
        )
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        dialog = open_photo(page, "gone")
        expect(dialog.get_by_role("img").last).to_have_js_property("naturalWidth", 320)
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)

        with options(page):
            expect(slider(page)).to_have_attribute("aria-valuetext", "40%")
            page.get_by_test_id("stSlider").get_by_test_id("stTooltipIcon").hover()
            expect(page.get_by_text("Photos that match the words with less")).to_be_visible()
        filter_by(page, "Album", ODD_ALBUM)
        choose_mode(page, "Text")
        search(page, "東京")
        expect(photos(page)).to_have_text(["京都の東京駅"])
        assert "Traceback" not in server.log


def test_the_page_follows_the_library(
    page: Page, browser: BrowserContext, demo_library: Path, data_dir: Path, tmp_path: Path
) -> None:
    """From no library over its first snapshot to the next one, and back, without a restart.

    While the next one is made, two people go on searching.
    """
    airships = tmp_path / "Airships 2019"
    airships.mkdir()
    rocket = DEMO_PHOTOS / "Space and Flight" / "falcon-9.jpg"
    shutil.copy(rocket, airships / "zeppelin.jpg")
    assert browser.browser is not None
    with (
        serving(data_dir, tmp_path / "log") as server,
        browser.browser.new_context() as other,
        ThreadPoolExecutor(1) as pool,
    ):
        page.goto(server.url)
        expect(page.get_by_text("No photos yet")).to_be_visible()
        expect(page.get_by_text("albumscope add-folder")).to_be_visible()

        shutil.copytree(demo_library, data_dir)
        before = reading.current_name(data_dir)
        page.get_by_role("button", name="Look again").click()
        expect(page.get_by_role("heading", name="28 photos")).to_be_visible()
        pages = (page, other.new_page())
        pages[1].goto(server.url)
        for tab in pages:
            settled(tab)
        synced = pool.submit(sync_folder, data_dir, airships)
        while not synced.done():
            for words, title in (("two dogs", "two dogs"), ("a cat", "cat portrait")):
                for tab in pages:
                    enter(tab, words)
                for tab in pages:
                    expect(photos(tab).first).to_have_text(title)
        synced.result()
        assert reading.current_name(data_dir) != before
        zeppelin = photo_id(data_dir, "zeppelin")
        wait_until_served(server, page, zeppelin)
        for tab in pages:
            search(tab, "album:airships")
            expect(photos(tab)).to_have_text(["zeppelin"])
        filter_by(page, "Year", "2019")
        expect(photos(page)).to_have_text(["zeppelin"])

        # Going back to the snapshot before: the year that it lacks is no filter any more.
        publishing.make_current(data_dir, reading.names(data_dir)[0])
        wait_until_served(server, page, zeppelin, is_served=False)
        choose_mode(page, "Text")
        search(page, "dragonfly")
        expect(photos(page)).to_have_text(["dragonfly"])
        assert "Traceback" not in server.log


def wait_until_served(server: Server, page: Page, image_id: int, *, is_served: bool = True) -> None:
    """Wait until searches see a photo, or see it no more.

    While one of the page's requests opens the next snapshot, others are answered from the one
    before.
    """
    address = f"{server.url}/app/static/about.json?id={image_id}"
    for _ in range(100):
        if (page.request.get(address).json() is not None) == is_served:
            return
        page.wait_for_timeout(100)
    raise AssertionError("the new snapshot was not taken up")


def test_trouble_is_told_in_words(
    page: Page, demo_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged snapshot and a model that cannot be loaded, with what helps.

    What nobody foresaw is in the log by its id.
    """
    folder = reading.snapshots_folder(demo_copy) / reading.names(demo_copy)[0]
    manifest = reading.read_manifest(demo_copy, folder.name)
    del manifest["models"]["text"]
    (folder / "manifest.json").write_text(sealed.to_json(manifest))
    index = folder / "images.faiss"
    content = index.read_bytes()
    index.write_bytes(content[:100])
    monkeypatch.setenv("DEVICE", "cuda")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with serving(demo_copy, tmp_path / "log") as server:
        page.goto(server.url)
        expect(page.get_by_text("is damaged")).to_be_visible()
        expect(page.get_by_text("albumscope sync")).to_be_visible()
        index.write_bytes(content)
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", name="28 photos")).to_be_visible()

        choose_mode(page, "Visual")
        search(page, "a cat")
        expect(page.get_by_text("set DEVICE to 'auto' or 'cpu'")).to_be_visible()
        assert "Traceback" not in server.log

        choose_mode(page, "Caption")
        message = page.get_by_text(re.compile("Something went wrong.* at error [0-9a-f]{8}"))
        expect(message).to_be_visible()
        expect(page.get_by_text("KeyError")).to_have_count(0)
        reference = re.findall(r"error ([0-9a-f]{8})", message.inner_text())[0]
        assert reference in server.log
        assert "KeyError" in server.log


def test_the_log_of_all_that_stays_clean(demo_server: Server) -> None:
    """Runs last: no deprecated calls and no errors in all that the tests above did."""
    for unwanted in ("Traceback", "deprecat", "Error"):
        assert unwanted not in demo_server.log
