"""Who is on the photos of a snapshot, with all that was said of it since it was published."""

from collections.abc import Callable, Container, Sequence
from dataclasses import replace

from pipeline.library.corrections import PEOPLE
from pipeline.settings import Settings
from pipeline.snapshot import who_is_who
from pipeline.snapshot.people import known_faces
from pipeline.snapshot.reading import Snapshot
from pipeline.snapshot.who_is_who import KnownFace, Person
from pipeline.storage import Storage
from search_app.search.filters import allowed_rows
from search_app.search.parsed import Fields, ParsedQuery


def everybody(
    snapshot: Snapshot, storage: Storage, settings: Settings, hidden: Container[int]
) -> list[Person]:
    """All people on photos, but those of the ids in ``hidden``: those with most photos first.

    Raises DamagedFileError.
    """
    faces = [face for face in known_faces(snapshot.cursor()) if face.image_id not in hidden]
    return who_is_who.people(faces, PEOPLE.entries(storage), settings.faces_a_person)


def by_face(
    fields: Fields, snapshot: Snapshot, everybody: Callable[[], Sequence[Person]]
) -> Fields:
    """Ask for a face in place of a name that no photo of the snapshot has.

    So whoever was just named is found by that name, though roughly, before it is published.
    ``everybody`` is asked for only then; of several who have the name it is who is on most photos.
    """
    faces = {}
    for wanted in fields.people:
        rows = allowed_rows(snapshot, None, ParsedQuery(only=Fields(people=(wanted,))))
        if rows is None or rows.any():
            continue
        for person in everybody():
            if person.name and wanted.lower() in person.name.lower():
                faces[wanted] = person.faces[0].image_id, person.faces[0].number
                break
    return replace(
        fields,
        people=tuple(wanted for wanted in fields.people if wanted not in faces),
        faces=(*fields.faces, *faces.values()),
    )


def most_alike(
    snapshot: Snapshot, person: Person, others: Sequence[Person], most: int
) -> list[Person]:
    """Those of others whose best face is most like the best of this person's, the most first."""
    best = {(each.faces[0].image_id, each.faces[0].number): each for each in others}
    found = snapshot.cursor().execute(
        """
        SELECT image_id, face FROM people JOIN faces USING (image_id, face), (
            SELECT embedding AS wanted FROM faces WHERE image_id = ? AND face = ?
        ) ORDER BY array_inner_product(embedding, wanted) DESC, image_id, face
        """,
        [person.faces[0].image_id, person.faces[0].number],
    )
    return [best[face] for face in found.fetchall() if face in best][:most]


def faces_of(snapshot: Snapshot, image_id: int) -> Sequence[tuple[KnownFace, str | None]]:
    """The faces on a photo, each with the name that it is known by, if any."""
    faces = known_faces(snapshot.cursor(), image_id)
    named = snapshot.cursor().execute(
        "SELECT faces.face, name FROM faces JOIN people USING (person_id) WHERE faces.image_id = ?",
        [image_id],
    )
    names = dict(named.fetchall())
    return [(face, names.get(face.number)) for face in faces]
