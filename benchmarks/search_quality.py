"""How good is the search on the demo photos, and does it know when it found nothing?

    python benchmarks/search_quality.py

The demo photos are synced into a temporary library with the embedded models, and the judged queries
(tests/search_app/search/judged_queries.json) searched for. Printed are nDCG@10 and recall@5
of each part alone, of reciprocal rank fusion and of the fusion that ships; then how well
different measures tell the queries that something matches from those that nothing does. All
figures are of queries that the weights of search_app/search/evidence.py were not fitted to.

Then, as tables: whether changed copies of a photo are found with it; what the demo's queries find
in three languages; and how many queries that no photo fits have a result in each mode.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

os.environ["ENV_FILE"] = os.devnull  # the embedded models, whatever a .env says

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from sklearn.metrics import roc_auc_score

from pipeline.assets import sync
from pipeline.assets.instance import open_instance
from pipeline.library.library import Library
from pipeline.models.encoders.loading import load_encoder
from pipeline.photos.decoding import open_photo
from pipeline.settings import Settings
from pipeline.snapshot import reading
from pipeline.sources import folder
from search_app.search.filters import Filters
from search_app.search.queries import Query
from search_app.search.ranking import MODES, Mode
from search_app.search.searcher import Searcher
from search_app.search.unrelated_texts import UNRELATED_TEXTS

sys.path.append(str(Path(__file__).resolve().parents[1]))  # where the tests' queries lie
from tests.demo_queries import DEMO_PHOTOS, read_queries
from tests.search_app.search import judged as judged_queries
from tests.search_app.search.judged import (
    Judged,
    Scores,
    all_scores,
    mean_over,
    ndcg,
    read_judged,
    recall,
)

TRANSLATED = Path(judged_queries.__file__).with_name("demo_queries_translated.json")
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


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table as Markdown."""
    print(f"\n### {title}\n")
    for row in (columns, ["---"] * len(columns), *rows):
        print("|", " | ".join(map(str, row)), "|")


def changed_copies(photo: Image.Image, chance: np.random.Generator) -> Iterator[Image.Image]:
    """Eight: crops of 60 to 90 % of each side, mirrored, brighter, darker, and all that at once."""

    def crop() -> Image.Image:
        share = chance.uniform(0.6, 0.9)
        width, height = (round(share * side) for side in photo.size)
        left = int(chance.integers(photo.width - width + 1))
        top = int(chance.integers(photo.height - height + 1))
        return photo.crop((left, top, left + width, top + height))

    for _ in range(3):
        yield crop()
    yield ImageOps.mirror(photo)
    yield ImageEnhance.Brightness(photo).enhance(1.4)
    yield ImageEnhance.Brightness(photo).enhance(0.6)
    for colour in (0.5, 0.2):
        yield ImageEnhance.Color(ImageOps.mirror(crop())).enhance(colour)


def print_similar() -> None:
    """How surely changed copies of a photo find it, and it them, by the encoder's cosine alone."""
    encoder, chance = load_encoder("embedded"), np.random.default_rng(1)
    photos = [
        open_photo(path, encoder.image_size).convert("RGB")
        for path in sorted(DEMO_PHOTOS.glob("*/*.jpg"))
    ]
    copies = [list(changed_copies(photo, chance)) for photo in photos]
    count = len(copies[0])
    originals = encoder.encode_images(photos)
    cosines = originals @ encoder.encode_images([one for some in copies for one in some]).T
    copy_of = np.repeat(np.arange(len(photos)), count)
    first = float((cosines.argmax(axis=0) == copy_of).mean())
    nearest = np.argsort(-cosines, axis=1)[:, :count]
    same = float((copy_of[nearest] == np.arange(len(photos))[:, None]).mean())
    print_table(
        f"Similar pictures: {len(photos)} photos, {count} changed copies of each",
        ("what", "share"),
        [
            ("copies that find their photo first", f"{first:.1%}"),
            (f"of the {count} copies nearest to a photo, its own", f"{same:.1%}"),
        ],
    )


def print_languages(searcher: Searcher) -> None:
    """The demo's queries in three languages: mean reciprocal rank of what is shown."""
    demo = read_queries()
    translated = json.loads(TRANSLATED.read_text(encoding="utf-8"))
    rows = []
    for language in ("en", "ja", "ru"):
        cells = [language]
        for mode in ("visual", "caption", "hybrid"):
            ranks = []
            for query, right in demo.items():
                text = query if language == "en" else translated[language][query]
                hits = searcher.search(Query(text, mode=mode, k=100, min_probability=DEFAULT_CUT))
                ranks.append(next((h.rank for h in hits if Path(h.path).stem in right), np.inf))
            kept = int(np.isfinite(ranks).sum())
            cells.append(f"{np.mean(1 / np.asarray(ranks)):.2f}, {kept} of {len(ranks)}")
        rows.append(cells)
    print_table(
        f"The demo's queries with the cut at {DEFAULT_CUT}: MRR, and how many keep a right photo",
        ("language", "visual", "caption", "hybrid"),
        rows,
    )


def print_results_without_match(searcher: Searcher, judged: Judged) -> None:
    """How many of the held-out queries that no photo fits have a result, in each mode."""

    def has_result(row: int, mode: Mode) -> bool:
        query = Query(judged.queries[row], mode=mode, k=1, min_probability=DEFAULT_CUT)
        return bool(searcher.search(query))

    rows = []
    for kind in ("nonsense", "abstract", "absent"):
        held_out = np.flatnonzero(judged.held_out & (judged.kinds == kind)).tolist()
        counts = [sum(has_result(row, mode) for row in held_out) for mode in MODES]
        rows.append([kind, *(f"{count} of {len(held_out)}" for count in counts)])
    print_table("Queries that no photo fits, with a result", ("kind", *MODES), rows)


def print_less_likely(searcher: Searcher, judged: Judged, photos: Sequence[str]) -> None:
    """How many of the held-out queries bring a photo that is right, and how many at one click."""
    is_right = judged.grades == 2
    chosen = np.flatnonzero(judged.held_out & is_right.any(axis=1)).tolist()
    rows = []
    for mode in MODES:
        shown, offered = 0, 0
        for row in chosen:
            query = Query(judged.queries[row], mode=mode, min_probability=DEFAULT_CUT)
            right = {name for name, is_so in zip(photos, is_right[row], strict=True) if is_so}
            matches, less_likely = searcher.find(query)
            shown += any(Path(hit.path).stem in right for hit in matches)
            offered += any(Path(hit.path).stem in right for hit in (*matches, *less_likely))
        rows.append((mode, f"{shown} of {len(chosen)}", f"{offered} of {len(chosen)}"))
    print_table(
        "Queries that a photo fits: it is among the results, or the less likely ones",
        ("mode", "results", "with the less likely"),
        rows,
    )


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
        print_similar()
        print_languages(searcher)
        print_results_without_match(searcher, judged)
        print_less_likely(searcher, judged, photos)


if __name__ == "__main__":
    main()
