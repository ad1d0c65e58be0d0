"""Which photos are nearest to what is searched for, and how likely each matches it."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from search_app.search.parsed import ParsedQuery, Reading, Text
from search_app.search.spaces import VectorSpaces

Mode = Literal["visual", "caption", "text", "hybrid"]
_K1, _B = 1.2, 0.75  # BM25's usual parameters
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


def rankings(
    snapshot: Snapshot,
    spaces: VectorSpaces,
    terms: Sequence[Term],
    mode: Mode,
    depth: int,
    allowed: NDArray[np.bool_] | None,
) -> dict[str, Ranking]:
    """What each part of the mode finds by itself; ``depth`` photos at the most."""
    found = {}
    for part, space in spaces._asdict().items():
        if mode in {part, "hybrid"} and (mixed := _mixed(terms, part)) is not None:
            found[part] = Ranking(*space.index.search(mixed, depth, allowed))
    text = " ".join(term.text for term in terms if term.text and term.weight > 0)
    if mode in {"text", "hybrid"} and (text or mode == "text"):
        found["text"] = _full_text(snapshot, text, depth, allowed)
    return found


def meant_by(
    snapshot: Snapshot, readings: Iterable[Reading], allowed: NDArray[np.bool_] | None
) -> dict[int, set[str]]:
    """By row, the words of readings that are not certain but that the photo fits."""
    meant: dict[int, set[str]] = {}
    for reading in readings:
        if reading.is_on and not reading.is_certain:
            asked = ParsedQuery(readings=(replace(reading, is_certain=True),))
            fitting = intersection([allowed_rows(snapshot, None, asked), allowed])
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
    snapshot: Snapshot,
    spaces: VectorSpaces,
    terms: Sequence[Term],
    mode: Mode,
    rows: NDArray[np.int64],
    words: Mapping[int, Mapping[str, float]],
) -> Iterator[Evidence]:
    """For each term, the evidence of the kinds that the mode looks at.

    ``words`` are those of the rows' texts, if the mode looks at these.
    """
    unknown, none = np.full(len(rows), np.nan), np.zeros(len(rows))
    photos = {
        part: space.vectors(rows)
        for part, space in spaces._asdict().items()
        if mode in {part, "hybrid"}
    }
    texts = [words[row] for row in rows.tolist()] if mode in {"text", "hybrid"} else None
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
        share = none if texts is None else evidence.word_share(snapshot, term.text or "", texts)
        yield Evidence(visual, caption, share, term.sense)


def _mixed(terms: Sequence[Term], part: str) -> Vectors | None:
    """One vector for all terms, by their weights, of length 1; None if none has one."""
    vectors = [(term.weight, getattr(term, part)) for term in terms]
    known = [weight * vector for weight, vector in vectors if vector is not None]
    if not known:
        return None
    mixed: Vectors = np.sum(known, axis=0, dtype=np.float32)
    return mixed / max(float(np.linalg.norm(mixed)), 1e-12)


def _full_text(
    snapshot: Snapshot, text: str, depth: int, allowed: NDArray[np.bool_] | None
) -> Ranking:
    """Rank by BM25F over what people and models say, with the tables of DuckDB's index.

    That is Okapi BM25 with an occurrence of a word counting by where it stands (Robertson, Zaragoza
    and Taylor, 2004, doi 10.1145/1031171.1031181), which the extension does not know.
    """
    index = fulltext.INDEX
    found = (
        snapshot.cursor()
        .execute(
            f"""
            WITH wanted AS (
                SELECT termid, log10((num_docs - df + 0.5) / (df + 0.5) + 1) AS idf
                FROM {index}.dict, {index}.stats WHERE list_contains(?, term)
            ), occurring AS (
                SELECT docid, termid, sum(if(field = 'caption', {fulltext.MODELS_WORD}, 1)) AS tf
                FROM {index}.terms SEMI JOIN wanted USING (termid)
                     JOIN {index}.fields USING (fieldid)
                GROUP BY ALL
            ), scored AS (
                SELECT docid, sum(
                    idf * tf * ({_K1} + 1) / (tf + {_K1} * (1 - {_B} + {_B} * len / avgdl))
                ) AS score
                FROM occurring JOIN wanted USING (termid) JOIN {index}.docs USING (docid),
                     {index}.stats
                GROUP BY docid
            )
            SELECT row, score
            FROM scored JOIN {index}.docs USING (docid) JOIN {fulltext.TABLE} ON name = image_id
            ORDER BY score DESC, row
            """,
            [fulltext.query_words(text).split()],
        )
        .fetchnumpy()
    )
    rows, scores = found["row"].astype(np.int64), found["score"].astype(np.float32)
    if allowed is not None:
        is_allowed = allowed[rows]
        rows, scores = rows[is_allowed], scores[is_allowed]
    return Ranking(rows[:depth], scores[:depth])
