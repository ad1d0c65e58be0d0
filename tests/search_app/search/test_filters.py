"""Which photos a query lets through, on libraries whose photos are known."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.sources import folder
from search_app.search.filters import Filters, allowed_albums, allowed_rows
from search_app.search.queries import Query
from search_app.search.query import parse
from search_app.search.ranking import MODES
from search_app.search.searcher import Searcher
from tests.pipeline.quick_model import use_quick_models
from tests.pipeline.quick_sync import bring_in
from tests.search_app.conftest import DEMO_PHOTOS
from tests.search_app.search.test_query import NASTY
from tests.search_app.searching import searcher_of
from tests.standins.flickr import Album, FlickrStandIn, Photo

MAKE, MODEL, EXIF, GPS = 0x010F, 0x0110, 0x8769, 0x8825
CHANGED, TAKEN, LENS = 0x0132, 0x9003, 0xA434


@dataclass(frozen=True)
class File:
    """A photo of a folder; what is None is not in its EXIF data."""

    title: str
    make: str | None = None
    model: str | None = None
    lens: str | None = None
    taken: str | None = None
    place: tuple[float, float] | None = None

    def write(self, folder: Path) -> None:
        """Save it, in a colour of its own."""
        exif = Image.Exif()
        in_exif, gps = exif.get_ifd(EXIF), exif.get_ifd(GPS)
        for where, tag, value in (
            (exif, MAKE, self.make),
            (exif, MODEL, self.model),
            (in_exif, LENS, self.lens),
            (in_exif, TAKEN, self.taken),
        ):
            if value is not None:
                where[tag] = value
        if self.place:
            latitude, longitude = self.place
            gps.update({1: "N" if latitude >= 0 else "S", 2: (abs(latitude), 0.0, 0.0)})
            gps.update({3: "E" if longitude >= 0 else "W", 4: (abs(longitude), 0.0, 0.0)})
        colour = tuple(self.title.encode().ljust(3)[:3])
        Image.new("RGB", (32, 24), colour).save(folder / f"{self.title}.jpg", exif=exif)


FIJI_EAST, FIJI_WEST, DATE_LINE = (-17.0, 179.5), (-17.0, -179.5), (-17.0, -180.0)
FILES = [
    File("june", "OLYMPUS CORPORATION", "E-M1", None, "2015:06:30 23:59:59", FIJI_EAST),
    File("july", "CaNoN", "Canon EOS 70D", "EF50mm f/1.8 II", "2015:07:01 00:00:00", FIJI_WEST),
    File("december", "NIKON", "D750", "50.0 mm f/1.4", "2015:12:31 23:59:59", (89.5, 0.0)),
    File("january", None, "PIXEL 100%_x", None, "2016:01:01 00:00:00", (89.5, 180.0)),
    File("leap day", "Canon", None, None, "2016:02:29 12:00:00", DATE_LINE),
    File("unknown"),
]
HARBOURS = [
    Photo("101", "Paper boats", description="Made of paper, a boat", tags="harbour newyork"),
    Photo("102", "Paper", description="boat", tags="harbour night ｗｉｄｅ", taken=None),
]
NIGHTS = [
    HARBOURS[1],
    Photo("103", "京都の東京駅", tags="夜景 night 100%", taken=None),
    Photo("104", "A boat, of paper", description="駅", tags="CAFÉ one_two", taken=None),
]
FLICKR = [Album("1001", "Harbours 2013", HARBOURS), Album("1002", "Night 2014", NIGHTS)]
FILE_ALBUM = folder.Registration("", False, "Ｔｏｋｙｏ　Ａｌｂｕｍ", "ＰｙＣｏｎ ＪＰ", 2015)

JUNE, JULY, DECEMBER, JANUARY, LEAP_DAY, UNKNOWN = IN_FILES = [file.title for file in FILES]
BOATS, PAPER, KYOTO, OF_PAPER = FROM_FLICKR = [photo.title for photo in (*HARBOURS, *NIGHTS[1:])]
ALL = {*IN_FILES, *FROM_FLICKR}


def small_library(root: Path) -> Searcher:
    """A library of the photos above: the files in one album, the others on Flickr."""
    (root / "files").mkdir()
    for file in FILES:
        file.write(root / "files")
    with pytest.MonkeyPatch.context() as patch, FlickrStandIn(FLICKR) as flickr:
        use_quick_models(patch)
        given = {name.lower(): value for name, value in flickr.environment.items()}
        settings = Settings(data_dir=root / "library", **given)  # type: ignore[arg-type]
        library = Library(settings)
        folder.register(library.storage, replace(FILE_ALBUM, folder=str(root / "files")))
        bring_in(library)
    return searcher_of(settings.data_dir)


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    return small_library(tmp_path_factory.mktemp("fields"))


@pytest.fixture(scope="module")
def demo(demo_library: Path) -> Searcher:
    return searcher_of(demo_library)


def found(searcher: Searcher, query: str, filters: Filters | None = None) -> set[str]:
    """The titles of the photos that a query lets through."""
    now, asked = searcher.snapshot, parse(query)
    albums = allowed_albums(now, filters or Filters(), asked.only)
    allowed = allowed_rows(now, albums, asked, searcher.who)
    titles = [title for (title,) in now.cursor().execute("SELECT title FROM images").fetchall()]
    assert len(titles) == len(set(titles))
    if allowed is None:
        return set(titles)
    assert allowed.shape == (len(titles),)
    return {title for title, fits in zip(titles, allowed.tolist(), strict=True) if fits}


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("camera:canon", {JULY, LEAP_DAY}),
        ("camera:CANON", {JULY, LEAP_DAY}),
        ("camera:ｃａｎｏｎ", {JULY, LEAP_DAY}),
        ('camera:"canon eos"', {JULY}),
        ('camera:"olympus corporation e-m1"', {JUNE}),
        ("camera:canon camera:nikon", {JULY, LEAP_DAY, DECEMBER}),
        ("camera:leica", set()),
        ('camera:"100%_x"', {JANUARY}),
        ('camera:"1%x"', set()),
        ("camera:e_m1", set()),
        ('camera:"\' OR 1=1 --"', set()),
        ("lens:50mm", {JULY}),
        ("lens:F/1.8 lens:f/1.4", {JULY, DECEMBER}),
        ("tag:harbour", {BOATS, PAPER}),
        ("tag:harbour -tag:night", {BOATS}),
        ("tag:harbour tag:夜景", {BOATS, PAPER, KYOTO}),
        ("tag:harb", set()),
        ('tag:"New York"', {BOATS}),
        ("tag:wide", {PAPER}),
        ("tag:ｗｉｄｅ", {PAPER}),
        ("tag:café", {OF_PAPER}),
        ("tag:cafe\u0301", {OF_PAPER}),
        ("tag:one_two", {OF_PAPER}),
        ("tag:onextwo", set()),
        ("tag:100%", {KYOTO}),
        ("tag:picture", ALL),  # from the captions
        ("album:harbours", {BOATS, PAPER}),
        ("album:1001", {BOATS, PAPER}),
        ("album:100", set()),  # an id is not looked for by its beginning
        ("album:201", {BOATS, PAPER, KYOTO, OF_PAPER}),
        ("album:tokyo", set(IN_FILES)),
        ('album:"tokyo album"', set(IN_FILES)),
        ("album:harbours album:night", {BOATS, PAPER, KYOTO, OF_PAPER}),
        ("-album:night", {BOATS, *IN_FILES}),  # not what is in Harbours as well
        ("album:harbours -album:night", {BOATS}),
        ("album:nowhere", set()),
        ("album:nowhere tag:harbour", set()),
        ("-album:nowhere", ALL),
        ('event:"pycon jp"', set(IN_FILES)),
        ("event:night event:PYCON", {*IN_FILES, PAPER, KYOTO, OF_PAPER}),
        ("album:harbours event:night", set()),  # no one album is both
        ("-event:pycon", set(FROM_FLICKR)),
        ("year:2013", {BOATS, PAPER}),
        ("year:2013..2014", set(FROM_FLICKR)),
        ("year:..2013 year:2015..", {BOATS, PAPER, *IN_FILES}),
        ("-year:2014..", {BOATS}),
        ("year:1999", set()),
        ("taken:2015-06-30", {JUNE}),
        ("taken:2015-06", {JUNE}),
        ("taken:2015-07", {BOATS, JULY}),
        ("taken:2015-07..2015-12", {BOATS, JULY, DECEMBER}),
        ("taken:2015", {BOATS, JUNE, JULY, DECEMBER}),
        ("taken:2016-02", {LEAP_DAY}),
        ("taken:2016-02-29", {LEAP_DAY}),
        ("taken:2016..", {JANUARY, LEAP_DAY}),
        ("taken:..2015-06", {JUNE}),
        ("taken:2015-06 taken:2016-01", {JUNE, JANUARY}),
        ("near:-17,180,100km", {JUNE, JULY, LEAP_DAY}),
        ("near:-17,-180,100km", {JUNE, JULY, LEAP_DAY}),
        ("near:-17,179.9,100km", {JUNE, JULY, LEAP_DAY}),
        ("near:-17,180,1m", {LEAP_DAY}),
        ("near:17,180,100km", set()),
        ("near:90,42,56km", {DECEMBER, JANUARY}),
        ("near:89.5,0,112km", {DECEMBER, JANUARY}),
        ("near:89.5,0,111km", {DECEMBER}),
        ("near:0,0,30000km", {JUNE, JULY, DECEMBER, JANUARY, LEAP_DAY}),
        ("-near:0,0,30000km", {UNKNOWN, *FROM_FLICKR}),
        ("near:90,42,56km near:-17,180,1m", {DECEMBER, JANUARY, LEAP_DAY}),
        ("area:-18,170,-16,-170", {JUNE, JULY, LEAP_DAY}),
        ("area:-18,-170,-16,170", set()),
        ("area:89,-180,90,180", {DECEMBER, JANUARY}),
        ("-area:-18,170,-16,-170", {DECEMBER, JANUARY, UNKNOWN, *FROM_FLICKR}),
        ("camera:canon taken:2016", {LEAP_DAY}),
        ("camera:canon -taken:2016 near:-17,180,100km", {JULY}),
        ("tag:harbour year:2014", {PAPER}),
        ("taken:2015-13 camera:canon", {JULY, LEAP_DAY}),
        ("photo:101", ALL),
    ],
)
def test_fields(searcher: Searcher, query: str, titles: set[str]) -> None:
    assert found(searcher, query) == titles


@pytest.mark.parametrize(
    "field",
    [
        *("camera:canon", "lens:50mm", "tag:harbour", "album:night", "event:pycon", "year:2014"),
        *("taken:2015", "near:-17,180,100km", "camera:leica", "album:nowhere"),
    ],
)
def test_a_minus_leaves_out_what_fits_and_nothing_else(searcher: Searcher, field: str) -> None:
    """A photo of which nothing is known stays."""
    assert found(searcher, f"-{field}") == ALL - found(searcher, field)
    assert found(searcher, f"{field} -{field}") == set()


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ('"paper boat"', {BOATS}),
        ('"PAPER, boats"', {BOATS}),
        ('"boat paper"', set()),
        ('"paper made"', set()),
        ('"made of paper"', {BOATS}),
        ('"of paper" "a boat"', {BOATS, OF_PAPER}),
        ('"aper boat"', set()),
        ('"paper bo"', set()),
        ('"東京駅"', {KYOTO}),
        ("「京都の」", {KYOTO}),
        ('"駅"', {KYOTO, OF_PAPER}),
        ('"the"', set()),
        ("-paper", {KYOTO, *IN_FILES}),
        ("-boat -駅", IN_FILES),
        ('-"paper boat"', ALL - {BOATS}),
        ("-東京", ALL - {KYOTO}),
        ("-nowhere", ALL),
        ("-the", ALL),
        ("-½", ALL),
        ('-"!!!"', ALL),
        ("- * ! '", ALL),
        ('"paper boat" -tag:harbour', set()),
    ],
)
def test_words(searcher: Searcher, query: str, titles: set[str]) -> None:
    assert found(searcher, query) == set(titles)


def distance_km(here: tuple[float, float], there: tuple[float, float]) -> float:
    """By the chord between two points of a sphere: well-conditioned, and no haversine."""
    (x, y) = (
        np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])
        for lat, lon in (map(math.radians, place) for place in (here, there))
    )
    return float(2 * 6371.0088 * math.atan2(np.linalg.norm(x - y), np.linalg.norm(x + y)))


def test_near_reaches_exactly_as_far_as_it_says(searcher: Searcher) -> None:
    chance = random.Random(0)
    for _ in range(40):
        here = (round(chance.uniform(-90, 90), 3), round(chance.uniform(-180, 180), 3))
        away = {file.title: distance_km(here, file.place) for file in FILES if file.place}
        for radius in (distance + step for distance in away.values() for step in (-1e-3, 1e-3)):
            assert found(searcher, f"near:{here[0]},{here[1]},{radius:.6f}km") == {
                title for title, distance in away.items() if distance <= radius
            }


def test_ranges_of_time_have_both_ends(searcher: Searcher) -> None:
    """Against the text of the EXIF data, which sorts as time does."""
    days = [datetime(2015, 1, 1) + timedelta(days=at) for at in range(500)]
    formats = ("%Y", "%Y-%m", "%Y-%m-%d")
    taken = {file.title: file.taken.replace(":", "-") for file in FILES if file.taken}
    taken[BOATS] = "2015-07-02"
    chance = random.Random(0)
    for _ in range(60):
        first, last = sorted(chance.sample(days, 2))
        start, end = first.strftime(chance.choice(formats)), last.strftime(chance.choice(formats))
        start, end = chance.choice([(start, end), (start, ""), ("", end)])
        assert found(searcher, f"taken:{start}..{end}") == {
            title
            for title, time in taken.items()
            if start <= time and (not end or time[: len(end)] <= end)
        }


def test_all_fields_have_to_fit(searcher: Searcher) -> None:
    fields = ["camera:canon", "lens:f/1", "tag:harbour", "-tag:night", "-camera:nikon", "year:2015"]
    fields += ["taken:2015", "near:-17,180,100km", "-album:harbours", "-paper", '"paper"']
    chance = random.Random(0)
    for _ in range(60):
        chosen = chance.sample(fields, chance.randint(2, 4))
        alone = [found(searcher, field) for field in chosen]
        assert found(searcher, " ".join(chosen)) == set.intersection(*alone)


def test_the_filters_of_the_page_come_on_top(searcher: Searcher) -> None:
    night = Filters(album_ids=("1002",))
    assert found(searcher, "", night) == {PAPER, KYOTO, OF_PAPER}
    assert found(searcher, "tag:harbour", night) == {PAPER}
    assert found(searcher, "-tag:harbour", night) == {KYOTO, OF_PAPER}
    assert found(searcher, "album:harbours", night) == set()
    assert found(searcher, "-album:harbours", night) == {KYOTO, OF_PAPER}
    assert found(searcher, "year:2013..2015", Filters(years=[2014, 2015])) == ALL - {BOATS}
    assert found(searcher, "taken:2015", Filters(events=["Harbours 2013"])) == {BOATS}
    assert found(searcher, "event:night", Filters(events=["Night 2014"])) == found(
        searcher, "", night
    )
    assert found(searcher, "", Filters(album_ids=("nowhere",))) == set()


@pytest.mark.parametrize(
    ("filters", "titles"),
    [
        (Filters(cameras=("Canon EOS 70D",)), {JULY}),
        (Filters(cameras=("OLYMPUS E-M1", "Canon")), {JUNE, LEAP_DAY}),
        (Filters(cameras=("canon",)), set()),  # the very names that are offered
        (Filters(lenses=("EF50mm f/1.8 II",)), {JULY}),
        (Filters(tags=("HARBOUR",)), {BOATS, PAPER}),
        (Filters(tags=("wide", "Café")), {PAPER, OF_PAPER}),
        (Filters(tags=("picture",)), ALL),  # from the captions
        (Filters(taken_from=date(2015, 7, 1)), {BOATS, JULY, DECEMBER, JANUARY, LEAP_DAY}),
        (Filters(taken_to=date(2015, 6, 30)), {JUNE}),
        (Filters(taken_from=date(2015, 12, 31), taken_to=date(2015, 12, 31)), {DECEMBER}),
        (Filters(has_place=True), {JUNE, JULY, DECEMBER, JANUARY, LEAP_DAY}),
        (Filters(has_place=False), {UNKNOWN, *FROM_FLICKR}),
        (Filters(has_people=True), set()),  # the captions do not say
        (Filters(has_people=False), set()),
        (Filters(events=("Night 2014",), tags=("harbour",)), {PAPER}),
        (Filters(cameras=("Canon",), taken_from=date(2016, 1, 1), has_place=True), {LEAP_DAY}),
        (Filters(cameras=("Canon",), taken_to=date(2015, 1, 1)), set()),
    ],
)
def test_filters_on_photos(searcher: Searcher, filters: Filters, titles: set[str]) -> None:
    assert {hit.title for hit in searcher.browse(filters, k=100)} == titles
    by_words = searcher.search(Query("-nowhere", filters=filters, mode="text"))
    assert {hit.title for hit in by_words} == titles
    harbours = searcher.search(Query("tag:harbour", filters=filters))
    assert {hit.title for hit in harbours} == titles & {BOATS, PAPER}


def test_filters_without_a_choice_filter_nothing(searcher: Searcher) -> None:
    """An index is faster without a filter than with one that lets all through."""
    for none in (Filters(), Filters([], [], [])):
        asked = parse("a boat")
        assert allowed_albums(searcher.snapshot, none, asked.only) is None
        assert allowed_rows(searcher.snapshot, None, asked, searcher.who) is None


def test_a_photo_in_two_albums_is_shown_in_one_that_fits(searcher: Searcher) -> None:
    for query, album in (("album:night", "Night 2014"), ("year:2013", "Harbours 2013")):
        (hit,) = (hit for hit in searcher.search(Query(query)) if hit.title == PAPER)
        assert hit.album_title == album
        assert hit.probability is None
    both = searcher.search(Query("year:2013..2014"))
    assert [hit.title for hit in both].count(PAPER) == 1
    assert {hit.title for hit in both} == set(FROM_FLICKR)
    assert [hit.rank for hit in both] == [1, 2, 3, 4]
    assert searcher.search(Query("year:2013..2014", k=2)) == both[:2]


def test_every_query_has_an_answer(searcher: Searcher) -> None:
    chance = random.Random(0)
    for _ in range(300):
        query = "".join(chance.choices(NASTY, k=chance.randint(1, 30)))
        assert found(searcher, query) <= ALL
    assert found(searcher, ("camera:canon " * 80)[:1000]) == {JULY, LEAP_DAY}
    assert found(searcher, " ".join(f"-w{number}" for number in range(200))) == ALL


# On the demo photos, with the real models


def exif_of(path: Path) -> tuple[str, str, tuple[float, float] | None]:
    """Camera, time and place as Pillow reads them."""
    with Image.open(path) as image:
        exif = image.getexif()
    gps = exif.get_ifd(GPS)
    place = None
    if gps:
        degrees = [sum(float(part) / 60**at for at, part in enumerate(gps[tag])) for tag in (2, 4)]
        place = (degrees[0] * (-1) ** (gps[1] == "S"), degrees[1] * (-1) ** (gps[3] == "W"))
    camera = f"{exif.get(MAKE, '')} {exif.get(MODEL, '')}".lower()
    return camera, str(exif.get_ifd(EXIF).get(TAKEN) or exif.get(CHANGED, "")), place


@pytest.mark.parametrize(
    ("query", "fits", "photos"),
    [
        ("camera:olympus", lambda camera, taken, place: "olympus" in camera, 4),
        ("camera:canon", lambda camera, taken, place: "canon" in camera, 1),
        (
            "camera:sony camera:nokia",
            lambda camera, taken, place: "sony" in camera or "nokia" in camera,
            2,
        ),
        ("-camera:olympus", lambda camera, taken, place: "olympus" not in camera, 24),
        ("taken:2015-06-21", lambda camera, taken, place: taken[:10] == "2015:06:21", 2),
        ("taken:2015-04..2015-06", lambda camera, taken, place: "2015:04" <= taken < "2015:07", 3),
        ("taken:..2014", lambda camera, taken, place: "" < taken < "2015", 2),
        (
            "near:56.16,10.2,1km",
            lambda camera, taken, place: place and distance_km(place, (56.16, 10.2)) <= 1,
            1,
        ),
        ("near:56.16,10.2,500m", lambda camera, taken, place: False, 0),
    ],
)
def test_fields_of_real_photos(
    demo: Searcher, query: str, fits: Callable[..., bool], photos: int
) -> None:
    hits = demo.search(Query(query, k=100))
    expected = {str(path) for path in DEMO_PHOTOS.rglob("*.jpg") if fits(*exif_of(path))}
    assert {hit.path for hit in hits} == expected
    assert len(hits) == photos


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "query",
    ["a mountain album:nowhere", "a mountain camera:leica", '"mountain goat"', "-a -an photo"],
)
def test_where_nothing_fits_nothing_is_found(demo: Searcher, mode: str, query: str) -> None:
    """``-a -an``: each caption has one of the two."""
    assert demo.search(Query(query, mode=mode)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", MODES)
def test_fields_narrow_down_what_is_searched(demo: Searcher, mode: str) -> None:
    query = "a lighthouse or a shore"
    hits = demo.search(Query(f"{query} camera:olympus", mode=mode, k=100))  # type: ignore[arg-type]
    assert {hit.title for hit in hits} <= {"blue hour", "forest path", "kite", "wooden pier"}
    assert hits[0].title in {"blue hour", "wooden pier"}


def test_a_word_to_keep_out_is_in_no_photo_found(demo: Searcher) -> None:
    """And photos that look like it come later than they would."""
    plain = [hit.title for hit in demo.search(Query("a landscape", k=100))]
    hits = demo.search(Query("a landscape -mountains", k=100))
    titles = [hit.title for hit in hits]
    gone = set(plain) - set(titles)
    assert {"aitzgorri mountains", "picos de europa"} <= gone
    assert not [hit for hit in hits if "mountain" in f"{hit.title} {hit.caption}".lower()]


@pytest.mark.parametrize("mode", ["visual", "caption", "hybrid"])
def test_only_words_to_keep_out_list_the_rest(demo: Searcher, mode: str) -> None:
    hits = demo.search(Query("-mountain", mode=mode, k=100))  # type: ignore[arg-type]
    assert len(hits) == 26
    assert {hit.probability for hit in hits} == {None}
