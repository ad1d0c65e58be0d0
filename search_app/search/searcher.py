"""Searching one snapshot: what the page and the command line ask."""

import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import Message
from pipeline.models.encoders import LEAST_SENSE, Vectors
from pipeline.photos.files import photo_file
from pipeline.settings import Settings
from pipeline.snapshot.reading import Snapshot
from pipeline.snapshot.who_is_who import KnownFace, Person
from pipeline.storage.opening import open_storage
from search_app.search import evidence, hits, people, photos, ranking, sorting, starting
from search_app.search.album_pages import AlbumPage, album_page
from search_app.search.evidence import Evidence
from search_app.search.filters import (
    Filters,
    Mask,
    Scope,
    allowed_albums,
    allowed_rows,
    intersection,
    mask_of,
    rows_with_face,
)
from search_app.search.full_text import FullText
from search_app.search.hits import Found, Hit, Results
from search_app.search.marks import MarkBook
from search_app.search.names import Names, Suggestion
from search_app.search.near_duplicates import NearDuplicates
from search_app.search.parsed import Fields, ParsedQuery, PhotoRef, Text
from search_app.search.photos import Columns
from search_app.search.provenance import Provenance, provenance
from search_app.search.queries import Query, checked_mode
from search_app.search.query import parse
from search_app.search.ranking import Mode, Ranking, Term
from search_app.search.saved import SavedSearches
from search_app.search.sorting import Sort
from search_app.search.spaces import VectorSpaces
from search_app.search.starting import Ways
from search_app.search.understanding import understand

if TYPE_CHECKING:
    from search_app.search.facets import FacetIndex, FacetName

LESS_LIKELY = 20
"""How many photos that are less likely than they should be are found besides, at the most."""
_STILL_LIKELY = 0.1  # of the least probability; what has less is not worth a look

_DEPTH = 200  # how far down each part of a hybrid search looks, at the least
MOST_COMPARED = 1000
"""How many of the best are put into another order, and found without a limit."""
_REMEMBERED = 32  # searches whose photos were counted, for facets that are filtered themselves


