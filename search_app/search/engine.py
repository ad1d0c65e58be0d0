"""The search engine over the current snapshot: what the page and the command line ask.

It opens no file of the library for writing, loads a model when the first query needs it, and takes
up a newly published snapshot with the next query.
"""

import logging
import math
import threading
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.errors import AlbumscopeError
from pipeline.models.encoders import Encoder, TextEncoder, Vectors
from pipeline.models.encoders.loading import load_encoder
from pipeline.models.encoders.text_loading import load_text_encoder
from pipeline.photos.files import photo_file
from pipeline.settings import Settings
from pipeline.snapshot import fulltext, reading
from pipeline.snapshot.mirror import RemoteSnapshots, remote_snapshots
from pipeline.snapshot.reading import Snapshot
from pipeline.snapshot.vector_index import VectorIndex
from pipeline.storage.opening import open_storage
from search_app.search import evidence, near_duplicates
from search_app.search.evidence import Chance, Evidence, Values
from search_app.search.facets import FacetIndex, Facets
from search_app.search.filters import Filters, allowed_albums, allowed_rows, in_rows
from search_app.search.provenance import Provenance, provenance
from search_app.search.query import Fields, ParsedQuery, PhotoRef, Text, parse

if TYPE_CHECKING:
    from PIL.Image import Image

Mode = Literal["visual", "caption", "text", "hybrid"]
MODES: tuple[Mode, ...] = ("visual", "caption", "text", "hybrid")
Sort = Literal["relevance", "newest", "oldest", "album"]
"""By the time taken, newest or oldest first, or by the album's title and the place in it."""
MAX_QUERY = 1000
"""The longest text query, in characters."""

_log = logging.getLogger("albumscope.engine")
_LOOK_AGAIN_AFTER = 2.0  # seconds, whether there is a new snapshot under LIBRARY_URL
_PATIENCE = 0.5  # seconds that whoever looks waits for it
_DEPTH = 200  # how far down each part of a hybrid search looks, at the least
_SORTED = 1000  # how many of the best are put into another order
# Which of its albums a photo is shown in: found, and before any search.
_FIRST_ALBUM, _NEWEST_ALBUM = "albums.rowid", "albums.created_at DESC, albums.rowid"
_ORDER: dict[Sort, str] = {
    "relevance": f"{_NEWEST_ALBUM}, position",
    "newest": "taken_at DESC NULLS LAST, albums.rowid, position",
    "oldest": "taken_at NULLS LAST, albums.rowid, position",
    "album": "albums.title, albums.rowid, position",
}


@dataclass(frozen=True)
class Query:
    """What is searched for: a text (docs/search.md), pictures, a photo of the library, or several.

    ``mode`` None is hybrid for a text alone and visual as soon as a picture is given. What matches
    with less than ``min_probability`` is left out; photos that were found by a picture have no
    probability and stay. A ``sort`` but by relevance puts the best 1,000 into that order before
    ``k`` are taken. With ``fold`` photos that are nearly the same count as one.
    """

    text: str = ""
    images: Sequence["Image"] = ()
    image_id: int | None = None
    filters: Filters = field(default_factory=Filters)
    mode: Mode | None = None
    k: int = 20
    min_probability: float = 0.0
    sort: Sort = "relevance"
    fold: bool = False


@dataclass(frozen=True)
class Found:
    """One part of a search that found a photo: "visual", "caption" or "text".

    ``rank`` is the photo's in that part alone, ``score`` its cosine, or BM25 for "text".
    """

    part: str
    rank: int
    score: float


@dataclass(frozen=True)
class Hit:
    """One photo found, or shown before any search.

    ``score`` is a cosine (visual, caption), BM25 (text) or the log odds of a match (hybrid, and
    several texts). ``probability``: that it matches; None for a query with a picture, or that says
    only what is not wanted. ``words`` are those of the query that the photo's texts have.
    """

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
    found_by: Sequence[Found]
    words: Sequence[str]
    sha256: str | None = None
    taken_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    near_duplicates: Sequence["Hit"] = ()
    """Of a search with ``fold``: those that stand for the same picture, the best first."""


