"""The two vector spaces of a snapshot, in which queries are compared with photos."""

import threading
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import AlbumscopeError
from pipeline.models.encoders import Encoder, TextEncoder, Vectors
from pipeline.models.encoders.loading import load_encoder
from pipeline.models.encoders.text_loading import load_text_encoder
from pipeline.snapshot.reading import Snapshot
from pipeline.snapshot.vector_index import VectorIndex
from search_app.search.evidence import Chance, measure_chance

AnyEncoder = TypeVar("AnyEncoder", bound=TextEncoder)


class VectorSpace(Generic[AnyEncoder]):
    """The vectors of the photos of a snapshot, and the model that puts queries among them."""

    def __init__(self, index: VectorIndex, load: Callable[[], AnyEncoder]) -> None:
        """``load`` gives the model, which is not loaded before a query needs it."""
        self.index = index
        self._load = load
        self._measuring = threading.Lock()
        self._chance: Chance | None = None

    @property
    def encoder(self) -> AnyEncoder:
        """The model. Raises AlbumscopeError if it cannot be had, or is not that of the vectors."""
        encoder = self._load()
        if self.index.present.any() and encoder.dimension != self.index.dimension:
            raise AlbumscopeError(
                "The library's vectors have {dimension} numbers each, those of its model {model}"
                " have {needed}: put the model back that they were made with, or run `albumscope"
                " sync`, which makes them anew",
                dimension=self.index.dimension,
                model=encoder.name,
                needed=encoder.dimension,
            )
        return encoder

    @property
    def chance(self) -> Chance:
        """How photos score by chance, measured once."""
        with self._measuring:
            if self._chance is None:
                self._chance = measure_chance(self.index, self.encoder)
            return self._chance

    def vectors(self, rows: NDArray[np.int64]) -> Vectors:
        """The vectors of these rows, shape (len(rows), dimension); NaN for those that have none."""
        vectors = self.index.vectors(rows)
        vectors[~self.index.present[rows]] = np.nan
        return vectors


class VectorSpaces(NamedTuple):
    """Of what photos show, and of what their captions mean."""

    visual: VectorSpace[Encoder]
    caption: VectorSpace[TextEncoder]

    @classmethod
    def of(cls, snapshot: Snapshot, device: str) -> "VectorSpaces":
        """Those of a snapshot, whose manifest names the models; they run on ``device``."""
        models = snapshot.manifest["models"]
        return cls(
            VectorSpace(snapshot.images, lambda: load_encoder(models["embedding"], device)),
            VectorSpace(snapshot.captions, lambda: load_text_encoder(models["text"], device)),
        )
