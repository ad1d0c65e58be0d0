"""Tables ``faces`` and ``people`` of a snapshot: whose the faces are, as far as anything tells.

Faces are grouped at each publication, from the vectors that are there: no model is asked. Groups of
the newest snapshot stay together as long as all of their faces are there.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.library.corrections import PEOPLE, FaceKey, Region
from pipeline.photos import words
from pipeline.snapshot.affected import affecting
from pipeline.snapshot.grouping import group
from pipeline.snapshot.who_is_who import KnownFace, Person, overlap, people, photos

if TYPE_CHECKING:
    from pipeline.library.library import Library

DIMENSION = 128
TABLES = f"""
    CREATE TABLE faces (
        image_id BIGINT, face INTEGER, region DOUBLE[], landmarks DOUBLE[], score DOUBLE,
        quality DOUBLE, embedding FLOAT[{DIMENSION}], face_group BIGINT, said VARCHAR,
        person_id VARCHAR
    );
    CREATE TABLE people (
        person_id VARCHAR, name VARCHAR, is_hidden BOOLEAN, faces INTEGER, photos INTEGER,
        image_id BIGINT, face INTEGER
    );
"""
"""``face`` counts from 1 within the photo, ``region`` has its left, top, right and bottom edge in
percent. Of ``people``, ``image_id`` and ``face`` name the face that shows most."""

ADD_FACES = f"""
    INSERT INTO faces BY NAME
    SELECT image_id, face, [found."left", found.top, found."right", found.bottom] AS region,
           found.landmarks AS landmarks, found.score AS score, found.quality AS quality,
           found.embedding::FLOAT[{DIMENSION}] AS embedding
    FROM (
        SELECT row, image_id, unnest(faces) AS found, generate_subscripts(faces, 1) AS face
        FROM memory.made
    ) ORDER BY row, face
"""
"""Adds those in table ``memory.made``, which has rows of the library's table ``faces``."""

CLEAR = 8.0
"""The quality that a face has at least to be grouped: below it one person is hardly nearer to
himself than to others."""
_LEAST_WIDTH = 0.5  # percent of the photo: the smallest that there are pixels for
_TURNS = {  # x and y of a stored picture as it is shown, by EXIF's orientation
    2: lambda x, y: (100 - x, y),
    3: lambda x, y: (100 - x, 100 - y),
    4: lambda x, y: (x, 100 - y),
    5: lambda x, y: (y, x),
    6: lambda x, y: (100 - y, x),
    7: lambda x, y: (100 - y, 100 - x),
    8: lambda x, y: (y, 100 - x),
}


_NAMES = """
    SELECT DISTINCT faces.image_id, name FROM faces JOIN people USING (person_id)
    WHERE name IS NOT NULL
"""


def update(connection: duckdb.DuckDBPyConnection, library: "Library") -> None:
    """Say of each row of table ``faces`` whose it is, and make table ``people`` anew.

    The photos on which somebody has another name now are added to table ``memory.affected``.
    """
    settings = library.settings
    rows = connection.execute(
        f"""
        WITH now AS (
            SELECT rowid, image_id, face, embedding, hash(embedding) AS vector FROM faces
            WHERE quality >= {CLEAR} AND region[3] - region[1] >= {_LEAST_WIDTH}
        ), before AS (
            SELECT image_id, face, hash(embedding) AS vector, face_group FROM newest.faces
            WHERE face_group IS NOT NULL
        ), changed AS (
            SELECT DISTINCT face_group FROM before ANTI JOIN now USING (image_id, face, vector)
        )
        SELECT now.rowid, embedding, coalesce(face_group, -1) AS known
        FROM now LEFT JOIN (FROM before ANTI JOIN changed USING (face_group)) whole
             USING (image_id, face, vector)
        ORDER BY image_id, face
        """
    ).to_arrow_table()
    known = rows["known"].to_numpy()
    labels = group(_vectors(rows["embedding"]), settings.face_likeness, known)
    _set(connection, "face_group", rows["rowid"].to_pylist(), labels.tolist(), pa.int64())
    said = _names_said(connection)
    _set(connection, "said", list(said), list(said.values()), pa.string())
    faces = known_faces(connection)
    everybody = people(list(faces), PEOPLE.entries(library.storage), settings.faces_a_person)
    with affecting(connection, _NAMES):
        _write(connection, faces, everybody)


