"""The map: where all photos that were found were taken, and what one does there."""

import gzip
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pipeline.settings import Settings
from search_app.page import routes, wall
from search_app.search.current import CurrentSnapshot
from search_app.search.filters import Scope
from search_app.search.hits import Found, Results
from search_app.search.ranking import Ranking
from search_app.search.searcher import Query
from tests.conftest import built_once
from tests.search_app.browser import Server, serving
from tests.search_app.conftest import sync_folder

GPS = 0x8825
TAKEN_AT = {
    "harbour": (56.15, 10.21),
    "lighthouse": (56.15, 10.22),
    "meadow": (56.46, 10.03),
    "temple": (35.01, 135.76),
    "beach": None,
}


@pytest.fixture(scope="session")
def placed_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DATA_DIR of a library of photos from Denmark, one from Kyoto and one from nowhere."""

    def build(root: Path) -> None:
        (root / "photos").mkdir()
        for at, (title, place) in enumerate(TAKEN_AT.items()):
            exif = Image.Exif()
            if place:
                degrees = [(each, 0.0, 0.0) for each in place]
                exif.get_ifd(GPS).update({1: "N", 2: degrees[0], 3: "E", 4: degrees[1]})
            picture = Image.new("RGB", (320, 240), (40 * at, 90, 200 - 40 * at))
            picture.save(root / "photos" / f"{title}.jpg", exif=exif)
        sync_folder(root / "library", root / "photos")

    return built_once(tmp_path_factory, "placed", build) / "library"


@pytest.fixture(scope="module")
def placed_server(
    placed_library: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with serving(placed_library, tmp_path_factory.mktemp("map") / "log") as server:
        yield server


def test_from_the_map_into_a_cluster_to_a_photo_and_to_what_else_is_there(
    page: Page, placed_server: Server
) -> None:
    page.set_viewport_size({"width": 1000, "height": 700})  # where all pixels are computed
    page.goto(placed_server.url)
    page.get_by_role("button", name="Map", exact=True).click()
    expect(page).to_have_url(re.compile("view=map"))
    expect(page.get_by_text("Photos with a place: 4 of 5")).to_be_visible()
    cluster = page.get_by_role("button", name="3 photos: go nearer")
    expect(page.get_by_role("button", name="temple")).to_be_visible()
    expect(cluster).to_have_css("background-image", re.compile("app/static/photos/"))
    found = Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []

    cluster.press("Enter")  # it opens, and then what lies closer together does
    meadow = page.get_by_role("button", name="meadow")
    expect(meadow).to_be_visible()
    meadow.click()
    expect(page.get_by_role("dialog").get_by_role("heading", name="meadow")).to_be_visible()
    page.keyboard.press("Escape")
    expect(meadow).to_be_focused()

    page.get_by_role("button", name="Search in this area").click()
    expect(page.get_by_role("heading", name="3 photos")).to_be_visible()
    expect(page.get_by_text("Photos with a place: 3 of 3")).to_be_visible()
    expect(page).to_have_url(re.compile("q=area.*view=map"))
    page.go_back()
    expect(page.get_by_text("Photos with a place: 4 of 5")).to_be_visible()

    page.get_by_text("As a list").click()
    expect(page.get_by_role("button", name="Århus, Denmark (2)")).to_be_visible()
    page.get_by_role("button", name="Show the others").click()
    expect(page.get_by_role("link", name=re.compile("beach"))).to_be_visible()
    expect(page.get_by_role("heading", name="1 photo")).to_be_visible()


def test_a_browser_without_webgl_gets_the_places_as_a_list(
    page: Page, placed_server: Server
) -> None:
    page.add_init_script(
        "HTMLCanvasElement.prototype.getContext = () => null; localStorage.clear()"
    )
    page.goto(f"{placed_server.url}/?view=map")
    expect(page.get_by_text("it has no WebGL")).to_be_visible()
    page.get_by_role("button", name="Århus, Denmark (2)").click()
    expect(page.get_by_role("heading", name="2 photos")).to_be_visible()


def test_the_places_of_a_hundred_thousand_photos_are_told_at_once(
    placed_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = CurrentSnapshot(Settings(data_dir=placed_library))
    monkeypatch.setattr(routes, "current_snapshot", lambda: current)
    with (
        current.searcher() as searcher,
        TestClient(Starlette(routes=[routes.mount("")])) as client,
    ):
        rows = np.resize(np.arange(5), 100_000)
        photos = Results(searcher.snapshot, Ranking.unscored(rows), Scope())
        held = wall.hold(
            *(searcher, Query(), None, lambda: Found(photos, []), None),
            is_search=False,
            is_scored=False,
        )
        start = time.perf_counter()
        answer = client.get(f"/app/static/wall/places.json?results={held.token}&language=ja")
        assert time.perf_counter() - start < 1
        told = answer.json()
        assert (told["count"], len(told["at"])) == (100_000, 80_000)
        places = {
            (round(latitude, 2), round(longitude, 2))
            for latitude, longitude in zip(told["latitudes"], told["longitudes"], strict=True)
        }
        assert places == {place for place in TAKEN_AT.values() if place}
        assert told["towns"][0] == ["オーフス, デンマーク", 40_000, "Århus"]
        assert len(gzip.compress(answer.content)) < 1_000_000
        last = held.shown.at([told["at"][-1]])[0]
        assert (round(last.latitude, 5), round(last.longitude, 5)) == (
            told["latitudes"][-1],
            told["longitudes"][-1],
        )
