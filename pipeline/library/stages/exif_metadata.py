"""What a photo says of itself, and what is said of it beside it."""

from typing_extensions import override

from pipeline.library.stages.stage import Photo, StageOfPhotos
from pipeline.photos.metadata import CODE_VERSION, Metadata, read_metadata
from pipeline.photos.sidecars import located
from pipeline.rows import Row


class ExifMetadata(StageOfPhotos):
    """What a photo says of itself, and what is said of it beside it."""

    table = "exif_metadata"
    producer = f"exif:{CODE_VERSION}"
    look_ahead = 64

    @override
    def origin(self, item: Photo) -> Row:
        return {**super().origin(item), "sidecars": item.sidecars}

    @override
    def row(self, photo: Photo) -> Metadata:
        file = self.file(photo)
        return read_metadata(file, located(file, photo.sidecars))