def known_faces(
    connection: duckdb.DuckDBPyConnection, image_id: int | None = None
) -> dict[KnownFace, int]:
    """The faces of a catalogue, or of one of its photos, with their rows in the table."""
    rows = connection.execute(
        """
        SELECT faces.rowid, image_id, face, sha256, region, quality, face_group, said
        FROM faces JOIN images USING (image_id)
        WHERE image_id = coalesce(?, image_id) ORDER BY image_id, face
        """,
        [image_id],
    ).fetchall()
    return {
        KnownFace(image_id, face, FaceKey(sha256, Region(*region)), *others): row
        for row, image_id, face, sha256, region, *others in rows
    }


def _vectors(column: pa.ChunkedArray) -> NDArray[np.float32]:
    flat = column.combine_chunks().flatten().to_numpy()
    vectors: NDArray[np.float32] = flat.reshape(-1, DIMENSION)
    return vectors


def _set(
    connection: duckdb.DuckDBPyConnection,
    column: str,
    rows: Sequence[int],
    values: Sequence[Any],
    kind: pa.DataType,
) -> None:
    """Set a column of table ``faces`` in these rows, and to null in all others."""
    connection.register(
        "news", pa.table({"row": pa.array(rows, pa.int64()), "value": pa.array(values, kind)})
    )
    connection.execute(f"UPDATE faces SET {column} = NULL WHERE {column} IS NOT NULL")
    connection.execute(f"UPDATE faces SET {column} = value FROM news WHERE news.row = faces.rowid")
    connection.unregister("news")


def _names_said(connection: duckdb.DuckDBPyConnection) -> dict[int, str]:
    """By row of table ``faces``, the name that the photo itself has for it."""
    photos_with_names = connection.execute(
        """
        SELECT list(faces.rowid ORDER BY face), list(region ORDER BY face),
               any_value(people), any_value(regions), any_value(orientation)
        FROM faces JOIN exif USING (image_id)
        WHERE len(people) > 0 OR regions IS NOT NULL
        GROUP BY image_id
        """
    ).fetchall()
    said: dict[int, str] = {}
    for rows, faces, names, regions, orientation in photos_with_names:
        for named in json.loads(regions or "[]"):
            there = _turned(named, orientation)
            best = max(range(len(rows)), key=lambda at: overlap(there, Region(*faces[at])))
            if named["type"] == "Face" and _is_in(Region(*faces[best]), there):
                said[rows[best]] = named["name"]
        if len(rows) == 1 and names and len(names) == 1:
            said.setdefault(rows[0], names[0])
    return said


def as_stored(name: str, shown: Sequence[float], orientation: int | None) -> words.Region:
    """A face, by its edges in the photo as it is shown, as a region of the stored picture."""
    back = {6: 8, 8: 6}.get(orientation or 1, orientation)  # the others undo themselves
    left, top, right, bottom = _turned(Region(*shown)._asdict(), back)
    return {
        "name": name, "type": "Face",
        "left": left, "top": top, "right": right, "bottom": bottom,
    }  # fmt: skip


def _turned(named: Mapping[str, Any], orientation: int | None) -> Region:
    """A region of a stored picture as it is shown."""
    corners = [(named["left"], named["top"]), (named["right"], named["bottom"])]
    if turn := _TURNS.get(orientation or 1):
        corners = [turn(x, y) for x, y in corners]
    (x1, y1), (x2, y2) = corners
    return Region(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))


def _is_in(face: Region, region: Region) -> bool:
    """Whether the middle of a face is in a region; programs draw them wider and narrower."""
    x, y = (face.left + face.right) / 2, (face.top + face.bottom) / 2
    return region.left <= x <= region.right and region.top <= y <= region.bottom


def _write(
    connection: duckdb.DuckDBPyConnection,
    known: Mapping[KnownFace, int],
    everybody: Sequence[Person],
) -> None:
    of_row = {known[face]: person.person_id for person in everybody for face in person.faces}
    _set(connection, "person_id", list(of_row), list(of_row.values()), pa.string())
    connection.execute("DELETE FROM people")
    if everybody:
        rows = pa.Table.from_pylist(
            [
                {
                    "person_id": person.person_id,
                    "name": person.name,
                    "is_hidden": person.is_hidden,
                    "faces": len(person.faces),
                    "photos": photos(person),
                    "image_id": person.faces[0].image_id,
                    "face": person.faces[0].number,
                }
                for person in everybody
            ]
        )
        connection.register("everybody", rows)
        connection.execute("INSERT INTO people BY NAME FROM everybody")
        connection.unregister("everybody")
