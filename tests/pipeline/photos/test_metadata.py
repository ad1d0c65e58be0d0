"""What a photo says of itself: words, times and places, wherever they are written."""

import json
import os
import shutil
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, PngImagePlugin

from pipeline.photos.decoding import open_photo, read_header
from pipeline.photos.metadata import Metadata, read_metadata
from pipeline.photos.sidecars import Sidecars, sidecars_of
from pipeline.photos.takeout import read_takeout
from pipeline.photos.xmp import read_xmp
from tests.conftest import INPUTS
from tests.pipeline.photos.pngs import chunk

METADATA = INPUTS / "metadata"


def read(path: Path) -> Metadata:
    return read_metadata(path, Sidecars().of(str(path)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "iptc-words.jpg",
            {
                "title": "Harbour at dusk",
                "description": "Three trawlers come home before the storm",
                "tags": ["trawler", "storm"],
                "creator": "A. Photographer",
                "place_names": ["Aarhus"],
            },
        ),
        (
            "xmp-words.jpg",
            {
                "title": "Opening keynote",
                "description": "A speaker on the main stage",
                "tags": ["keynote"],
                "rating": 4,
                "taken_at": datetime(2023, 5, 6, 7, 8, 9),
                "taken_precision": "exact",
                "latitude": pytest.approx(56.15),
                "longitude": pytest.approx(10.21),
            },
        ),
        (
            "exif-words.jpg",
            {
                "title": "Parade",
                "description": "Lantern parade by the river",
                "tags": ["lantern", "parade"],
            },
        ),
        (
            "sidecar.jpg",
            {
                "title": "From the sidecar",
                "tags": ["heron"],
                "taken_at": datetime(2021, 2, 3, 4, 5, 6),
            },
        ),
        (
            "takeout-photo.jpg",
            {
                "title": None,
                "description": "Boat race",
                "taken_at": datetime(2017, 7, 14, 2, 40),
                "taken_at_offset": "+00:00",
                "latitude": 60.17,
                "people": ["Person One"],
                "favourite": True,
            },
        ),
        ("date-24h.jpg", {"taken_at": datetime(2019, 6, 7, 0, 8, 19), "taken_precision": "exact"}),
        ("date-only.jpg", {"taken_at": datetime(2018, 3, 4), "taken_precision": "day"}),
        ("gps-null-island.jpg", {"latitude": None, "longitude": None}),
        (
            "png-raw-profile-exif.png",
            {
                "orientation": 6,
                "camera_make": "Maker",
                "camera_model": "Model X",
                "taken_at": datetime(2022, 1, 2, 3, 4, 5),
            },
        ),
        ("orientation-only-in-xmp.jpg", {"orientation": 6}),
    ],
)
def test_what_photos_say(name: str, expected: dict[str, Any]) -> None:
    row = read(METADATA / name)
    assert {column: row[column] for column in expected} == expected  # type: ignore[literal-required]


def test_the_picture_is_turned_as_the_column_says(tmp_path: Path) -> None:
    """Also where only XMP says so, or a raw profile that its program called APP1."""
    app1 = tmp_path / "app1.png"
    with Image.open(METADATA / "png-raw-profile-exif.png") as image:
        said = PngImagePlugin.PngInfo()
        profile = image.info["Raw profile type exif"].replace("exif", "APP1", 1)
        said.add_text("Raw profile type APP1", profile, zip=True)
        size = image.size
        Image.new("RGB", size).save(app1, pnginfo=said)
    for path in (METADATA / "orientation-only-in-xmp.jpg", app1):
        with Image.open(path) as image:
            turned = image.height, image.width
        assert read(path)["orientation"] == 6
        assert open_photo(path).size == turned
        assert (read_header(path).width, read_header(path).height) == turned


