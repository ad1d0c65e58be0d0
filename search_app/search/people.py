"""Who is on the photos of a snapshot, with all that was said of it since it was published."""

from collections.abc import Collection, Container, Sequence

from pipeline.library.corrections import PEOPLE
from pipeline.settings import Settings
from pipeline.snapshot import who_is_who
from pipeline.snapshot.people import known_faces
from pipeline.snapshot.reading import Snapshot
from pipeline.snapshot.who_is_who import KnownFace, Person
from pipeline.storage import Storage


def everybody(
    snapshot: Snapshot, storage: Storage, settings: Settings, hidden: Container[int]
) -> list[Person]:
    """All people on photos, but those of the ids in ``hidden``: those with most photos first.

    Raises DamagedFileError.
    """
    faces = [face for face in known_faces(snapshot.cursor()) if face.image_id not in hidden]
    return who_is_who.people(faces, PEOPLE.entries(storage), settings.faces_a_person)


def names(snapshot: Snapshot) -> Collection[str]:
    """The names that the faces of a snapshot have."""
    named = snapshot.cursor().execute("SELECT DISTINCT name FROM people WHERE name IS NOT NULL")
    return {name for (name,) in named.fetchall()}


def faces_of(snapshot: Snapshot, image_id: int) -> Sequence[tuple[KnownFace, str | None]]:
    """The faces on a photo, each with the name that it is known by, if any."""
    faces = known_faces(snapshot.cursor(), image_id)
    named = snapshot.cursor().execute(
        "SELECT faces.face, name FROM faces JOIN people USING (person_id) WHERE faces.image_id = ?",
        [image_id],
    )
    names = dict(named.fetchall())
    return [(face, names.get(face.number)) for face in faces]
