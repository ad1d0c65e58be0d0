"""People: faces are grouped and named, and what is said of them outlives what is made anew."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.library import corrections
from pipeline.library.corrections import PEOPLE, Correction, FaceKey, Region
from pipeline.library.library import Library
from pipeline.models.encoders import Vectors
from pipeline.models.faces.embedded import EmbeddedFaceFinder
from pipeline.settings import Settings
from pipeline.snapshot import grouping, publishing
from pipeline.snapshot.who_is_who import Person
from pipeline.sources import folder
from search_app.search.filters import Filters
from search_app.search.queries import Query
from search_app.search.ranking import meant_by
from search_app.search.searcher import Searcher
from search_app.search.terms import face_term, person_term
from tests.pipeline.command_line import Run
from tests.pipeline.quick_model import use_quick_models
from tests.pipeline.quick_sync import bring_in
from tests.search_app.faces import faces
from tests.search_app.searching import searcher_of


@pytest.fixture
def library(face_library: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    use_quick_models(monkeypatch)
    shutil.copytree(face_library / "library", data_dir)
    return Library(Settings(data_dir=data_dir, faces=True))


def publish(library: Library) -> Searcher:
    publishing.publish(library, duckdb.connect, run_id="test")
    return searcher_of(library.settings.data_dir)


def found(searcher: Searcher, query: str) -> set[str]:
    return {hit.title or "" for hit in searcher.search(Query(query, mode="text"))}


def id_of(searcher: Searcher, title: str) -> int:
    (image_id,) = (hit.image_id for hit in searcher.browse(Filters()) if hit.title == title)
    return image_id


def people(searcher: Searcher) -> Mapping[str | None, list[str]]:
    """By name, or by the last of them for want of a name, the photos that somebody is on."""
    rows = searcher.snapshot.cursor().execute(
        """
        SELECT name, list(images.title ORDER BY images.title)
        FROM people JOIN faces USING (person_id) JOIN images ON images.image_id = faces.image_id
        GROUP BY person_id, name
        """
    )
    return {named or titles[-1]: titles for named, titles in rows.fetchall()}


def faces_on(searcher: Searcher, *titles: str) -> list[FaceKey]:
    rows = searcher.snapshot.cursor().execute(
        """
        SELECT sha256, region FROM faces JOIN images USING (image_id)
        WHERE list_contains(?, title) ORDER BY title, region
        """,
        [titles],
    )
    return [FaceKey(sha256, Region(*region)) for sha256, region in rows.fetchall()]


def name(library: Library, searcher: Searcher, title: str, called: str) -> str:
    person = corrections.new_person()
    said = Correction(person_id=person, faces=faces_on(searcher, title), name=called)
    PEOPLE.write(library.storage, said)
    return person


def test_faces_of_one_person_are_one_group(face_library: Path) -> None:
    searcher = searcher_of(face_library / "library")
    assert people(searcher) == {
        "woman mirrored": ["both", "woman", "woman dark", "woman mirrored"],
        "man mirrored": ["both", "man", "man mirrored"],
    }


def test_faces_that_were_grouped_are_not_compared_again(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    searcher = searcher_of(library.settings.data_dir)
    groups = people(searcher)
    name(library, searcher, "cat", "Felix")  # something to publish

    def group(vectors: Vectors, likeness: float, known: NDArray[np.int64]) -> NDArray[np.int64]:
        assert len(known) and (known >= 0).all()
        return grouping.group(vectors, likeness, known)

    monkeypatch.setattr("pipeline.snapshot.people.group", group)
    assert people(publish(library)) == groups


def test_a_group_that_lost_a_face_is_made_anew(library: Library) -> None:
    searcher = searcher_of(library.settings.data_dir)
    (both,) = searcher.search(Query("both", mode="text"))
    album_id = library.albums()[0]["album_id"]
    rows = library.tables.read("faces", album_id)
    library.tables.write("faces", album_id, rows.filter(pc.field("image_id") != both.image_id))
    assert people(publish(library)) == {
        "woman mirrored": ["woman", "woman dark", "woman mirrored"],
        "man mirrored": ["man", "man mirrored"],
    }


def test_a_name_reaches_all_of_a_group_and_is_searched_for(library: Library) -> None:
    searcher = searcher_of(library.settings.data_dir)
    name(library, searcher, "woman", "Ada Lovelace")
    name(library, searcher, "man", "Charles Babbage")
    searcher = publish(library)

    women = {"woman", "woman mirrored", "woman dark", "both"}
    men = {"man", "man mirrored", "both"}
    for query in ('person:"ada lovelace"', "lovelace", '"ada lovelace"'):
        assert found(searcher, query) == women
    assert found(searcher, "mirrored Ada Lovelace") == {"woman mirrored"}
    assert searcher.understand("Ada Lovelace on a stage").readings
    assert found(searcher, "person:ada person:charles") == {"both"}
    assert found(searcher, "person:charles -person:ada") == men - {"both"}
    assert found(searcher, "people:2") == {"both"}
    assert found(searcher, "people:0") == {"cat"}
    assert found(searcher, "people:1..") == women | men
    assert found(searcher, "-people:1..") == {"cat"}


def test_what_is_said_counts_for_searches_before_it_is_published(library: Library) -> None:
    searcher = searcher_of(library.settings.data_dir)
    women = {"woman", "woman mirrored", "woman dark", "both"}
    men = {"man", "man mirrored", "both"}
    man = face_term(id_of(searcher, "man"), 1)
    assert found(searcher, "lovelace") == set()

    ada = name(library, searcher, "woman", "Ada Lovelace")
    assert found(searcher, "person:ada") == found(searcher, "Ada Lovelace") == women
    assert found(searcher, 'people:2 person:"Ada Lovelace"') == {"both"}
    assert found(searcher, "people:1.. -person:ada") == men - {"both"}
    assert found(searcher, "person:charles") == set()
    assert [one.name.value for one in searcher.suggest("love", "en")] == ["Ada Lovelace"]
    assert searcher.counts("people") == {"Ada Lovelace": 4}
    assert searcher.details(id_of(searcher, "woman"))["seen"] == ["Ada Lovelace"]
    assert [named for _, named in searcher.faces_of(id_of(searcher, "both"))] == [
        "Ada Lovelace",
        None,
    ]

    rejected = Correction(person_id=ada, rejected=faces_on(searcher, "woman dark"))
    PEOPLE.write(library.storage, rejected)
    assert found(searcher, "person:ada") == women - {"woman dark"}
    woman = face_term(id_of(searcher, "woman"), 1)
    assert found(searcher, woman) == women - {"woman dark"}

    assert found(searcher, man) == men
    merged = Correction(person_id=ada, faces=faces_on(searcher, "man", "man mirrored"))
    PEOPLE.write(library.storage, merged)
    assert found(searcher, "person:ada") == found(searcher, man) == (women | men) - {"woman dark"}

    PEOPLE.write(library.storage, Correction(person_id=ada, is_hidden=True))
    assert searcher.suggest("love", "en") == []
    assert searcher.counts("people") == {}
    assert found(publish(library), "person:ada") == (women | men) - {"woman dark"}


def test_how_many_people_are_to_be_there_is_typed_plainly(library: Library) -> None:
    searcher = searcher_of(library.settings.data_dir)
    for text in ("no people", "人のいない写真", "без людей"):
        assert found(searcher, text) == {"cat"}
        (reading,) = searcher.understand(text).readings
        assert searcher.understand(text, [reading.key]).texts
    for text in ("two people", "2人", "два человека"):
        parsed = searcher.understand(text)
        assert parsed.texts  # they may be seen from behind
        meant = meant_by(searcher.snapshot, parsed.readings, searcher.who, None)
        assert searcher.ids(np.array([*meant])) == [id_of(searcher, "both")]


def test_a_name_is_that_of_one_person_first(library: Library) -> None:
    searcher = searcher_of(library.settings.data_dir)
    men = {"man", "man mirrored", "both"}
    name(library, searcher, "woman", "Ann 🎤")
    name(library, searcher, "man", 'Joanna «Jo» "The King" O\'Neil')
    assert found(searcher, person_term("Ann 🎤")) == {
        "woman",
        "woman mirrored",
        "woman dark",
        "both",
    }
    assert found(searcher, "person:king") == found(searcher, "person:ＫＩＮＧ") == men
    (king,) = (each for each in searcher.everybody() if each.name != "Ann 🎤")
    assert found(searcher, person_term(king.name or "")) == men
    name(library, searcher, "woman", "Ann")
    assert found(searcher, "person:ann") == {"woman", "woman mirrored", "woman dark", "both"}


def test_faces_that_are_somebody_elses_are_another_person(library: Library) -> None:
    searcher = searcher_of(library.settings.data_dir)
    ada = name(library, searcher, "woman", "Ada Lovelace")
    rejected = faces_on(searcher, "woman dark", "woman mirrored")
    PEOPLE.write(library.storage, Correction(person_id=ada, rejected=rejected))
    others = [
        one for one in searcher.everybody() if {face.key for face in one.faces} == {*rejected}
    ]
    assert [one.name for one in others] == [None]


def test_those_who_look_alike_are_told(library: Library) -> None:
    library.settings.face_likeness = 0.99  # everybody is somebody else
    library.settings.faces_a_person = 1
    searcher = Searcher(publish(library).snapshot, library.settings)
    ids = {title: id_of(searcher, title) for title in ("woman", "woman mirrored", "woman dark")}

    def is_on(person: Person, title: str) -> bool:
        return any(face.image_id == ids[title] for face in person.faces)

    (woman,) = (person for person in searcher.everybody() if is_on(person, "woman"))
    others = [person for person in searcher.everybody() if person is not woman]
    mirrored, dark = sorted(
        searcher.most_alike(woman, others, 2), key=lambda person: is_on(person, "woman dark")
    )
    assert is_on(mirrored, "woman mirrored") and is_on(dark, "woman dark")


def test_people_are_facets_and_a_face_is_searched_with(library: Library) -> None:
    searcher = searcher_of(library.settings.data_dir)
    name(library, searcher, "woman", "Ada Lovelace")
    name(library, searcher, "man", "Charles Babbage")
    searcher = publish(library)
    assert searcher.counts("people") == {"Ada Lovelace": 4, "Charles Babbage": 3}
    ada = Filters(people=("Ada Lovelace",))
    with_ada = searcher.counts("people", Query(filters=ada))
    assert with_ada == {"Ada Lovelace": 4, "Charles Babbage": 1}
    both = Filters(people=("Ada Lovelace", "Charles Babbage"))
    assert [hit.title for hit in searcher.browse(both)] == ["both"]
    assert searcher.counts("has_people")[True] == 6

    (man,) = searcher.search(Query("people:1 person:charles -mirrored", mode="text"))
    assert found(searcher, face_term(man.image_id, 1)) == {"man", "man mirrored", "both"}
    selfie = EmbeddedFaceFinder().find(faces()["man-mirrored"])[0]["embedding"]
    hits = searcher.search(Query(face=tuple(selfie.tolist())))
    assert {hit.title for hit in hits} == {"man", "man mirrored", "both"}


def test_what_was_said_survives_other_albums_and_faces_found_anew(
    library: Library, face_library: Path, tmp_path: Path
) -> None:
    searcher = searcher_of(library.settings.data_dir)
    name(library, searcher, "woman", "Ada Lovelace")
    moved = shutil.copytree(face_library / "photos", tmp_path / "elsewhere")
    (moved / "woman.jpg").rename(moved / "somebody.jpg")
    folder.unregister(library.storage, str(face_library / "photos"))
    folder.register(library.storage, folder.Registration(str(moved)))
    library.storage.delete_folder("tables/faces")

    bring_in(library)

    searcher = searcher_of(library.settings.data_dir)
    assert found(searcher, "person:ada") == {"somebody", "woman mirrored", "woman dark", "both"}


def test_a_face_is_not_this_person_and_a_person_is_hidden(library: Library) -> None:
    searcher = searcher_of(library.settings.data_dir)
    ada = name(library, searcher, "woman", "Ada Lovelace")
    rejected = Correction(person_id=ada, rejected=faces_on(searcher, "woman dark"))
    PEOPLE.write(library.storage, rejected)
    PEOPLE.write(library.storage, Correction(person_id=ada, is_hidden=True))
    searcher = publish(library)
    assert found(searcher, "person:ada") == {"woman", "woman mirrored", "both"}
    hidden = searcher.snapshot.cursor().execute("SELECT name FROM people WHERE is_hidden")
    assert hidden.fetchall() == [("Ada Lovelace",)]

    back = Correction(person_id=ada, faces=faces_on(searcher, "woman dark"), name="Ada King")
    PEOPLE.write(library.storage, back)
    assert found(publish(library), "person:king") == found(searcher, "person:ada") | {"woman dark"}


XMP = """
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
  xmlns:regions="http://www.metadataworkinggroup.com/schemas/regions/"
  xmlns:area="http://ns.adobe.com/xmp/sType/Area#">{}</rdf:Description>
