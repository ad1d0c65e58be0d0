"""Whatever files, servers and people say, nothing is raised that is not meant for people."""

import io
import json
from contextlib import suppress
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.models.captioners.ollama_answer import caption_so_far, read_answer, read_cut_answer
from pipeline.photos.dates import Moment, read_date, written
from pipeline.photos.exif import read_exif
from pipeline.photos.iptc import read_iptc
from pipeline.photos.sidecars import sidecars_of
from pipeline.photos.takeout import read_takeout
from pipeline.photos.words import DamagedError, Said
from pipeline.photos.xmp import read_xmp
from pipeline.snapshot import fulltext
from pipeline.sources.flickr.parsing import parse_album, parse_photo
from search_app.search.query import parse

settings.register_profile("few", max_examples=60, deadline=None, derandomize=True, database=None,
                          suppress_health_check=list(HealthCheck))  # fmt: skip
settings.load_profile("few")

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
DIGITS = st.text("0123456789:/.-T+Z ,", max_size=30)
NUMBERS = DIGITS | st.floats().map(str) | st.text(max_size=10)


def of_fields(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, ANY_JSON | NUMBERS))


def assert_can_be_stored(said: Said) -> None:
    json.dumps(said, default=str, ensure_ascii=False).encode()


@given(st.text() | DIGITS | st.datetimes().map(lambda at: at.strftime("%Y:%m:%d %H:%M:%S")))
def test_dates(text: str) -> None:
    moment = read_date(text, fraction=text[:3], offset=text[3:])
    assert moment is None or isinstance(moment, Moment)
    if moment:
        assert written(moment.at, moment.precision)
        assert isinstance(moment.at, datetime)


@given(DIGITS | st.text(max_size=30), st.text(max_size=20), st.binary(max_size=40))
def test_exif(date: str, words: str, keywords: bytes) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x9C9E] = words, keywords
    exif.get_ifd(0x8769).update({0x9003: date, 0x9011: words})
    exif.get_ifd(0x8825).update({1: "N", 2: (words, 1.0, 2.0), 3: "E", 4: (float(len(date)), 0, 0)})
    try:
        block = exif.tobytes()
    except Exception:  # Pillow writes less than it reads
        return
    assert_can_be_stored(read_exif(io.BytesIO(block.removeprefix(b"Exif\0\0")))[1])


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 255))
def test_exif_of_any_bytes(block: bytes, at: int, value: int) -> None:
    exif = Image.Exif()
    exif[0x010F], exif[0x010E] = "Maker", "A photo"
    whole = bytearray(exif.tobytes().removeprefix(b"Exif\0\0"))
    whole[at % len(whole)] = value
    for content in (block, bytes(whole)):
        assert_can_be_stored(read_exif(io.BytesIO(content))[1])


XMP = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:a="http://ns.adobe.com/xmp/sType/Area#"
 xmlns:r="http://www.metadataworkinggroup.com/schemas/regions/">
<rdf:Description xmp:Rating={0} xmp:CreateDate={1} exif:GPSLatitude={0} exif:GPSLongitude={1}
 exif:GPSAltitude={0}><dc:title><rdf:Alt><rdf:li>{2}</rdf:li></rdf:Alt></dc:title>
 <r:Regions><r:RegionList><rdf:Bag><rdf:li r:Name={1}><r:Area a:x={0} a:y="1" a:w={0} a:h="1"/>
 </rdf:li></rdf:Bag></r:RegionList></r:Regions></rdf:Description></rdf:RDF>"""


@given(NUMBERS, NUMBERS, st.text(), st.integers(0, 900), st.binary(max_size=20))
def test_xmp(number: str, other: str, words: str, at: int, damage: bytes) -> None:
    from xml.sax.saxutils import escape, quoteattr

    packet = XMP.format(quoteattr(number), quoteattr(other), escape(words))
    encoded = packet.encode("utf-8", "replace")
    for content in (encoded, encoded[:at] + damage + encoded[at:], damage):
        with suppress(DamagedError):
            assert_can_be_stored(read_xmp(content))


@given(
    st.dictionaries(
        st.sampled_from([(2, each) for each in (5, 25, 55, 60, 80, 90, 105, 116, 120)]),
        st.binary(max_size=20)
        | st.lists(st.binary(max_size=20), max_size=3)
        | DIGITS.map(str.encode),
    )
)
def test_iptc(records: dict[tuple[int, int], Any]) -> None:
    assert_can_be_stored(read_iptc(records))


@given(
    of_fields("description", "people", "favorited", "photoTakenTime", "geoData", "geoDataExif"),
    of_fields("timestamp", "latitude", "longitude", "altitude", "name"),
    st.binary(max_size=50),
)
def test_takeout(found: dict[str, Any], inner: dict[str, Any], content: bytes) -> None:
    nested = found | {"photoTakenTime": inner, "geoData": inner, "people": [inner]}
    for each in (json.dumps(found).encode(), json.dumps(nested).encode(), content):
        with suppress(DamagedError):
            assert_can_be_stored(read_takeout(each))


@given(st.text(min_size=1), st.lists(st.text(), max_size=5))
def test_names_of_sidecars(name: str, beside: list[str]) -> None:
    assert set(sidecars_of(name, beside)) <= set(beside)


@given(
    of_fields(
        *(
            "id",
            "owner",
            "title",
            "description",
            "tags",
            "machine_tags",
            "license",
            "views",
            "farm",
        ),
        *("dateupload", "lastupdate", "datetaken", "datetakengranularity", "datetakenunknown"),
        *("latitude", "longitude", "accuracy", "media", "media_status", "url_l", "photos"),
        *("date_create", "date_update", "count_photos", "pathalias"),
    )
)
def test_flickr(raw: dict[str, Any]) -> None:
    parse_photo(raw, "1@N01").model_dump_json()
    parse_album(raw, "1@N01").model_dump_json()


@given(
    st.text()
    | st.lists(
        st.sampled_from(["taken:", "near:", "rating:", "person:", "photo:", "..", "-", '"', "^2"])
        | NUMBERS
    ).map("".join)
)
def test_queries(text: str) -> None:
    found = parse(text)
    assert all(fulltext.words(words) for words in (*found.phrases, *found.without))
    str(found).encode()


@given(
    ANY_JSON.map(json.dumps)
    | of_fields("caption", "tags", "visible_text", "has_people", "response").map(json.dumps)
    | st.text()
)
def test_answers_of_captioners(text: str) -> None:
    for read in (read_answer, read_cut_answer):
        answer = read(text)
        assert answer is None or answer.caption
    assert isinstance(caption_so_far(text), str)
