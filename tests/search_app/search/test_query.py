"""The query language."""

import random
import re
import shlex
from datetime import datetime
from pathlib import Path

import pytest

from pipeline.snapshot import fulltext
from search_app.search.parsed import (
    Area,
    Fields,
    Interval,
    ParsedQuery,
    Part,
    PhotoRef,
    Place,
    Text,
)
from search_app.search.query import parse, without_pictures
from search_app.search.terms import photo_term

DOCUMENT = Path(__file__).parents[3] / "docs" / "search.md"
NASTY = [
    *"abcZ 019 \t\n\u3000\u00a0\x00\x1c\x85\u200b\ud800\U0001f415\u0301ﾟ²½Ⅷİﬁ٣犬 の",
    *"-－−–+＋^＾:：.,;/\\\"“”„‟＂«»「」『』'()[]{}*?_#@…",
    *(" NOT ", " AND ", " OR ", " + ", " -", " ^2", "^0.5", "^x", "^1e999", "9" * 5000, "..", "km"),
    *("photo:", " camera:", "lens:", " taken:", " near:", "album:", " event:", " year:", " tag:"),
    *(
        "2015",
        "2015-06",
        "9999",
        "0000",
        "-12",
        "1,2,3m",
        "nan,inf,1",
        "0,0,inf",
        "colour:",
        "：//",
    ),
]


def texts(query: str) -> list[tuple[str, float]]:
    return [(text.text, text.weight) for text in parse(query).texts]


@pytest.mark.parametrize(
    "query",
    [
        "boats on a Lake shore",
        "a black-and-white photo",
        "ducks - a lake – at dawn",
        "the bus at 12:30",
        "note: a cat",
        "year: 2015",
        "from https://example.org/a:b-c",
        r"C:\photos\dog.jpg",
        "smiling :) or D:-) or ^_^ or ^^",
        "std::vector and C++",
        "--no-serve",
        "do not enter",
        "rock AND roll",
        "cats OR dogs",
        "the last word is NOT",
        '6" of snow',
        "don't (look) at me!",
        "夕焼けの海岸",
        "ﬁne ｗｉｄｅ words",
        "🐕",
    ],
)
def test_plain_words_are_searched_for_as_typed(query: str) -> None:
    assert parse(query) == ParsedQuery(texts=(Text(query, 1.0),))


def test_bytes_that_are_no_text_do_not_reach_a_model() -> None:
    assert texts("a \udcff dog") == [("a ? dog", 1)]


def test_white_space_is_collapsed() -> None:
    assert texts("  boats \n on\u3000a\tlake ") == [("boats on a lake", 1.0)]


@pytest.mark.parametrize("query", ["", " \n", "+", " + + ", '""', '-""', "- – ?!", "「」"])
def test_nothing_is_asked(query: str) -> None:
    assert parse(query) == ParsedQuery()
    assert parse(query).is_empty


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("a dog + a beach", [("a dog", 1), ("a beach", 1)]),
        ("犬　＋　海", [("犬", 1), ("海", 1)]),
        ("a dog ^2 + a beach ^0.5", [("a dog", 2), ("a beach", 0.5)]),
        ("a dog^2 a beach", [("a dog", 2), ("a beach", 1)]),
        ("犬＾２", [("犬", 2)]),
        ('a "big dog"^3', [("a big dog", 3)]),
        ("a dog year:2015 ^2", [("a dog", 2)]),
        ("2^3^4", [("2^3", 4)]),
        ("dog -cat ^2 bird", [("dog bird", 1), ("cat", -2)]),
    ],
)
def test_several_texts_and_weights(query: str, expected: list[tuple[str, float]]) -> None:
    assert texts(query) == expected
    assert not parse(query).problems


@pytest.mark.parametrize("weight", ["^0", "^-1", "^10.1", "^20", "^x", "^nan", "^1,5", "^1e999"])
def test_a_bad_weight_counts_once(weight: str) -> None:
    found = parse(f"a dog {weight} + a cat")
    assert found.texts == (Text("a dog", 1), Text("a cat", 1))
    assert found.problems == (
        f"{weight} is no weight: write a number above 0 and up to 10, such as ^2 or ^0.5",
    )


@pytest.mark.parametrize(("query", "count"), [("^2", 0), ("a dog ^2 ^3", 1), ("year:2015 ^2", 0)])
def test_a_weight_of_nothing_is_told(query: str, count: int) -> None:
    found = parse(query)
    assert len(found.texts) == count
    assert found.problems == ("A weight belongs behind a text or a photo, such as a dog ^2",)


