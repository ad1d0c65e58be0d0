"""The search engine over the current snapshot: what the page and the command line ask.

It opens no file for writing, loads a model when the first query needs it, and takes up a newly
published snapshot with the next query.
"""

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline import fulltext, snapshot
from pipeline.encoders import Encoder, TextEncoder
from pipeline.encoders.loading import load_encoder
from pipeline.encoders.text import load_text_encoder
from pipeline.errors import AlbumscopeError
from pipeline.settings import Settings
from pipeline.snapshot import Snapshot

Mode = Literal["visual", "caption", "text", "hybrid"]
MODES: tuple[Mode, ...] = ("visual", "caption", "text", "hybrid")
MAX_QUERY = 1000
"""The longest text query, in characters."""

_log = logging.getLogger("albumscope.engine")
_RRF_K = 60  # the constant of reciprocal rank fusion, as in Cormack et al. (2009)
_FUSED_DEPTH = 200  # how far down each ranking is fused, at the least


@dataclass(frozen=True)
class Filters:
    """Photos of albums that meet all of these; an empty one lets every photo through."""

    events: Sequence[str] = ()
    years: Sequence[int] = ()
    album_ids: Sequence[str] = ()


@dataclass(frozen=True)
class Query:
    """What is searched for: a text, a picture, a photo of the library, or several of them.

    ``mode`` None is hybrid for a text alone and visual as soon as a picture is given.
    """

    text: str = ""
    image: Image.Image | None = None
    image_id: int | None = None
    filters: Filters = field(default_factory=Filters)
    mode: Mode | None = None
    k: int = 20


@dataclass(frozen=True)
class Hit:
    """One photo found. ``score`` is a cosine (visual, caption), BM25 (text) or a fused rank."""

    rank: int
    image_id: int
    path: str
    album_id: str
    album_title: str
    event_name: str | None
    event_year: int | None
    title: str | None
    caption: str | None
    score: float
    probability: float | None
    image_url: str | None
    page_url: str | None


