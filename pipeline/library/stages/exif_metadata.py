"""What the camera wrote into the file."""

from collections.abc import Sequence

from typing_extensions import override

from pipeline.library.stages.stage import DECODING_THREADS, Made, Photo, StageOfPhotos
from pipeline.photos.exif import CODE_VERSION, read_exif
from pipeline.photos.look_ahead import map_ahead
from pipeline.sources import Album


class ExifMetadata(StageOfPhotos):
    """What the camera wrote into the file."""

    table = "exif_metadata"
    producer = f"exif:{CODE_VERSION}"

    @override
    def make(self, album: Album, items: Sequence[Photo]) -> Made[Photo]:
        return map_ahead(
            lambda photo: read_exif(self.file(photo)),
            items,
            threads=DECODING_THREADS,
            look_ahead=64,
        )
