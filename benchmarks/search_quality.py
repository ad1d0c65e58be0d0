"""How good is the search on the demo photos, and does it know when it found nothing?

    python benchmarks/search_quality.py

The demo photos are synced into a temporary library with the embedded models, and the judged queries
(tests/search_app/search/judged_queries.json) searched for. Printed are nDCG@10 and recall@5
of each part alone, of reciprocal rank fusion and of the fusion that ships; then how well
different measures tell the queries that something matches from those that nothing does. All
figures are of queries that the weights of search_app/search/evidence.py were not fitted to.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

os.environ["ENV_FILE"] = os.devnull  # the embedded models, whatever a .env says

import numpy as np
from sklearn.metrics import roc_auc_score

from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.library.library import Library
from pipeline.models.encoders.loading import load_encoder
from pipeline.settings import Settings
from pipeline.snapshot import reading
from pipeline.sources import folder
from search_app.search.filters import Filters
from search_app.search.searcher import Searcher
from search_app.search.unrelated_texts import UNRELATED_TEXTS

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where the tests' queries lie
from tests.demo_queries import DEMO_PHOTOS
from tests.search_app.search.judged import (
    Judged,
    Scores,
    all_scores,
    mean_over,
    ndcg,
    read_judged,
    recall,
)

DEFAULT_CUT = Settings.model_fields["min_probability"].default


def build_library(data_dir: Path) -> Searcher:
    """Sync the demo photos with the embedded models."""
    library = Library(Settings(data_dir=data_dir))
    folder.register(library.storage, folder.Registration(str(DEMO_PHOTOS), recursive=True))
    with open_instance(library.settings) as instance:
        sync.sync(library, instance)
    return Searcher(reading.open_current(data_dir), library.settings)


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


def other_measures(searcher: Searcher, judged: Judged) -> dict[str, Scores]:
    """Ways to compare the cosines of what photos show between queries."""
    encoder = load_encoder("embedded")
    photos = searcher.snapshot.images.vectors(np.arange(judged.grades.shape[1]))
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


def main() -> None:
    """Measure."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    with tempfile.TemporaryDirectory() as data_dir:
        searcher = build_library(Path(data_dir))
        photos = [Path(image["path"]).stem for image in searcher.images(Filters())]
        judged = read_judged(photos)
        scores = all_scores(searcher, judged, photos)
        print_ranking(judged, scores)
        print_separation(judged, other_measures(searcher, judged) | scores)
        print_cut(judged, scores["probability"])


if __name__ == "__main__":
    main()