@dataclass(frozen=True)
class Ranking:
    """Rows of table ``images``, best first, each with its score."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


class SearchEngine:
    """Searches the library that the settings name. One engine may serve many threads."""

    def __init__(self, settings: Settings) -> None:
        """Open the current snapshot. Raises AlbumscopeError if there is none that can be opened."""
        self._settings = settings
        self._snapshot = snapshot.open_current(settings.data_dir)
        self._opening = threading.Lock()
        self._passed_over: str | None = None  # the name of a snapshot that could not be opened

    @property
    def current(self) -> Snapshot:
        """The current snapshot; a new one is opened if one was published since the last call.

        A new one that turns out to be damaged is passed over: the old one goes on serving.
        """
        name = snapshot.current_name(self._settings.data_dir)
        if name not in {None, self._snapshot.name, self._passed_over}:
            with self._opening:
                if name not in {self._snapshot.name, self._passed_over}:
                    self._open(name)
        return self._snapshot

    def search(self, query: Query) -> list[Hit]:
        """Return the best ``query.k`` photos. Raises AlbumscopeError if the query is no query."""
        text = query.text.strip()
        if len(text) > MAX_QUERY:
            raise AlbumscopeError(
                f"The query has {len(text):,} characters; shorten it to {MAX_QUERY:,} or fewer"
            )
        has_image = query.image is not None or query.image_id is not None
        if not text and not has_image:
            raise AlbumscopeError("Nothing to search for: give a text or a picture")
        mode: Mode = query.mode or ("visual" if has_image else "hybrid")
        if mode in {"caption", "text"} and not text:
            raise AlbumscopeError(f"Mode {mode!r} searches with words: give a text")
        if query.k < 1:
            raise AlbumscopeError(f"Cannot return {query.k} photos: ask for one or more")

        now = self.current
        allowed = _allowed(now, query.filters)
        if query.image_id is not None:
            allowed = _without(now, query.image_id, allowed)
        depth = query.k if mode != "hybrid" else max(query.k, _FUSED_DEPTH)
        rankings = []
        if mode in {"visual", "hybrid"}:
            rankings.append(self._visual(now, query, text, depth, allowed))
        if text and mode in {"caption", "hybrid"}:
            rankings.append(self._caption(now, text, depth, allowed))
        if text and mode in {"text", "hybrid"}:
            rankings.append(_full_text(now, text, depth, allowed))
        ranking = rankings[0] if len(rankings) == 1 else fuse(rankings)
        return self._hits(now, Ranking(ranking.rows[: query.k], ranking.scores[: query.k]), query)

    def details(self, image_id: int) -> dict[str, Any]:
        """The columns of ``images`` for one photo, with its ``exif``, ``caption`` and ``albums``.

        Raises AlbumscopeError for an unknown id.
        """
        cursor = self.current.cursor()
        rows = _rows(cursor, "SELECT * FROM images WHERE image_id = ?", image_id)
        if not rows:
            raise AlbumscopeError(f"No photo {image_id} in the library")
        photo = _with_path(rows[0])
        exif = _rows(cursor, "SELECT * EXCLUDE (image_id) FROM exif WHERE image_id = ?", image_id)
        caption = _rows(
            cursor, "SELECT * EXCLUDE (image_id) FROM captions WHERE image_id = ?", image_id
        )
        albums = _rows(
            cursor,
            "SELECT albums.* FROM albums SEMI JOIN (FROM album_images WHERE image_id = ?)"
            " USING (album_id) ORDER BY albums.rowid",
            image_id,
        )
        return photo | {
            "exif": exif[0] if exif else {},
            "caption": caption[0] if caption else {},
            "albums": albums,
        }

    def albums(self) -> list[dict[str, Any]]:
        """The albums of the current snapshot, with their number of photos as ``photos``."""
        return _rows(
            self.current.cursor(),
            """
            SELECT albums.*, count(image_id) AS photos
            FROM albums LEFT JOIN album_images USING (album_id) GROUP BY ALL ORDER BY title
            """,
        )

    def newest(self, filters: Filters, limit: int) -> list[dict[str, Any]]:
        """The photos of the newest albums, each once: what there is to see before a search."""
        condition, values = _album_condition(filters)
        rows = _rows(
            self.current.cursor(),
            f"""
            SELECT image_id, path, images.title, album_id, albums.title AS album_title
            FROM albums JOIN album_images USING (album_id) JOIN images USING (image_id)
            WHERE {condition}
            QUALIFY row_number() OVER (
                PARTITION BY image_id ORDER BY albums.created_at DESC, albums.rowid
            ) = 1
            ORDER BY albums.created_at DESC, albums.rowid, position LIMIT ?
            """,
            *values,
            limit,
        )
        return [_with_path(row) for row in rows]

    def images(self, filters: Filters) -> list[dict[str, Any]]:
        """The photos of the library, one row for each album that a photo is in."""
        condition, values = _album_condition(filters)
        rows = _rows(
            self.current.cursor(),
            f"""
            SELECT images.*, album_id, albums.title AS album_title, event_name, event_year,
                   event_type
            FROM albums JOIN album_images USING (album_id) JOIN images USING (image_id)
            WHERE {condition} ORDER BY albums.rowid, position
            """,
            *values,
        )
        return [_with_path(row) for row in rows]

    def _open(self, name: str | None) -> None:
        try:
            self._snapshot = snapshot.open_current(self._settings.data_dir)
        except AlbumscopeError as error:
            self._passed_over = name
            _log.warning("%s. Until then %s is searched.", error, self._snapshot.name)

    def _encoder(self, now: Snapshot) -> Encoder:
        return load_encoder(now.manifest["models"]["embedding"], self._settings.device)

    def _text_encoder(self, now: Snapshot) -> TextEncoder:
        return load_text_encoder(now.manifest["models"]["text"], self._settings.device)

    def _visual(
        self, now: Snapshot, query: Query, text: str, k: int, allowed: NDArray[np.bool_] | None
    ) -> Ranking:
        vectors = []
        if query.image_id is not None:
            vectors.append(_stored_vector(now, query.image_id))
        if text:
            vectors.append(self._encoder(now).encode_texts([text])[0])
        if query.image is not None:
            vectors.append(self._encoder(now).encode_images([query.image])[0])
        mean = np.sum(vectors, axis=0)
        mean /= max(float(np.linalg.norm(mean)), 1e-12)
        return Ranking(*now.images.search(np.asarray(mean, np.float32), k, allowed))

    def _caption(
        self, now: Snapshot, text: str, k: int, allowed: NDArray[np.bool_] | None
    ) -> Ranking:
        vector = self._text_encoder(now).encode_texts([text])[0]
        return Ranking(*now.captions.search(vector, k, allowed))

    def _hits(self, now: Snapshot, ranking: Ranking, query: Query) -> list[Hit]:
        condition, values = _album_condition(query.filters)
        rows = _rows(
            now.cursor(),
            f"""
            SELECT images.rowid AS row, image_id, path, album_id, albums.title AS album_title,
                   event_name, event_year, images.title, caption, image_url, page_url
            FROM images JOIN album_images USING (image_id) JOIN albums USING (album_id)
                 LEFT JOIN captions USING (image_id)
            WHERE images.rowid IN (SELECT unnest(?::BIGINT[])) AND {condition}
            QUALIFY row_number() OVER (PARTITION BY images.rowid ORDER BY albums.rowid) = 1
            """,
            ranking.rows.tolist(),
            *values,
        )
        by_row = {row.pop("row"): row for row in rows}
        found = zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True)
        return [
            Hit(rank=rank, score=score, probability=None, **_with_path(by_row[row]))
            for rank, (row, score) in enumerate(found, start=1)
        ]


def fuse(rankings: Sequence[Ranking]) -> Ranking:
    """Fuse rankings by reciprocal rank (Cormack, Clarke and Büttcher, SIGIR 2009).

    A row's score is the sum of 1 / (60 + its rank) over the rankings that have it.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking.rows.tolist(), start=1):
            scores[row] = scores.get(row, 0.0) + 1.0 / (_RRF_K + rank)
    order = sorted(scores, key=lambda row: (-scores[row], row))
    return Ranking(
        np.asarray(order, np.int64), np.asarray([scores[row] for row in order], np.float32)
    )


