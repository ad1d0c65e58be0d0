"""The tables of the library: their names, and the Arrow schemas that follow from their rows.

A column is declared where its values are made; here are those that stages add. Times are UTC
without a zone, but for ``taken_at``, which is what the camera's clock said.
"""

from datetime import datetime
from types import NoneType
from typing import Annotated, Any, TypedDict, get_args, get_origin, get_type_hints, is_typeddict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.models.captioners import Caption
from pipeline.models.faces import Face
from pipeline.models.readers import Line
from pipeline.photos.metadata import Metadata
from pipeline.rows import Outcome
from pipeline.sources import Album, PhotoRow

_ARROW_TYPES: dict[Any, pa.DataType] = {
    str: pa.string(),
    bytes: pa.binary(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us"),
    NDArray[np.float32]: pa.list_(pa.float32()),
}


class OfPhoto(TypedDict):
    """The columns of a row that ``producer`` made from the bytes of a photo."""

    image_id: int
    sha256: str
    producer: str


class OfFiles(OfPhoto):
    """The columns of a row that is made from a photo and the sidecars beside it."""

    sidecars: str | None


class OfCaption(TypedDict):
    """The columns of a row that ``producer`` made from a photo's title and caption."""

    image_id: int
    caption_sha256: str
    producer: str


class ByModel(TypedDict):
    """The column of a row that a model made."""

    model_name: str


class Embedding(ByModel):
    """A vector of length 1."""

    embedding: NDArray[np.float32]


class Text(ByModel):
    """What a model read in a photo."""

    lines: list[Line]


class OfFaces(ByModel):
    """What faces a model found."""

    faces: list[Face]


class Seen(TypedDict):
    """What an encoder that knows it says that a photo shows, the likeliest first."""

    labels: list[str] | None
    label_probabilities: list[float] | None


class Blurred(TypedDict):
    """What is shown of a photo until its picture is there: see ``photos/thumbhash.py``."""

    thumbhash: str | None


LATER = frozenset(Blurred.__annotations__)
"""Columns that came after the first tables: files without them are whole."""


def _schema(*declarations: type) -> pa.Schema:
    """The schema of a table whose columns are the fields of these classes."""
    hints: dict[str, Any] = {}
    for declaration in declarations:
        hints |= get_type_hints(declaration, include_extras=True)
    return pa.schema([(name, _arrow_type(hint)) for name, hint in hints.items()])


def _arrow_type(hint: Any) -> pa.DataType:
    if hint in _ARROW_TYPES:
        return _ARROW_TYPES[hint]
    if get_origin(hint) is Annotated:
        return pa.type_for_alias(hint.__metadata__[0])
    if get_origin(hint) is list:
        return pa.list_(_arrow_type(get_args(hint)[0]))
    if is_typeddict(hint):
        return pa.struct(_schema(hint))
    (hint,) = set(get_args(hint)) - {NoneType}  # "| None"
    return _arrow_type(hint)


SCHEMAS: dict[str, pa.Schema] = {
    "albums": _schema(Album),
    "raw_images": _schema(PhotoRow),
    "exif_metadata": _schema(OfFiles, Metadata, Outcome),
    "llm_captions": _schema(OfPhoto, ByModel, Caption, Outcome),
    "visible_text": _schema(OfPhoto, Text, Outcome),
    "faces": _schema(OfPhoto, OfFaces, Outcome),
    "siglip_embeddings": _schema(OfPhoto, Embedding, Seen, Blurred, Outcome),
    "caption_embeddings": _schema(OfCaption, Embedding, Outcome),
}

ALBUM_TABLES = tuple(name for name in SCHEMAS if name != "albums")
"""The tables with one file for each album, in the order in which they are made."""

VECTOR_TABLES = tuple(name for name, schema in SCHEMAS.items() if "embedding" in schema.names)
"""Those with a vector in each row."""
