"""Text encoders: models that embed texts, by name."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.models.encoders import Vectors
from pipeline.models.torch_models import Batches

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


_TEXTS_AT_ONCE = 32
_TEXTS_OF_A_QUERY, _QUERIES = 4, 128  # what is remembered: so many texts, of so many queries


class BatchedTextEncoder(ABC):
    """Embeds texts in batches, and remembers those of the last queries."""

    def __init__(self, name: str, producer: str, dimension: int) -> None:
        """Ready for use: the model has to be loaded already."""
        self.name = name
        self.producer = producer
        self.dimension = dimension
        self._encoding = threading.Lock()
        self._query = lru_cache(_QUERIES)(self._embed_all)

    @abstractmethod
    def _embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Return one row of length 1 for each of up to 32 texts; one thread calls at a time."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Return shape (len(texts), dimension), float32, each row of length 1. Thread-safe."""
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        if len(texts) > _TEXTS_OF_A_QUERY:
            return self._embed_all(texts)
        # The captions and, with the embedded models, the photos are searched by the same vectors.
        return self._query(tuple(texts)).copy()

    def _embed_all(self, texts: Sequence[str]) -> Vectors:
        rows = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            with self._encoding:  # the tokenizers of transformers serve one thread at a time
                rows.append(self._embed_texts(texts[start : start + _TEXTS_AT_ONCE]))
        return np.concatenate(rows, dtype=np.float32)


class SentenceTransformerTextEncoder(BatchedTextEncoder):
    """Embeds texts with a sentence-transformers model. Implements ``TextEncoder``."""

    def __init__(
        self,
        name: str,
        producer: str,
        model: "SentenceTransformer",
        *,
        lower_case: bool = False,
        tokenizer_options: dict[str, Any] | None = None,
    ) -> None:
        """``tokenizer_options`` override how sentence-transformers calls the tokenizer."""
        self._model = model
        self._lower_case = lower_case
        self._options = (
            {"processing_kwargs": {"text": tokenizer_options}} if tokenizer_options else {}
        )
        self._on_device = Batches(self._embed_batch)
        super().__init__(name, producer, self._on_device.encode([""]).shape[1])

    def _embed_texts(self, texts: Sequence[str]) -> Vectors:
        return self._on_device.encode(texts)

    def _embed_batch(self, texts: Sequence[str]) -> Vectors:
        vectors: Vectors = self._model.encode(
            [text.lower() if self._lower_case else text for text in texts],
            batch_size=len(texts),
            normalize_embeddings=True,
            show_progress_bar=False,
            **self._options,
        )
        return vectors