def _full_text(now: Snapshot, text: str, k: int, allowed: NDArray[np.bool_] | None) -> Ranking:
    """Rank by Okapi BM25 over title, description, tags and caption, with DuckDB's index."""
    found = (
        now.cursor()
        .execute(
            f"""
            SELECT row, score FROM (
                SELECT row, fts_main_{fulltext.TABLE}.match_bm25(row, ?) AS score
                FROM {fulltext.TABLE}
            ) WHERE score IS NOT NULL ORDER BY score DESC, row
            """,
            [fulltext.query_words(text)],
        )
        .fetchnumpy()
    )
    rows, scores = found["row"].astype(np.int64), found["score"].astype(np.float32)
    if allowed is not None:
        keep = allowed[rows]
        rows, scores = rows[keep], scores[keep]
    return Ranking(rows[:k], scores[:k])


def _allowed(now: Snapshot, filters: Filters) -> NDArray[np.bool_] | None:
    condition, values = _album_condition(filters)
    if not values:
        return None
    allowed = np.zeros(now.manifest["tables"]["images"], bool)
    rows = now.cursor().execute(
        f"""
        SELECT images.rowid AS row
        FROM images SEMI JOIN (
            FROM album_images JOIN albums USING (album_id) WHERE {condition}
        ) USING (image_id)
        """,
        values,
    )
    allowed[rows.fetchnumpy()["row"]] = True
    return allowed


def _without(now: Snapshot, image_id: int, allowed: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    if allowed is None:
        allowed = np.ones(now.manifest["tables"]["images"], bool)
    for row in _rows(now.cursor(), "SELECT rowid FROM images WHERE image_id = ?", image_id):
        allowed[row["rowid"]] = False
    return allowed


def _album_condition(filters: Filters) -> tuple[str, list[Any]]:
    """A condition on table ``albums`` with its values; without filters TRUE and none."""
    conditions, values = ["TRUE"], []
    for column, wanted in (
        ("event_name", filters.events),
        ("event_year", filters.years),
        ("albums.album_id", filters.album_ids),
    ):
        if wanted:
            conditions.append(f"list_contains(?, {column})")
            values.append(list(wanted))
    return " AND ".join(conditions), values


def _stored_vector(now: Snapshot, image_id: int) -> NDArray[np.float32]:
    rows = _rows(
        now.cursor(), "SELECT embedding FROM image_embeddings WHERE image_id = ?", image_id
    )
    if not rows:
        raise AlbumscopeError(
            f"Photo {image_id} is not in the library or has no vector: `albumscope status` says why"
        )
    return np.asarray(rows[0]["embedding"], np.float32)


def _with_path(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(row) | {"path": os.fsdecode(row["path"])}


def _rows(cursor: Any, query: str, *values: Any) -> list[dict[str, Any]]:
    cursor.execute(query, list(values))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
