"""Makes the library that test_kept_library.py opens: small, and with a bit of everything in it.

    python -m tests.pipeline.libraries.make

It is made once for a release, with that release, and kept: later ones have to open it. Until the
first of them is out it is made anew whenever the tables change.
"""

import os
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

from PIL import Image

from pipeline.library.files import SMALL
from tests.standins.flickr import Album, FlickrStandIn, Photo

HERE = Path(__file__).parent
FOLDER = Path("/tmp/albumscope/Trip 2021")
"""An album of a folder that is away by the time when the library is opened."""

DEMO = HERE.parents[2] / "data/demo"
_PICTURES = {
    "Things and Places": ["cat-portrait", "drum"],
    "Northern Light 2015": ["rowing-boats"],
}
_SIZE = (320, 240)


def albums(pictures: Path | None = None) -> list[Album]:
    """What is on the stand-in for Flickr, the same each time; ``pictures`` are needed once."""
    made = []
    for number, (title, names) in enumerate(_PICTURES.items()):
        photos = [
            Photo(
                id=str(50_000_000_000 + 10 * number + place),
                title=name.replace("-", " "),
                tags="kept",
                size=_SIZE,
                picture=pictures and pictures / f"{name}.jpg",
            )
            for place, name in enumerate(names)
        ]
        made.append(Album(str(72_157_700_000_000 + number), title, photos))
    return made


def main() -> None:
    """Make the library of this release."""
    with tempfile.TemporaryDirectory() as root:
        _make(Path(root))
        data_dir = Path(root) / "library"
        with tarfile.open(HERE / f"{version('albumscope')}.tar.xz", "w:xz") as tar:
            for name in (*("tables", "flickr", "photos", "events.toml"), *SMALL):
                if (data_dir / name).exists():
                    tar.add(data_dir / name, name, filter=_anonymous)


def _make(root: Path) -> None:
    os.environ |= {"DATA_DIR": str(root / "library"), "ENV_FILE": os.devnull}
    with FlickrStandIn(albums(_shrunk(root))) as flickr:
        os.environ |= flickr.environment

        from pipeline.assets import sync
        from pipeline.assets.instance import open_instance
        from pipeline.library.corrections import PEOPLE, Correction, new_person
        from pipeline.library.library import Library
        from pipeline.settings import load_settings
        from pipeline.sources import folder
        from pipeline.sources.events import Override, remember
        from search_app.search.current import CurrentSnapshot
        from search_app.search.filters import Filters
        from search_app.search.marks import Marking

        library = Library(load_settings())
        folder.register(library.storage, folder.Registration(str(FOLDER)))
        remember(library.storage, Override(album=flickr.albums[0].id, event="Fair", year=2020))
        PEOPLE.write(library.storage, Correction(person_id=new_person(), name="Ada"))
        with open_instance(library.settings) as instance:
            assert not sync.sync(library, instance).failed
        with CurrentSnapshot(library.settings).searcher() as searcher:
            rows = {row["title"]: row["image_id"] for row in searcher.images(Filters())}
            searcher.marks.mark(Marking("add_tag", [rows["drum"]], "loud"))
            searcher.marks.mark(Marking("favourite", [rows["cat portrait"]]))


def _shrunk(root: Path) -> Path:
    """The pictures, small; one of them is in the folder."""
    pictures = root / "pictures"
    for folder in (pictures, FOLDER):
        folder.mkdir(parents=True, exist_ok=True)
    for path in DEMO.rglob("*.jpg"):
        if any(path.stem in names for names in _PICTURES.values()):
            with Image.open(path) as image:
                image.resize(_SIZE).save(pictures / path.name, quality=70)
        if path.stem == "sunset":
            with Image.open(path) as image:
                image.resize(_SIZE).save(FOLDER / path.name, quality=70)
    return pictures


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    main()
