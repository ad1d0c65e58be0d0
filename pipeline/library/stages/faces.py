"""The faces in each photo."""

from typing_extensions import override

from pipeline.library.stages.stage import Photo, StageOfPhotos
from pipeline.models.faces.embedded import EmbeddedFaceFinder
from pipeline.photos.decoding import open_photo
from pipeline.rows import Row


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
    def row(self, photo: Photo) -> Row:
        image = open_photo(self.file(photo), self.finder.image_size)
        return {"model_name": self.finder.name, "faces": self.finder.find(image)}
