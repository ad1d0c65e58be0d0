"""What the page says about a photo."""

import json
from datetime import datetime
from typing import Any

import pytest

from search_app.page.wording import (
    about,
    album_facts,
    exif_facts,
    exposure,
    found_by,
    literal,
    map_link,
    percent,
    said_by,
    with_code,
)
from search_app.search.hits import Hit, PartRanking


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.004, "1/250 s"),
        (0.00025, "1/4,000 s"),
        (0.0166667, "1/60 s"),
        (0.7692, "0.8 s"),
        (30, "30 s"),
    ],
)
def test_exposure_times(seconds: float, words: str) -> None:
    assert exposure(seconds) == words


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS 70D", "Canon EOS 70D"),
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("OLYMPUS IMAGING CORP.", "E-M1", "OLYMPUS E-M1"),
        ("Apple", "iPhone 15", "Apple iPhone 15"),
        ("Nokia", None, "Nokia"),
        (None, "X100", "X100"),
    ],
)
def test_cameras_are_named_once(make: str | None, model: str | None, camera: str) -> None:
    assert exif_facts({"camera_make": make, "camera_model": model}, {}) == {"Camera": camera}


def test_a_whole_row_of_exif() -> None:
    row: dict[str, Any] = {
        "camera_make": "SONY",
        "camera_model": "NEX-3N",
        "lens_model": "E 16mm F2.8",
        "exposure_time": 1 / 640,
        "f_number": 8.0,
        "iso": 400,
        "focal_length": 16.2,
        "flash": True,
        "taken_at": datetime(2014, 4, 9, 7, 5),
        "taken_at_offset": "+02:00",
        "latitude": -33.8568,
        "longitude": -151.2153,
        "altitude": -3.4,
        "direction": 350.0,
    }
    assert exif_facts(row, {}) == {
        "Camera": "SONY NEX-3N",
        "Lens": "E 16mm F2.8",
        "Settings": "1/640 s · f/8 · ISO 400 · 16.2 mm",
        "Flash": "fired",
        "Taken": "9 April 2014, 07:05 (UTC+02:00)",
        "Place": "33.8568° S, 151.2153° W, 3 m below sea level, looking N",
    }
    assert map_link(row) == (
        "https://www.openstreetmap.org/?mlat=-33.85680&mlon=-151.21530#map=14/-33.85680/-151.21530"
    )


@pytest.mark.parametrize(
    ("precision", "words"),
    [
        ("exact", "1 January 1924, 00:00"),
        (None, "1 January 1924, 00:00"),
        ("day", "1 January 1924"),
        ("month", "January 1924"),
        ("year", "1924"),
        ("circa", "circa 1924"),
    ],
)
def test_a_time_is_told_as_exactly_as_it_is_known(precision: str | None, words: str) -> None:
    row = {"taken_at": datetime(1924, 1, 1), "taken_precision": precision}
    assert exif_facts(row, {}) == {"Taken": words}


WHITECHAPEL = {
    "country": "GB", "region": "England", "town": "London", "quarter": "Whitechapel",
    "spelt": json.dumps({"ja": {"town": "ロンドン"}, "ru": {}}),
}  # fmt: skip


def test_a_place_goes_from_the_smallest_to_the_country() -> None:
    assert exif_facts({}, WHITECHAPEL) == {"Place": "Whitechapel, London, England, United Kingdom"}
    sea = WHITECHAPEL | {"region": None, "town": None, "quarter": None}
    assert exif_facts({}, sea) == {"Place": "United Kingdom"}


def test_what_people_said_of_a_photo_and_where() -> None:
    said = {"sidecar": {"title": "A", "rating": 4}, "takeout": {"people": ["Ada"]}, "exif": {}}
    exif = {
        "people": ["Ada", "Grace"],
        "rating": 4,
        "favourite": True,
        "place_names": ["Aarhus", "Denmark"],
        "rights": "CC BY 4.0",
        "creator": "Ann",
        "said": json.dumps(said),
    }
    photo = {
        "description": "Tea", "tags": [], "caption": {}, "lines": [], "seen": [],
        "exif": exif, "albums": [],
        "owner": "Flickr's", "license": "", "place": WHITECHAPEL,
    }  # fmt: skip
    assert about(photo) == {
        "Description": "Tea",
        "People": "Ada, Grace",
        "Rating": "★★★★, a favourite",
        "Place": "Aarhus, Denmark",
        "Copyright": "CC BY 4.0",
        "Photographer": "Ann",
    }
    assert said_by(photo) == "Said by a sidecar (Title, Rating), Google Takeout (People)"
    assert said_by(photo | {"exif": {}}) is None


def test_a_photo_without_exif_has_no_facts() -> None:
    assert exif_facts({}, {}) == {}
    assert map_link({}) is None


def test_albums_and_their_events() -> None:
    walks = {"title": "Walks 2018, day 1", "event_name": "Walks", "event_year": 2018}
    best = {"title": "Best of", "event_name": None, "event_year": None}
    assert album_facts([walks, best]) == {
        "Albums": "Walks 2018, day 1, Best of",
        "Event": "Walks 2018",
    }
    assert album_facts([{"title": "Walks", "event_name": "Walks", "event_year": None}]) == {
        "Album": "Walks"
    }


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.9978, "99%"), (0.17, "17%"), (0.1699, "16%"), (0.01, "1%"), (0.004, "<1%")],
)
def test_a_probability_below_a_cut_does_not_look_like_it(probability: float, words: str) -> None:
    assert percent(probability) == words


def test_what_found_a_photo() -> None:
    def hit(*parts: PartRanking) -> Hit:
        return Hit(
            rank=1,
            image_id=1,
            path="a.jpg",
            album_id="a",
            album_title="A",
            event_name=None,
            event_year=None,
            title=None,
            caption=None,
            score=0.5,
            probability=0.5,
            image_url=None,
            page_url=None,
            found_by=parts,
            words=(),
        )

    by_two = hit(PartRanking("caption", 2, 0.5), PartRanking("text", 1200, 3.0))
    assert found_by(by_two) == "Found by its caption (place 2), its words (place 1,200)"
    assert found_by(hit()) == "It fits the fields of the query"


def test_markdown_is_escaped_but_for_code() -> None:
    assert literal("*a*\n [x]") == r"\*a\* \[x\]"
    assert with_code("run `albumscope sync` in a_b") == r"run `albumscope sync` in a\_b"
