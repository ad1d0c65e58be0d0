"""SigLIP and CLIP models, as sentence-transformers loads them."""

import threading
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import AlbumscopeError
from pipeline.models.encoders import Vectors
from pipeline.models.encoders.text import SentenceTransformerTextEncoder
from pipeline.models.torch_models import Batches, fastest_dtype, sentence_transformer, torch_device

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

CODE_VERSION = 1
"""To be raised by any change that changes the vectors of a photo or a text."""


_PHOTOS_AT_ONCE_ON_CPU = 8
_MOST_PHOTOS_AT_ONCE = 128  # keeps a GPU busy, and photos that wait for it few


def producer_of(name: str) -> str:
    """Return the producer of the encoder of that name without loading it."""
    return f"{name}:{CODE_VERSION}"


class SentenceTransformerEncoder(SentenceTransformerTextEncoder):
    """Embeds photos and texts with a SigLIP or CLIP model. Implements ``Encoder``.

    Photos go through the model in the numbers that the device is fastest with, texts in float32.
    """

    in_flight = 2

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
        for part, module in model.transformers_model.named_children():
            if part.startswith("vis"):  # vision_model, CLIP's visual_projection
                module.to(fastest_dtype(model.device.type))
                _pool_positions_first(module)
        self._photos = Batches(self._embed_photos)
        self._running = threading.Lock()

    @cached_property
    def batch_size(self) -> int:
        """How many photos to give at a time; on a GPU as many as fit, by what a few take."""
        import torch

        if self._model.device.type == "cpu":
            return _PHOTOS_AT_ONCE_ON_CPU
        few = [self.prepare(Image.new("RGB", (self.image_size, self.image_size)))] * 4
        self.encode_prepared(few)  # takes what is taken only once
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        self.encode_prepared(few)
        each = (torch.cuda.max_memory_allocated() - before) / len(few)
        free, _ = torch.cuda.mem_get_info()
        # Two batches may be under way at a time, and memory falls into pieces.
        return max(1, min(int(free / (3 * each)), _MOST_PHOTOS_AT_ONCE))

    def prepare(self, image: Image.Image) -> NDArray[np.float32]:
        """Return an RGB photo as the model takes it: channels × height × width. Thread-safe."""
        pixels: NDArray[np.float32] = self._model.preprocess([image])["pixel_values"][0].numpy()
        return pixels

    def encode_prepared(self, batch: Sequence[NDArray[np.float32]]) -> Vectors:
        """Return shape (len(batch), dimension), float32, each row of length 1. Thread-safe.

        While one thread waits for the GPU, another can copy the next batch there.
        """
        return self._photos.encode(batch) if batch else np.empty((0, self.dimension), np.float32)

    def _embed_photos(self, batch: Sequence[NDArray[np.float32]]) -> Vectors:
        import torch

        device = self._model.device
        pinned = torch.empty((len(batch), *batch[0].shape), pin_memory=device.type == "cuda")
        torch.stack([torch.from_numpy(photo) for photo in batch], out=pinned)
        with self._running, torch.inference_mode():
            pixels = pinned.to(device, non_blocking=True)
            features = self._model({"pixel_values": pixels, "modality": "image"})
            unit = torch.nn.functional.normalize(features["sentence_embedding"].float(), dim=1)
        vectors: Vectors = unit.cpu().numpy()  # waits for the GPU, and lets others use it
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


def _pool_positions_first(vision: "nn.Module") -> None:
    """Let SigLIP's pooling take its photos in the order that torch's attention works in.

    It gives the photos first and the positions within them second. Torch then turns them round, and
    to multiply what lies scattered copies the weights for each position: a quarter of the time that
    the whole model takes on a CPU. The vectors are the same.
    """
    from torch import nn

    def turned(_: nn.Module, inputs: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        probe, photos, _ = (each.transpose(0, 1).contiguous() for each in inputs)
        return (probe, photos, photos), options | {"need_weights": False}

    def turned_back(_: nn.Module, inputs: Any, pooled: Any) -> Any:
        return pooled[0].transpose(0, 1), None

    attention = getattr(getattr(vision, "head", None), "attention", None)
    if isinstance(attention, nn.MultiheadAttention) and attention.batch_first:
        attention.batch_first = False
        attention.register_forward_pre_hook(turned, with_kwargs=True)
        attention.register_forward_hook(turned_back)


def _scale_and_bias(transformer: "PreTrainedModel") -> tuple[float, float] | None:
    scale = getattr(transformer, "logit_scale", None)
    bias = getattr(transformer, "logit_bias", None)
    if scale is None or bias is None:
        return None
    return scale.exp().item(), bias.item()


def _unsuitable(name: str, why: str) -> AlbumscopeError:
    return AlbumscopeError(
        "EMBED_MODEL is {name!r}, but that model {why}: set EMBED_MODEL to 'embedded', or"
        " to a SigLIP or CLIP model such as google/siglip2-base-patch16-224",
        name=name,
        why=why,
    )