class Searcher:
    """Answers everything about one snapshot, which never changes. May serve many threads."""

    def __init__(self, snapshot: Snapshot, settings: Settings) -> None:
        """Of the settings count where models run, where Dagster's UI is and where photos lie."""
        self.snapshot = snapshot
        self._spaces = VectorSpaces.of(snapshot, settings.device)
        self._dagster_url = settings.dagster_url
        self._storage = open_storage(settings)
        self._full_text = FullText(snapshot)
        self._near_duplicates = NearDuplicates(snapshot)
        self.marks = MarkBook(snapshot, self._storage, settings.faces_a_person)
        self.saved = SavedSearches(self._storage)
        self._indexing = threading.Lock()
        self._facet_index: FacetIndex | None = None
        self._name_index: Names | None = None
        self._ratios: NDArray[np.float32] | None = None
        # of itself it holds no more than this: a circle would outlive its snapshot
        self._remembered = lru_cache(_REMEMBERED)(partial(Searcher._found, weakref.proxy(self)))

    def close(self) -> None:
        """Close the snapshot: nothing may be asked any more."""
        self.snapshot.close()

    def search(self, query: Query) -> list[Hit]:
        """Return the best ``query.k`` photos: the matches of ``find``."""
        return list(self.find(query).matches)

    def find(self, query: Query) -> Found:
        """Find the best ``query.k`` photos. Raises AlbumscopeError if the query is no query.

        A query of fields alone lists the photos that fit them. What ``understand`` finds wrong with
        the text is left out.
        """
        parsed = self.understand(query.text, query.off)
        if query.image_id is not None:
            parsed = replace(parsed, photos=(*parsed.photos, PhotoRef(query.image_id, 1.0)))
        has_picture = bool(query.images or parsed.photos)
        mode = checked_mode(query, parsed, has_picture)
        scope = self._scope(query.filters, parsed, [photo.image_id for photo in parsed.photos])
        if query.face is not None:
            with_face = rows_with_face(self.snapshot, query.face)
            scope = Scope(scope.albums, intersection([scope.rows, with_face]))
        terms = self._terms(query, parsed, mode)
        is_wanted = any(term.weight > 0 for term in terms)
        if not terms or (mode == "text" and not is_wanted):
            return Found(self._listed(query, scope), [])

        k = MOST_COMPARED if query.k is None else query.k
        most = hits.candidates(k, fold=query.fold)
        best = most if query.sort == "relevance" and query.k else max(MOST_COMPARED, k)
        occurring = self._full_text.occurrences(ranking.words_of(terms))
        by_part = ranking.rankings(
            self._spaces, self._full_text, occurring, terms, mode, max(best, _DEPTH), scope.rows
        )
        rows = (
            np.unique(np.concatenate([part.rows for part in by_part.values()]))
            if mode == "hybrid"
            else by_part[mode].rows
        )
        meant: dict[int, set[str]] = {}
        if mode == "hybrid":
            meant = ranking.meant_by(self.snapshot, parsed.readings, self.who, scope.rows)
            rows = np.union1d(rows, [*meant][: max(best, _DEPTH)]).astype(np.int64)
        words = occurring.of(rows).with_meant(meant)
        kinds = ranking.evidence_for(self._spaces, terms, mode, rows, words)
        odds = ranking.log_odds(terms, kinds, self._count)
        has_probability = is_wanted and not has_picture
        is_mixed = mode == "hybrid" or (has_probability and mode != "text" and len(terms) > 1)
        ranked = Ranking(
            rows,
            odds.astype(np.float32) if is_mixed else by_part[mode].scores,
            evidence.probability(odds) if has_probability else None,
        )

        def shown(found: Ranking, k: int) -> Results:
            if query.sort != "relevance":
                place = sorting.places(self.snapshot, found.rows, scope, query.sort)
                found = found[np.argsort([place[row] for row in found.rows.tolist()])]
            return Results(
                self.snapshot,
                found[: hits.candidates(k, fold=query.fold)],
                scope,
                most=k,
                fold=self._near_duplicates if query.fold else None,
                text=" ".join(text.text for text in parsed.texts if text.weight > 0),
                by_part=by_part,
                words=words,
            )

        least = query.min_probability
        matches = shown(ranked.best_first(least)[:best], k)
        means = has_probability and all(
            term.sense >= LEAST_SENSE for term in terms if term.weight > 0
        )
        if len(matches) == k or not means:
            return Found(matches, [])
        short = ranked.best_first(_STILL_LIKELY * least, below=least)[:LESS_LIKELY]
        return Found(matches, list(shown(short, LESS_LIKELY)))

    def browse(self, filters: Filters, sort: Sort = "relevance", k: int | None = 20) -> Results:
        """What there is to see before a search: the photos of the newest albums, each once."""
        scope = self._scope(filters, ParsedQuery())
        rows = sorting.listed(self.snapshot, scope, sort, k)
        return Results(
            self.snapshot, Ranking.unscored(rows), scope, album_order=sorting.album_order(sort)
        )

    @property
    def facets(self) -> "FacetIndex":
        """What the photos can be filtered by."""
        from search_app.search.facets import FacetIndex

        with self._indexing:
            now = self.marks.now()
            index = self._facet_index or FacetIndex(self.snapshot, now.who)
            self._facet_index = index.with_people(now.who).with_tags(now.retagged)
            return self._facet_index

    def counts(
        self, name: "FacetName", query: Query | None = None, rows: NDArray[np.int64] | None = None
    ) -> dict[Any, int]:
        """How many photos that a query finds have each value of a facet.

        The facet's own filter does not count: another value is for other photos. All people that
        are chosen have to be on a photo, so others are counted on the photos of these. ``rows`` of
        ``images`` are those that the query finds, if it was asked before.
        """
        query = query or Query()
        parsed = self.understand(query.text, query.off)
        own: dict[str, Any] = {} if name == "people" else {name: getattr(Filters(), name)}
        filters = replace(query.filters, **own)
        if rows is not None and filters == query.filters:
            mask = mask_of(rows, self._count)
        else:
            asked = replace(query, filters=filters, k=None, sort="relevance", fold=False)
            marked = self.marks.now(filters.user).version(filters, parsed)
            # Pictures cannot be told apart without a look at them.
            find = self._found if query.images else self._remembered
            mask = find(asked, parsed, marked)
        return self.facets.counts(name, query.filters, parsed.only, mask)

    def _found(self, query: Query, parsed: ParsedQuery, marked: str) -> Mask:
        """Which rows of ``images`` a query finds, shape (photos,), now that this is ``marked``."""
        if parsed.is_empty and not (query.images or query.image_id or query.face):
            allowed = self._scope(query.filters, parsed).rows
            return np.ones(self._count, bool) if allowed is None else allowed
        return mask_of(self.find(query).matches.rows, self._count)

    def suggest(self, typed: str, language: str, most: int = 8) -> list[Suggestion]:
        """Names of the library that begin like the last words of a text, for people to choose."""
        return self._names().suggest(typed, language, most)

    def understand(self, text: str, off: Sequence[str] = ()) -> ParsedQuery:
        """Take a text query apart, with what its words mean; ``off`` has the keys of readings that
        were not meant. Photos that the library has no vector of are a problem of it.
        """
        parsed = parse(text)
        if any(each.weight > 0 for each in parsed.texts):
            parsed = understand(parsed, self.snapshot, self._names(), date.today(), off)
        if not parsed.photos:
            return parsed
        rows = photos.rows_of(self.snapshot, [photo.image_id for photo in parsed.photos])
        has_vector = self.snapshot.images.present
        known = {image_id for image_id, row in rows.items() if has_vector[row]}
        unknown = [
            Message(
                "photo:{photo} was left out: the library has no such photo", photo=photo.image_id
            )
            for photo in parsed.photos
            if photo.image_id not in known
        ]
        return replace(
            parsed,
            photos=tuple(photo for photo in parsed.photos if photo.image_id in known),
            problems=(*parsed.problems, *unknown),
        )

    def evidence(self, text: str) -> Evidence:
        """What speaks for a match of a text and each row of table ``images``, of each kind."""
        rows = np.arange(self._count)
        terms = self._terms(Query(text), ParsedQuery((Text(text, 1.0),)), "hybrid")
        words = self._full_text.occurrences(ranking.words_of(terms)).of(rows)
        (found,) = ranking.evidence_for(self._spaces, terms, "hybrid", rows, words)
        return found

    def provenance(self, image_id: int) -> Provenance:
        """Where a photo comes from. Raises AlbumscopeError for an unknown id."""
        return provenance(self.snapshot, image_id, self._dagster_url)

    def photo(self, image_id: int) -> Columns:
        """The columns of ``images`` for one photo. Raises AlbumscopeError for an unknown id."""
        return photos.photo(self.snapshot, image_id)

    def details(self, image_id: int) -> Columns:
        """Like ``photo``, with the photo's ``exif``, ``caption``, ``lines`` and ``albums``.

        Raises AlbumscopeError for an unknown id.
        """
        marks = self.marks.now()
        return marks.with_tags(photos.details(self.snapshot, marks.who, image_id))

    def ratios(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The width of each of these photos by its height, 1 where that is not known."""
        with self._indexing:
            if self._ratios is None:
                self._ratios = photos.ratios(self.snapshot)
        return self._ratios[rows]

    def ids(self, rows: NDArray[np.int64]) -> list[int]:
        """The ids of the photos in these rows of ``images``, in their order."""
        return photos.ids_of(self.snapshot, rows)

    def rows_of(self, image_ids: Sequence[int]) -> NDArray[np.int64]:
        """The rows of ``images`` of these photos, in their order, of those that there are."""
        rows = photos.rows_of(self.snapshot, image_ids)
        return np.array([rows[each] for each in image_ids if each in rows], np.int64)

    def ways(self, today: date) -> Ways:
        """Albums, events and the like to begin with, where nothing is searched for yet."""
        hidden, towns = self.marks.now().hidden, self.counts("towns")
        return starting.ways(self.snapshot, self.facets, towns, hidden, today)

    def album_page(self, filters: Filters, rows: NDArray[np.int64]) -> AlbumPage:
        """What photos of an album or an event, those in ``rows``, have in common."""
        albums = allowed_albums(self.snapshot, filters, Fields())
        return album_page(self.snapshot, rows, albums)

    @property
    def who(self) -> people.Who:
        """Whose the faces are, by all that was said until now."""
        return self.marks.now().who

    def everybody(self) -> Sequence[Person]:
        """Who is on the photos, those with most photos first, by all that was said until now."""
        marks = self.marks.now()
        return people.without(marks.who.everybody, marks.hidden_ids)

    def most_alike(self, person: Person, others: Sequence[Person], most: int) -> Sequence[Person]:
        """Those of others whose faces are most like this person's."""
        return people.most_alike(self.snapshot, person, others, most)

    def faces_of(self, image_id: int) -> Sequence[tuple[KnownFace, str | None]]:
        """The faces on a photo, each with the name that it is known by, if any."""
        return people.faces_of(self.snapshot, self.who, image_id)

    def photos(self, image_ids: Sequence[int]) -> list[Columns]:
        """The columns of ``images`` with those of what to take along, in the order of the ids.

        These are ``albums`` (titles), ``taken_at``, ``taken_precision``, ``creator`` and
        ``caption``. Unknown ids are left out.
        """
        return photos.to_take_along(self.snapshot, image_ids)

    def images(self, filters: Filters) -> list[Columns]:
        """The photos of the library, one row for each album that a photo is in; no hidden ones."""
        albums = allowed_albums(self.snapshot, filters, Fields())
        return photos.of_albums(self.snapshot, albums, self.marks.now())

    def file(self, photo: Mapping[str, Any]) -> str:
        """The file of a photo on this disk, of a row with ``image_id`` and ``sha256``.

        Raises PhotoError or AlbumscopeError if it cannot be brought here from LIBRARY_URL.
        """
        path = photos.recorded_path(self.snapshot, photo["image_id"])
        return photo_file(self._storage, path, photo["sha256"])

    @property
    def _count(self) -> int:
        """The number of photos."""
        return int(self.snapshot.manifest["tables"]["images"])

    def _names(self) -> Names:
        with self._indexing:
            who = self.who
            if self._name_index is None or self._name_index.who is not who:
                self._name_index = Names(self.snapshot, who)
            return self._name_index

    def _scope(self, filters: Filters, parsed: ParsedQuery, but: Sequence[int] = ()) -> Scope:
        """What passes the filters and the query, without the photos of the ids in ``but``."""
        albums = allowed_albums(self.snapshot, filters, parsed.only)
        marks = self.marks.now(filters.user)
        masks = [
            allowed_rows(self.snapshot, albums, parsed, marks.who, marks.retagged),
            marks.allowed(filters, parsed),
        ]
        if filters.of_photos != Filters():
            masks.append(self.facets.allowed(filters))
        if but:
            others = np.ones(self._count, bool)
            others[list(photos.rows_of(self.snapshot, but).values())] = False
            masks.append(others)
        return Scope(albums, intersection(masks))

    def _listed(self, query: Query, scope: Scope) -> Results:
        """Photos that nothing was compared with: as they lie in the catalogue, or sorted."""
        most = query.k and hits.candidates(query.k, fold=query.fold)
        if query.sort != "relevance":
            rows = sorting.listed(self.snapshot, scope, query.sort, most)
        elif scope.rows is None:
            rows = np.arange(self._count)[slice(most)]
        else:
            rows = np.flatnonzero(scope.rows)[slice(most)]
        found = Ranking.unscored(rows)
        # All of a large library are not compared with each other.
        fold = self._near_duplicates if query.fold and query.k is not None else None
        return Results(self.snapshot, found, scope, most=query.k, fold=fold)

    def _terms(self, query: Query, parsed: ParsedQuery, mode: Mode) -> list[Term]:
        """What is searched for, embedded into the spaces that the mode needs."""
        terms = ranking.text_terms(self._spaces, parsed.texts, mode)
        if mode in {"visual", "hybrid"}:
            if query.images:
                pictures = self._spaces.visual.encoder.encode_images(query.images)
                terms += [Term(1.0, None, picture, None) for picture in pictures]
            terms += [
                Term(photo.weight, None, self._vector_of(photo), None) for photo in parsed.photos
            ]
        return terms

    def _vector_of(self, photo: PhotoRef) -> Vectors:
        """The stored vector of a photo; that of a part of it is made now."""
        if photo.part is None:
            return photos.vector(self.snapshot, photo.image_id)
        from search_app.search.parts import cut_out

        picture = cut_out(self.file(self.photo(photo.image_id)), photo.part)
        made: Vectors = self._spaces.visual.encoder.encode_images([picture])[0]
        return made
