"""The judged queries: how well the search ranks the demo photos, and the weights that it gives.

Of the queries that are not demo queries, half are for fitting ("development"); all figures are of
the others.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search_app.search.evidence import Weights
from search_app.search.queries import Query
from search_app.search.searcher import Searcher
from tests.demo_queries import read_queries

JUDGED = Path(__file__).with_name("judged_queries.json")

Scores = NDArray[np.float64]
"""Shape (queries, photos)."""


@dataclass(frozen=True)
class Judged:
    """Queries, and the grade of every photo for each: 2 right, 1 partly, 0 not; (queries, photos).

    ``kinds`` is "demo", "further", or for queries that nothing matches "nonsense" (no language),
    "abstract" (nothing that one can see) or "absent" (in none of the photos).
    """

    queries: list[str]
    grades: Scores
    kinds: NDArray[np.str_]
    held_out: NDArray[np.bool_]


def read_judged(photos: Sequence[str]) -> Judged:
    """Read the judgements; ``photos`` are the names of the files without extension."""
    file = json.loads(JUDGED.read_text(encoding="utf-8"))
    column = {name: at for at, name in enumerate(photos)}
    demo = read_queries()
    rows = [(query, right, "demo" if query in demo else "further")
            for query, right in file["queries"].items()]  # fmt: skip
    rows += [(query, {}, kind) for kind, some in file["without_match"].items() for query in some]
    grades = np.zeros((len(rows), len(photos)))
    for row, (_, right, _) in enumerate(rows):
        for name, grade in right.items():
            grades[row, column[name]] = grade
    queries = [query for query, _, _ in rows]
    held_out = np.asarray([query not in file["development"] for query in queries])
    return Judged(queries, grades, np.asarray([kind for _, _, kind in rows]), held_out)


def ndcg(scores: Scores, grades: Scores, k: int = 10) -> float:
    """Normalised discounted cumulated gain (Järvelin and Kekäläinen, 2002) of one query."""
    discount = 1 / np.log2(np.arange(2, k + 2))
    found = 2 ** grades[np.argsort(-scores, kind="stable")[:k]] - 1
    best = 2 ** np.sort(grades)[::-1][:k] - 1
    return float((found * discount).sum() / (best * discount).sum())


def recall(scores: Scores, grades: Scores, k: int = 5) -> float:
    """The share of the photos that match among the first k, of as many as could be there."""
    found = grades[np.argsort(-scores, kind="stable")[:k]] > 0
    return float(found.sum() / min(k, (grades > 0).sum()))


def all_scores(searcher: Searcher, judged: Judged, photos: Sequence[str]) -> dict[str, Scores]:
    """The score of every photo for every query, by part ("visual", "caption", "text") and together.

    "hybrid" is what ships, "probability" what it makes of it, "rrf" reciprocal rank fusion
    (Cormack, Clarke and Büttcher, 2009). Photos that were not found score least.
    """
    column = {name: at for at, name in enumerate(photos)}
    shape = judged.grades.shape
    scores = {part: np.full(shape, -1e9) for part in ("visual", "caption", "text", "hybrid")}
    scores |= {"rrf": np.zeros(shape), "probability": np.zeros(shape)}
    for row, query in enumerate(judged.queries):
        for hit in searcher.search(Query(query, k=len(photos))):
            at = row, column[Path(hit.path).stem]
            scores["hybrid"][at] = hit.score
            scores["probability"][at] = hit.probability
            for found in hit.found_by:
                scores[found.part][at] = found.score
                scores["rrf"][at] += 1 / (60 + found.rank)
    return scores


def mean_over(
    judged: Judged, measure: Callable[[Scores, Scores], float], scores: Scores, *kinds: str
) -> float:
    """The mean of ``ndcg`` or ``recall`` over the held-out queries of these kinds."""
    rows = np.flatnonzero(np.isin(judged.kinds, kinds) & judged.held_out)
    return float(np.mean([measure(scores[row], judged.grades[row]) for row in rows]))


def fitted_weights(searcher: Searcher, judged: Judged) -> dict[tuple[bool, bool], Weights[float]]:
    """What ``WEIGHTS`` of search_app/search/evidence.py should be: logistic regression gives them.

    What photos show is weak evidence by itself: there a right photo that is left out counts for
    e times as bad as a wrong one that is shown.
    """
    from sklearn.linear_model import LogisticRegression  # takes a second and a half

    rows = np.flatnonzero(~judged.held_out)
    kinds = [searcher.evidence(judged.queries[row]) for row in rows]
    photos = judged.grades.shape[1]
    visual, caption, words = (np.concatenate([each[kind] for each in kinds]) for kind in range(3))
    sense = np.repeat([each.sense for each in kinds], photos)
    matches = (judged.grades[rows] > 0).ravel()

    def fit(*columns: Scores) -> tuple[list[float], float]:
        model = LogisticRegression(C=10).fit(np.stack(columns, axis=1), matches)
        return model.coef_[0].tolist(), float(model.intercept_[0]) + 0.5 * float(np.log(photos))

    # Few queries tell three weights apart badly: what shows counts as much as what is told of it.
    (both, both_sense), both_prior = fit(visual + caption + 2 * words, sense)
    (seen, seen_words, seen_sense), seen_prior = fit(visual, words, sense)
    (told, told_words, told_sense), told_prior = fit(caption, words, sense)
    (words_alone,), words_prior = fit(words)
    return {
        (True, True): Weights(both, both, 2 * both, both_sense, both_prior),
        (True, False): Weights(seen, 0.0, seen_words, seen_sense, seen_prior + 1),
        (False, True): Weights(0.0, told, told_words, told_sense, told_prior),
        (False, False): Weights(0.0, 0.0, words_alone, 0.0, words_prior),
    }