</rdf:RDF></x:xmpmeta>
"""
ON_PHOTO = "<ext:PersonInImage><rdf:Bag><rdf:li>Ada Lovelace</rdf:li></rdf:Bag></ext:PersonInImage>"
IN_REGION = """
<regions:Regions rdf:parseType="Resource"><regions:RegionList><rdf:Bag>
  <rdf:li rdf:parseType="Resource">
    <regions:Name>Charles Babbage</regions:Name><regions:Type>Face</regions:Type>
    <regions:Area area:x="0.30" area:y="0.56" area:w="0.16" area:h="0.12"/>
  </rdf:li>
</rdf:Bag></regions:RegionList></regions:Regions>
"""


def test_names_that_photos_say_name_groups(
    face_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One says who is on it and shows one face; one, stored lying on its side, says where."""
    use_quick_models(monkeypatch)
    named = shutil.copytree(face_library / "photos", tmp_path / "named")
    (named / "woman.jpg.xmp").write_text(XMP.format(ON_PHOTO))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    man = Image.open(named / "man.jpg").transpose(Image.Transpose.ROTATE_90)
    man.save(named / "man.jpg", exif=exif, quality=95)
    (named / "man.jpg.xmp").write_text(XMP.format(IN_REGION))
    library = Library(Settings(data_dir=tmp_path / "library", faces=True))
    folder.register(library.storage, folder.Registration(str(named)))
    bring_in(library)
    searcher = searcher_of(library.settings.data_dir)
    assert people(searcher) == {
        "Ada Lovelace": ["both", "woman", "woman dark", "woman mirrored"],
        "Charles Babbage": ["both", "man", "man mirrored"],
    }
    hidden = Correction(
        person_id="a", faces=faces_on(searcher, "woman"), name="ada lovelace", is_hidden=True
    )
    PEOPLE.write(library.storage, hidden)
    assert searcher.counts("people").keys() == {"Charles Babbage"}
    assert publish(library).counts("people").keys() == {"Charles Babbage"}


def test_all_faces_and_names_can_be_forgotten(library: Library, run: Run) -> None:
    data_dir = library.settings.data_dir
    name(library, searcher_of(data_dir), "woman", "Ada Lovelace")
    publish(library).close()

    assert run("forget", "--faces").code == 0

    searcher = searcher_of(data_dir)
    tables = searcher.snapshot.manifest["tables"]
    assert (tables["images"], tables["faces"], tables["people"]) == (7, 0, 0)
    assert found(searcher, "person:ada") == set()
    assert [path.name for path in data_dir.glob("snapshots/2*")] == [searcher.snapshot.name]
    files = [path for path in data_dir.rglob("*") if path.is_file()]
    assert not [path for path in files if b"Lovelace" in path.read_bytes()]
    assert not list(data_dir.glob("tables/faces/**/*.parquet"))
    assert run("forget").code == 2
