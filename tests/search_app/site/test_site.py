"""The web site of files: looked at from a plain file server, and nothing private in it."""

import json
import re
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import pytest
from PIL import ExifTags, Image
from playwright.sync_api import Page, Request, expect

from pipeline.errors import AlbumscopeError
from pipeline.library.corrections import PEOPLE, Correction
from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.sources import folder
from search_app.search.filters import Filters
from search_app.search.marks import Marking
from search_app.search.searcher import Searcher
from search_app.site.contents import Wanted, columns, photos_of
from search_app.site.writing import Report, export
from tests.pipeline.quick_model import use_quick_models
from tests.pipeline.quick_sync import bring_in
from tests.search_app.browser import LOCALHOST, photos, tiles
from tests.search_app.searching import searcher_of

SIDECAR = """
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
  xmlns:dc="http://purl.org/dc/elements/1.1/">
<ext:PersonInImage><rdf:Bag><rdf:li>Ada Lovelace</rdf:li></rdf:Bag></ext:PersonInImage>
<dc:subject><rdf:Bag><rdf:li>engine</rdf:li><rdf:li>ada lovelace</rdf:li>
  <rdf:li>geo:lat=-33.858</rdf:li></rdf:Bag></dc:subject>
<dc:creator><rdf:Seq><rdf:li>Zoe Photographer</rdf:li></rdf:Seq></dc:creator>
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">CC BY 4.0</rdf:li></rdf:Alt></dc:rights>
</rdf:Description></rdf:RDF></x:xmpmeta>
"""


