"""Who the faces of photos are of: by what people say of them, else by the group they are in.

What counts, the first first:

1. what somebody said of this very face (``pipeline/library/corrections.py``)
2. the name of the region of the photo that it is in, or the only name that the photo says where it
   is the only face
3. the person whom most of its group are by 1, else by 2, unless somebody said that it is not
4. the rest of the group by itself, if it has enough faces, as a person without a name
"""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.library.corrections import Correction, FaceKey, Region

_QUOTES = re.compile('["“”„‟＂«»「」『』]')
_SAME_FACE = 0.5  # intersection over union; another model draws other edges


class KnownFace(NamedTuple):
    """A face of a photo in the library.

    ``number`` counts from 1 within the photo. ``group`` is None for one that shows too little,
    ``said`` the name that the photo itself has for it.
    """

    image_id: int
    number: int
    key: FaceKey
    quality: float
    group: int | None
    said: str | None


@dataclass(frozen=True)
class Person:
    """Somebody, and the faces that are taken for theirs, the best first."""

    person_id: str
    name: str | None
    is_hidden: bool
    faces: Sequence[KnownFace]


@dataclass
class _Said:
    """All that was said, by its last word."""

    person: dict[FaceKey, str] = field(default_factory=dict)
    rejected: dict[FaceKey, set[str]] = field(default_factory=lambda: defaultdict(set))
    name: dict[str, str] = field(default_factory=dict)
    is_hidden: dict[str, bool] = field(default_factory=dict)


def people(
    faces: Sequence[KnownFace], corrections: Iterable[Correction], least: int
) -> list[Person]:
    """Everybody of whom there is a face, those with most photos first.

    ``least`` is how many faces make a person of a group that nothing is said of.
    """
    said = _all_said(faces, corrections)
    explicit = {face: person for face in faces if (person := _person_said(face, said))}
    of_group = _of_groups(faces, explicit, said)
    found: dict[str, list[KnownFace]] = defaultdict(list)
    for face in faces:
        person = explicit.get(face)
        if person is None and face.group is not None:
            person = of_group.get(face.group, f"group:{face.group}")
            if person in said.rejected[face.key]:
                person = f"group:{face.group}"
        if person:
            found[person].append(face)
    names = {person_of_name(face.said): face.said for face in faces if face.said} | said.name
    everybody = [
        Person(
            person,
            names.get(person) or None,
            said.is_hidden.get(person, False),
            sorted(theirs, key=lambda face: -face.quality),
        )
        for person, theirs in found.items()
        if len(theirs) >= least or not person.startswith("group:")
    ]
    return sorted(everybody, key=lambda person: (-photos(person), person.person_id))


def photos(person: Person) -> int:
    """How many photos a person is on."""
    return len({face.image_id for face in person.faces})


def person_of_name(name: str) -> str:
    """The id of a person of whom photos themselves say the name."""
    return f"name:{hashlib.sha256(plain_name(name).encode()).hexdigest()[:16]}"


def plain_name(name: str) -> str:
    """A name without case, width and quotes, by which names are compared."""
    return without_quotes(unicodedata.normalize("NFKC", name).casefold())


def without_quotes(name: str) -> str:
    """A name as it can stand in quotes, with one space where there are others or quotes."""
    return " ".join(_QUOTES.sub(" ", name).split())


def _person_said(face: KnownFace, said: _Said) -> str | None:
    if face.key in said.person:
        return said.person[face.key]
    named = person_of_name(face.said) if face.said else None
    return None if named in said.rejected[face.key] else named


def _of_groups(
    faces: Sequence[KnownFace], explicit: Mapping[KnownFace, str], said: _Said
) -> dict[int, str]:
    """Whom most faces of each group are, as far as anything is said of them."""
    votes: dict[int, Counter[str]] = defaultdict(Counter)
    for face, person in explicit.items():
        if face.group is not None:
            # one word of somebody who looked at the faces outweighs all that photos say
            votes[face.group][person] += len(faces) if face.key in said.person else 1
    return {group: counts.most_common(1)[0][0] for group, counts in votes.items()}


def _all_said(faces: Sequence[KnownFace], corrections: Iterable[Correction]) -> _Said:
    of_photo: dict[str, list[FaceKey]] = defaultdict(list)
    for face in faces:
        of_photo[face.key.sha256].append(face.key)
    said = _Said()
    for correction in corrections:
        person = correction.person_id
        for key in correction.faces:
            if face_key := _same(key, of_photo):
                said.person[face_key] = person
                said.rejected[face_key].discard(person)
        for key in correction.rejected:
            if face_key := _same(key, of_photo):
                said.rejected[face_key].add(person)
                if said.person.get(face_key) == person:
                    del said.person[face_key]
        if correction.name is not None:
            said.name[person] = correction.name
        if correction.is_hidden is not None:
            said.is_hidden[person] = correction.is_hidden
    return said


def _same(key: FaceKey, of_photo: Mapping[str, Sequence[FaceKey]]) -> FaceKey | None:
    """The face that is meant, as it is found now; None if it is not."""
    there = of_photo.get(key.sha256, ())
    if key in there:
        return key
    best = max(there, key=lambda other: overlap(key.region, other.region), default=None)
    return best if best and overlap(key.region, best.region) >= _SAME_FACE else None


def overlap(one: Region, other: Region) -> float:
    """Intersection over union of two parts of a photo."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    both = _area(one) + _area(other) - width * height
    return width * height / both


def _area(region: Region) -> float:
    return (region.right - region.left) * (region.bottom - region.top)
