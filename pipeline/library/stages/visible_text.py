"""The text that can be read in each photo."""

from typing_extensions import override

from pipeline.library.stages.stage import Photo, StageOfPhotos
from pipeline.models.readers.embedded import EmbeddedReader
from pipeline.photos.decoding import open_photo
from pipeline.rows import Row


class VisibleText(StageOfPhotos):
    """The lines of text in a photo, of slides, badges and signs; none in most."""

    table = "visible_text"
    producer = EmbeddedReader.producer
    reader = EmbeddedReader()

    @property
    @override
    def active(self) -> bool:
        return self.settings.ocr

    @property
    @override
    def is_slow(self) -> bool:
        return True

    @override
    def row(self, photo: Photo) -> Row:
        image = open_photo(self.file(photo), self.reader.image_size)
        return {"model_name": self.reader.name, "lines": self.reader.read(image)}
