"""The embedded reader: PP-OCRv6 as the package rapidocr ships and runs it.

One model finds lines, another reads English, German, Japanese, Chinese and more.
"""

import logging
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pipeline.models.loading import one_at_a_time
from pipeline.models.readers import Line

if TYPE_CHECKING:
    from rapidocr import RapidOCR

CODE_VERSION = 1
"""To be raised by any change that changes what is read."""

_SIDE = 736  # pixels of the short side; the model that finds lines enlarges smaller ones to it
_LEAST_SCORE = 0.9  # below it are mostly leaves and bricks that look like letters
_LEAST_LENGTH = 3  # characters; of shorter ones too many are none


class EmbeddedReader:
    """Reads with PP-OCRv6 small. Implements ``Reader``."""

    name = "PP-OCRv6 small"
    producer = f"pp-ocrv6-small:{CODE_VERSION}"
    image_size = _SIDE

    def read(self, image: Image.Image) -> list[Line]:
        """The lines in one upright RGB photo, from top to bottom. Thread-safe, on one core."""
        scale = _SIDE / min(image.size)
        if scale < 1:
            image = image.resize([max(round(side * scale), 1) for side in image.size])
        found = _model()(np.asarray(image)[:, :, ::-1])
        if not found.txts:
            return []
        percent = 100 / np.array(image.size)
        return [
            Line(text=text, score=float(score), corners=(corners * percent).ravel().tolist())
            for text, score, corners in zip(found.txts, found.scores, found.boxes, strict=True)
            if sum(character.isalnum() for character in text) >= _LEAST_LENGTH
        ]


@one_at_a_time
@lru_cache(maxsize=1)
def _model() -> "RapidOCR":
    """The model, with one thread: photos are read side by side."""
    from rapidocr import RapidOCR

    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)  # it says when it finds no text
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.text_score": _LEAST_SCORE,
            "Global.use_cls": False,  # which only turns text that stands on its head
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
