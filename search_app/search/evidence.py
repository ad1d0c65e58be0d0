"""How likely a photo matches a query: evidence from what it shows, its caption and its words.

Cosines of different queries cannot be compared: one text scores 0.4 with photos it has nothing to
do with, the next scores 0.3 with the very photo that is looked for. So a cosine is first measured
against chance, that is against the cosines of ``UNRELATED_TEXTS`` with photos of the library (their
null distribution: Efron, 2004, doi 10.1198/016214504000000089), in standard deviations above their
mean; and a text that the typical photo scores highly for loses as much. Where the model has learnt
itself how its cosines turn into odds, as SigLIP has, those are taken instead.

To it is added what the photo's caption says, measured against chance as well, how many of the
text's words the photo has, and whether the text says anything at all. Logistic regression on judged
queries turns the sum into a probability (Platt scaling: Platt, 1999). A test fits the ``WEIGHTS``,
and benchmarks/search_quality.py compares this with other ways.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.models.encoders import Encoder, TextEncoder, Vectors
from pipeline.snapshot import fulltext
from pipeline.snapshot.vector_index import VectorIndex
from search_app.search.full_text import WordCounts
from search_app.search.unrelated_texts import unrelated_vectors

Values = NDArray[np.float64]

SAMPLE = 2000
"""From how many photos of a library it is learnt how photos score by chance, at the most."""
SIGLIP_NEGATIVES = 32_768
"""Texts that do not match for each that does while SigLIP learns: the size of its batches (Zhai et
al., 2023, arXiv 2303.15343). Its bias has learnt these odds; with them taken out, what remains says
how much likelier a match is than before the photo was seen (Elkan, 2001)."""


Number = TypeVar("Number", float, Values)


class Weights(NamedTuple, Generic[Number]):
    """What one unit of each kind of evidence adds to the log odds of a match; ``prior`` are the log
    odds without any, in a library of one photo."""

    visual: Number
    caption: Number
    words: Number
    sense: Number
    prior: Number


class Evidence(NamedTuple):
    """What speaks for a match of a text and n photos; the first three of shape (n,).

    ``visual`` and ``caption`` are in standard deviations above chance, NaN for photos without such
    a vector; ``words`` is the share of the text's words that a photo's texts have, 0 to 1;
    ``sense`` is how much the text means at all, at most ``SENSE``.
    """

    visual: Values
    caption: Values
    words: Values
    sense: float


# Fitted to tests/search_app/search/judged_queries.json, by which of visual and caption a photo has.
WEIGHTS = {
    (True, True): Weights(0.70, 0.70, 1.39, 2.05, -3.06),
    (True, False): Weights(1.15, 0.0, 6.22, 3.77, -2.94),
    (False, True): Weights(0.0, 0.97, 3.03, 1.83, -2.89),
    (False, False): Weights(0.0, 0.0, 8.39, 0.0, -1.68),
}


@dataclass(frozen=True)
class Chance:
    """How photos of a library score in one vector space by chance.

    ``sample``: vectors of up to 2,000 photos, shape (n, dimension). ``mean`` and ``deviation`` of
    their cosines with texts that have nothing to do with them, and ``likeness``, the standard
    deviation of their cosines with each other.
    """

    sample: Vectors
    mean: float
    deviation: float
    likeness: float

    def of_text(self, text: Vectors, photos: Vectors) -> Values:
        """How far above chance photos (n, dimension) score for a text, in standard deviations."""
        return np.asarray((photos @ text - self.mean) / self.deviation, np.float64)


def measure_chance(index: VectorIndex, encoder: TextEncoder) -> Chance:
    """Measure how the photos of an index score for unrelated texts."""
    rows = np.flatnonzero(index.present)
    sample = index.vectors(rows[:: max(1, -(-len(rows) // SAMPLE))])
    if len(sample) < 2:
        return Chance(sample, 0.0, 1.0, 1.0)
    cosines = unrelated_vectors(encoder) @ sample.T
    pairs = (sample @ sample.T)[~np.eye(len(sample), dtype=bool)]
    least = 1e-3  # of photos that are all alike
    return Chance(
        sample,
        float(cosines.mean()),
        max(float(cosines.std()), least),
        max(float(pairs.std()), least),
    )


def visual_of_text(encoder: Encoder, chance: Chance, text: Vectors, photos: Vectors) -> Values:
    """The evidence of what photos show for a text; ``photos`` has shape (n, dimension)."""
    cosines, typical_cosines = photos @ text, chance.sample @ text
    learnt = encoder.match_probability(np.concatenate([cosines, typical_cosines]))
    if learnt is None:
        return np.asarray((cosines - _median(typical_cosines)) / chance.deviation, np.float64)
    odds = np.clip(learnt.astype(np.float64), 1e-30, 1 - 1e-7)
    ratios = np.log(odds / (1 - odds)) + np.log(SIGLIP_NEGATIVES)
    photo_ratios, typical = ratios[: len(photos)], ratios[len(photos) :]
    # What the typical photo matches tells nothing; in the unit of the weights.
    ratios = photo_ratios - max(_median(typical), 0.0)
    return np.asarray(ratios / WEIGHTS[True, False].visual)


def visual_of_picture(chance: Chance, picture: Vectors, photos: Vectors) -> Values:
    """The evidence of what photos show for a picture: how much more like it than is typical."""
    above = photos @ picture - _median(chance.sample @ picture)
    return np.asarray(above / chance.likeness, np.float64)


def _median(values: NDArray[Any]) -> float:
    return float(np.median(values)) if len(values) else 0.0


def word_share(words: WordCounts, text: str) -> Values:
    """How much of a text's words each photo has among its own, 0 to 1, rare words counting more.

    A word counts by its inverse document frequency, as in BM25 (Robertson and Zaragoza, 2009), and
    by who says it of the photo.
    """
    wanted = sorted(set(fulltext.query_words(text).split()))
    if not wanted:
        return np.zeros(len(words.rows))
    columns = [words.words.index(word) for word in wanted]
    has = words.photos_with[columns]
    weights = np.log1p((words.photos - has + 0.5) / (has + 0.5))
    return np.asarray(words.counts[:, columns] @ weights / weights.sum())


def log_odds(kinds: Evidence) -> Values:
    """The log odds of a match up to the prior, shape (n,): the evidence of all kinds, weighed.

    Where people wrote all words of the text, no model's doubt counts against that.
    """
    weights = _weights(kinds)
    odds = (
        weights.visual * np.nan_to_num(kinds.visual)
        + weights.caption * np.nan_to_num(kinds.caption)
        + weights.words * kinds.words
    )
    is_written = kinds.words >= 1 - 1e-9
    return np.where(is_written, np.maximum(odds, WEIGHTS[False, False].words), odds)


def prior(kinds: Evidence, photos: int) -> Values:
    """The log odds of a match before the photo is known, in a library of so many, shape (n,).

    They fall by half the logarithm of the number of photos, as if of n photos the square root of n
    matched a query: more than one, as large libraries have many of a kind, and fewer than a fixed
    share.
    """
    weights = _weights(kinds)
    return np.asarray(weights.prior + weights.sense * kinds.sense - 0.5 * np.log(max(photos, 1)))


def _weights(kinds: Evidence) -> Weights[Values]:
    """The weights for each of n photos: each field has shape (n,)."""
    has_visual, has_caption = ~np.isnan(kinds.visual), ~np.isnan(kinds.caption)
    rows = np.empty((len(has_visual), len(Weights._fields)))
    for (of_visual, of_caption), weights in WEIGHTS.items():
        rows[(has_visual == of_visual) & (has_caption == of_caption)] = weights
    return Weights(*rows.T)


def all_match(terms: Sequence[tuple[float, Values]]) -> Values:
    """The log odds that a photo matches all terms, given the weight and the log odds of each.

    The probability is the geometric mean of theirs, by their weights: near none if one is, and not
    the smaller the more is wanted.
    """
    if len(terms) == 1:
        return terms[0][1]
    total = sum(weight for weight, _ in terms)
    logs = np.sum([-weight / total * np.logaddexp(0, -odds) for weight, odds in terms], axis=0)
    logs = np.minimum(logs, -1e-12)  # as certain as the arithmetic can tell
    return np.asarray(logs - np.log(-np.expm1(logs)))


def probability(odds: Values) -> Values:
    """Turn log odds into probabilities."""
    return np.asarray(1 / (1 + np.exp(-odds)))