@pytest.mark.parametrize(
    ("query", "without"),
    [
        ("boats -people", "people"),
        ("-people boats", "people"),
        ("boats NOT people", "people"),
        ("boats AND NOT people", "people"),
        ("boats NOT -people", "people"),
        ("boats －people", "people"),
        ("-people, boats", "people"),
        ('boats -"life  jacket"', "life jacket"),
        ("boats NOT “life jacket”", "life jacket"),
        ("boats -life-jacket", "life-jacket"),
    ],
)
def test_what_is_not_wanted_is_no_part_of_the_text(query: str, without: str) -> None:
    assert parse(query) == ParsedQuery(
        texts=(Text("boats", 1), Text(without, -1)), without=(without,)
    )


def test_a_query_may_say_only_what_is_not_wanted() -> None:
    assert parse("-people") == ParsedQuery(texts=(Text("people", -1),), without=("people",))
    assert not parse("-people").is_empty


@pytest.mark.parametrize(
    ("query", "text", "phrases"),
    [
        ('a "paper boat", blue', "a paper boat, blue", ["paper boat"]),
        ("“paper  boat”", "paper boat", ["paper boat"]),
        ("„Papier Boot“ »schön«", "Papier Boot schön", ["Papier Boot", "schön"]),
        (
            '"one" “two” «three» 「四」『五』',
            "one two three 四五",
            ["one", "two", "three", "四", "五"],
        ),
        ("夕焼けの「海岸」と犬", "夕焼けの海岸と犬", ["海岸"]),
        ("我的“纸船”照片", "我的纸船照片", ["纸船"]),
        ('"year:2015 -dog + x"', "year:2015 -dog + x", ["year:2015 -dog + x"]),
        ('"?!" dog', "?! dog", []),
        ('"black"-white', "black-white", ["black"]),
    ],
)
def test_phrases(query: str, text: str, phrases: list[str]) -> None:
    assert parse(query) == ParsedQuery(texts=(Text(text, 1),), phrases=tuple(phrases))


def test_a_quote_that_is_not_closed_runs_to_the_end() -> None:
    found = parse('a "paper boat on water')
    assert found.phrases == ("paper boat on water",)
    assert found.problems == ('"paper boat on water has no closing quote, so it runs to the end',)
    assert parse('album:"PyCon JP').only == Fields(albums=("PyCon JP",))


def test_photos_of_the_library() -> None:
    found = parse("photo:12 at night photo:13^2 -photo:14 PHOTO：１５ NOT photo:16 ^0.5")
    assert found == ParsedQuery(
        texts=(Text("at night", 1),),
        photos=(
            *(PhotoRef(12, 1), PhotoRef(13, 2), PhotoRef(14, -1), PhotoRef(15, 1)),
            PhotoRef(16, -0.5),
        ),
    )


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("camera:canon Camera:NIKON", Fields(cameras=("canon", "NIKON"))),
        ('lens:"EF  50mm f/1.8"', Fields(lenses=("EF 50mm f/1.8",))),
        ("album:“PyCon JP 2024”", Fields(albums=("PyCon JP 2024",))),
        ("album:「展覧会」 event:pycon", Fields(albums=("展覧会",), events=("pycon",))),
        ("tag:c++, tag:boat", Fields(tags=("c++", "boat"))),
        ("year:2015 year:2013..2016", Fields(years=((2015, 2015), (2013, 2016)))),
        ("year:2015.. year:..2016", Fields(years=((2015, None), (None, 2016)))),
        ("ｙｅａｒ：２０１５", Fields(years=((2015, 2015),))),
        ("near:56.1,12.3,5km", Fields(near=(Place(56.1, 12.3, 5),))),
        (
            "near:-33.5,-151,500m near:−1,2,3",
            Fields(near=(Place(-33.5, -151, 0.5), Place(-1, 2, 3))),
        ),
        ("area:-1.5,170,2,-170", Fields(areas=(Area(-1.5, 170, 2, -170),))),
        ('near:"90, 180, 5 KM"', Fields(near=(Place(90, 180, 5),))),
        ("is:favourite IS:Favorite is:hidden", Fields(marked=("favourite",) * 2 + ("hidden",))),
        (
            "camera:canon AND year:2015 OR year:2016",
            Fields(("canon",), years=((2015,) * 2, (2016,) * 2)),
        ),
    ],
)
def test_fields(query: str, fields: Fields) -> None:
    assert parse(query) == ParsedQuery(only=fields)
    assert not parse(query).is_empty


