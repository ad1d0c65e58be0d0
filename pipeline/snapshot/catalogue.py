"""The tables of a snapshot, made from the library's Parquet files: of a new catalogue all, of a
copied one only the rows of photos in albums whose files changed.

Schema ``main`` has what the design promises to readers, ``internal`` what publishing needs to know
of the files it read. ``raw_images`` is the table of the library, ``images`` what it comes to: a
photo in several albums has a row in each album's file; the newest is taken.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from pipeline.library.precedence import TIME_AND_PLACE, WORDS
from pipeline.library.schemas import SCHEMAS, VECTOR_TABLES, Text
from pipeline.models.captioners import Caption
from pipeline.photos.metadata import METADATA_COLUMNS
from pipeline.snapshot import fulltext, marks, people, places
from pipeline.snapshot.inputs import InputFile
from pipeline.sources import Album, PhotoRow

if TYPE_CHECKING:
    from pipeline.library.library import Library

_BLOCK = 16_384  # rows whose words are taken apart at a time

# The columns of the tables that are in the library too, where they are declared.
_ALBUMS = [name for name in Album.__annotations__ if name in Album.__required_keys__]
_IMAGES = [
    name
    for name in PhotoRow.__annotations__
    if name
    not in {
        *("error", "attempts", "retryable", "run_id"),
        *("mtime_ns", "ctime_ns", "secret", "last_update"),
        *("taken_at", "taken_precision", "latitude", "longitude", "views"),
        *("sidecars", "file_title"),
    }
]
_WORDS = ("title", "description", "tags")  # are told in images, where a source's count too
_EXIF = ["image_id", *(name for name in METADATA_COLUMNS if name not in _WORDS)]
_CAPTIONS = ["image_id", "model_name", *(field.name for field in fields(Caption)), "created_at"]

_VISIBLE_TEXT = ["image_id", *Text.__annotations__, "created_at"]

_OTHER_TABLES = f"""
    ALTER TABLE images ADD thumbhash VARCHAR;
    ALTER TABLE exif ALTER raw TYPE JSON;
    ALTER TABLE exif ALTER regions TYPE JSON;
    ALTER TABLE exif ALTER said TYPE JSON;
    ALTER TABLE exif ADD taken_instant TIMESTAMP;
    ALTER TABLE exif ADD place_id INTEGER;
    CREATE TABLE places (
        place_id INTEGER, country VARCHAR, region VARCHAR, town VARCHAR, quarter VARCHAR,
        spelt JSON, words VARCHAR
    );
    CREATE TABLE album_images (album_id VARCHAR, image_id BIGINT, position INTEGER);
    CREATE TABLE provenance (
        image_id BIGINT, asset VARCHAR, album_id VARCHAR, producer VARCHAR, model_name VARCHAR,
        run_id VARCHAR, created_at TIMESTAMP
    );
    CREATE TABLE {fulltext.TABLE} (
        row BIGINT, image_id BIGINT, {" VARCHAR, ".join(fulltext.COLUMNS)} VARCHAR
    );
    {people.TABLES}
    {marks.TABLES}
    CREATE SCHEMA internal;
    CREATE TABLE internal.inputs (table_name VARCHAR, partition VARCHAR, version VARCHAR);
"""
# The instant at which a photo was taken, in UTC. A clock whose offset is not known is taken to have
# that of the photo before it whose offset is: most cameras know none, telephones do.
_TAKEN_INSTANTS = """
    UPDATE exif SET taken_instant = known.instant FROM (
        SELECT image_id, taken_at - to_minutes(coalesce(
            minutes,
            last_value(minutes IGNORE NULLS) OVER (
                ORDER BY taken_at, image_id ROWS UNBOUNDED PRECEDING
            ),
            first_value(minutes IGNORE NULLS) OVER (
                ORDER BY taken_at, image_id ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
            ),
            0
        )) AS instant
        FROM (
            SELECT image_id, taken_at,
                   if(taken_at_offset[1] = '-', -1, 1)
                   * (60 * taken_at_offset[2:3]::INTEGER + taken_at_offset[5:6]::INTEGER) AS minutes
            FROM exif WHERE taken_at IS NOT NULL
        )
    ) known
    WHERE known.image_id = exif.image_id AND taken_instant IS DISTINCT FROM known.instant
