"""The text that can be read in each photo."""

import dagster as dg

from pipeline.assets.exif_metadata import exif_metadata
from pipeline.assets.materialise import AlbumEvents, album_asset, materialise_albums
from pipeline.assets.resources import FailedAlbumsResource, LibraryResource
from pipeline.library.library import Library
from pipeline.sources import Album

_SAMPLE = 5  # lines shown in the metadata


@album_asset(
    pool="ocr", deps=[exif_metadata], group_name="derived", kinds={"python", "onnx", "parquet"}
)
def visible_text(
    context: dg.AssetExecutionContext, library: LibraryResource, failed_albums: FailedAlbumsResource
) -> AlbumEvents:
    """The lines of text in each photo, of slides, badges and signs, unless `OCR` is off."""
    yield from materialise_albums(
        context,
        library,
        failed_albums,
        "visible_text",
        lambda album: _what_was_read(library, album),
    )


def _what_was_read(library: Library, album: Album) -> dict[str, object]:
    photos = library.tables.read("visible_text", album["album_id"], ["lines"])["lines"].to_pylist()
    lines = [line["text"] for photo in photos for line in photo or ()]
    return {"photos with text": sum(map(bool, photos)), "sample of lines": lines[:_SAMPLE]}
