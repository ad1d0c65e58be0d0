"""A vector for each photo, in the space that queries are embedded into too, and its ThumbHash."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice, zip_longest
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from pipeline.errors import PhotoError
from pipeline.library.stages.stage import DECODING_THREADS, Photo, StageOfPhotos
from pipeline.models.encoders import Encoder, LabellingEncoder
from pipeline.models.encoders.loading import embed_producer, load_encoder
from pipeline.photos.decoding import open_photo
from pipeline.photos.look_ahead import map_ahead
from pipeline.photos.thumbhash import thumbhash
from pipeline.rows import Row
from pipeline.sources import Album


class Prepared(NamedTuple):
    """What is left of a photo once it was decoded: an encoder's input, and its ThumbHash."""

    pixels: NDArray[np.float32]
    thumbhash: str


class SiglipEmbeddings(StageOfPhotos):
    """One vector for each photo, in the space that queries are embedded into too.

    As this is the table for which every photo is decoded, it has the ThumbHash as well.
    """

    table = "siglip_embeddings"

    @cached_property
    @override
    def producer(self) -> str:
        return embed_producer(self.settings.embed_model)

    @override
    def make(
        self, album: Album, items: Sequence[Photo]
    ) -> Iterator[tuple[Photo, Row | PhotoError]]:
        encoder = load_encoder(self.settings.embed_model, self.settings.device)
        size = self.settings.batch_size or encoder.batch_size

        def prepare(photo: Photo) -> Prepared:
            image = open_photo(self.file(photo), encoder.image_size)
            return Prepared(encoder.prepare(image), thumbhash(image))

        def embed(
            batch: list[tuple[Photo, Prepared | PhotoError]],
        ) -> list[tuple[Photo, Row | PhotoError]]:
            good = [prepared for _, prepared in batch if not isinstance(prepared, PhotoError)]
            rows = iter(_rows(encoder, good) if good else ())
            return [
                (photo, prepared if isinstance(prepared, PhotoError) else next(rows))
                for photo, prepared in batch
            ]

        prepared = map_ahead(
            prepare,
            items,
            threads=DECODING_THREADS,
            look_ahead=size + DECODING_THREADS,
        )
        batches = iter(lambda: list(islice(prepared, size)), [])
        at_once = encoder.in_flight
        for _, rows in map_ahead(embed, batches, threads=at_once, look_ahead=2 * at_once):
            assert not isinstance(rows, PhotoError)
            yield from rows


def _rows(encoder: Encoder, batch: Sequence[Prepared]) -> Iterator[Row]:
    """The vector of each prepared photo and, where the encoder knows it, what the photo shows."""
    pixels = [photo.pixels for photo in batch]
    if isinstance(encoder, LabellingEncoder):
        vectors, labels = encoder.encode_and_label(pixels)
    else:
        vectors, labels = encoder.encode_prepared(pixels), ()
    for photo, vector, seen in zip_longest(batch, vectors, labels):
        yield {
            "thumbhash": photo.thumbhash,
            "model_name": encoder.name,
            "embedding": vector,
            "labels": None if seen is None else list(seen),
            "label_probabilities": None if seen is None else list(seen.values()),
        }