def test_the_first_that_says_something_counts(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    shutil.copy(METADATA / "iptc-words.jpg", photo)
    shutil.copy(METADATA / "takeout-photo.jpg.supplemental-meta.json", tmp_path / "photo.jpg.json")
    shutil.copy(METADATA / "sidecar.jpg.xmp", tmp_path / "photo.xmp")
    row = read(photo)
    assert row["title"] == "From the sidecar"
    assert row["tags"] == ["heron"]
    assert row["description"] == "Three trawlers come home before the storm"
    assert row["people"] == ["Person One"]
    assert row["taken_at"] == datetime(2021, 2, 3, 4, 5, 6)
    said = json.loads(row["said"] or "")
    assert list(said) == ["sidecar", "iptc", "takeout"]
    assert (said["iptc"]["title"], said["takeout"]["description"]) == (
        "Harbour at dusk",
        "Boat race",
    )


def test_the_camera_knows_best_when_it_was(tmp_path: Path) -> None:
    """But for a sidecar, in which people correct it."""
    photo = tmp_path / "photo.jpg"
    with Image.open(METADATA / "xmp-words.jpg") as image:
        exif = image.getexif()
        exif.get_ifd(0x8769)[0x9003] = "2023:05:06 09:00:00"
        image.save(photo, exif=exif, xmp=image.info["xmp"])
    assert read(photo)["taken_at"] == datetime(2023, 5, 6, 9)
    corrected = (
        (METADATA / "sidecar.jpg.xmp").read_text().replace("xmp:CreateDate", "xmp:MetadataDate")
    )
    (tmp_path / "photo.jpg.xmp").write_text(corrected)
    assert read(photo)["taken_at"] == datetime(2023, 5, 6, 9)
    corrected = corrected.replace("xmp:MetadataDate", "photoshop:DateCreated").replace(
        "xmlns:xmp='http://ns.adobe.com/xap/1.0/'",
        "xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/'",
    )
    (tmp_path / "photo.jpg.xmp").write_text(corrected)
    assert read(photo)["taken_at"] == datetime(2021, 2, 3, 4, 5, 6)


def test_what_a_camera_describes_every_photo_with_is_no_description(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    for written, expected in (("OLYMPUS DIGITAL CAMERA         ", None), ("DSC", "DSC")):
        exif = Image.Exif()
        exif[0x010E] = written
        Image.new("RGB", (8, 8)).save(path, exif=exif)
        assert read(path)["description"] == expected


@pytest.mark.parametrize(
    ("photo", "sidecar"),
    [
        ("a.jpg", "a.jpg.xmp"),
        ("a.jpg", "a.xmp"),
        ("a.JPG", "a.XMP"),
        ("a.jpg", "a.jpg.json"),
        ("a.jpg", "a.jpg.supplemental-metadata.json"),
        ("a.jpg", "a.jpg.supplemental-me.json"),
        ("a(1).jpg", "a.jpg(1).json"),
        ("a(1).jpg", "a.jpg.supplemental-metadata(1).json"),
        ("a(1).jpg", "a(1).jpg.json"),
        ("a-edited.jpg", "a.jpg.json"),
        (f"{'long' * 11}.jpeg", f"{'long' * 11}.j.json"),
        (f"{'long' * 12}.jpg", f"{('long' * 12)[:46]}.json"),
    ],
)
def test_sidecars_belong_to_their_photo(photo: str, sidecar: str) -> None:
    assert sidecars_of(photo, {sidecar, photo}) == [sidecar]
    assert sidecars_of(f"b{photo}", {sidecar}) == []


def test_a_numbered_photo_has_its_own_sidecar() -> None:
    beside = {"a.jpg.json", "a.jpg(1).json", "a.xmp", "a.jpg.xmp"}
    assert sidecars_of("a.jpg", beside) == ["a.jpg.xmp", "a.jpg.json"]
    assert sidecars_of("a(1).jpg", beside) == ["a.jpg(1).json"]


RDF = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
  xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
  xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
  xmlns:MP="http://ns.microsoft.com/photo/1.2/"
  xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"
  xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"
  xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
  xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/">
<rdf:Description rdf:about="" {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta>"""


def xmp(elements: str = "", attributes: str = "") -> Any:
    return read_xmp(RDF.format(elements=elements, attributes=attributes).encode())


def test_people_and_where_they_are_in_the_picture() -> None:
    said = xmp(
        """
        <mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>
          <rdf:li rdf:parseType="Resource"><mwg-rs:Name>Ada</mwg-rs:Name>
            <mwg-rs:Type>Face</mwg-rs:Type>
            <mwg-rs:Area stArea:x="0.5" stArea:y="0.25" stArea:w="0.2" stArea:h="0.1"/></rdf:li>
          <rdf:li><rdf:Description mwg-rs:Name="Rex" mwg-rs:Type="Pet">
            <mwg-rs:Area stArea:x="0.5" stArea:y="0.5" stArea:w="1" stArea:h="1"/>
          </rdf:Description></rdf:li>
        </rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>
        <MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>
          <rdf:li MPReg:Rectangle="0.1, 0.2, 0.3, 0.4" MPReg:PersonDisplayName="Grace"/>
        </rdf:Bag></MPRI:Regions></MP:RegionInfo>
        """
    )
    assert said["people"] == ["Ada", "Grace"]
    assert said["regions"] == [
        {"name": "Ada", "type": "Face", "left": 40, "top": 20, "right": 60, "bottom": 30},
        {"name": "Rex", "type": "Pet", "left": 0, "top": 0, "right": 100, "bottom": 100},
        {"name": "Grace", "type": "Face", "left": 10, "top": 20, "right": 40, "bottom": 60},
    ]


def test_xmp_as_programs_write_it() -> None:
    said = xmp(
        """<dc:title><rdf:Alt><rdf:li xml:lang="de">Hafen</rdf:li>
        <rdf:li xml:lang="x-default">Harbour</rdf:li></rdf:Alt></dc:title>
        <lr:hierarchicalSubject><rdf:Bag><rdf:li>Animals|Birds|Heron</rdf:li></rdf:Bag>
        </lr:hierarchicalSubject>""",
        'xmp:Rating="-1" xmp:CreateDate="1924-05" exif:GPSLatitude="33,51,24S"'
        ' exif:GPSLongitude="151,12.9E" exif:GPSAltitude="561/10" exif:GPSAltitudeRef="0"',
    )
    assert (said["title"], said["tags"], said["rating"]) == ("Harbour", ["Heron"], -1)
    assert said["position"] == (pytest.approx(-33.8566667), pytest.approx(151.215), 56.1)
    assert said["digitized"] == (datetime(1924, 5, 1), "month", None)
    assert "position" not in xmp(
        attributes='exif:GPSStatus="V" exif:GPSLatitude="33,51S" exif:GPSLongitude="1,1E"'
    )
    assert xmp(attributes='xmp:Rating="0"') == {}


def test_another_kind_of_json_says_nothing() -> None:
    assert read_takeout(b'{"description": "no Takeout"}') == {}
    assert read_takeout(b'["photoTakenTime"]') == {}


def test_what_is_no_file_is_no_sidecar(tmp_path: Path) -> None:
    photo = shutil.copy(METADATA / "exif-words.jpg", tmp_path)
    os.mkfifo(tmp_path / "exif-words.xmp")  # whoever opened it would wait for ever
    (tmp_path / "other.xmp").symlink_to("other.xmp")
    assert read(Path(photo))["title"] == "Parade"


def test_a_sidecar_may_be_in_utf_16() -> None:
    packet = RDF.format(elements="<dc:title>Okapi</dc:title>", attributes="")
    assert read_xmp(packet.encode("utf-16"))["title"] == "Okapi"


@pytest.mark.parametrize(
    ("name", "content", "is_damaged"),
    [
        ("photo.jpg.xmp", b"<x:xmpmeta", True),
        ("photo.xmp", b"", True),
        ("photo.xmp", b"<html/>", True),
        ("photo.jpg.json", b'{"photoTakenTime": {', True),
        ("photo.jpg.json", b"[]", False),
        ("photo.jpg.xmp", RDF.format(elements="", attributes="").encode(), False),
    ],
)
def test_a_damaged_sidecar_is_named(
    name: str, content: bytes, is_damaged: bool, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.jpg"
    shutil.copy(METADATA / "exif-words.jpg", photo)
    (tmp_path / name).write_bytes(content)
    row = read(photo)
    assert row["title"] == "Parade"
    assert row["unread"] == ([name] if is_damaged else None)


def test_the_texts_of_a_png(tmp_path: Path) -> None:
    """Also those that follow the pixels, and IPTC as ImageMagick writes it."""
    path = tmp_path / "words.png"
    Image.new("RGB", (8, 8)).save(path)
    records = b"\x1c\x02\x19\x00\x04pier\x1c\x02\x19\x00\x03sea"
    block = b"8BIM\x04\x04\0\0" + len(records).to_bytes(4, "big") + records
    profile = f"\niptc\n{len(block):8}\n{block.hex()}\n".encode()
    chunks = (
        chunk(b"tEXt", b"Title\0Caf\xe9"),
        chunk(b"zTXt", b"Author\0\0" + zlib.compress(b"Ada")),
        chunk(b"iTXt", "Description\0\0\0\0\0Ein Café".encode()),
        chunk(b"tEXt", b"Creation Time\x002019-05-06 07:08:09"),
        chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(profile)),
    )
    content = path.read_bytes()
    path.write_bytes(content[:-12] + b"".join(chunks) + content[-12:])
    row = read(path)
    assert (row["title"], row["description"], row["creator"]) == ("Café", "Ein Café", "Ada")
    assert row["tags"] == ["pier", "sea"]
    assert row["taken_at"] == datetime(2019, 5, 6, 7, 8, 9)


@pytest.mark.parametrize("suffix", ["jpg", "gif"])
def test_the_comment_of_a_picture(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"photo.{suffix}"
    for comment, description in [
        ("Größe 12 ", "Größe 12"),
        ("CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90\n", None),
        ("File written by Adobe Photoshop 4.0", None),
    ]:
        Image.new("L", (8, 8)).save(path, comment=comment.encode())
        assert read(path)["description"] == description


@pytest.mark.parametrize(
    ("comment", "description"),
    [
        (b"ASCII\0\0\0Low tide\0\0", "Low tide"),
        (b"UNICODE\0" + "Ebbe, früh".encode("utf-16-le"), "Ebbe, früh"),
        (b"UNICODE\0" + "引き潮です".encode("utf-16-be"), "引き潮です"),
        (b"JIS\0\0\0\0\0" + "引き潮".encode("iso2022_jp"), "引き潮"),
        (b"Low tide without a code", "Low tide without a code"),
        (b"ASCII\0\0\0" + b" " * 100, None),
        (b"ASCII\0\0\0" + b'{"filter":0}', None),
    ],
)
def test_the_user_comment(comment: bytes, description: str | None, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    Image.new("L", (8, 8)).save(path, exif=exif)
    assert read(path)["description"] == description


def test_what_each_source_says_is_for_people_to_read(tmp_path: Path) -> None:
    photo = shutil.copy(METADATA / "gps-null-island.jpg", tmp_path)
    place = {"latitude": 60.1700000001, "longitude": 24.9, "altitude": 5.319999999999999}
    (tmp_path / "gps-null-island.jpg.json").write_text(json.dumps({"geoData": place}))
    assert json.loads(read(Path(photo))["said"] or "")["takeout"]["position"] == [60.17, 24.9, 5.32]
