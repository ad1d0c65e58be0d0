"""What the wall of photos is told of a search: the shape of the whole, and the photos in a part.

The page searches, and holds what was found; the browser asks for what it draws, by a token.
"""

import hashlib
import json
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from search_app.page import addresses
from search_app.page.language import country, language, partial_moment, t
from search_app.page.wording import percent
from search_app.search import positions
from search_app.search.hits import Found, Hit, Results
from search_app.search.queries import Query
from search_app.search.searcher import Searcher
from search_app.search.sections import Section

NARROWEST, WIDEST = 25, 400
"""The width of a tile in percent of its height: a film strip is cut at the sides."""
_MOST_HELD = 64
_UNIQUE = secrets.token_bytes(16)


@dataclass(frozen=True)
class Held:
    """What a search found, as long as the page may be asked for it.

    ``headings`` says by what the photos lie, ``is_search`` that something was searched for,
    ``is_scored`` that photos were compared with a picture. ``unfolded`` has the ids of photos whose
    near-duplicates are shown beside them.
    """

    token: str
    query: Query
    found: Found
    headings: Literal["album", "time"] | None
    is_search: bool
    is_scored: bool
    unfolded: Collection[int] = field(default_factory=frozenset)

    @property
    def shown(self) -> Results:
        """The photos that match, in their order."""
        return self.found.matches

    def hit(self, image_id: int) -> Hit | None:
        """A photo of those that were found, less likely ones too."""
        place = self.shown.place_of(image_id)
        among = self.found.less_likely if place is None else [self.shown[place]]
        each = (one for hit in among for one in (hit, *hit.near_duplicates))
        return next((hit for hit in each if hit.image_id == image_id), None)


class _Shelf:
    """The last searches, all of one snapshot; may serve many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._snapshot: object = None
        self._held: OrderedDict[str, Held] = OrderedDict()

    def get(self, token: str) -> Held | None:
        with self._lock:
            if token in self._held:
                self._held.move_to_end(token)
            return self._held.get(token)

    def put(self, held: Held) -> None:
        with self._lock:
            if self._snapshot is not held.shown.snapshot:
                self._snapshot = held.shown.snapshot
                self._held.clear()
            self._held[held.token] = held
            while len(self._held) > _MOST_HELD:
                self._held.popitem(last=False)


_shelf = _Shelf()


def hold(
    searcher: Searcher,
    query: Query,
    besides: Hashable,
    find: Callable[[], Found],
    headings: Literal["album", "time"] | None,
    *,
    is_search: bool,
    is_scored: bool,
    unfolded: frozenset[int] = frozenset(),
) -> Held:
    """What a query found, by ``find`` if it is not held yet.

    ``besides`` is what the query does not say: a key for its picture, the version of the marks.
    Nobody can guess the token, as somebody may have searched by a picture of their own.
    """

    def token(ids: Collection[int]) -> str:
        search = (replace(query, images=()), besides)
        told = repr((searcher.snapshot.name, search, headings, is_scored, sorted(ids))).encode()
        return hashlib.blake2b(told, digest_size=16, key=_UNIQUE).hexdigest()

    whole = _held_or_made(
        token(()), searcher, lambda name: Held(name, query, find(), headings, is_search, is_scored)
    )
    if not unfolded:
        return whole
    return _held_or_made(token(unfolded), searcher, lambda name: _unfolded(name, whole, unfolded))


def held(token: str, searcher: Searcher) -> Held | None:
    """What is held by a token, if it is of the searcher's snapshot."""
    found = _shelf.get(token)
    return found if found and found.shown.snapshot is searcher.snapshot else None


def _held_or_made(token: str, searcher: Searcher, make: Callable[[str], Held]) -> Held:
    found = held(token, searcher)
    if found is None:
        found = make(token)
        _shelf.put(found)
    return found


def _unfolded(token: str, whole: Held, unfolded: frozenset[int]) -> Held:
    matches = whole.shown.unfolded(unfolded)
    return replace(
        whole, token=token, found=whole.found._replace(matches=matches), unfolded=unfolded
    )


def layout(searcher: Searcher, held: Held) -> dict[str, Any]:
    """The shape of all: the ``ratios``, and the ``sections`` that they lie in.

    A section has the place of its first photo, its heading, and for the scrubber the year, if any.
    """
    sections = held.shown.sections(held.headings) if held.headings else []
    return {
        "ratios": ratios(searcher, held.shown),
        "sections": [(section.at, *_headings(section)) for section in sections],
    }


def ratios(searcher: Searcher, photos: Results, most: int | None = None) -> list[int]:
    """The width of each photo in percent of its height; a film strip is cut at the sides."""
    return _in_percent(searcher.ratios(photos.shown_rows[slice(most)]))


def ratios_of(searcher: Searcher, hits: Sequence[Hit]) -> list[int]:
    """Like ``ratios``, of a few hits."""
    return _in_percent(searcher.ratios(searcher.rows_of([hit.image_id for hit in hits])))


def _in_percent(ratios: NDArray[np.float32]) -> list[int]:
    found: list[int] = np.clip(100 * ratios, NARROWEST, WIDEST).astype(int).tolist()
    return found


def places(searcher: Searcher, held: Held) -> dict[str, Any]:
    """Where photos were taken, those folded behind others too: ``count`` of how many there are.

    Of each of which that is known its place ``at`` which it is found, ``latitudes`` and
    ``longitudes`` in degrees, to a metre. ``towns`` have a name for people, how many photos were
    taken there, and what the filter on towns calls it.
    """
    rows = held.shown.rows
    latitudes, longitudes = (each[rows] for each in positions.positions(searcher.snapshot))
    is_known = np.isfinite(latitudes)
    return {
        "count": len(rows),
        "at": held.shown.places()[is_known].tolist(),
        "latitudes": np.round(latitudes[is_known], 5).tolist(),
        "longitudes": np.round(longitudes[is_known], 5).tolist(),
        "towns": [
            (f"{json.loads(spelt).get(language(), {}).get('town', town)}, {country(code)}",
             photos, town)
            for code, town, spelt, photos in positions.towns(searcher.snapshot, rows)
        ],
    }  # fmt: skip


def tiles(held: Held, at: Sequence[int]) -> list[dict[str, Any]]:
    """What the wall shows of the photos at some places, of those that there are."""
    return [
        tile(hit, is_scored=held.is_scored, is_unfolded=hit.image_id in held.unfolded)
        for hit in held.shown.at(at)
    ]


def tile(hit: Hit, *, is_scored: bool = False, is_unfolded: bool = False) -> dict[str, Any]:
    """What the wall shows of a photo; its id is a text, since scripts count to 2**53 only."""
    shown: dict[str, Any] = {
        "id": str(hit.image_id),
        "title": (hit.title or "").strip(),
        "album": hit.album_title,
        "src": addresses.picture_for_script(vars(hit), "grid"),
        "large": addresses.picture_for_script(vars(hit), "large"),
    }
    if hit.thumbhash:
        shown["thumbhash"] = hit.thumbhash
    if hit.probability is not None:
        shown["note"] = percent(hit.probability)
    elif is_scored:
        shown["note"] = f"{hit.score:.3f}"
    if hit.near_duplicates:
        shown["folded"] = len(hit.near_duplicates)
    if is_unfolded:
        shown["unfolded"] = True
    return shown


def _headings(section: Section) -> tuple[str, str | None]:
    if section.title is not None:
        return section.title, None
    if section.begins is None:
        return t("Date not known"), "?"
    return partial_moment(section.begins, section.precision), str(section.begins.year)
