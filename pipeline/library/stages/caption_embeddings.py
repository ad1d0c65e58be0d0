"""A text vector for each caption, together with the photo's title."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from typing_extensions import override

from pipeline.library.stages.stage import Made, Stage, readable_photos
from pipeline.models.captioners.loading import is_slow
from pipeline.models.encoders.text_loading import load_text_encoder, text_producer
from pipeline.rows import Row
from pipeline.sources import Album

_TEXTS_AT_ONCE = 256


@dataclass(frozen=True)
class CaptionText:
    """A caption that is to be embedded, with the photo's title in front."""

    image_id: int
    text: str


class CaptionEmbeddings(Stage[CaptionText]):
    """One text vector for each caption, together with the photo's title."""

    table = "caption_embeddings"

    @property
    @override
    def is_slow(self) -> bool:
        return is_slow(self.settings.caption_model)  # there is nothing to embed before

    @cached_property
    @override
    def producer(self) -> str:
        return text_producer(self.settings.text_model)

    @override
    def wanted(self, album: Album) -> Sequence[CaptionText]:
        titles = {
            photo.image_id: photo.title for photo in readable_photos(self.tables, album["album_id"])
        }
        rows = self.tables.read("llm_captions", album["album_id"], ["image_id", "caption"])
        return [
            CaptionText(row["image_id"], _with_title(titles[row["image_id"]], row["caption"]))
            for row in rows.to_pylist()
            if row["caption"] and row["image_id"] in titles
        ]

    @override
    def origin(self, item: CaptionText) -> Row:
        digest = hashlib.sha256(item.text.encode()).hexdigest()
        return {"caption_sha256": digest, "producer": self.producer}

    @override
    def make(self, album: Album, items: Sequence[CaptionText]) -> Made[CaptionText]:
        encoder = load_text_encoder(self.settings.text_model, self.settings.device)
        for start in range(0, len(items), _TEXTS_AT_ONCE):
            batch = items[start : start + _TEXTS_AT_ONCE]
            vectors = encoder.encode_texts([item.text for item in batch])
            for item, vector in zip(batch, vectors, strict=True):
                yield item, {"model_name": encoder.name, "embedding": vector}


def _with_title(title: str | None, caption: str) -> str:
    """The text that stands for a photo's caption: with its title, which a person gave it."""
    return f"{title}. {caption}" if title else caption
