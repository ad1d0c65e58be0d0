"""Finding photos by the places at which they were taken."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.snapshot import places
from pipeline.sources import folder
from search_app.search.filters import Filters
from search_app.search.queries import Query
from search_app.search.searcher import Searcher
from tests.pipeline.quick_model import use_quick_models
from tests.pipeline.quick_sync import bring_in
from tests.search_app.search.test_filters import File, found
from tests.search_app.searching import searcher_of

FILES = [
    File("bridge", place=(51.5055, -0.0754)),
    File("station", place=(35.6911, 139.7085)),
    File("garden", place=(35.0211, 135.7538)),
    File("boat", place=(35.0, -8.5)),
    File("ocean", place=(30.0, -40.0)),
    File("IMG_3551"),
]

SIDECAR = """
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" {places}/>
</rdf:RDF></x:xmpmeta>
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    root = tmp_path_factory.mktemp("places")
    (root / "files").mkdir()
    for file in FILES:
        file.write(root / "files")
    sidecar = SIDECAR.format(places='photoshop:City="Hobbiton"')
    (root / "files" / "IMG_3551.jpg.xmp").write_text(sidecar)
    library = Library(Settings(data_dir=root / "library"))
    folder.register(library.storage, folder.Registration(str(root / "files")))
    publish(library)
    return library


def publish(library: Library) -> None:
    with pytest.MonkeyPatch.context() as patch:
        use_quick_models(patch)
        bring_in(library)


@pytest.fixture(scope="module")
def searcher(library: Library) -> Searcher:
    return searcher_of(library.settings.data_dir)


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("place:London", {"bridge"}),
        ("place:Лондон", {"bridge"}),
        ("place:ロンドン", {"bridge"}),
        ("place:whitechapel", {"bridge"}),
        ("place:England", {"bridge"}),
        ('place:"United Kingdom"', {"bridge"}),
        ("place:Tokyo", {"station"}),
        ("place:東京", {"station"}),
        ("place:新宿", {"station"}),
        ("place:京都", {"garden"}),  # which is within 東京都, too
        ("place:Киото", {"garden"}),
        ("place:Япония", {"station", "garden"}),
        ("place:日本", {"station", "garden"}),
        ("place:Morocco", {"boat"}),
        ("place:Atlantis", set()),
        ("-place:Japan", {"bridge", "boat", "ocean", "IMG 3551"}),
    ],
)
def test_a_place_is_found_by_its_name_in_any_language(
    searcher: Searcher, query: str, titles: set[str]
) -> None:
    assert found(searcher, query) == titles


def test_a_place_that_somebody_wrote_is_known_by_its_name(searcher: Searcher) -> None:
    assert found(searcher, "place:hobbiton") == {"IMG 3551"}
    assert [each.name.value for each in searcher.suggest("hobb", "en")] == ["Hobbiton"]
    (reading,) = searcher.understand("a feast in Hobbiton").readings
    assert reading.kind == "place"


def test_photos_are_counted_and_filtered_by_country_and_town(searcher: Searcher) -> None:
    assert searcher.counts("countries") == {"JP": 2, "GB": 1, "MA": 1}
    assert searcher.counts("towns") == {"Kyoto": 1, "London": 1, "Tokyo": 1}
    assert searcher.facets.label("towns", "London", "ja") == "ロンドン"
    assert searcher.facets.label("countries", "GB", "ru") == "Великобритания"
    in_japan = Filters(countries=("JP",))
    assert searcher.counts("towns", Query(filters=in_japan)) == {"Kyoto": 1, "Tokyo": 1}
    assert {hit.title for hit in searcher.browse(in_japan)} == {"station", "garden"}


def test_photos_whose_place_somebody_wrote_are_counted_with_the_others(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    for file in (FILES[0], File("letter")):
        file.write(tmp_path / "files")
    sidecar = SIDECAR.format(places='photoshop:City="Лондон" photoshop:Country="United Kingdom"')
    (tmp_path / "files" / "letter.jpg.xmp").write_text(sidecar)
    library = Library(Settings(data_dir=tmp_path / "library"))
    folder.register(library.storage, folder.Registration(str(tmp_path / "files")))
    publish(library)
    searcher = searcher_of(library.settings.data_dir)
    assert (searcher.counts("towns"), searcher.counts("countries")) == ({"London": 2}, {"GB": 2})
    assert len(searcher.browse(Filters(towns=("London",), countries=("GB",)))) == 2


def test_details_have_the_place(searcher: Searcher) -> None:
    (hit,) = searcher.browse(Filters(towns=("London",)))
    assert searcher.details(hit.image_id)["place"]["quarter"] == "Whitechapel"
    (at_sea,) = (hit for hit in searcher.browse(Filters()) if hit.title == "ocean")
    assert searcher.details(at_sea.image_id)["place"] == {}


def test_a_library_without_positions_loads_no_towns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "Gazetteer", lambda: pytest.fail("towns were loaded"))
    (tmp_path / "files").mkdir()
    replace(FILES[0], place=None).write(tmp_path / "files")
    library = Library(Settings(data_dir=tmp_path / "library"))
    folder.register(library.storage, folder.Registration(str(tmp_path / "files")))
    publish(library)


def test_positions_that_were_looked_up_before_load_no_towns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "files").mkdir()
    bridge, *_, ocean, _ = FILES
    for file in (bridge, ocean):
        file.write(tmp_path / "files")
    library = Library(Settings(data_dir=tmp_path / "library"))
    folder.register(library.storage, folder.Registration(str(tmp_path / "files")))
    publish(library)

    monkeypatch.setattr(places, "Gazetteer", lambda: pytest.fail("towns were loaded"))
    (tmp_path / "files" / f"{bridge.title}.jpg").unlink()
    replace(bridge, title="again").write(tmp_path / "files")
    replace(ocean, title="ocean again").write(tmp_path / "files")
    publish(library)
    assert found(searcher_of(library.settings.data_dir), "place:ロンドン") == {"again"}