@dataclass(frozen=True)
class Ranking:
    """Rows of table ``images``, best first, each with its score."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


@dataclass(frozen=True)
class _Term:
    """A text or a picture that is searched for, or with a negative weight searched away from.

    ``visual`` and ``caption`` are its vectors in the two spaces, None where it has none there.
    """

    weight: float
    text: str | None
    visual: Vectors | None
    caption: Vectors | None


class SearchEngine:
    """Searches the library that the settings name. One engine may serve many threads."""

    def __init__(self, settings: Settings) -> None:
        """Open the current snapshot. Raises AlbumscopeError if there is none that can be opened."""
        self._settings = settings
        self._remote = remote_snapshots(settings)
        self._following = threading.Lock()
        self._next_look = 0.0
        self._trouble = ""
        self._storage = open_storage(settings)
        if self._remote:
            self._follow_at_first(self._remote)
        self._snapshot = reading.open_current(settings.library_dir, settings.library_url)
        self._opening = threading.Lock()
        self._passed_over: str | None = None  # the name of a snapshot that could not be opened
        self._measuring = threading.Lock()
        self._chances: tuple[str, dict[str, Chance]] = ("", {})
        self._indexing = threading.Lock()
        self._facet_index: tuple[str, FacetIndex] | None = None

    @property
    def current(self) -> Snapshot:
        """The current snapshot; a new one is opened if one was published since the last call.

        A new one that turns out to be damaged is passed over: the old one goes on serving. So it
        does while a new one is on its way here from LIBRARY_URL.
        """
        if self._remote:
            self._follow(self._remote)
        name = reading.current_name(self._settings.library_dir)
        if name not in {None, self._snapshot.name, self._passed_over}:
            with self._opening:
                if name not in {self._snapshot.name, self._passed_over}:
                    self._open(name)
        return self._snapshot

    def search(self, query: Query) -> list[Hit]:
        """Return the best ``query.k`` photos. Raises AlbumscopeError if the query is no query.

        A query of fields alone lists the photos that fit them. What ``understand`` finds wrong with
        the text is left out.
        """
        asked = self.understand(query.text)
        has_picture = bool(query.images or asked.photos or query.image_id is not None)
        mode = _checked_mode(query, asked, has_picture)
        now = self.current
        albums = allowed_albums(now, query.filters, asked.only)
        allowed = self._allowed(now, albums, query.filters, asked)
        if searched_with := _ids(query, asked):
            allowed = _without(now, searched_with, allowed)
        terms = self._terms(now, query, asked, mode)
        is_wanted = any(term.weight > 0 for term in terms)
        wide = _candidates(query)
        if not terms or (mode == "text" and not is_wanted):
            if query.sort != "relevance":
                return self._list(now, allowed, albums, query, asked)
            every = np.arange(now.manifest["tables"]["images"])
            rows = (every if allowed is None else np.flatnonzero(allowed))[:wide]
            listed = Ranking(rows, np.zeros(len(rows), np.float32))
            return self._hits(now, listed, [None] * len(rows), {}, asked, albums, query)

        best = max(_SORTED, query.k) if query.sort != "relevance" else wide
        depth = max(best, _DEPTH)
        parts = self._rankings(now, terms, mode, depth, allowed)
        if mode == "hybrid":
            rows = np.unique(np.concatenate([ranking.rows for ranking in parts.values()]))
        else:
            rows = parts[mode].rows
        odds = self._evidence(now, terms, mode, rows)
        chances: Sequence[float | None] = [None] * len(rows)
        is_mixed = mode == "hybrid"
        if is_wanted and not has_picture:
            chances = evidence.probability(odds).tolist()
            is_mixed |= mode != "text" and len(terms) > 1
        scores = odds.astype(np.float32) if is_mixed else parts[mode].scores
        order = [
            at
            for at in np.lexsort((rows, -scores)).tolist()
            if chances[at] is None or chances[at] >= query.min_probability
        ][:best]
        if query.sort != "relevance":
            place = _in_order(now, rows[order], albums, query.sort)
            order = sorted(order, key=lambda at: place[int(rows[at])])[:wide]
        return self._hits(
            now,
            Ranking(rows[order], scores[order]),
            [chances[at] for at in order],
            parts,
            asked,
            albums,
            query,
        )

    def browse(
        self, filters: Filters, sort: Sort = "relevance", k: int = 20, *, fold: bool = False
    ) -> list[Hit]:
        """What there is to see before a search: the photos of the newest albums, each once."""
        now, nothing = self.current, ParsedQuery()
        albums = allowed_albums(now, filters, nothing.only)
        allowed = self._allowed(now, albums, filters, nothing)
        query = Query(filters=filters, sort=sort, k=k, fold=fold)
        return self._list(now, allowed, albums, query, nothing)

    def facets(self, filters: Filters, text: str = "") -> Facets:
        """Count what the filters and the fields of a query leave, for each value of a filter.

        The filters' values have to be tuples, by which the last counts are remembered.
        """
        asked = parse(text)
        fields = ParsedQuery(
            phrases=asked.phrases, without=asked.without, only=asked.only, never=asked.never
        )
        return self._facets_of(self.current).count(filters, fields)

    def photos(self, image_ids: Sequence[int]) -> list[dict[str, Any]]:
        """The columns of ``images`` with those of what to take along, in the order of the ids.

        These are ``albums`` (titles), ``taken_at``, ``artist`` and ``caption``. Unknown ids are
        left out.
        """
        now = self.current
        rows = _rows(
            now.cursor(),
            """
            SELECT images.*, taken_at, artist, caption,
                   (SELECT string_agg(albums.title, ', ' ORDER BY albums.rowid)
                    FROM album_images JOIN albums USING (album_id)
                    WHERE album_images.image_id = images.image_id) AS albums
            FROM images LEFT JOIN exif USING (image_id) LEFT JOIN captions USING (image_id)
            WHERE list_contains(?::BIGINT[], image_id)
            """,
            list(image_ids),
        )
        by_id = {row["image_id"]: _with_path(now, row) for row in rows}
        return [by_id[one] for one in image_ids if one in by_id]

    def understand(self, text: str) -> ParsedQuery:
        """Take a text query apart; photos that the library has no vector of are a problem of it."""
        asked = parse(text)
        if not asked.photos:
            return asked
        ids = [photo.image_id for photo in asked.photos]
        rows = _rows(
            self.current.cursor(),
            "SELECT image_id, rowid FROM images WHERE list_contains(?::BIGINT[], image_id)",
            ids,
        )
        known = {row["image_id"] for row in rows if self.current.images.present[row["rowid"]]}
        unknown = [f"photo:{one} was left out: the library has no such photo" for one in ids
                   if one not in known]  # fmt: skip
        return replace(
            asked,
            photos=tuple(photo for photo in asked.photos if photo.image_id in known),
            problems=(*asked.problems, *unknown),
        )

    def evidence(self, text: str) -> Evidence:
        """What speaks for a match of a text and each row of table ``images``, of each kind."""
        now = self.current
        rows = np.arange(now.manifest["tables"]["images"])
        terms = self._terms(now, Query(text), ParsedQuery((Text(text, 1.0),)), "hybrid")
        (found,) = self._kinds(now, terms, "hybrid", rows)
        return found

    def provenance(self, image_id: int) -> Provenance:
        """Where a photo comes from. Raises AlbumscopeError for an unknown id."""
        return provenance(self.current, image_id, self._settings.dagster_url)

    def photo(self, image_id: int) -> dict[str, Any]:
        """The columns of ``images`` for one photo. Raises AlbumscopeError for an unknown id."""
        return _photo(self.current, image_id)

    def details(self, image_id: int) -> dict[str, Any]:
        """Like ``photo``, with the photo's ``exif``, ``caption`` and ``albums``.

        Raises AlbumscopeError for an unknown id.
        """
        now = self.current
        cursor = now.cursor()
        photo = _photo(now, image_id)
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

    def images(self, filters: Filters) -> list[dict[str, Any]]:
        """The photos of the library, one row for each album that a photo is in."""
        now = self.current
        condition, values = _in_albums(allowed_albums(now, filters, Fields()))
        rows = _rows(
            now.cursor(),
            f"""
            SELECT images.*, album_id, albums.title AS album_title, event_name, event_year,
                   event_type
            FROM albums JOIN album_images USING (album_id) JOIN images USING (image_id)
            WHERE {condition} ORDER BY albums.rowid, position
            """,
            *values,
        )
        return [_with_path(now, row) for row in rows]

    def file(self, photo: Mapping[str, Any]) -> str:
        """The file of a photo on this disk, of a row with ``image_id`` and ``sha256``.

        Raises PhotoError or AlbumscopeError if it cannot be brought here from LIBRARY_URL.
        """
        query = "SELECT path FROM images WHERE image_id = ?"
        row = self.current.cursor().execute(query, [photo["image_id"]]).fetchone()
        if row is None:
            raise AlbumscopeError(f"No photo {photo['image_id']} in the library")
        return photo_file(self._storage, row[0], photo["sha256"])

    def _follow_at_first(self, remote: RemoteSnapshots) -> None:
        """Bring the current snapshot here; one that is here already will do if that fails."""
        try:
            remote.follow()
        except AlbumscopeError as error:
            if reading.current_name(self._settings.library_dir) is None:
                raise
            _log.warning("%s. Until then what was published before is searched.", error)
        self._next_look = time.monotonic() + _LOOK_AGAIN_AFTER

    def _follow(self, remote: RemoteSnapshots) -> None:
        """Look for a new snapshot every now and then, and bring it here behind the scenes."""
        with self._following:
            if time.monotonic() < self._next_look:
                return
            self._next_look = math.inf

        def bring() -> None:
            try:
                remote.follow()
                self._trouble = ""
            except AlbumscopeError as error:
                if str(error) != self._trouble:
                    self._trouble = str(error)
                    _log.warning("%s. Until then %s is searched.", error, self._snapshot.name)
            finally:
                self._next_look = time.monotonic() + _LOOK_AGAIN_AFTER

        thread = threading.Thread(target=bring, daemon=True)
        thread.start()
        thread.join(_PATIENCE)

    def _open(self, name: str | None) -> None:
        try:
            self._snapshot = reading.open_current(self._settings.library_dir)
        except AlbumscopeError as error:
            self._passed_over = name
            _log.warning("%s. Until then %s is searched.", error, self._snapshot.name)

    def _facets_of(self, now: Snapshot) -> FacetIndex:
        with self._indexing:
            if self._facet_index is None or self._facet_index[0] != now.name:
                self._facet_index = now.name, FacetIndex(now)
            return self._facet_index[1]

    def _allowed(
        self,
        now: Snapshot,
        albums: Sequence[str] | None,
        filters: Filters,
        asked: ParsedQuery,
    ) -> NDArray[np.bool_] | None:
        """Which rows pass the filters and the query, shape (n,); None if all do."""
        allowed = allowed_rows(now, albums, asked)
        of_albums = Filters(filters.events, filters.years, filters.album_ids)
        if filters == of_albums:
            return allowed
        passing = self._facets_of(now).allowed(filters)
        if passing is None or allowed is None:
            return passing if allowed is None else allowed
        return passing & allowed

    def _list(
        self,
        now: Snapshot,
        allowed: NDArray[np.bool_] | None,
        albums: Sequence[str] | None,
        query: Query,
        asked: ParsedQuery,
    ) -> list[Hit]:
        """Photos that nothing was compared with, in the order that is asked for."""
        condition, values = _in_albums(albums)
        cursor = now.cursor()
        if allowed is not None:
            cursor.register("allowed", pa.table({"row": np.flatnonzero(allowed)}))
            condition += " AND images.rowid IN (SELECT row FROM allowed)"
        cursor.execute(_ordered(condition, query.sort) + " LIMIT ?", [*values, _candidates(query)])
        rows = cursor.fetchnumpy()["row"].astype(np.int64)
        listed = Ranking(rows, np.zeros(len(rows), np.float32))
        shown_in = _shown_in(query.sort)
        return self._hits(now, listed, [None] * len(rows), {}, asked, albums, query, shown_in)

    def _encoder(self, now: Snapshot) -> Encoder:
        return load_encoder(now.manifest["models"]["embedding"], self._settings.device)

    def _text_encoder(self, now: Snapshot) -> TextEncoder:
        return load_text_encoder(now.manifest["models"]["text"], self._settings.device)

    def _terms(self, now: Snapshot, query: Query, asked: ParsedQuery, mode: Mode) -> list[_Term]:
        """What is searched for, embedded into the spaces that the mode needs."""
        texts = [unicodedata.normalize("NFKC", text.text) for text in asked.texts]
        unknown = [None] * len(texts)
        visual: Sequence[Vectors | None] = unknown
        caption: Sequence[Vectors | None] = unknown
        if texts and mode in {"visual", "hybrid"}:
            visual = list(self._encoder(now).encode_texts(texts))
        if texts and mode in {"caption", "hybrid"}:
            caption = list(self._text_encoder(now).encode_texts(texts))
        terms = [
            _Term(text.weight, text.text, *vectors)
            for text, *vectors in zip(asked.texts, visual, caption, strict=True)
        ]
        if mode in {"visual", "hybrid"}:
            if query.images:
                pictures = self._encoder(now).encode_images(query.images)
                terms += [_Term(1.0, None, picture, None) for picture in pictures]
            photos = list(asked.photos)
            if query.image_id is not None:
                photos.append(PhotoRef(query.image_id, 1.0))
            terms += [
                _Term(photo.weight, None, self._vector_of(now, photo), None) for photo in photos
            ]
        return terms

    def _vector_of(self, now: Snapshot, photo: PhotoRef) -> Vectors:
        """The stored vector of a photo; that of a part of it is made now."""
        if photo.part is None:
            return _stored_vector(now, photo.image_id)
        from search_app.search.parts import cut_out

        picture = cut_out(self.file(_photo(now, photo.image_id)), photo.part)
        vector: Vectors = self._encoder(now).encode_images([picture])[0]
        return vector

    def _rankings(
        self,
        now: Snapshot,
        terms: Sequence[_Term],
        mode: Mode,
        depth: int,
        allowed: NDArray[np.bool_] | None,
    ) -> dict[str, Ranking]:
        """What each part of the mode finds by itself; ``depth`` photos at the most."""
        rankings = {}
        for part, index in _indexes(now).items():
            if mode in {part, "hybrid"} and (mixed := _mixed(terms, part)) is not None:
                rankings[part] = Ranking(*index.search(mixed, depth, allowed))
        text = " ".join(term.text for term in terms if term.text and term.weight > 0)
        if mode in {"text", "hybrid"} and (text or mode == "text"):
            rankings["text"] = _full_text(now, text, depth, allowed)
        return rankings

    def _evidence(
        self, now: Snapshot, terms: Sequence[_Term], mode: Mode, rows: NDArray[np.int64]
    ) -> Values:
        """The log odds that each row matches, shape (len(rows),).

        It has to match every wanted text and picture, each as much as it weighs. Whatever speaks
        for an unwanted one speaks against the photo.
        """
        found = [evidence.log_odds(kinds) for kinds in self._kinds(now, terms, mode, rows)]
        prior = evidence.prior(now.manifest["tables"]["images"])
        wanted = [
            (term.weight, one + prior)
            for term, one in zip(terms, found, strict=True)
            if term.weight > 0
        ]
        odds = evidence.all_match(wanted) if wanted else np.zeros(len(rows))
        for term, one in zip(terms, found, strict=True):
            if term.weight < 0:
                odds += term.weight * (np.maximum(one, 0.0) if wanted else one)
        return odds

    def _kinds(
        self, now: Snapshot, terms: Sequence[_Term], mode: Mode, rows: NDArray[np.int64]
    ) -> Iterator[Evidence]:
        """For each term, the evidence of the kinds that the mode looks at."""
        unknown, none = np.full(len(rows), np.nan), np.zeros(len(rows))
        photos = {
            part: _vectors(index, rows)
            for part, index in _indexes(now).items()
            if mode in {part, "hybrid"}
        }
        words = evidence.words_of(now, rows) if mode in {"text", "hybrid"} else None
        for term in terms:
            visual = caption = unknown
            if term.visual is not None and now.images.present.any():
                chance, encoder = self._chance(now, "visual"), self._encoder(now)
                visual = (
                    evidence.visual_of_picture(chance, term.visual, photos["visual"])
                    if term.text is None
                    else evidence.visual_of_text(encoder, chance, term.visual, photos["visual"])
                )
            if term.caption is not None and now.captions.present.any():
                caption = self._chance(now, "caption").of_text(term.caption, photos["caption"])
            share = none if words is None else evidence.word_share(now, term.text or "", words)
            yield Evidence(visual, caption, share)

    def _chance(self, now: Snapshot, part: str) -> Chance:
        """How photos score by chance; measured once for a snapshot."""
        with self._measuring:
            if self._chances[0] != now.name:
                self._chances = now.name, {}
            if part not in self._chances[1]:
                encoder = self._encoder(now) if part == "visual" else self._text_encoder(now)
                index = _indexes(now)[part]
                self._chances[1][part] = evidence.measure_chance(index, encoder)
            return self._chances[1][part]

    def _hits(
        self,
        now: Snapshot,
        ranking: Ranking,
        probabilities: Sequence[float | None],
        parts: Mapping[str, Ranking],
        asked: ParsedQuery,
        albums: Sequence[str] | None,
        query: Query,
        shown_in: str = _FIRST_ALBUM,
    ) -> list[Hit]:
        """The first ``query.k`` of a ranking, those that are nearly the same in one if asked."""
        if query.fold:
            tiles = near_duplicates.fold(now, ranking.rows)[: query.k]
        else:
            tiles = [[at] for at in range(min(query.k, len(ranking.rows)))]
        shown = [at for tile in tiles for at in tile]
        ranking = Ranking(ranking.rows[shown], ranking.scores[shown])
        probabilities = [probabilities[at] for at in shown]
        condition, values = _in_albums(albums)
        rows = _rows(
            now.cursor(),
            f"""
            SELECT images.rowid AS row, image_id, path, album_id, albums.title AS album_title,
                   event_name, event_year, images.title, caption, image_url, page_url, sha256,
                   taken_at, latitude, longitude
            FROM images JOIN album_images USING (image_id) JOIN albums USING (album_id)
                 LEFT JOIN captions USING (image_id) LEFT JOIN exif USING (image_id)
            WHERE images.rowid {in_rows(ranking.rows)} AND {condition}
            QUALIFY row_number() OVER (PARTITION BY images.rowid ORDER BY {shown_in}) = 1
            """,
            *values,
        )
        by_row = {row.pop("row"): row for row in rows}
        ranks = {
            part: {row: rank for rank, row in enumerate(found.rows.tolist(), start=1)}
            for part, found in parts.items()
        }
        typed = " ".join(text.text for text in asked.texts if text.weight > 0)
        telling = set(fulltext.query_words(typed).split())
        has = dict(zip(ranking.rows.tolist(), evidence.words_of(now, ranking.rows), strict=True))
        hits = (
            Hit(
                rank=rank,
                score=score,
                probability=chance,
                found_by=[
                    Found(part, in_part[row], float(parts[part].scores[in_part[row] - 1]))
                    for part, in_part in ranks.items()
                    if row in in_part
                ],
                words=[
                    word
                    for word in dict.fromkeys(typed.split())
                    if telling & has[row].intersection(fulltext.words(word).split())
                ],
                **_with_path(now, by_row[row]),
            )
            for rank, (row, score, chance) in enumerate(
                zip(ranking.rows.tolist(), ranking.scores.tolist(), probabilities, strict=True), 1
            )
        )
        found = [[next(hits) for _ in tile] for tile in tiles]
        return [
            replace(best, rank=rank, near_duplicates=tuple(others))
            for rank, (best, *others) in enumerate(found, 1)
        ]


def _candidates(query: Query) -> int:
    """How many of the best are looked at in order to show ``query.k``."""
    return 4 * query.k + 50 if query.fold else query.k


def _shown_in(sort: Sort) -> str:
    return _NEWEST_ALBUM if sort == "relevance" else _FIRST_ALBUM


def _ordered(condition: str, sort: Sort) -> str:
    """SQL for the rows of ``images`` in an order, each once, and only if the condition holds."""
    return f"""
        SELECT images.rowid AS row
        FROM albums JOIN album_images USING (album_id) JOIN images USING (image_id)
             LEFT JOIN exif USING (image_id)
        WHERE {condition}
        QUALIFY row_number() OVER (PARTITION BY images.rowid ORDER BY {_shown_in(sort)}) = 1
        ORDER BY {_ORDER[sort]}
    """


def _in_order(
    now: Snapshot, rows: NDArray[np.int64], albums: Sequence[str] | None, sort: Sort
) -> dict[int, int]:
    """The place of each row in an order."""
    condition, values = _in_albums(albums)
    condition += f" AND images.rowid {in_rows(rows)}"
    found = now.cursor().execute(_ordered(condition, sort), values)
    return {int(row): place for place, row in enumerate(found.fetchnumpy()["row"])}


def _checked_mode(query: Query, asked: ParsedQuery, has_picture: bool) -> Mode:
    if len(query.text.strip()) > MAX_QUERY:
        raise AlbumscopeError(
            f"The query has {len(query.text.strip()):,} characters; shorten it to"
            f" {MAX_QUERY:,} or fewer"
        )
    if asked.is_empty and not has_picture:
        why = "; ".join(asked.problems) or "give a text or a picture"
        raise AlbumscopeError(f"Nothing to search for: {why}")
    if query.k < 1:
        raise AlbumscopeError(f"Cannot return {query.k} photos: ask for one or more")
    mode: Mode = query.mode or ("visual" if has_picture else "hybrid")
    if mode in {"caption", "text"} and has_picture and not asked.texts:
        raise AlbumscopeError(f"Mode {mode!r} searches with words: give a text")
    return mode


def _mixed(terms: Sequence[_Term], part: str) -> Vectors | None:
    """One vector for all terms, by their weights, of length 1; None if none has one."""
    vectors = [(term.weight, getattr(term, part)) for term in terms]
    known = [weight * vector for weight, vector in vectors if vector is not None]
    if not known:
        return None
    mixed: Vectors = np.sum(known, axis=0, dtype=np.float32)
    return mixed / max(float(np.linalg.norm(mixed)), 1e-12)


def _indexes(now: Snapshot) -> dict[str, VectorIndex]:
    """The index of each part that has vectors."""
    return {"visual": now.images, "caption": now.captions}


def _vectors(index: VectorIndex, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """The vectors of these rows, NaN for those that have none."""
    vectors = index.vectors(rows)
    vectors[~index.present[rows]] = np.nan
    return vectors


def _ids(query: Query, asked: ParsedQuery) -> list[int]:
    """The photos of the library that are searched with."""
    ids = [photo.image_id for photo in asked.photos]
    return ids if query.image_id is None else [*ids, query.image_id]


def _full_text(now: Snapshot, text: str, k: int, allowed: NDArray[np.bool_] | None) -> Ranking:
    """Rank by Okapi BM25 over title, description, tags and caption, with DuckDB's index."""
    found = (
        now.cursor()
        .execute(
            f"""
            SELECT row, score FROM (
                SELECT row, {fulltext.INDEX}.match_bm25(image_id, ?) AS score
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


def _without(
    now: Snapshot, image_ids: Sequence[int], allowed: NDArray[np.bool_] | None
) -> NDArray[np.bool_]:
    if allowed is None:
        allowed = np.ones(now.manifest["tables"]["images"], bool)
    query = "SELECT rowid FROM images WHERE list_contains(?::BIGINT[], image_id)"
    for row in _rows(now.cursor(), query, image_ids):
        allowed[row["rowid"]] = False
    return allowed


def _in_albums(albums: Sequence[str] | None) -> tuple[str, list[Any]]:
    """A condition on a column ``album_id`` with its values; without a choice TRUE and none."""
    return ("TRUE", []) if albums is None else ("list_contains(?::VARCHAR[], album_id)", [albums])


def _stored_vector(now: Snapshot, image_id: int) -> NDArray[np.float32]:
    rows = _rows(now.cursor(), "SELECT rowid FROM images WHERE image_id = ?", image_id)
    if not rows or not now.images.present[rows[0]["rowid"]]:
        raise AlbumscopeError(
            f"Photo {image_id} is not in the library or has no vector: `albumscope status` says why"
        )
    vector: NDArray[np.float32] = now.images.vectors(np.array([rows[0]["rowid"]]))[0]
    return vector


def _photo(now: Snapshot, image_id: int) -> dict[str, Any]:
    rows = _rows(now.cursor(), "SELECT * FROM images WHERE image_id = ?", image_id)
    if not rows:
        raise AlbumscopeError(f"No photo {image_id} in the library")
    return _with_path(now, rows[0])


def _with_path(now: Snapshot, row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(row) | {"path": now.located(row["path"])}


def _rows(cursor: Any, query: str, *values: Any) -> list[dict[str, Any]]:
    cursor.execute(query, list(values))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
