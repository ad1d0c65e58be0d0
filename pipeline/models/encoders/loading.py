"""Choosing an encoder by its name, the setting EMBED_MODEL."""

from functools import lru_cache

from pipeline.models.encoders import Encoder
from pipeline.models.encoders.embedded import EmbeddedEncoder
from pipeline.models.encoders.sentence_transformer import SentenceTransformerEncoder, producer_of
from pipeline.models.loading import one_at_a_time
from pipeline.models.torch_models import check_device


def embed_producer(name: str) -> str:
    """Return the producer of the encoder of that name without loading it."""
    return EmbeddedEncoder.producer if name == EmbeddedEncoder.name else producer_of(name)


@one_at_a_time
@lru_cache(maxsize=1)
def load_encoder(name: str, device: str = "auto") -> Encoder:
    """Return the encoder of that name; asked for again, it is not loaded again.

    ``name`` is "embedded", or the name on the Hugging Face hub or the folder of a SigLIP or CLIP
    model. ``device`` is "auto", "cuda" or "cpu". Raises AlbumscopeError if the model or the device
    cannot be had.
    """
    if name == EmbeddedEncoder.name:
        check_device(device)
        return EmbeddedEncoder()
    return SentenceTransformerEncoder(name, device)
