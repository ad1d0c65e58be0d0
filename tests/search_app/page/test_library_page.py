"""The Library page in a real browser."""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from pipeline.snapshot import reading
from tests.search_app.browser import serving, settled
from tests.search_app.conftest import DEMO_PHOTOS, sync_folder
from tests.search_app.page.test_library_report import HARBOUR, grown_copy, grown_library

__all__ = ["grown_copy", "grown_library"]  # fixtures


def figure(page: Page, name: str) -> Locator:
    return page.get_by_test_id("stMetric").filter(has_text=name).get_by_test_id("stMetricValue")


def shown_alone(text: str) -> re.Pattern[str]:
    return re.compile(f"^{re.escape(text)}$")


def test_the_library_is_shown_and_an_older_snapshot_published(
    page: Page, grown_copy: Path, tmp_path: Path
) -> None:
    first, second = reading.names(grown_copy)
    with serving(grown_copy, tmp_path / "log") as server:
        page.set_extra_http_headers({"X-Forwarded-For": "203.0.113.5"})  # from elsewhere
        page.goto(f"{server.url}/library")
        publish = page.get_by_role("button", name="Publish", exact=True)
        expect(page.get_by_text("An older one is published by administrators")).to_be_visible()
        expect(publish).to_have_count(0)
        expect(page.get_by_text("They are tried again by administrators")).to_be_visible()
        expect(page.get_by_role("button", name="Try again")).to_have_count(0)

        page.set_extra_http_headers({})
        page.reload()
        expect(figure(page, "Captions done")).to_have_text("100%")
        expect(figure(page, "Embeddings done")).to_have_text("100%")
        expect(figure(page, "Failed photos")).to_have_text("1")
        expect(figure(page, "Albums")).to_have_text("5")
        expect(page.get_by_text("2 photos are new since the snapshot of")).to_be_visible()
        run = reading.read_manifest(grown_copy, second)["run_id"]
        expect(page.get_by_role("link", name="its run in Dagster")).to_have_attribute(
            "href", f"http://127.0.0.1:3000/runs/{run}"
        )
        for title in ("quay", "crane"):
            picture = page.get_by_role("img", name=title, exact=True)
            expect(picture).to_be_visible()
            expect(picture).to_have_js_property("complete", True)
            assert picture.evaluate("image => image.naturalWidth") > 0
        for cell in (HARBOUR, "New album", "Complete, 1 failed", "2 done, 1 failed"):
            cells = page.locator("[role=gridcell]")  # below a canvas that shows them
            expect(cells.filter(has_text=shown_alone(cell)).first).to_be_attached()
        for plot in ("most are of 2018: 9 photos", "OLYMPUS E-M1", "Captions: 30 done", "100%"):
            alternative = f"[data-testid=stVegaLiteChart][aria-label*='{plot}']"
            expect(page.locator(alternative).first).to_be_visible()
        settled(page)
        levels = page.get_by_role("heading").evaluate_all("all => all.map(one => one.tagName)")
        assert levels == ["H2", *["H3"] * (len(levels) - 1)]

        expect(publish).to_have_count(1)
        publish.click()
        page.get_by_role("dialog").get_by_role("button", name="Publish", exact=True).click()
        expect(page.get_by_text("The search uses the snapshot of")).to_be_visible()
        assert reading.current_name(grown_copy) == first
        expect(page.locator(f".st-key-snapshot-{first}").get_by_text("Current")).to_be_visible()
        expect(figure(page, "Photos").first).to_have_text("28")
        expect(page.get_by_text("This is the first snapshot that is kept")).to_be_visible()
        assert "Traceback" not in server.log
        assert "deprecat" not in server.log


def test_a_sync_is_seen_while_it_runs_and_brings_what_failed(
    page: Page, grown_copy: Path, tmp_path: Path
) -> None:
    album = tmp_path / "Moor"
    album.mkdir()
    for number, photo in enumerate(sorted(DEMO_PHOTOS.rglob("*.jpg"))[:3]):
        (album / f"{number}.jpg").write_bytes(photo.read_bytes() + b"on the moor")
    mended = (album / "0.jpg").read_bytes()
    (album / "0.jpg").write_text("no photo")
    sync_folder(grown_copy, album)
    with serving(grown_copy, tmp_path / "log", starts_syncs=True) as server:
        page.goto(f"{server.url}/library")
        expect(figure(page, "Failed photos")).to_have_text("2")
        failed = page.locator("[class*=st-key-failed-in]").filter(has_text="Moor")
        expect(page.get_by_text("Photos read: not a photo in a format")).to_have_count(2)
        opened = page.get_by_text("As a table").first
        opened.click()  # what somebody looks at stays as it is
        (album / "0.jpg").write_bytes(mended)
        failed.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("A sync is at work")).to_be_visible()
        expect(page.get_by_text("Photos read: 3 of 3")).to_be_visible()
        expect(page.get_by_text("A sync is at work")).to_have_count(0)
        expect(figure(page, "Failed photos")).to_have_text("1")
        expect(failed).to_have_count(0)
        expect(page.locator("details[open]")).to_have_count(1)
        expect(page.get_by_text("1 photo is new since the snapshot of")).to_be_visible()
        assert "Traceback" not in server.log
