"""Taking out: sidecars that other programs read and that keep people's words; all tables."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.library.corrections import PEOPLE, Correction, FaceKey, Region
from pipeline.library.library import Library
from pipeline.library.marks import JOURNALS, Kind, Mark
from pipeline.moving.xmp_writing import Known, merge
from pipeline.photos.metadata import read_metadata
from pipeline.photos.words import Position, Said, lines, said, text
from pipeline.photos.words import Region as SaidRegion
from pipeline.photos.xmp import all_that_is_said, parse, properties, read_xmp
from pipeline.settings import Settings
from pipeline.snapshot import people, publishing, reading
from pipeline.snapshot.people import as_stored
from tests.conftest import DEMO_PHOTOS
from tests.pipeline.command_line import Run
from tests.pipeline.quick_sync import bring_in

BY_LIGHTROOM = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
    xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
    xmp:Rating="3" crs:Exposure2012="+0.35">
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">My dogs</rdf:li></rdf:Alt></dc:title>
   <dc:subject><rdf:Bag><rdf:li>Rex</rdf:li></rdf:Bag></dc:subject>
   <lr:hierarchicalSubject><rdf:Bag><rdf:li>Animals|Rex</rdf:li></rdf:Bag></lr:hierarchicalSubject>
   <mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>
    <rdf:li><rdf:Description mwg-rs:Type="Focus"><mwg-rs:Area stArea:x="0.1" stArea:y="0.1"
     stArea:w="0.1" stArea:h="0.1" stArea:unit="normalized"/></rdf:Description></rdf:li>
   </rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def exiftool(file: Path, *arguments: str) -> dict[str, Any]:
    """What a program of today reads in a sidecar, or what it wrote there."""
    command = ["exiftool", "-j", "-struct", "-XMP:all", *arguments, str(file)]
    if arguments:
        command = ["exiftool", "-q", "-overwrite_original", *arguments, str(file)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(out)[0] if not arguments else {}
    return found


class Photos:
    """Three photos in a folder of their own, in a library that knows them already."""

    def __init__(self, folder: Path, run: Run) -> None:
        self._run = run
        self.folder = folder
        for album, name in (
            ("Space and Flight", "astronaut"),
            ("Nature Walks 2018", "two-dogs"),
            ("Northern Light 2015", "colorful-cups"),
        ):
            shutil.copy(DEMO_PHOTOS / album / f"{name}.jpg", folder)
        self.astronaut, self.dogs, self.cups = (
            folder / f"{name}.jpg" for name in ("astronaut", "two-dogs", "colorful-cups")
        )
        self.lightrooms = folder / "two-dogs.xmp"
        self.lightrooms.write_text(BY_LIGHTROOM)
        assert run("add-folder", folder).code == 0
        bring_in(Library(Settings()))
        self.library = Library(Settings())
        self.album_id = next(
            album["album_id"] for album in self.library.albums() if album["title"] == folder.name
        )

    def export(self, *arguments: str | Path) -> list[dict[str, Any]]:
        result = self._run("export", *arguments, "--album-id", self.album_id, "--json")
        assert result.code in {0, 1}, result
        rows: list[dict[str, Any]] = json.loads(result.out)
        assert not any(row["error"] for row in rows)
        assert result.code == int("--check" in arguments and bool(rows))
        return rows

    def photo(self, name: str) -> dict[str, Any]:
        rows = self.library.tables.read("raw_images", self.album_id).to_pylist()
        return next(row for row in rows if row["local_filename"] == f"{name}.jpg")

    def mark(self, kind: Kind, name: str, tag: str = "", *, is_on: bool = True) -> None:
        photo = self.photo(name)
        mark = Mark(
            is_on=is_on, user="", at=datetime.now(UTC), tag=tag,
            sha256=[photo["sha256"]], image_id=[photo["image_id"]],
        )  # fmt: skip
        JOURNALS[kind].write(self.library.storage, mark)

    def name(self, person: str) -> None:
        image_id, sha256 = (self.photo("astronaut")[each] for each in ("image_id", "sha256"))
        rows = self.library.tables.read("faces", self.album_id, ["image_id", "faces"]).to_pylist()
        (faces,) = (row["faces"] for row in rows if row["image_id"] == image_id)
        face = max(faces, key=lambda each: each["quality"])
        region = Region(*(face[edge] for edge in Region._fields))
        said = Correction(person_id="e", faces=[FaceKey(sha256, region)], name=person)
        PEOPLE.write(self.library.storage, said)

    def publish(self) -> None:
        publishing.publish(Library(Settings()), duckdb.connect, run_id="")


@pytest.fixture
def photos(demo_copy: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Photos:
    for name in ("FACES", "OCR"):
        monkeypatch.setenv(name, "on")
    (tmp_path / "mine").mkdir()
    return Photos(tmp_path / "mine", run)


def assert_is_settled(photos: Photos, run: Run) -> None:
    """Sidecars are the same from now on, and no work for ever."""
    before = {path: path.stat().st_mtime_ns for path in photos.folder.iterdir()}
    assert photos.export("--check") == [] == photos.export("--sidecars")
    assert run("sync").code == 0
    assert photos.export("--check") == []
    snapshots = run("snapshots", "--json").json
    assert run("sync").code == 0
    assert run("snapshots", "--json").json == snapshots
    assert {path: path.stat().st_mtime_ns for path in photos.folder.iterdir()} == before


@pytest.mark.usefixtures("quick_runs")
def test_sidecars_say_what_the_library_knows_and_keep_what_people_said(
    photos: Photos, run: Run
) -> None:
    photos.name("Eileen Collins")
    photos.mark("tag", "astronaut", "NASA")
    photos.mark("favourite", "two-dogs")
    photos.mark("favourite", "colorful-cups")
    photos.publish()
    would = photos.export("--check")
    assert {Path(row["sidecar"]).name for row in would} == {
        "astronaut.jpg.xmp", "two-dogs.xmp", "colorful-cups.jpg.xmp",
    }  # fmt: skip
    assert {path.suffix for path in photos.folder.iterdir()} == {".jpg", ".xmp"}
    assert photos.lightrooms.read_text() == BY_LIGHTROOM
    assert photos.export("--sidecars") == would

    astronaut = photos.folder / "astronaut.jpg.xmp"
    read = exiftool(astronaut)
    assert "NASA" in read["Subject"] and read["Description"]
    region = read["RegionInfo"]["RegionList"][0]
    assert (region["Name"], region["Type"]) == ("Eileen Collins", "Face")
    assert read["RegionInfo"]["AppliedToDimensions"] == {"W": 512, "H": 512, "Unit": "pixel"}
    cups = exiftool(photos.folder / "colorful-cups.jpg.xmp")
    assert (cups["Rating"], cups["City"], cups["Country"]) == (5, "Århus", "Denmark")
    assert not {"Description", "GPSLatitude", "Title"} & set(cups)  # the photo says so itself
    dogs = exiftool(photos.lightrooms)
    assert (dogs["Title"], dogs["Rating"], dogs["Exposure2012"]) == ("My dogs", 3, "+0.35")
    assert dogs["Subject"][0] == "Rex" and len(dogs["Subject"]) > 1
    assert dogs["HierarchicalSubject"] == ["Animals|Rex"]
    assert dogs["RegionInfo"]["RegionList"][0]["Type"] == "Focus"
    assert "crs:Exposure2012" in photos.lightrooms.read_text()  # by the name that it had

    # What a model made is nobody's word; what people said comes back.
    metadata = read_metadata(photos.astronaut, [astronaut])
    assert (metadata["people"], metadata["tags"]) == (["Eileen Collins"], ["NASA"])
    assert metadata["description"] is None and metadata["unread"] is None

    assert_is_settled(photos, run)

    # What changes here changes there; what people changed there stays.
    photos.name("Collins")
    photos.mark("tag", "astronaut", "NASA", is_on=False)
    photos.mark("favourite", "colorful-cups", is_on=False)
    exiftool(photos.lightrooms, "-XMP-dc:Description=Rex and a friend")
    exiftool(astronaut, "-XMP-dc:Title=Portrait", "-XMP-xmp:Rating=2")
    bring_in(Library(Settings()))
    changed = photos.export("--sidecars")
    assert {Path(row["sidecar"]).name: sorted(row["changes"]) for row in changed} == {
        "astronaut.jpg.xmp": ["regions", "tags"], "colorful-cups.jpg.xmp": ["rating"],
    }  # fmt: skip
    read = exiftool(astronaut)
    assert (read["Title"], read["Rating"]) == ("Portrait", 2)
    assert "NASA" not in read.get("Subject", ())
    assert [each["Name"] for each in read["RegionInfo"]["RegionList"]] == ["Collins"]
    assert "Rating" not in exiftool(photos.folder / "colorful-cups.jpg.xmp")
    assert exiftool(photos.lightrooms)["Description"] == "Rex and a friend"


def test_sidecars_in_a_folder_that_mirrors_those_of_the_photos(
    photos: Photos, tmp_path: Path, run: Run
) -> None:
    out = tmp_path / "out"
    assert len(photos.export(out, "--sidecars")) == 3
    assert {str(path.relative_to(out)) for path in out.rglob("*.xmp")} == {
        "mine/astronaut.jpg.xmp", "mine/two-dogs.xmp", "mine/colorful-cups.jpg.xmp",
    }  # fmt: skip
    assert exiftool(out / "mine" / "two-dogs.xmp")["Title"] == "My dogs"
    assert photos.lightrooms.read_text() == BY_LIGHTROOM
    assert photos.export(out, "--check") == []


def test_what_cannot_be_written_is_told_and_holds_up_nothing(photos: Photos, run: Run) -> None:
    photos.lightrooms.write_text("no XMP")
    (photos.folder / "astronaut.jpg.xmp").mkdir()
    result = run("export", "--sidecars", "--album-id", photos.album_id)
    assert result.code == 1
    assert "two-dogs.xmp" in result.out and "no XMP" in result.out
    assert "astronaut.jpg.xmp" in result.out
    assert photos.lightrooms.read_text() == "no XMP"
    assert exiftool(photos.folder / "colorful-cups.jpg.xmp")["City"] == "Århus"


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
titles = words.map(lambda each: lines([each])).filter(bool).map(lambda found: found[0])
edges = st.tuples(*[st.floats(0.5, 40)] * 2, *[st.floats(1, 50)] * 2)
regions = st.builds(
    lambda name, sizes: SaidRegion(
        name=name, type="Face", left=sizes[0], top=sizes[1],
        right=sizes[0] + sizes[2], bottom=sizes[1] + sizes[3],
    ),
    titles, edges,
)  # fmt: skip
anything = st.builds(
    said,
    title=st.none() | titles,
    description=st.none() | words.map(text),
    tags=st.lists(titles, max_size=4, unique_by=str.casefold),
    rating=st.none() | st.just(5),
    position=st.none() | st.builds(Position, st.floats(-90, 90), st.floats(1, 180)),
    regions=st.lists(regions, max_size=1),
)


@settings(max_examples=50, deadline=None)
@given(anything, st.none() | words.map(text), st.lists(titles, max_size=3), anything)
def test_what_is_written_is_read_again(
    by_people: Said, caption: str | None, labels: Sequence[str], later: Said
) -> None:
    made = said(description=caption, tags=list(labels))
    known = Known(by_people, made, {}, (300, 200))
    merged = merge(None, known)
    if merged is None:
        assert not by_people and not made
        return
    assert merge(merged.packet, known) is None
    read = read_xmp(merged.packet)
    for field in ("title", "description", "rating"):
        assert read.get(field) == by_people.get(field)
    assert len(read.get("regions", ())) == len(by_people.get("regions", ()))
    if place := by_people.get("position"):
        assert read["position"] == pytest.approx((*place[:2], None), abs=1e-6)
    # what is known later replaces it, and leaves nothing behind
    again = merge(merged.packet, Known(later, {}, {}, (300, 200)))
    packet = again.packet if again else merged.packet
    left = all_that_is_said(properties(parse(packet)))
    fresh = merge(None, Known(later, {}, {}, (300, 200)))
    expected = all_that_is_said(properties(parse(fresh.packet))) if fresh else {}
    assert left == expected


@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_a_face_is_where_it_was_before_the_photo_was_turned(orientation: int | None) -> None:
    shown = (10.0, 20.0, 30.0, 60.0)
    region = as_stored("Ann", shown, orientation)
    assert people._turned(region, orientation) == shown


@pytest.mark.parametrize("format", ["parquet", "csv", "json"])
def test_all_tables_go_out(
    format: str, demo_library: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(demo_library))
    rows = run("export", tmp_path / "out", "--tables", format, "--json").json
    counts = {row["table"]: row["rows"] for row in rows}
    assert {"albums", "images", "exif", "captions", "people", "faces", "marks"} <= set(counts)
    manifest = reading.open_current(demo_library).manifest
    with duckdb.connect() as connection:
        for table, number in counts.items():
            file = tmp_path / "out" / f"{table}.{format}"
            query = f"SELECT count(*) FROM '{file}'"
            assert number == 0 or connection.execute(query).fetchall() == [(number,)]
            assert manifest["tables"].get(table, number) == number
        images = tmp_path / "out" / f"images.{format}"
        paths = connection.execute(f"SELECT path FROM '{images}'").fetchall()
    assert all(Path(path).exists() for (path,) in paths)


def test_what_to_export_has_to_be_said(run: Run, demo_library: Path) -> None:
    for arguments in (
        [],
        ["--sidecars", "--tables", "csv"],
        ["--tables", "xls"],
        ["--tables", "csv"],
    ):
        assert run("export", *arguments).code == 2
