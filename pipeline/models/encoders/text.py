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

    def __init__(self, name: str, producer: str) -> None:
        """Ready for use: the model has to be loaded already."""
        self.name = name
        self.producer = producer
        self._encoding = threading.Lock()
        self._texts = Batches(self._embed_batch, _TEXTS_AT_ONCE)
        self._query = lru_cache(_QUERIES)(self._texts.encode)
        self.dimension: int = self._texts.encode([""]).shape[1]

    @abstractmethod
    def _embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Return one row of length 1 for each of up to 32 texts; one thread calls at a time."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Return shape (len(texts), dimension), float32, each row of length 1. Thread-safe."""
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        if len(texts) > _TEXTS_OF_A_QUERY:
            return self._texts.encode(texts)
        # The captions and, with the embedded models, the photos are searched by the same vectors.
        return self._query(tuple(texts)).copy()

    def _embed_batch(self, texts: Sequence[str]) -> Vectors:
        with self._encoding:  # the tokenizers of transformers serve one thread at a time
            return self._embed_texts(texts).astype(np.float32, copy=False)


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
        super().__init__(name, producer)

    def _embed_texts(self, texts: Sequence[str]) -> Vectors:
        vectors: Vectors = self._model.encode(
            [text.lower() if self._lower_case else text for text in texts],
            batch_size=len(texts),
            normalize_embeddings=True,
            show_progress_bar=False,
            **self._options,
        )
        return vectors