"""
_OF_PHOTOS = (
    *("images", "exif", "captions", "visible_text", "faces", "provenance", fulltext.TABLE),
)


def update(
    connection: duckdb.DuckDBPyConnection, library: "Library", files: Sequence[InputFile]
) -> None:
    """Bring the catalogue, the database in use, up to date with the library's tables.

    Without any table it is made from nothing. ``files`` are the library's. What was found
    out of places and faces before is in the database ``newest``: a catalogue, which may be empty.
    """
    is_new = connection.execute(
        "SELECT count(*) = 0 FROM duckdb_tables() WHERE database_name = 'catalog'"
    ).fetchall()[0][0]
    if is_new:
        create_tables(connection)
    changed = _changed_albums(connection, files)
    _replace_albums(connection, library)
    reading = _drop_what_changed(connection, library, changed)
    _add_photos(connection, library, changed, reading)
    _add_exif_and_captions(connection, library, reading)
    places.add(connection)
    _add_text_and_faces(connection, library, reading)
    for table in VECTOR_TABLES:
        _choose(connection, library, table, reading)
        if "thumbhash" in SCHEMAS[table].names:
            connection.execute(
                "UPDATE images SET thumbhash = made.thumbhash"
                " FROM memory.made made WHERE made.row = images.rowid"
            )
    people.update(connection, library)
    marks.update(connection, library)
    _add_words(connection, is_new)


def create_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create all tables of a snapshot, empty, in the database in use."""
    for name, table, columns in (
        ("images", "raw_images", _IMAGES),
        ("exif", "exif_metadata", _EXIF),
        ("captions", "llm_captions", _CAPTIONS),
        ("visible_text", "visible_text", _VISIBLE_TEXT),
    ):
        connection.register("source", SCHEMAS[table].empty_table())
        connection.execute(f"CREATE TABLE {name} AS SELECT {', '.join(columns)} FROM source")
        connection.unregister("source")
    connection.execute(_OTHER_TABLES)


def _changed_albums(connection: duckdb.DuckDBPyConnection, files: Sequence[InputFile]) -> list[str]:
    schema = pa.schema([(name, pa.string()) for name in InputFile._fields])
    rows = pa.Table.from_pylist([file._asdict() for file in files], schema)
    connection.register("files", rows)
    changed = connection.execute(
        """
        SELECT DISTINCT partition FROM (
            (FROM files EXCEPT FROM internal.inputs) UNION ALL
            (FROM internal.inputs EXCEPT FROM files)
        ) WHERE table_name NOT IN ('albums', 'people', 'marks/tag') ORDER BY ALL
        """
    ).fetchall()
    connection.execute("CREATE OR REPLACE TABLE internal.inputs AS FROM files")
    connection.unregister("files")
    return [album_id for (album_id,) in changed]


def _replace_albums(connection: duckdb.DuckDBPyConnection, library: "Library") -> None:
    connection.register("source", library.tables.read_all("albums"))
    connection.execute(f"CREATE OR REPLACE TABLE albums AS SELECT {', '.join(_ALBUMS)} FROM source")
    connection.unregister("source")


def _drop_what_changed(
    connection: duckdb.DuckDBPyConnection, library: "Library", changed: list[str]
) -> list[str]:
    """Delete the rows of all photos that are or were in the changed albums.

    They are left in table ``memory.affected``. Returns the albums that have a row of any of them.
    """
    _stream(connection, library, "raw_images", changed, ["image_id"])
    connection.execute(
        """
        CREATE OR REPLACE TABLE memory.affected AS
        SELECT image_id FROM album_images WHERE list_contains(?::VARCHAR[], album_id)
        UNION SELECT image_id FROM source
        """,
        [changed],
    )
    connection.unregister("source")
    others = connection.execute(
        "SELECT DISTINCT album_id FROM album_images SEMI JOIN memory.affected USING (image_id)"
    ).fetchall()
    connection.execute(
        "DELETE FROM album_images WHERE list_contains(?::VARCHAR[], album_id)", [changed]
    )
    for table in _OF_PHOTOS:
        connection.execute(
            f"DELETE FROM {table} WHERE image_id IN (SELECT image_id FROM memory.affected)"
        )
    return sorted({*changed, *(album for (album,) in others)})


