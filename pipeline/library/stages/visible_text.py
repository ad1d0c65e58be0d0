"""The text that can be read in each photo."""

from collections.abc import Sequence

from typing_extensions import override

from pipeline.library.stages.stage import DECODING_THREADS, Made, Photo, StageOfPhotos
from pipeline.models.readers.embedded import EmbeddedReader
from pipeline.photos.decoding import open_photo
from pipeline.photos.look_ahead import map_ahead
from pipeline.rows import Row
from pipeline.sources import Album


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
    def make(self, album: Album, items: Sequence[Photo]) -> Made[Photo]:
        return map_ahead(
            self._read, items, threads=DECODING_THREADS, look_ahead=2 * DECODING_THREADS
        )

    def _read(self, photo: Photo) -> Row:
        image = open_photo(self.file(photo), self.reader.image_size)
        return {"model_name": self.reader.name, "lines": self.reader.read(image)}
