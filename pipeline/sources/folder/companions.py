"""Files that are one photo: a RAW beside its JPEG, an edited copy, the film of a live photo."""

import re
from collections.abc import Iterable

from pipeline.photos.files import extension, is_raw_name

FILMS = frozenset({".mov", ".mp4"})
"""What the film of a live photo or moving picture is."""

# As Google Takeout in some languages, iPhones and programs name them.
_EDITED = re.compile(
    r"[-_ ]\(?(edited|edit|bearbeitet|modifié|editado|編集済み|изменено)\)?(\(\d+\))?$",
    re.IGNORECASE,
)
_EDITED_BY_APPLE = re.compile(r"^IMG_E(\d{4})$", re.IGNORECASE)


def companions(photos: Iterable[str], films: Iterable[str] = ()) -> dict[str, list[str]]:
    """By the photo that is shown, the other files of it. ``photos`` and ``films`` are names in one
    folder; the result has the photos that are shown, in their order.

    Shown is the edited copy, else the picture that the camera made, else the RAW.

    >>> companions(["IMG_1.CR2", "IMG_1.JPG", "IMG_2.HEIC"], ["IMG_2.MOV", "party.mp4"])
    {'IMG_1.JPG': ['IMG_1.CR2'], 'IMG_2.HEIC': ['IMG_2.MOV']}
    """
    photos = list(photos)
    films = [each for each in films if extension(each) in FILMS]
    stems = {name: name.rpartition(".")[0].casefold() for name in (*photos, *films)}
    others = {name for name in photos if is_raw_name(name)} | set(films)
    pictures = {stems[name]: name for name in reversed(photos) if name not in others}
    edited = {
        original: name for stem, name in pictures.items() if (original := _original(stem)) != stem
    }

    def shown(name: str) -> str:
        """The photo that is shown in place of a file: itself, if there is no other."""
        while stems[name] in edited:  # which may itself have been edited
            name = edited[stems[name]]
        return pictures.get(stems[name], name) if name in others else name

    found: dict[str, list[str]] = {name: [] for name in photos if shown(name) == name}
    for name in (*photos, *films):
        if (instead := shown(name)) != name:
            found[instead].append(name)
    return found


def _original(stem: str) -> str:
    """The stem of the photo that one of this stem is an edited copy of; the same if it is none."""
    if apple := _EDITED_BY_APPLE.match(stem):
        return f"img_{apple[1]}"
    return _EDITED.sub("", stem)
