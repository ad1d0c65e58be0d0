"""What the page says about a photo."""

from datetime import datetime
from typing import Any

import pytest

from search_app.wording import album_facts, exif_facts, exposure, literal, map_link, with_code


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
    assert exif_facts({"camera_make": make, "camera_model": model}) == {"Camera": camera}


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
    assert exif_facts(row) == {
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


def test_a_photo_without_exif_has_no_facts() -> None:
    assert exif_facts({}) == {}
    assert map_link({}) is None


def test_albums_and_their_events() -> None:
    walks = {"title": "Walks 2018, day 1", "event_name": "Walks 2018"}
    best = {"title": "Best of", "event_name": None}
    assert album_facts([walks, best]) == {
        "Albums": "Walks 2018, day 1, Best of",
        "Event": "Walks 2018",
    }
    assert album_facts([{"title": "Walks", "event_name": "Walks"}]) == {"Album": "Walks"}


def test_markdown_is_escaped_but_for_code() -> None:
    assert literal("*a*\n [x]") == r"\*a\* \[x\]"
    assert with_code("run `albumscope sync` in a_b") == r"run `albumscope sync` in a\_b"
