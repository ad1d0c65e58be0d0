"""SigLIP and CLIP models, as sentence-transformers loads them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.encoders import Vectors
from pipeline.encoders.models import sentence_transformer, torch_device
from pipeline.encoders.text import SentenceTransformerTextEncoder
from pipeline.errors import AlbumscopeError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CODE_VERSION = 1
"""To be raised by any change that changes the vectors of a photo or a text."""


def producer_of(name: str) -> str:
    """Return the producer of the encoder of that name without loading it."""
    return f"{name}:{CODE_VERSION}"


class SentenceTransformerEncoder(SentenceTransformerTextEncoder):
    """Embeds photos and texts with a SigLIP or CLIP model. Implements ``Encoder``."""

    def __init__(self, name: str, device: str = "auto") -> None:
        """Load the model: ``name`` is its name on the Hugging Face hub or its folder.

        Raises AlbumscopeError if it cannot be loaded, or does not embed both photos and texts.
        """
        model = sentence_transformer(name, torch_device(device), "EMBED_MODEL")
        if not {"image", "text"} <= set(model.modalities):
            raise _unsuitable(name, "does not embed both photos and texts")
        super().__init__(name, producer_of(name), model, **_text_options(model.transformers_model))
        inputs = model.preprocess([Image.new("RGB", (64, 64))])
        if set(inputs) != {"pixel_values", "modality"}:
            raise _unsuitable(name, "does not take photos at one fixed size")
        self.image_size: int = min(inputs["pixel_values"].shape[-2:])
        self._logits = _scale_and_bias(model.transformers_model)

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """Return an RGB photo as the model takes it: channels × height × width. Thread-safe."""
        pixels: NDArray[np.float32] = self._model.preprocess([image])["pixel_values"][0].numpy()
        return pixels

    def encode_prepared(self, batch: Sequence[NDArray[np.float32]]) -> Vectors:
        """Return shape (len(batch), dimension), float32, each row of length 1."""
        import torch

        if not batch:
            return np.empty((0, self.dimension), np.float32)
        with torch.inference_mode():
            pixels = torch.from_numpy(np.stack(batch)).to(self._model.device)
            features = self._model({"pixel_values": pixels, "modality": "image"})
            unit = torch.nn.functional.normalize(features["sentence_embedding"], dim=1)
            vectors: Vectors = unit.cpu().numpy()
        return vectors

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Return shape (len(images), dimension), float32, each row of length 1."""
        return self.encode_prepared([self.prepare(image) for image in images])

    def match_probability(self, cosines: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Return the probability of each text-photo pair to match, of the shape of ``cosines``.

        It is sigmoid(scale × cosine + bias), with scale and bias as SigLIP learnt them (Zhai et
        al., 2023, arXiv 2303.15343, algorithm 1). None for a model that learnt no bias, as CLIP.
        """
        if self._logits is None:
            return None
        scale, bias = self._logits
        probabilities: NDArray[np.float32] = 1 / (1 + np.exp(-(scale * cosines + bias)))
        return probabilities.astype(np.float32, copy=False)


def _text_options(transformer: "PreTrainedModel") -> dict[str, Any]:
    """How SigLIP needs its texts; sentence-transformers treats them like those of any model.

    SigLIP learnt from lower-case texts padded at the end to the full length, and attends to the
    padding (github.com/huggingface/transformers/pull/43101, mlfoundations/open_clip/issues/984).
    Its text vector is read at the last position, so a text padded to less gets another vector.
    """
    if transformer.config.model_type not in {"siglip", "siglip2"}:
        return {}
    padding = {
        "padding": "max_length",
        "max_length": transformer.config.text_config.max_position_embeddings,
        "padding_side": "right",
        "truncation": True,
        "return_attention_mask": False,
    }
    return {"lower_case": True, "tokenizer_options": padding}


def _scale_and_bias(transformer: "PreTrainedModel") -> tuple[float, float] | None:
    scale = getattr(transformer, "logit_scale", None)
    bias = getattr(transformer, "logit_bias", None)
    if scale is None or bias is None:
        return None
    return scale.exp().item(), bias.item()


def _unsuitable(name: str, why: str) -> AlbumscopeError:
    return AlbumscopeError(
        f"EMBED_MODEL is {name!r}, but that model {why}: set EMBED_MODEL to 'embedded', or to a"
        " SigLIP or CLIP model such as google/siglip2-base-patch16-224"
    )
