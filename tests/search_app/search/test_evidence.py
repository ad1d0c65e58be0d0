"""Evidence and probabilities, against their definitions."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.models.encoders import Vectors
from pipeline.models.encoders.sentence_transformer import SentenceTransformerEncoder
from pipeline.models.encoders.text_loading import load_text_encoder
from pipeline.settings import Settings
from pipeline.snapshot import index_building
from pipeline.snapshot.index_file import IndexFile
from pipeline.snapshot.vector_index import VectorIndex
from search_app.search import evidence
from search_app.search.evidence import WEIGHTS, Evidence
from search_app.search.queries import Query
from search_app.search.searcher import Searcher
from search_app.search.unrelated_texts import UNRELATED_TEXTS, unrelated_vectors
from tests.search_app.conftest import sync_folder
from tests.search_app.search.test_searcher import NONSENSE
from tests.search_app.searching import searcher_of

PHOTOS = 40


def unit_rows(count: int, dimension: int = 16, seed: int = 0) -> Vectors:
    rows = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Fixed:
    """An encoder that gives unrelated texts these vectors."""

    name = producer = "fixed"
    dimension = 16
    vectors = unit_rows(len(UNRELATED_TEXTS), seed=1)

    def encode_texts(self, texts: tuple[str, ...]) -> Vectors:
        assert texts == UNRELATED_TEXTS
        return self.vectors


def test_shipped_vectors_of_unrelated_texts_are_the_embedded_models() -> None:
    encoder = load_text_encoder("embedded", "cpu")
    shipped, computed = unrelated_vectors(encoder), encoder.encode_texts(UNRELATED_TEXTS)
    assert shipped.dtype == np.float32
    assert (shipped * computed).sum(axis=1).min() > 0.999_99


def index_of(vectors: Vectors) -> VectorIndex:
    rows = np.flatnonzero(np.linalg.norm(vectors, axis=1) > 0)
    index, _ = index_building.build(lambda: iter([vectors[rows]]), vectors.shape[1], len(rows))
    return VectorIndex([IndexFile(index)], rows, len(vectors))


def test_a_hundred_texts_all_different() -> None:
    assert len(set(UNRELATED_TEXTS)) == 100
    assert all(text == " ".join(text.split()) for text in UNRELATED_TEXTS)


def test_chance_is_measured_on_photos_that_have_a_vector() -> None:
    photos = unit_rows(PHOTOS)
    photos[3] = 0
    chance = evidence.measure_chance(index_of(photos), Fixed())
    known = np.delete(photos, 3, axis=0)
    cosines = Fixed.vectors @ known.T
    expected = pytest.approx((cosines.mean(), cosines.std()), abs=1e-4)  # half precision
    assert (chance.mean, chance.deviation) == expected
    above = chance.of_text(Fixed.vectors[0], known)
    assert above == pytest.approx((cosines[0] - cosines.mean()) / cosines.std(), rel=1e-4)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_photos(count: int) -> None:
    photos = unit_rows(1).repeat(count, axis=0)  # all alike
    chance = evidence.measure_chance(index_of(photos), Fixed())
    assert np.isfinite(chance.of_text(Fixed.vectors[0], photos)).all()
    assert np.isfinite(evidence.visual_of_picture(chance, unit_rows(1)[0], photos)).all()


def test_large_libraries_are_sampled() -> None:
    photos = unit_rows(evidence.SAMPLE + 500)
    assert len(evidence.measure_chance(index_of(photos), Fixed()).sample) <= evidence.SAMPLE


def test_siglip_says_itself_how_likely_a_match_is(siglip_folder: Path) -> None:
    """Its odds, less those of its training, less what the typical photo scores if that is much."""
    encoder = SentenceTransformerEncoder(str(siglip_folder), "cpu")
    photos = unit_rows(PHOTOS)
    chance = evidence.measure_chance(index_of(photos), Fixed())
    text = Fixed.vectors[0]
    probabilities = encoder.match_probability(photos @ text)
    assert probabilities is not None
    odds = np.log(probabilities / (1 - probabilities)) + np.log(32768)
    assert np.median(odds) > 0  # such is the tiny model
    found = evidence.visual_of_text(encoder, chance, text, photos)
    expected = (odds - np.median(odds)) / WEIGHTS[True, False].visual
    assert found == pytest.approx(expected, abs=1e-4)


def test_what_a_photo_lacks_does_not_count() -> None:
    nan = np.nan
    kinds = Evidence(
        visual=np.array([2.0, 2.0, nan, nan]),
        caption=np.array([3.0, nan, 3.0, nan]),
        words=np.array([0.5, 0.5, 0.5, 0.5]),
        sense=0.5,
    )
    both, seen, told, neither = (WEIGHTS[has] for has in
        [(True, True), (True, False), (False, True), (False, False)])  # fmt: skip
    assert evidence.log_odds(kinds).tolist() == pytest.approx(
        [
            2 * both.visual + 3 * both.caption + 0.5 * both.words,
            2 * seen.visual + 0.5 * seen.words,
            3 * told.caption + 0.5 * told.words,
            0.5 * neither.words,
        ]
    )


def test_a_match_is_less_likely_in_a_larger_library() -> None:
    kinds = Evidence(np.zeros(1), np.zeros(1), np.zeros(1), sense=0.5)
    odds = [np.exp(evidence.prior(kinds, photos)) for photos in (100, 10_000)]
    assert odds[0] / odds[1] == pytest.approx(10)  # by the square root


def test_a_photo_has_to_match_all_that_is_wanted() -> None:
    one, other = np.array([4.0, 4.0, -3.0]), np.array([4.0, -3.0, -3.0])

    def chances(first: float, second: float) -> list[float]:
        odds = evidence.all_match([(first, one), (second, other)])
        return list(evidence.probability(odds))

    yes, no = evidence.probability(np.array([4.0, -3.0]))
    assert chances(1, 1) == pytest.approx([yes, (yes * no) ** 0.5, no])
    assert chances(2, 2) == pytest.approx(chances(1, 1))
    assert chances(3, 1) == pytest.approx([yes, yes**0.75 * no**0.25, no])


def test_without_captions_the_photos_and_their_titles_speak(
    demo_folder_without_captions: Searcher,
) -> None:
    """Probabilities come from what photos show and their words; hardly any nonsense matches."""
    searcher, least = demo_folder_without_captions, Settings().min_probability
    hit = searcher.search(Query("two dogs", min_probability=least))[0]
    assert hit.title == "two dogs"
    assert [found.part for found in hit.found_by] == ["visual", "text"]
    found = [text for text in NONSENSE if searcher.search(Query(text, min_probability=least))]
    assert len(found) <= 2


@pytest.fixture
def demo_folder_without_captions(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Searcher:
    from tests.search_app.conftest import DEMO_PHOTOS

    monkeypatch.setenv("CAPTION_MODEL", "none")
    sync_folder(data_dir, DEMO_PHOTOS / "Nature Walks 2018")
    return searcher_of(data_dir)
