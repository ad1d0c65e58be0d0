"""Which photos are nearest to what is searched for, and how likely each matches it."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.models.encoders import SENSE, SenseEncoder, Vectors
from pipeline.snapshot import fulltext
from pipeline.snapshot.reading import Snapshot
from search_app.search import evidence
from search_app.search.evidence import Evidence, Values
from search_app.search.filters import allowed_rows, intersection
from search_app.search.full_text import FullText, Occurrences, WordCounts
from search_app.search.parsed import ParsedQuery, Reading, Text
from search_app.search.people import Who
from search_app.search.spaces import VectorSpaces

Mode = Literal["visual", "caption", "text", "hybrid"]
MODES: tuple[Mode, ...] = ("visual", "caption", "text", "hybrid")
"""The three parts of a search, and all of them together."""


@dataclass(frozen=True)
class Ranking:
    """Rows of table ``images``, each with its score and perhaps its probability."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    probabilities: Values | None = None

    @classmethod
    def unscored(cls, rows: NDArray[np.int64]) -> "Ranking":
        """Rows that nothing was compared with."""
        return cls(rows, np.zeros(len(rows), np.float32))

    def __getitem__(self, places: Sequence[int] | NDArray[np.int64] | slice) -> "Ranking":
        """The rows at these places of the ranking, in this order."""
        probabilities = None if self.probabilities is None else self.probabilities[places]
        return Ranking(self.rows[places], self.scores[places], probabilities)

    def best_first(self, least: float, below: float = np.inf) -> "Ranking":
        """The rows by their scores; those with a probability if it is in [least, below)."""
        order = np.lexsort((self.rows, -self.scores))
        if self.probabilities is not None:
            found = self.probabilities[order]
            order = order[(found >= least) & (found < below)]
        return self[order]


@dataclass(frozen=True)
class Term:
    """A text or a picture that is searched for, or with a negative weight searched away from.

    ``visual`` and ``caption`` are its vectors in the two spaces, None where it has none there.
    ``sense`` is how much a text means at all, at most ``SENSE``.
    """

    weight: float
    text: str | None
    visual: Vectors | None
    caption: Vectors | None
    sense: float = SENSE


def text_terms(spaces: VectorSpaces, wanted: Sequence[Text], mode: Mode) -> list[Term]:
    """Texts to search for, embedded into the spaces that the mode needs."""
    texts = [unicodedata.normalize("NFKC", text.text) for text in wanted]
    unknown = [None] * len(texts)
    visual: Sequence[Vectors | None] = unknown
    caption: Sequence[Vectors | None] = unknown
    if texts and mode in {"visual", "hybrid"}:
        visual = list(spaces.visual.encoder.encode_texts(texts))
    if texts and mode in {"caption", "hybrid"}:
        caption = list(spaces.caption.encoder.encode_texts(texts))
    encoder = spaces.caption.encoder if texts and mode != "text" else None
    sense = encoder.sense(texts) if isinstance(encoder, SenseEncoder) else [SENSE] * len(texts)
    return [
        Term(text.weight, text.text, of_photo, of_caption, float(means))
        for text, of_photo, of_caption, means in zip(wanted, visual, caption, sense, strict=True)
    ]


def words_of(terms: Sequence[Term]) -> set[str]:
    """The words of all texts, each as the full-text index has it."""
    texts = [*(term.text or "" for term in terms), _wanted_text(terms)]
    return {word for text in texts for word in fulltext.query_words(text).split()}


