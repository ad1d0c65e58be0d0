"""The People page, in a browser: what is said there is shown at once, and kept."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from playwright.sync_api import Locator, Page, expect

from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.snapshot import publishing
from tests.search_app.browser import Server, expect_pictures, serving, settled
from tests.search_app.page.test_everyone import violations
from tests.search_app.searching import searcher_of


@pytest.fixture
def server(face_library: Path, tmp_path: Path) -> Iterator[Server]:
    shutil.copytree(face_library / "library", tmp_path / "library")
    with serving(tmp_path / "library", tmp_path / "log") as server:
        yield server


def person(page: Page, name: str) -> Locator:
    """The dialog of the first person of this name."""
    page.get_by_role("button", name=name, exact=True).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def test_joining_naming_rejecting_and_finding(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/people")
    expect(page.get_by_text("4 photos")).to_be_visible()
    expect(page.get_by_text("3 photos")).to_be_visible()
    expect_pictures(page)
    assert violations(page) == []

    dialog = person(page, "Who is this?")
    expect(dialog.get_by_text("Is this the same person?")).to_be_visible()
    dialog.get_by_role("button", name="3 photos").click()
    expect(dialog.get_by_role("button", name="Somebody else")).to_have_count(7)
    expect(dialog.get_by_text("Is this the same person?")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.get_by_text("6 photos")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("4 photos")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()

    person(page, "Who is this?").get_by_role("button", name="Find photos").click()
    expect(page.get_by_role("img", name="This person")).to_be_visible()
    expect(page.get_by_label("Search", exact=True)).to_have_value("")
    expect(page.get_by_role("heading", name="4 photos")).to_be_visible()

    page.get_by_role("link", name="People").click()
    dialog = person(page, "Who is this?")
    dialog.get_by_label("Name", exact=True).fill("Ada Lovelace")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    dialog.get_by_role("button", name="Not this person").last.click()
    expect(dialog.get_by_role("button", name="Not this person")).to_have_count(3)

    dialog.get_by_role("button", name="Undo").click()
    expect(dialog.get_by_role("button", name="Not this person")).to_have_count(4)
    dialog.get_by_role("button", name="Not this person").last.click()
    expect(dialog.get_by_role("button", name="Not this person")).to_have_count(3)

    settled(page)
    assert violations(page) == []
    dialog.get_by_role("button", name="Find photos").click()  # before it is published
    expect(page.get_by_role("link", name="both")).to_be_visible()

    page.goto(f"{server.url}/people")
    expect(page.get_by_role("button", name="Ada Lovelace", exact=True)).to_be_visible()
    dialog = person(page, "Ada Lovelace")
    dialog.get_by_role("button", name="Hide").click()
    expect(dialog.get_by_role("button", name="Show again")).to_be_visible()

    data_dir = server.log_file.with_name("library")
    publishing.publish(Library(Settings(data_dir=data_dir)), duckdb.connect, run_id="test")
    published = searcher_of(data_dir).snapshot.cursor().execute("SELECT name FROM people")
    assert ("Ada Lovelace",) in published.fetchall()