@contextmanager
def served(root: Path) -> Iterator[str]:
    """A plain file server of a folder."""
    server = ThreadingHTTPServer((LOCALHOST, 0), partial(_Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://{LOCALHOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def write(searcher: Searcher, site: Path, **wanted: object) -> Report:
    return export(searcher, site, Wanted(**wanted), lambda *_: None)  # type: ignore[arg-type]


def test_photos_are_looked_at_filtered_found_and_lead_to_similar_ones(
    demo_library: Path, tmp_path: Path, page: Page
) -> None:
    report = write(searcher_of(demo_library), tmp_path / "some/path")
    assert (report.photos, report.new_pictures, report.left_out) == (28, 28, {})
    failed: list[str] = []

    def on_failure(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # as of a picture that nobody waits for any more
            failed.append(request.url)

    page.on("requestfailed", on_failure)
    page.on("response", lambda answer: answer.status < 400 or failed.append(answer.url))
    page.on("console", lambda message: message.type != "error" or failed.append(message.text))
    with served(tmp_path) as server:
        page.goto(f"{server}/some/path/")
        expect(page.get_by_role("heading", name="28 photos")).to_be_visible()
        expect(tiles(page).first).to_have_accessible_name(re.compile("cat.*Things and Places"))
        expect(tiles(page).first).to_have_css("background-image", re.compile("data:image"))

        page.keyboard.press("/")
        page.keyboard.type("forest")
        page.keyboard.press("Enter")
        expect(photos(page).first).to_contain_text("forest")
        tiles(page).first.click()
        viewer = page.get_by_role("dialog", name="Photo")
        expect(viewer).to_contain_text("Risto Saukonpää")  # a credit
        expect(viewer.get_by_role("button", name="Select")).to_have_count(0)
        viewer.get_by_text("Find similar").click()
        expect(page.get_by_role("heading", name="Similar to forest path")).to_be_visible()
        expect(tiles(page)).to_have_count(24)

        page.get_by_role("link", name="Photos", exact=True).click()
        page.get_by_role("button", name="Tag", exact=True).click()
        page.get_by_role("group", name="Tag").get_by_role("checkbox").first.check()
        expect(page).to_have_url(re.compile(r"/some/path/\?tag="))
        page.get_by_role("button", name="Clear all").click()
        page.get_by_role("link", name="Space and Flight 3 photos").click()
        expect(page.get_by_role("heading", name="3 photos")).to_be_visible()
        expect(page.locator(".wall-album h2")).to_have_text("Space and Flight")
        page.reload()
        page.go_back()
        expect(page.get_by_role("heading", name="28 photos")).to_be_visible()
    assert failed == []


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two albums, ``one`` and ``two``, of photos that tell where they were taken and of whom, and
    a ``library`` of them, where one photo is hidden; for reading only.
    """
    root = tmp_path_factory.mktemp("private")
    library = Library(Settings(data_dir=root / "library"))
    for album, titles in {"one": ("red", "navy"), "two": ("green",)}.items():
        (root / album).mkdir()
        for title in titles:
            exif, gps = Image.Exif(), ExifTags.GPS
            exif[ExifTags.Base.Make] = "Fujifilm"
            exif.get_ifd(ExifTags.IFD.GPSInfo).update(
                {
                    gps.GPSLatitudeRef: "S",
                    gps.GPSLatitude: (33.0, 51.0, 30.5),
                    gps.GPSLongitudeRef: "E",
                    gps.GPSLongitude: (151.0, 12.0, 0.0),
                }
            )
            file = root / album / f"{title}.jpg"
            Image.new("RGB", (90, 60), title).save(file, exif=exif)
            Path(f"{file}.xmp").write_text(SIDECAR)
        folder.register(library.storage, folder.Registration(str(root / album)))
    with pytest.MonkeyPatch.context() as patch:
        use_quick_models(patch)
        bring_in(library)
    searcher = searcher_of(root / "library")
    (navy,) = [row for row in searcher.browse(Filters()) if row.title == "navy"]
    searcher.marks.mark(Marking("hide", [navy.image_id]))
    return root


@pytest.fixture
def private(root: Path) -> Searcher:
    return searcher_of(root / "library")


def everything_in(site: Path) -> dict[str, str]:
    files = [path for path in site.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(site)): path.read_bytes().decode("latin-1").casefold()
        for path in files
    }


def found(secrets: Iterable[str], site: Path) -> list[tuple[str, str]]:
    """The secrets that are in the site, and the files that they are in."""
    told = everything_in(site)
    return [(each, name) for each in secrets for name in told if each in name + told[name]]


SECRETS = ("lovelace", "geo:lat", "33.85", "151.2", "sydney", "openstreetmap")


def test_nothing_private_is_in_it_unless_asked_for(
    private: Searcher, root: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    assert write(private, site).photos == 2
    assert found((*SECRETS, str(root), "navy"), site) == []
    assert not any(Image.open(path).getexif() for path in site.glob("pictures/*/*"))
    for each in ("zoe photographer", "cc by 4.0", "engine", "fujifilm"):
        assert found([each], site)

    assert write(private, site, positions=True, people=True, originals=True).new_pictures == 2
    assert {secret for secret, _ in found(SECRETS, site)} == set(SECRETS)
    assert len([*site.glob("pictures/original/*")]) == 2

    # and goes again with what is not wanted any more
    assert write(private, site, album_ids=[album_of(private, "one")]) == Report(1, 0, {})
    assert found((*SECRETS, '"green"', '"two"'), site) == []
    assert len([*site.glob("pictures/*/*")]) == 2
    assert len([*site.glob("v-*")]) == 1


def test_who_is_hidden_is_on_no_site(face_library: Path, tmp_path: Path) -> None:
    data_dir = shutil.copytree(face_library / "library", tmp_path / "library")
    searcher = searcher_of(data_dir)
    for person, name in zip(searcher.everybody(), ("Ada Lovelace", "Charles Babbage"), strict=True):
        faces = [face.key for face in person.faces]
        said = Correction(person_id=name, faces=faces, name=name, is_hidden=name[0] == "A")
        PEOPLE.write(Library(Settings(data_dir=data_dir)).storage, said)
        searcher.marks.mark(Marking("add_tag", [person.faces[0].image_id], name))
    write(searcher, tmp_path / "site", people=True)
    assert {each for each, _ in found(("lovelace", "babbage"), tmp_path / "site")} == {"babbage"}


def album_of(searcher: Searcher, title: str) -> str:
    found = searcher.snapshot.cursor().execute(
        "SELECT album_id FROM albums WHERE title = ?", [title]
    )
    return str(found.fetchall()[0][0])


def test_what_did_not_change_is_not_written_again(private: Searcher, tmp_path: Path) -> None:
    site = tmp_path / "site"
    write(private, site)
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*") if path.is_file()}
    assert write(private, site).new_pictures == 0
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*") if path.is_file()} == before


def test_ten_thousand_photos_open_with_two_megabytes(private: Searcher, tmp_path: Path) -> None:
    """As many as that, with titles of a line and a dozen tags each, of a language's many words."""
    write(private, tmp_path / "site")
    random = Random(0)
    photo, *_ = photos_of(private, Wanted())
    many = [
        photo
        | {
            "id": random.getrandbits(52),
            "title": f"{random.getrandbits(160):040x}",
            "tags": [f"tag number {int(random.paretovariate(0.5)) % 5000}" for _ in range(12)],
        }
        for _ in range(10_000)
    ]
    site = tmp_path / "site"
    opened = [path for path in site.rglob("*") if path.suffix in {".js", ".css", ".html"}]
    opened += site.glob("v-*/en/words.json")
    scripts = sum(path.stat().st_size for path in opened)
    assert scripts + len(json.dumps(columns(many), separators=(",", ":"))) < 2_000_000


def test_a_folder_of_something_else_is_left_alone(
    private: Searcher, root: Path, tmp_path: Path
) -> None:
    with pytest.raises(AlbumscopeError, match="give an empty folder"):
        write(private, root / "one")
    with pytest.raises(AlbumscopeError, match="No album 'three'"):
        write(private, tmp_path / "site", album_ids=["three"])
    assert not (tmp_path / "site").exists()