def rankings(
    spaces: VectorSpaces,
    full_text: FullText,
    occurring: Occurrences,
    terms: Sequence[Term],
    mode: Mode,
    depth: int,
    allowed: NDArray[np.bool_] | None,
) -> dict[str, Ranking]:
    """What each part of the mode finds by itself; ``depth`` photos at the most.

    ``occurring`` are the words of the terms.
    """
    found = {}
    for part, space in spaces._asdict().items():
        if mode in {part, "hybrid"} and (mixed := _mixed(terms, part)) is not None:
            found[part] = Ranking(*space.index.search(mixed, depth, allowed))
    text = _wanted_text(terms)
    if mode in {"text", "hybrid"} and (text or mode == "text"):
        words = fulltext.query_words(text).split()
        found["text"] = Ranking(*full_text.ranking(occurring, words, depth, allowed))
    return found


def meant_by(
    snapshot: Snapshot, readings: Iterable[Reading], who: Who, allowed: NDArray[np.bool_] | None
) -> dict[int, set[str]]:
    """By row, the words of readings that are not certain but that the photo fits."""
    meant: dict[int, set[str]] = {}
    for reading in readings:
        if reading.is_on and not reading.is_certain:
            asked = ParsedQuery(readings=(replace(reading, is_certain=True),))
            fitting = intersection([allowed_rows(snapshot, None, asked, who), allowed])
            for row in [] if fitting is None else np.flatnonzero(fitting).tolist():
                meant.setdefault(row, set()).update(fulltext.query_words(reading.typed).split())
    return meant


def log_odds(terms: Sequence[Term], kinds: Iterable[Evidence], photos: int) -> Values:
    """The log odds that each of n rows matches, shape (n,), in a library of so many photos.

    It has to match every wanted text and picture, each as much as it weighs. Whatever speaks for an
    unwanted one speaks against the photo. ``kinds`` has the evidence for each term.
    """
    kinds = list(kinds)
    found = [evidence.log_odds(each) for each in kinds]
    wanted = [
        (term.weight, odds + evidence.prior(each, photos))
        for term, odds, each in zip(terms, found, kinds, strict=True)
        if term.weight > 0
    ]
    total = evidence.all_match(wanted) if wanted else np.zeros_like(found[0])
    for term, odds in zip(terms, found, strict=True):
        if term.weight < 0:
            total += term.weight * (np.maximum(odds, 0.0) if wanted else odds)
    return total


def evidence_for(
    spaces: VectorSpaces,
    terms: Sequence[Term],
    mode: Mode,
    rows: NDArray[np.int64],
    words: WordCounts,
) -> Iterator[Evidence]:
    """For each term, the evidence of the kinds that the mode looks at.

    ``words`` are those of the terms that the rows' texts have.
    """
    unknown, none = np.full(len(rows), np.nan), np.zeros(len(rows))
    photos = {
        part: space.vectors(rows)
        for part, space in spaces._asdict().items()
        if mode in {part, "hybrid"}
    }
    looks_at_texts = mode in {"text", "hybrid"}
    for term in terms:
        visual = caption = unknown
        if term.visual is not None and spaces.visual.index.present.any():
            chance, encoder = spaces.visual.chance, spaces.visual.encoder
            visual = (
                evidence.visual_of_picture(chance, term.visual, photos["visual"])
                if term.text is None
                else evidence.visual_of_text(encoder, chance, term.visual, photos["visual"])
            )
        if term.caption is not None and spaces.caption.index.present.any():
            caption = spaces.caption.chance.of_text(term.caption, photos["caption"])
        share = evidence.word_share(words, term.text or "") if looks_at_texts else none
        yield Evidence(visual, caption, share, term.sense)


def _wanted_text(terms: Sequence[Term]) -> str:
    return " ".join(term.text for term in terms if term.text and term.weight > 0)


def _mixed(terms: Sequence[Term], part: str) -> Vectors | None:
    """One vector for all terms, by their weights, of length 1; None if none has one."""
    vectors = [(term.weight, getattr(term, part)) for term in terms]
    known = [weight * vector for weight, vector in vectors if vector is not None]
    if not known:
        return None
    mixed: Vectors = np.sum(known, axis=0, dtype=np.float32)
    return mixed / max(float(np.linalg.norm(mixed)), 1e-12)