def _add_photos(
    connection: duckdb.DuckDBPyConnection,
    library: "Library",
    changed: list[str],
    reading: list[str],
) -> None:
    """Add to ``album_images``, ``images`` and ``provenance``; leaves ``memory.chosen``."""
    _stream(connection, library, "raw_images", reading)
    connection.execute(
        """
        CREATE OR REPLACE TABLE memory.candidates AS
        SELECT source.*, albums.rowid AS album_number
        FROM source JOIN albums USING (album_id) SEMI JOIN memory.affected USING (image_id)
        WHERE error IS NULL;

        CREATE OR REPLACE TABLE memory.chosen AS
        FROM memory.candidates
        QUALIFY row_number() OVER (
            PARTITION BY image_id ORDER BY last_update DESC, album_number, position
        ) = 1;
        """
    )
    connection.unregister("source")
    connection.execute(
        """
        INSERT INTO album_images
        SELECT album_id, image_id, position FROM memory.candidates
        WHERE list_contains(?::VARCHAR[], album_id) ORDER BY album_number, position
        """,
        [changed],
    )
    _trace(connection, "raw_images", "memory.chosen")
    _stream(connection, library, "exif_metadata", reading, ["image_id", *_WORDS, "error"])
    # The order of the photos is that of the albums, whatever was there before.
    connection.execute(
        f"""
        INSERT INTO images BY NAME
        SELECT {", ".join(_IMAGES)} FROM (
            SELECT photo.* REPLACE ({WORDS})
            FROM memory.chosen photo
            LEFT JOIN (
                FROM source WHERE error IS NULL
                QUALIFY row_number() OVER (PARTITION BY image_id ORDER BY album_id) = 1
            ) exif USING (image_id)
        );

        CREATE OR REPLACE TABLE images AS
        SELECT images.*
        FROM images
        JOIN (FROM provenance WHERE asset = 'raw_images') chosen USING (image_id)
        JOIN album_images USING (album_id, image_id)
        JOIN albums USING (album_id)
        ORDER BY albums.rowid, album_images.position;
        """
    )
    connection.unregister("source")


def _add_exif_and_captions(
    connection: duckdb.DuckDBPyConnection, library: "Library", reading: list[str]
) -> None:
    _choose(connection, library, "exif_metadata", reading)
    connection.execute(
        f"""
        INSERT INTO exif BY NAME
        SELECT {", ".join(_EXIF)}
        FROM (
            SELECT exif.* REPLACE (
                {TIME_AND_PLACE}, exif.raw::JSON AS raw, regions::JSON AS regions,
                said::JSON AS said
            )
            FROM memory.made exif JOIN memory.chosen photo USING (image_id)
        ) ORDER BY row
        """
    )
    connection.execute(_TAKEN_INSTANTS)
    _choose(connection, library, "llm_captions", reading)
    connection.execute(
        f"INSERT INTO captions SELECT {', '.join(_CAPTIONS)} FROM memory.made ORDER BY row"
    )


def _add_text_and_faces(
    connection: duckdb.DuckDBPyConnection, library: "Library", reading: list[str]
) -> None:
    _choose(connection, library, "visible_text", reading)
    connection.execute(
        f"""
        INSERT INTO visible_text SELECT {", ".join(_VISIBLE_TEXT)} FROM memory.made
        WHERE len(lines) > 0 ORDER BY row
        """
    )
    _choose(connection, library, "faces", reading)
    connection.execute(people.ADD_FACES)


