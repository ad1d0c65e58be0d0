"""How good is the search on the demo photos, and does it know when it found nothing?

    python benchmarks/search_quality.py [--fit]

The demo photos are synced into a temporary library with the embedded models, and the judged queries
(judged_queries.json) put to the search engine. Printed are nDCG@10 and recall@5 of each part alone,
of reciprocal rank fusion and of the fusion that ships; then how well different measures tell the
queries that something matches from those that nothing does. ``--fit`` fits the weights of
search_app/evidence.py to the queries set aside for that ("development"); all figures are of the
others.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ["ENV_FILE"] = os.devnull  # the embedded models, whatever a .env says

import numpy as np
from demo_quality import DEMO
from demo_quality import read_queries as read_demo_queries
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.library.library import Library
from pipeline.models.encoders.loading import load_encoder
from pipeline.settings import Settings
from pipeline.sources import folder
from search_app.search.engine import Query, SearchEngine
from search_app.search.filters import Filters
from search_app.search.unrelated_texts import UNRELATED_TEXTS

JUDGED = Path(__file__).with_name("judged_queries.json")
DEFAULT_CUT = Settings.model_fields["min_probability"].default

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
    demo = read_demo_queries()
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


def build_library(data_dir: Path) -> SearchEngine:
    """Sync the demo photos with the embedded models."""
    library = Library(Settings(data_dir=data_dir))
    folder.register(library.storage, folder.Registration(str(DEMO), recursive=True))
    with open_instance(library.settings) as instance:
        sync.sync(library, instance)
    return SearchEngine(library.settings)


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


def all_scores(engine: SearchEngine, judged: Judged, photos: Sequence[str]) -> dict[str, Scores]:
    """The score of every photo for every query, by part ("visual", "caption", "text") and together.

    "hybrid" is what ships, "probability" what it makes of it, "rrf" reciprocal rank fusion
    (Cormack, Clarke and Büttcher, 2009). Photos that were not found score least.
    """
    column = {name: at for at, name in enumerate(photos)}
    shape = judged.grades.shape
    scores = {part: np.full(shape, -1e9) for part in ("visual", "caption", "text", "hybrid")}
    scores |= {"rrf": np.zeros(shape), "probability": np.zeros(shape)}
    for row, query in enumerate(judged.queries):
        for hit in engine.search(Query(query, k=len(photos))):
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


def print_ranking(judged: Judged, scores: Mapping[str, Scores]) -> None:
    """nDCG@10 and recall@5, over the held-out queries that something matches."""
    print("\nnDCG@10 and recall@5    demo queries    further queries    both")
    for name in ("visual", "caption", "text", "rrf", "hybrid"):
        line = f"{name:20}"
        for kinds in (("demo",), ("further",), ("demo", "further")):
            for measure in (ndcg, recall):
                line += f"  {mean_over(judged, measure, scores[name], *kinds):.3f}"
            line += "    "
        print(line)


def print_separation(judged: Judged, scores: Mapping[str, Scores]) -> None:
    """How well the best score of a query tells whether anything matches it: area under the ROC."""
    matched = np.isin(judged.kinds, ["demo", "further"])
    print("\nIs there a match? AUC of the best score    nonsense  abstract  absent  all")
    for name, values in scores.items():
        line, best = f"{name:42}", values.max(axis=1)
        for kinds in (["nonsense"], ["abstract"], ["absent"], ["nonsense", "abstract", "absent"]):
            chosen = judged.held_out & (matched | np.isin(judged.kinds, kinds))
            line += f" {roc_auc_score(matched[chosen], best[chosen]):.3f}    "
        print(line)


def print_cut(judged: Judged, probabilities: Scores) -> None:
    """How many queries of each kind have a result at the default cut."""
    print(f"\nQueries with a result at the default cut of {DEFAULT_CUT}, best probability of each")
    for kind in dict.fromkeys(judged.kinds.tolist()):
        best = probabilities.max(axis=1)[judged.held_out & (judged.kinds == kind)]
        passed = int((best >= DEFAULT_CUT).sum())
        print(f"{kind:12} {passed:2} of {len(best)}    {best.min():.3f} to {best.max():.3f}")


def other_measures(engine: SearchEngine, judged: Judged) -> dict[str, Scores]:
    """Ways to compare the cosines of what photos show between queries."""
    encoder = load_encoder("embedded")
    photos = engine.current.images.vectors(np.arange(judged.grades.shape[1]))
    cosines = encoder.encode_texts(judged.queries) @ photos.T
    chance = encoder.encode_texts(UNRELATED_TEXTS) @ photos.T
    typical = np.median(cosines, axis=1, keepdims=True)
    of_photo = (cosines - chance.mean(axis=0)) / chance.std(axis=0)
    return {
        "visual: cosine": cosines,
        "visual: less the query's median": cosines - typical,
        "visual: against unrelated texts, by photo": of_photo,
        "visual: both": of_photo - np.median(of_photo, axis=1, keepdims=True),
    }


def fit(engine: SearchEngine, judged: Judged) -> None:
    """Print the weights that logistic regression gives the kinds of evidence."""
    rows = np.flatnonzero(~judged.held_out)
    kinds = [engine.evidence(judged.queries[row]) for row in rows]
    visual, caption, words = (np.concatenate(kind) for kind in zip(*kinds, strict=True))
    matches = (judged.grades[rows] > 0).ravel()
    for name, columns in (
        ("all, at 1 : 1 : 2", [visual + caption + 2 * words]),
        ("visual, words", [visual, words]),
        ("visual", [visual]),
        ("caption, words", [caption, words]),
        ("caption", [caption]),
        ("words", [words]),
    ):
        model = LogisticRegression(C=10).fit(np.stack(columns, axis=1), matches)
        print(f"{name:18} weights {np.round(model.coef_[0], 2)}  intercept"
              f" {model.intercept_[0]:.2f} with {judged.grades.shape[1]} photos")  # fmt: skip


def main() -> None:
    """Measure, and with ``--fit`` fit."""
    parser = argparse.ArgumentParser(description="How good is the search on the demo photos?")
    parser.add_argument("--fit", action="store_true", help="fit the weights of the evidence, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as data_dir:
        engine = build_library(Path(data_dir))
        photos = [Path(image["path"]).stem for image in engine.images(Filters())]
        judged = read_judged(photos)
        if arguments.fit:
            fit(engine, judged)
        scores = all_scores(engine, judged, photos)
        print_ranking(judged, scores)
        print_separation(judged, other_measures(engine, judged) | scores)
        print_cut(judged, scores["probability"])


if __name__ == "__main__":
    main()
