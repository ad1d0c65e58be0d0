"""Files beside a photo that say something of it: XMP, and the JSON of Google Takeout."""

import json
import os
import re
from collections.abc import Collection, Iterable
from itertools import chain
from pathlib import Path, PurePath

from pipeline.photos.files import is_file

_ENDS = (".xmp", ".json")
_TAKEOUT = ".supplemental-metadata"
_LONGEST = 46  # characters that Takeout leaves of a name before ".json"
_NUMBERED = re.compile(r"(?P<stem>.+)(?P<number>\(\d+\))(?P<suffix>\.[^.]*)")
_EDITED = re.compile(r"-edited(?=\.[^.]*$)")


def is_sidecar_name(name: str) -> bool:
    """Whether a file of this name may belong to a photo."""
    return name.lower().endswith(_ENDS)


class Sidecars:
    """Finds the sidecars of photos; each folder is listed once."""

    def __init__(self) -> None:
        self._by_folder: dict[str, dict[str, os.DirEntry[str]]] = {}

    def of(self, path: str) -> list[os.DirEntry[str]]:
        """The files beside a photo that belong to it."""
        folder, name = os.path.split(path)
        if folder not in self._by_folder:
            self._by_folder[folder] = _may_be_sidecars(folder or ".")
        beside = self._by_folder[folder]
        return [beside[each] for each in sidecars_of(name, beside)] if beside else []

    def version(self, path: str, companions: Iterable[str] = ()) -> str | None:
        """What is another whenever any of a photo's sidecars is; None without any.

        A photo that has none has those of its companions, the files beside it that are one photo
        with it: its RAW.
        """
        found = []
        paths = (path, *(str(Path(path).with_name(name)) for name in companions))
        for entry in next(filter(None, map(self.of, paths)), []):
            try:
                status = entry.stat()
            except OSError:  # it vanished since it was listed
                continue
            found.append([entry.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns])
        return json.dumps(found) if found else None


def located(path: str, version: str | None) -> list[Path]:
    """The sidecars of a photo that a ``version`` is of."""
    return [Path(path).with_name(name) for name, *_ in json.loads(version or "[]")]


def _may_be_sidecars(folder: str) -> dict[str, os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return {
                each.name: each for each in entries if is_sidecar_name(each.name) and is_file(each)
            }
    except OSError:
        return {}


def sidecars_of(name: str, beside: Collection[str]) -> list[str]:
    """The names of the files in ``beside``, the photo's folder, that belong to a photo.

    Of XMP ``photo.jpg.xmp`` goes before ``photo.xmp``, which may be that of a RAW file of the same
    name. Takeout appends ``.supplemental-metadata``, or less of it where the name would be too
    long; the number of ``photo(1).jpg`` moves behind all that; an edited copy has its original's.
    """
    xmp = (f"{each}.{end}" for each in (name, PurePath(name).stem) for end in ("xmp", "XMP"))
    names = (_takeout_names(each) for each in dict.fromkeys((name, _EDITED.sub("", name))))
    found = [
        next((each for each in candidates if each in beside), None)
        for candidates in (xmp, chain.from_iterable(names))
    ]
    return [each for each in found if each is not None]


def _takeout_names(name: str) -> list[str]:
    numbered = _NUMBERED.fullmatch(name)
    plain, number = name, ""
    if numbered:
        plain, number = numbered["stem"] + numbered["suffix"], numbered["number"]
    whole = plain + _TAKEOUT
    lengths = {*range(len(plain), len(whole) + 1)} if len(plain) <= _LONGEST else {_LONGEST}
    ends = [f"{whole[:length]}{number}.json" for length in sorted(lengths, reverse=True)]
    return ends if not number else [*ends, f"{name}.json"]
