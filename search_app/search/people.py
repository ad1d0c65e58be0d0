"""Who is on the photos of a snapshot, with all that was said of it since it was published."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.library.corrections import Correction
from pipeline.snapshot import who_is_who
from pipeline.snapshot.people import known_faces
from pipeline.snapshot.reading import Snapshot
from pipeline.snapshot.who_is_who import KnownFace, Person, plain_name

_COLUMNS = pa.schema(
    [
        ("image_id", pa.int64()),
        ("face", pa.int32()),
        ("person_id", pa.string()),
        ("name", pa.string()),
        ("is_hidden", pa.bool_()),
    ]
)
_PUBLISHED = f"""
    SELECT faces.image_id, faces.face, {", ".join(_COLUMNS.names[2:])}
    FROM faces JOIN people USING (person_id)
"""


class Who:
    """Whose the faces of a snapshot are at one time.

    Nothing is looked up before it is asked for. As long as nothing was said since the snapshot was
    published, its tables tell; else faces get their names anew, which takes a second for 100,000.
    """

    def __init__(
        self, snapshot: Snapshot, said: Sequence[Correction], least: int, *, is_published: bool
    ) -> None:
        """``said`` is all that people said, which the snapshot knows if it ``is_published``.

        ``least`` is how many faces make a person of a group that nothing is said of.
        """
        self._snapshot = snapshot
        self._said = said
        self._least = least
        self._is_published = is_published

    @cached_property
    def everybody(self) -> Sequence[Person]:
        """All people on photos, those with most photos first."""
        faces = known_faces(self._snapshot.cursor())
        return who_is_who.people(list(faces), self._said, self._least)

    @cached_property
    def table(self) -> pa.Table:
        """A row for each face that is somebody's, with the columns of ``_COLUMNS``."""
        if self._is_published:
            return self._snapshot.cursor().execute(_PUBLISHED).to_arrow_table()
        rows = [
            (face.image_id, face.number, person.person_id, person.name, person.is_hidden)
            for person in self.everybody
            for face in person.faces
        ]
        return pa.Table.from_pylist(
            [dict(zip(_COLUMNS.names, row, strict=True)) for row in rows], _COLUMNS
        )

    @cached_property
    def names(self) -> pa.Table:
        """The names of people on photos, as photos themselves and faces have them, each once.

        Columns ``image_id``, ``row`` (of table ``images``), ``person`` and ``is_hidden``.
        """
        cursor = self._snapshot.cursor()
        of_faces = _PUBLISHED
        if not self._is_published:
            of_faces = "FROM said"
            cursor.register("said", self.table)
        return cursor.execute(
            f"""
            SELECT image_id, images.rowid AS row, person, is_hidden FROM images JOIN (
                SELECT image_id, unnest(people) AS person, FALSE AS is_hidden FROM exif
                UNION
                SELECT image_id, name, is_hidden FROM ({of_faces})
            ) USING (image_id) WHERE person IS NOT NULL
            """
        ).to_arrow_table()

    @cached_property
    def hidden(self) -> frozenset[str]:
        """The names of those who are hidden, as faces and photos themselves have them."""
        names = self.names
        hidden = names.filter(names["is_hidden"])["person"].unique().to_pylist()
        plain = {*map(plain_name, hidden)}
        everybody = names["person"].unique().to_pylist() if plain else []
        return frozenset(name for name in everybody if plain_name(name) in plain)

    @property
    def shown(self) -> pa.Table:
        """The names of those who are not hidden, in columns ``row`` and ``person``."""
        names = self.names
        if self.hidden:  # which is seldom; Arrow would load pandas to look at none
            is_hidden = pc.is_in(names["person"], pa.array(self.hidden, pa.string()))
            names = names.filter(pc.invert(is_hidden))
        return names.select(["row", "person"])

    def photos_of(self, wanted: str) -> list[int]:
        """The ids of the photos with somebody of this name; if nobody has it, with this in theirs.

        Names are compared as ``plain_name`` makes them.
        """
        plain = plain_name(wanted)
        names = {name: plain_name(name) for name in self.names["person"].unique().to_pylist()}
        fitting = [name for name, each in names.items() if each == plain]
        fitting = fitting or [name for name, each in names.items() if plain in each]
        return self._photos(self.names, "person", fitting)

    def photos_with(self, image_id: int, face: int) -> list[int]:
        """The ids of the photos with whoever has a face of a photo; none if that is nobody."""
        persons = [
            person
            for number, person in zip(*self._on(image_id, "face", "person_id"), strict=True)
            if number == face
        ]
        return self._photos(self.table, "person_id", persons)

    def names_on(self, image_id: int) -> dict[int, str]:
        """The names of those on a photo, by the number of their face."""
        named = zip(*self._on(image_id, "face", "name"), strict=True)
        return {face: name for face, name in named if name}

    def _photos(self, table: pa.Table, column: str, wanted: Sequence[str]) -> list[int]:
        is_wanted = pc.is_in(table[column], pa.array(wanted, pa.string()))
        found: list[int] = table.filter(is_wanted)["image_id"].unique().to_pylist()
        return found

    def _on(self, image_id: int, *columns: str) -> list[list[Any]]:
        there = self.table.filter(pc.equal(self.table["image_id"], image_id))
        return [there[column].to_pylist() for column in columns]


def without(everybody: Sequence[Person], hidden: frozenset[int]) -> Sequence[Person]:
    """People by their faces on other photos than those of the ids in ``hidden``."""
    if not hidden:
        return everybody
    left = [
        replace(person, faces=faces)
        for person in everybody
        if (faces := [face for face in person.faces if face.image_id not in hidden])
    ]
    return sorted(left, key=lambda person: -who_is_who.photos(person))


def most_alike(
    snapshot: Snapshot, person: Person, others: Sequence[Person], most: int
) -> list[Person]:
    """Those of others whose best face is most like the best of this person's, the most first."""
    best = {(each.faces[0].image_id, each.faces[0].number): each for each in others}
    photos, numbers = zip(*best, strict=True) if best else ((), ())
    cursor = snapshot.cursor()
    cursor.register("others", pa.table([photos, numbers], schema=pa.schema([*_COLUMNS][:2])))
    found = cursor.execute(
        """
        SELECT image_id, face FROM others JOIN faces USING (image_id, face), (
            SELECT embedding AS wanted FROM faces WHERE image_id = ? AND face = ?
        ) ORDER BY array_inner_product(embedding, wanted) DESC, image_id, face LIMIT ?
        """,
        [person.faces[0].image_id, person.faces[0].number, most],
    )
    return [best[face] for face in found.fetchall()]


def faces_of(snapshot: Snapshot, who: Who, image_id: int) -> Sequence[tuple[KnownFace, str | None]]:
    """The faces on a photo, each with the name that it is known by, if any."""
    names = who.names_on(image_id)
    faces = known_faces(snapshot.cursor(), image_id)
    return [(face, names.get(face.number)) for face in faces]