def _choose(
    connection: duckdb.DuckDBPyConnection, library: "Library", table: str, reading: list[str]
) -> None:
    """Make ``memory.made``, one row for each affected photo that has any, and trace it.

    Of tables of vectors, only rows of the model in use, and without the vectors themselves.
    """
    columns, condition = None, "TRUE"
    if table in VECTOR_TABLES:
        read = {"image_id", "producer", "model_name", "thumbhash", "error", "created_at", "run_id"}
        columns = [name for name in SCHEMAS[table].names if name in read]
        condition = "producer = '" + library.stages[table].producer.replace("'", "''") + "'"
    _stream(connection, library, table, reading, columns)
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE memory.made AS
        SELECT source.*, images.rowid AS row
        FROM source JOIN images USING (image_id) SEMI JOIN memory.affected USING (image_id)
        WHERE error IS NULL AND {condition}
        QUALIFY row_number() OVER (PARTITION BY image_id ORDER BY album_id) = 1
        """
    )
    connection.unregister("source")
    _trace(connection, table, "memory.made")


def _stream(
    connection: duckdb.DuckDBPyConnection,
    library: "Library",
    table: str,
    albums: Iterable[str],
    columns: list[str] | None = None,
) -> None:
    """Let the connection read these files of a table, once, as ``source``."""
    connection.register("source", library.tables.stream(table, albums, columns))


def _trace(connection: duckdb.DuckDBPyConnection, asset: str, rows: str) -> None:
    """Say in ``provenance`` of each row which asset made it, when, in which run, and where."""
    connection.execute(
        f"""
        INSERT INTO provenance BY NAME
        SELECT '{asset}' AS asset, COLUMNS(lambda name: name IN (
            'image_id', 'album_id', 'producer', 'model_name', 'run_id', 'created_at'
        ))
        FROM {rows} ORDER BY image_id
        """
    )


def _add_words(connection: duckdb.DuckDBPyConnection, is_new: bool) -> None:
    """Take the texts of the affected photos apart and index the words of all."""
    separator = fulltext.SEPARATOR
    connection.execute(  # of photos that are the same, but show somebody who has a name now
        f"DELETE FROM {fulltext.TABLE} WHERE image_id IN (SELECT image_id FROM memory.affected)"
    )
    with connection.cursor() as reader:
        reader.execute(
            f"""
            SELECT image_id, title, description,
                   array_to_string(coalesce(retagged.tags, images.tags), '{separator}'),
                   concat_ws('{separator}', array_to_string(people, '{separator}'),
                             array_to_string(seen, '{separator}'),
                             array_to_string(place_names, '{separator}'), creator),
                   concat_ws('{separator}', caption, captions.visible_text,
                             array_to_string([line.text FOR line IN lines], ' '),
                             array_to_string(
                                 coalesce(caption_tags, captions.tags), '{separator}'
                             ))
            FROM catalog.images SEMI JOIN memory.affected USING (image_id)
                 LEFT JOIN catalog.exif USING (image_id)
                 LEFT JOIN catalog.captions USING (image_id)
                 LEFT JOIN catalog.visible_text USING (image_id)
                 LEFT JOIN catalog.retagged USING (image_id)
                 LEFT JOIN (
                     SELECT faces.image_id, list(DISTINCT name) AS seen
                     FROM catalog.faces JOIN catalog.people USING (person_id) GROUP BY ALL
                 ) USING (image_id)
            """
        )
        while rows := reader.fetchmany(_BLOCK):
            ids, *texts = zip(*rows, strict=True)
            block = pa.table(
                [
                    pa.array(ids, pa.int64()),
                    *(pa.array([fulltext.words(text) for text in column]) for column in texts),
                ],
                names=["image_id", *fulltext.COLUMNS],
            )
            connection.register("block", block)
            connection.execute(f"INSERT INTO {fulltext.TABLE} BY NAME FROM block")
            connection.unregister("block")
    connection.execute(
        f"UPDATE {fulltext.TABLE} words SET row = images.rowid"
        " FROM images WHERE images.image_id = words.image_id"
    )
    if is_new:
        fulltext.create_index(connection)
    else:
        fulltext.update_index(connection, "memory.affected")
