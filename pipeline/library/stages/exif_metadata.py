"""What a photo says of itself, and what is said of it beside it."""

from collections.abc import Sequence

from typing_extensions import override

from pipeline.library.stages.stage import DECODING_THREADS, Made, Photo, StageOfPhotos
from pipeline.photos.look_ahead import map_ahead
from pipeline.photos.metadata import CODE_VERSION, Metadata, read_metadata
from pipeline.photos.sidecars import located
from pipeline.rows import Row
from pipeline.sources import Album


class ExifMetadata(StageOfPhotos):
    """What a photo says of itself, and what is said of it beside it."""

    table = "exif_metadata"
    producer = f"exif:{CODE_VERSION}"

    @override
    def origin(self, item: Photo) -> Row:
        return {**super().origin(item), "sidecars": item.sidecars}

    @override
    def make(self, album: Album, items: Sequence[Photo]) -> Made[Photo]:
        return map_ahead(
            self._read,
            items,
            threads=DECODING_THREADS,
            look_ahead=64,
        )

    def _read(self, photo: Photo) -> Metadata:
        file = self.file(photo)
        return read_metadata(file, located(file, photo.sidecars))
