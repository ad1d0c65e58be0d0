"""The faces in each photo."""

from collections.abc import Sequence

from typing_extensions import override

from pipeline.library.stages.stage import DECODING_THREADS, Made, Photo, StageOfPhotos
from pipeline.models.faces.embedded import EmbeddedFaceFinder
from pipeline.photos.decoding import open_photo
from pipeline.photos.look_ahead import map_ahead
from pipeline.rows import Row
from pipeline.sources import Album


class Faces(StageOfPhotos):
    """The faces in a photo, each with a vector that tells people apart."""

    table = "faces"
    producer = EmbeddedFaceFinder.producer
    finder = EmbeddedFaceFinder()

    @property
    @override
    def active(self) -> bool:
        return self.settings.faces

    @property
    @override
    def is_slow(self) -> bool:
        return True

    @override
    def make(self, album: Album, items: Sequence[Photo]) -> Made[Photo]:
        return map_ahead(
            self._find, items, threads=DECODING_THREADS, look_ahead=2 * DECODING_THREADS
        )

    def _find(self, photo: Photo) -> Row:
        image = open_photo(self.file(photo), self.finder.image_size)
        return {"model_name": self.finder.name, "faces": self.finder.find(image)}
