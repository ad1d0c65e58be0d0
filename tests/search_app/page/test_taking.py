"""Selecting photos and taking them along: a zip with a table, and their links."""

import csv
import io
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect

from pipeline.errors import PhotoError
from search_app.page import takeaway
from search_app.page.wording import no_formula
from tests.search_app.browser import photos, search, settled, tiles
from tests.search_app.conftest import DEMO_PHOTOS


def test_selected_photos_are_downloaded_with_a_table(demo: Page) -> None:
    search(demo, "two dogs")
    expect(photos(demo).first).to_have_text("two dogs")
    select(demo, "two dogs")
    bar = demo.get_by_role("toolbar", name="Selected photos")
    expect(bar).to_contain_text("1 selected")
    search(demo, "a drum")  # what was selected stays so
    expect(photos(demo).first).to_have_text("drum")
    select(demo, "drum")
    expect(bar).to_contain_text("2 selected")
    demo.reload()
    expect(bar).to_contain_text("2 selected")
    with demo.expect_download() as download:
        bar.get_by_role("button", name="Download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["drum.jpg", "photos.csv", "two-dogs.jpg"]
        original = DEMO_PHOTOS / "Things and Places" / "drum.jpg"
        assert archive.read("drum.jpg") == original.read_bytes()
        table = archive.read("photos.csv").decode("utf-8-sig")
    rows = {row["title"]: row for row in csv.DictReader(io.StringIO(table))}
    assert rows["two dogs"]["album"] == "Nature Walks 2018"
    with demo.expect_download() as download:
        bar.get_by_role("button", name="Table").click()
    alone = download.value.path().read_text("utf-8-sig")
    assert {row["title"] for row in csv.DictReader(io.StringIO(alone))} == {"two dogs", "drum"}
    bar.get_by_role("button", name="Copy links").click()
    expect(bar).to_contain_text("Links copied: 0")  # photos of folders have none
    bar.get_by_role("button", name="Select none").click()
    expect(bar).to_be_hidden()


def test_many_are_selected_at_once(demo: Page) -> None:
    """A range, all of an album, all that was found; also what was not yet scrolled to."""
    bar = demo.get_by_role("toolbar", name="Selected photos")
    settled(demo)
    demo.set_viewport_size({"width": 700, "height": 900})
    expect(photos(demo)).not_to_have_count(28)
    select(demo, photos(demo).first.inner_text())
    tiles(demo).nth(5).click(modifiers=["Shift"])
    expect(bar).to_contain_text("6 selected")
    demo.get_by_role("button", name="Select all of: Things and Places").click()
    expect(bar).to_contain_text("8 selected")
    bar.get_by_role("button", name="Select all").click()
    expect(bar).to_contain_text("28 selected")
    demo.keyboard.press("Escape")
    expect(bar).to_be_hidden()


def select(page: Page, title: str) -> None:
    settled(page)
    page.locator(".wall-open", has=page.get_by_text(title, exact=True)).first.hover()
    page.get_by_role("button", name=f"Select: {title}", exact=True).click()


def test_a_table_that_no_spreadsheet_runs(tmp_path: Path) -> None:
    """Titles come from whoever wrote them; two files of a name, and a lost one, are no trouble."""
    photo = {
        "image_id": 1,
        "companions": ["a.cr2", "gone.mov", "../secret"],
        "title": '=HYPERLINK("http://evil")',
        "albums": "A",
        "taken_at": None,
        "taken_precision": None,
        "creator": None,
        "owner": "Ann",
        "license": "CC BY 4.0",
        "page_url": "https://www.flickr.com/photos/ann/1/",
        "image_url": None,
        "caption": None,
    }
    (tmp_path / "a.jpg").write_bytes(b"first")
    (tmp_path / "a.cr2").write_bytes(b"raw")
    (tmp_path.parent / "secret").write_bytes(b"of somebody else")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "A.jpg").write_bytes(b"second")

    files = {1: tmp_path / "a.jpg", 2: tmp_path / "b" / "A.jpg"}

    def find(photo: takeaway.Photo) -> str:
        if photo["image_id"] not in files:
            raise PhotoError("the file is gone")
        return str(files[photo["image_id"]])

    pieces = takeaway.archive([photo | {"image_id": number} for number in (1, 2, 3)], find)
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.read("a.jpg") == b"first"
        assert archive.read("A-2.jpg") == b"second"
        assert archive.read("a.cr2") == b"raw"
        assert set(archive.namelist()) == {"a.jpg", "a.cr2", "A-2.jpg", "photos.csv"}
        table = archive.read("photos.csv").decode("utf-8-sig")
    assert all(no_formula(f"{sign}cmd|' /C calc'!A0")[0] == "'" for sign in "=+-@＝")
    first, _, third = csv.DictReader(io.StringIO(table))
    assert first["title"].startswith("'=")
    assert (first["license"], first["photographer"]) == ("CC BY 4.0", "Ann")
    assert first["link"] == "https://www.flickr.com/photos/ann/1/"
    assert third["missing"] == "the file is gone"
