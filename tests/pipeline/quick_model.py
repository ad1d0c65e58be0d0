"""Models that take no time, for tests of something else; the real ones take 0.25 s a photo."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from pipeline.models.captioners import Caption, PhotoContext
from pipeline.models.encoders import Vectors


class QuickModel:
    """Stands in for an encoder, a text encoder and a captioner; counts the photos it is given."""

    name = producer = "quick"
    dimension = 3
    image_size = 8
    batch_size = 16
    in_flight = 2

    def __init__(self) -> None:
        self.embedded = self.described = 0

    def prepare(self, image: Image.Image) -> Vectors:
        return np.asarray(image, np.float32).mean((0, 1)) + 1

    def encode_prepared(self, batch: Sequence[Vectors]) -> Vectors:
        self.embedded += len(batch)
        return self._unit(batch)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        return self._unit([np.array([len(text), 1, 1], np.float32) for text in texts])

    def _unit(self, vectors: Sequence[Vectors]) -> Vectors:
        stacked = np.stack(vectors)
        return stacked / np.linalg.norm(stacked, axis=1, keepdims=True)

    def describe(self, image: Image.Image, context: PhotoContext) -> Caption:
        self.described += 1
        return Caption(f"All in all {self.prepare(image)}", ["picture"])


def use_quick_models(patch: pytest.MonkeyPatch) -> QuickModel:
    """Have the stages load this instead of what the settings name; returns the one that they do."""
    model = QuickModel()
    for loader in (
        "llm_captions.load_captioner",
        "siglip_embeddings.load_encoder",
        "caption_embeddings.load_text_encoder",
    ):
        patch.setattr(f"pipeline.library.stages.{loader}", lambda *_: model)
    return model