@pytest.mark.parametrize(
    ("value", "start", "before"),
    [
        ("2015", datetime(2015, 1, 1), datetime(2016, 1, 1)),
        ("2016", datetime(2016, 1, 1), datetime(2017, 1, 1)),
        ("2015-12", datetime(2015, 12, 1), datetime(2016, 1, 1)),
        ("2016-2", datetime(2016, 2, 1), datetime(2016, 3, 1)),
        ("2016-02-28", datetime(2016, 2, 28), datetime(2016, 2, 29)),
        ("2015-12-31", datetime(2015, 12, 31), datetime(2016, 1, 1)),
        ("2015-06..2015-09", datetime(2015, 6, 1), datetime(2015, 10, 1)),
        ("2015..2015-06-12", datetime(2015, 1, 1), datetime(2015, 6, 13)),
        ("2015..", datetime(2015, 1, 1), None),
        ("..2015-09", None, datetime(2015, 10, 1)),
        ("２０１５－０６", datetime(2015, 6, 1), datetime(2015, 7, 1)),
    ],
)
def test_both_ends_of_a_time_are_included(
    value: str, start: datetime | None, before: datetime | None
) -> None:
    assert parse(f"taken:{value}") == ParsedQuery(only=Fields(taken=(Interval(start, before),)))


@pytest.mark.parametrize(
    "query", ["year:2015 AND boats", "boats OR year:2015", "boats AND year:2015 AND year:2015.."]
)
def test_conjunctions_of_fields_are_no_words(query: str) -> None:
    assert texts(query) == [("boats", 1)]


def test_fields_and_words_together() -> None:
    found = parse("a boat -tag:night camera:canon at sea -year:2015 NOT album:best")
    assert found == ParsedQuery(
        texts=(Text("a boat at sea", 1),),
        only=Fields(cameras=("canon",)),
        never=Fields(tags=("night",), years=((2015, 2015),), albums=("best",)),
    )


@pytest.mark.parametrize(
    ("value", "example"),
    [
        *(
            (f"year:{year}", "year:2013..2016")
            for year in ["abc", "15", "2015-06", "..", "2016..2013"]
        ),
        *(
            (f"taken:{time}", "taken:2015-06..2015-09")
            for time in [
                "2015-13",
                "2015-02-29",
                "june",
                "2016..2015",
                "9999",
                "9999-12",
                "1-2-3-4",
                "..",
            ]
        ),
        *(
            (f"near:{place}", "near:56.1,12.3,5km")
            for place in [
                "1,2",
                "91,0,1",
                "0,181,1",
                "0,0,0",
                "0,0,-1",
                "nan,0,1",
                "0,0,inf",
                "a,b,c",
            ]
        ),
        *(
            (f"area:{area}", "area:56.1,10.1,56.2,10.3")
            for area in ["1,2,3", "2,0,1,0", "0,0,91,0", "0,-181,0,0", "nan,0,1,0"]
        ),
        *((f"photo:{photo}", "photo:123") for photo in ["x", "-1", "1.5", "9" * 19, "9" * 5000]),
        ("is:loved", "is:favourite"),
        ("camera:?", "camera:canon"),
        ('album:""', 'album:"PyCon JP 2024"'),
    ],
)
def test_a_bad_value_is_left_out_and_told(value: str, example: str) -> None:
    for query in (f"a boat {value}", f"a boat -{value}"):
        found = parse(query)
        assert found == ParsedQuery(texts=(Text("a boat", 1),), problems=found.problems)
        (problem,) = found.problems
        assert problem.startswith(value[:40])
        assert "was left out" in problem
        assert problem.endswith(example)


def test_an_unknown_field_is_searched_for_as_words() -> None:
    found = parse("a colour:red boat camra:canon -colour:“dark red”")
    assert found.texts == (Text("a colour red boat camra canon", 1), Text("colour dark red", -1))
    assert found.without == ("colour dark red",)
    assert found.only == found.never == Fields()
    listed, nearest, _ = found.problems
    assert listed.startswith("No field colour,")
    assert listed.endswith(
        "photo, camera, lens, taken, near, area, album, event, year, tag, person, face, people,"
        " creator, place, rating, is"
    )
    assert nearest.startswith("No field camra,")
    assert nearest.endswith("did you mean camera?")


