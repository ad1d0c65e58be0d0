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
from tests.search_app.browser import Server, expect_pictures, photos, serving, settled
from tests.search_app.page.test_everyone import serious
from tests.search_app.searching import searcher_of


@pytest.fixture(scope="module")
def server(face_library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("people")
    shutil.copytree(face_library / "library", root / "library")
    with serving(root / "library", root / "log") as server:
        yield server


def person(page: Page, name: str) -> Locator:
    """The dialog of the first person of this name."""
    page.get_by_role("button", name=name, exact=True).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def test_naming_rejecting_and_finding(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/people")
    expect(page.get_by_text("4 photos")).to_be_visible()
    expect(page.get_by_text("3 photos")).to_be_visible()
    expect_pictures(page)
    assert serious(page) == []

    dialog = person(page, "Who is this?")
    dialog.get_by_label("Name", exact=True).fill("Ada Lovelace")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("heading", name="Ada Lovelace")).to_be_visible()
    dialog.get_by_role("button", name="Not this person").last.click()
    expect(dialog.get_by_role("button", name="Not this person")).to_have_count(3)

    settled(page)
    assert serious(page) == []
    dialog.get_by_role("button", name="Find photos").click()  # until it is published by the face
    expect(photos(page).get_by_text("both")).to_be_visible()

    page.goto(f"{server.url}/people")
    expect(page.get_by_role("button", name="Ada Lovelace", exact=True)).to_be_visible()
    dialog = person(page, "Ada Lovelace")
    dialog.get_by_role("button", name="Hide").click()
    expect(dialog.get_by_role("button", name="Show again")).to_be_visible()

    data_dir = server.log_file.with_name("library")
    publishing.publish(Library(Settings(data_dir=data_dir)), duckdb.connect, run_id="test")
    assert "Ada Lovelace" in searcher_of(data_dir).names()
