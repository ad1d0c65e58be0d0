"""Names of places by their positions."""

import json

import numpy as np
import pytest

from pipeline.snapshot.places import Gazetteer, Named


@pytest.fixture(scope="module")
def gazetteer() -> Gazetteer:
    return Gazetteer()


def place(gazetteer: Gazetteer, latitude: float, longitude: float) -> Named | None:
    (found,) = gazetteer.nearest(np.array([latitude]), np.array([longitude]))
    return None if found is None else gazetteer.place(found)


@pytest.mark.parametrize(
    ("position", "names"),
    [
        ((51.5055, -0.0754), ("GB", "England", "London", "Whitechapel")),  # Tower Bridge
        ((35.6911, 139.7085), ("JP", "Tokyo", "Tokyo", "Shinjuku")),
        ((55.6415, 12.0804), ("DK", "Sjælland", "Roskilde", None)),
        ((40.769, -74.02), ("US", "New Jersey", "Union City", "Weehawken")),  # not New York
        ((-16.8, -179.9), ("FJ", "Northern", "Savusavu", None)),  # over the date line
        ((78.2, 15.6), ("SJ", "Svalbard", "Longyearbyen", None)),
        ((35.0, -8.5), ("MA", None, None, None)),  # 180 km off Casablanca
    ],
)
def test_a_town_is_named_with_its_region_and_country(
    gazetteer: Gazetteer, position: tuple[float, float], names: tuple[str | None, ...]
) -> None:
    found = place(gazetteer, *position)
    assert found is not None
    assert (found["country"], found["region"], found["town"], found["quarter"]) == names


@pytest.mark.parametrize("position", [(30.0, -40.0), (-89.0, 0.0), (90.0, 0.0)])
def test_there_is_no_place_on_the_high_sea_or_at_a_pole(
    gazetteer: Gazetteer, position: tuple[float, float]
) -> None:
    assert place(gazetteer, *position) is None


@pytest.mark.parametrize(
    ("position", "japanese", "russian"),
    [
        ((35.4333, 139.65), "横浜", None),  # several in Russian letters, of which one is Russian
        ((55.7539, 37.6208), "モスクワ", "Москва"),
        ((48.8534, 2.3488), "パリ", "Париж"),
        ((54.98, 73.37), "オムスク", "Омск"),
        ((39.9075, 116.3972), "北京", None),
    ],
)
def test_towns_are_named_in_other_languages_where_that_is_sure(
    gazetteer: Gazetteer, position: tuple[float, float], japanese: str, russian: str | None
) -> None:
    found = place(gazetteer, *position)
    assert found is not None
    spelt = json.loads(found["spelt"])
    assert (spelt["ja"].get("town"), spelt["ru"].get("town")) == (japanese, russian)