@pytest.mark.parametrize("seed", range(20))
def test_every_text_is_a_query(seed: int) -> None:
    choose = random.Random(seed)
    for _ in range(200):
        query = "".join(choose.choices(NASTY, k=choose.randint(1, 20)))
        found = parse(query)
        assert all(0 < abs(part.weight) <= 10 for part in (*found.texts, *found.photos)), query
        assert all(text.text == " ".join(text.text.split()) != "" for text in found.texts), query
        assert all(fulltext.words(words) for words in (*found.phrases, *found.without)), query
        assert [text.text for text in found.texts if text.weight < 0] == list(found.without), query
        assert all("\n" not in problem for problem in found.problems), query
        assert all(len(problem) < 250 for problem in found.problems), query
        assert str(found).encode(), query
        assert all(0 <= photo.image_id < 2**63 for photo in found.photos), query


@pytest.mark.parametrize(
    "part",
    ["“", "「", '"', "a“", "^", "^a", " ^", "NOT ", "-", "a:", " AND", "a" * 9 + ":\t", "  "],
)
def test_a_long_text_does_not_hang(part: str) -> None:
    parse(part * 20_000 + "x")
    parse("x" + part * 20_000)


def test_the_document_tells_the_truth() -> None:
    document = DOCUMENT.read_text("utf-8")
    examples = re.findall(r"^\| `(.+?)` \|", document, re.MULTILINE)
    commands = re.findall(r"^albumscope search .+", document, re.MULTILINE)
    examples += [shlex.split(command)[-1] for command in commands]
    assert len(examples) > 15
    for example in examples:
        assert not parse(example).problems, example
        assert not parse(example).is_empty, example
    told = document.partition("## Messages")[2].partition("\n## ")[0]
    for bullet in told.split("\n- ")[1:]:
        for example in re.findall("`(.+?)`", bullet):
            assert parse(example).problems, example


def test_parts_of_photos() -> None:
    part = Part(12.5, 0, 62.25, 100)
    assert parse("photo:7,12.5,0,62.25,100").photos == (PhotoRef(7, 1, part),)
    assert parse(f"{photo_term(7, part)}^2 {photo_term(8)}").photos == (
        PhotoRef(7, 2, part),
        PhotoRef(8, 1),
    )
    for wrong in ("7,10,10,10,20", "7,50,0,40,20", "7,0,0,101,20", "7,0,0,nan,20", "7,1,2,3"):
        assert parse(f"photo:{wrong}").photos == ()
        assert "left out" in parse(f"photo:{wrong}").problems[0]


@pytest.mark.parametrize(
    "address",
    [
        "https://www.flickr.com/photos/europython/53851/in/album-7",
        "https://flickr.com/photos/12@N03/53851",
        "https://live.staticflickr.com/65535/53851_0a1b2c_b.jpg",
        "http://127.0.0.1:8501/?q=two+dogs&photo=53851",
        "https://photos.example.org/search/app/static/photos/53851/large?v=1",
    ],
)
def test_the_address_of_a_photo_is_a_photo(address: str) -> None:
    assert parse(f"{address} at night") == ParsedQuery(
        texts=(Text("at night", 1),), photos=(PhotoRef(53851, 1),)
    )


def test_ids_of_photos_in_folders_are_long() -> None:
    address = "http://127.0.0.1:8501/?photo={}"
    assert parse(address.format(2**62)).photos == (PhotoRef(2**62, 1),)
    assert parse(address.format("9" * 19)).photos == ()


def test_photos_and_faces_are_told_apart_from_the_words_around_them() -> None:
    """Those that are asked about, as they were typed; what pushes away or is wrong stays."""
    link = "https://www.flickr.com/photos/europython/53851"
    query = (
        f"a dog  photo:7,0,0,50,50 ^2 {link} face:5,1 “at night” -photo:8 photo:9 photo:1O"
        " photo:7 ^-1 face:5,2 -face:5,1"
    )
    wanted = [photo for photo in parse(query).photos if photo.weight > 0 and photo.image_id != 9]
    terms, rest = without_pictures(query, [*wanted, (5, 1)])
    assert terms == ["photo:7,0,0,50,50 ^2", link, "face:5,1"]
    assert rest == ("a dog “at night” -photo:8 photo:9 photo:1O photo:7 ^-1 face:5,2 -face:5,1")
    assert parse(" ".join([*terms, rest])).texts == parse(query).texts
    assert without_pictures("words  alone, as typed", []) == ([], "words  alone, as typed")
