"""Writing a web site into a folder, so that it is whole at any time, and again without waste.

::

    index.html              names the folder of its version; titles for who has no scripts
    pictures/small/ID.jpg   as high as a row of the wall; ID is of the bytes of the photo's file
    pictures/large/ID.jpg   as large as a window
    pictures/original/ID.…  the file itself, if that is wanted
    VERSION/photos.json     what has to be known of all photos
    VERSION/texts.json      what is searched besides
    VERSION/similar/N.json  which photos are like each of the N-th ``CHUNK`` photos
    VERSION/LANGUAGE/…      words.json for the page, about/N.json for the viewer
    VERSION/site.js, …      scripts and styles

The version is a digest of what is in its folder: a browser may keep all of it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import AlbumscopeError, PhotoError
from pipeline.photos.look_ahead import map_ahead
from pipeline.storage.disk import explain_disk_errors, replace_file
from search_app import page
from search_app.page import panel
from search_app.page.language import LANGUAGES, in_language, t, tn
from search_app.page.wording import title_of
from search_app.search import pictures
from search_app.search.searcher import Searcher
from search_app.site import contents, wording
from search_app.site.contents import Json, Photo, Wanted

CHUNK = 500
"""Photos of which a file tells that is asked for when one of them is looked at."""
_HERE = Path(__file__).parent / "browser"
_OURS = '<meta name="generator" content="Albumscope">'
_OF_THE_PAGE = (
    "facets.js", "facets.css", "wall/*.js", "wall/wall.css", "wall/pages.css", "wall/viewer.css",
    "vendor/photoswipe/*", "vendor/justified-layout/*", "vendor/thumbhash/*",
)  # fmt: skip
_NOT_USED = {"load.js", "map.js", "map_style.js", "small_map.js", "still_map.js"}
_SIZES = ("small", "large")
_WRITE: Mapping[str, Callable[[str], Callable[[Path], object]]] = {
    "small": lambda source: lambda path: path.write_bytes(pictures.thumbnail(source)),
    "large": lambda source: lambda path: path.write_bytes(pictures.large(source)),
    "original": lambda source: partial(shutil.copyfile, source),
}


class Report(NamedTuple):
    """How many photos the site has, how many pictures were new, and why photos were left out."""

    photos: int
    new_pictures: int
    left_out: dict[str, str]


def export(
    searcher: Searcher, folder: Path, wanted: Wanted, progress: Callable[[str, int, int], None]
) -> Report:
    """Write the site, or bring it up to date: what is in it no more is deleted.

    ``progress`` is told of what kind how many photos are done, of how many. Photos whose file
    cannot be read, and that have no picture in the site yet, are left out. Raises AlbumscopeError
    if there is nothing to show, for a folder of something else, or if the disk does not let it.
    """
    _check(folder)
    found = contents.photos_of(searcher, wanted)
    shown, new, left_out = _write_pictures(searcher, folder, found, wanted, progress)
    if not shown:
        raise AlbumscopeError("None of these photos can be shown: `albumscope status` says why")
    version = _write_version(searcher, folder, shown, wanted, progress)
    text, index = _index(version, shown), folder / "index.html"
    if not index.exists() or index.read_text() != text:
        replace_file(index, lambda path: path.write_text(text))
    _delete_what_is_gone(folder, version, {name for photo in shown for name in _files(photo)})
    return Report(len(shown), new, left_out)


def _check(folder: Path) -> None:
    with explain_disk_errors(folder):
        index = folder / "index.html"
        is_ours = index.is_file() and _OURS in index.read_text(errors="replace")
        # pictures alone: of a first time that was broken off
        others = {path.name for path in folder.iterdir()} - {"pictures"} if folder.exists() else ()
    if others and not is_ours:
        raise AlbumscopeError(
            "{folder} has files that are not of a site of Albumscope: give an empty folder",
            folder=folder,
        )


def _write_pictures(
    searcher: Searcher,
    folder: Path,
    photos: Sequence[Photo],
    wanted: Wanted,
    progress: Callable[[str, int, int], None],
) -> tuple[list[Photo], int, dict[str, str]]:
    """Write those that are not there; returns the photos that have theirs, and the others' errors.

    The number is that of photos that had pictures to be made.
    """
    shown, new, left_out = [], 0, {}
    make = partial(_make_pictures, searcher, folder, originals=wanted.originals)
    threads = os.cpu_count() or 1
    made = map_ahead(make, photos, threads=threads, look_ahead=2 * threads)
    for done, (photo, result) in enumerate(made, 1):
        if isinstance(result, PhotoError):
            left_out[str(photo["image_id"])] = str(result)
        else:
            shown.append(photo)
            new += result
        progress("pictures", done, len(photos))
    return shown, new, left_out


def _make_pictures(searcher: Searcher, folder: Path, photo: Photo, *, originals: bool) -> bool:
    """Returns whether any was missing. Raises PhotoError if one is, and cannot be made."""
    photo["files"] = _names(searcher, photo, originals=originals)
    missing = {
        size: folder / name for size, name in photo["files"].items() if not (folder / name).exists()
    }
    if not missing:
        return False
    path = pictures.confined(searcher, photo)
    for size, target in missing.items():
        replace_file(target, _WRITE[size](path))
    return True


def _names(searcher: Searcher, photo: Photo, *, originals: bool) -> dict[str, str]:
    """Where its pictures lie in the site."""
    names = {size: f"pictures/{size}/{photo['id']}.jpg" for size in _SIZES}
    if originals:
        suffix = Path(searcher.snapshot.located(photo["path"])).suffix.lower()
        names["original"] = f"pictures/original/{photo['id']}{suffix}"
    return names


def _files(photo: Photo) -> Sequence[str]:
    files: dict[str, str] = photo["files"]
    return list(files.values())


def _write_version(
    searcher: Searcher,
    folder: Path,
    photos: Sequence[Photo],
    wanted: Wanted,
    progress: Callable[[str, int, int], None],
) -> str:
    """Write the folder of the version, under another name until it is whole; returns its name."""
    temporary = folder / ".new"
    digest = hashlib.sha256()
    with explain_disk_errors(folder):
        shutil.rmtree(temporary, ignore_errors=True)
        for name, content in _version_files(searcher, photos, wanted, progress):
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            digest.update(f"{name} {len(content)} ".encode() + content)
        version = f"v-{digest.hexdigest()[:16]}"
        if (folder / version).exists():
            shutil.rmtree(temporary)
        else:
            temporary.rename(folder / version)
    return version


def _version_files(
    searcher: Searcher,
    photos: Sequence[Photo],
    wanted: Wanted,
    progress: Callable[[str, int, int], None],
) -> Iterator[tuple[str, bytes]]:
    """The names of all files of a version, and what is in them."""
    for path in sorted(path for path in _HERE.iterdir() if path.suffix != ".html"):
        yield path.name, path.read_bytes()
    of_page = Path(page.__file__).parent / "components"
    for path in sorted(found for each in _OF_THE_PAGE for found in of_page.glob(each)):
        if path.name not in _NOT_USED:
            yield path.relative_to(of_page).as_posix(), path.read_bytes()
    told = contents.columns(photos)
    yield "photos.json", _json(told | {"chunk": CHUNK, "hasOriginals": wanted.originals})
    yield "texts.json", _json(contents.texts(photos))
    alike = contents.similar(searcher, photos, lambda done: progress("similar", done, len(photos)))
    for number, start in enumerate(range(0, len(photos), CHUNK)):
        yield f"similar/{number}.json", _json(alike[start : start + CHUNK])
    for code in LANGUAGES:
        with in_language(code):
            words = wording.words(searcher, told["facets"], originals=wanted.originals)
            yield f"{code}/words.json", _json(words)
            for number, start in enumerate(range(0, len(photos), CHUNK)):
                about = [_about(photo) for photo in photos[start : start + CHUNK]]
                yield f"{code}/about/{number}.json", _json(about)


def _about(photo: Photo) -> Json:
    """What the viewer tells of a photo, in the language that is spoken now."""
    return {
        "title": title_of(photo),
        "caption": photo["caption"]["caption"],
        "description": photo["description"],
        "isCut": bool(photo["is_cut"]),
        "facts": panel.facts(photo),
        "links": panel.links(photo),
        "original": photo["files"].get("original"),
    }


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _index(version: str, photos: Sequence[Photo]) -> str:
    """The page, which draws itself by scripts; without them it tells of the albums."""
    albums = {album["album_id"]: album["title"] for photo in photos for album in photo["albums"]}
    title = next(iter(albums.values())) if len(albums) == 1 else t("Photos")
    said = []
    for code in LANGUAGES:
        with in_language(code):
            said.append(
                f'<p lang="{code}">{escape(t("Please let scripts run, to see the photos."))}'
            )
    count = tn("{count} photo", "{count} photos", len(photos))
    text = (_HERE / "index.html").read_text()
    values = {
        "GENERATOR": _OURS,
        "VERSION": version,
        "TITLE": escape(title),
        "WITHOUT_SCRIPTS": "\n".join(
            [*said, f"<h1>{escape(title)}</h1>", f"<p>{escape(count)}", "<ul>"]
            + [f"<li>{escape(each)}" for each in albums.values()]
            + ["</ul>"]
        ),
    }
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _delete_what_is_gone(folder: Path, version: str, pictures_there: set[str]) -> None:
    """Above all photos that are hidden now, and originals that are not wanted any more."""
    with explain_disk_errors(folder):
        for path in folder.glob("pictures/*/*"):
            if path.relative_to(folder).as_posix() not in pictures_there:
                path.unlink()
        for path in folder.glob("v-*"):
            if path.name != version:
                shutil.rmtree(path)
