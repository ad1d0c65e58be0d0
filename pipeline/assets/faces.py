"""The faces in each photo."""

import dagster as dg

from pipeline.assets.exif_metadata import exif_metadata
from pipeline.assets.materialise import AlbumEvents, album_asset, materialise_albums
from pipeline.assets.resources import FailedAlbumsResource, LibraryResource
from pipeline.library.library import Library
from pipeline.sources import Album


@album_asset(
    pool="faces", deps=[exif_metadata], group_name="derived", kinds={"python", "onnx", "parquet"}
)
def faces(
    context: dg.AssetExecutionContext, library: LibraryResource, failed_albums: FailedAlbumsResource
) -> AlbumEvents:
    """The faces in each photo, with a vector that tells people apart, unless `FACES` is off."""
    yield from materialise_albums(
        context, library, failed_albums, "faces", lambda album: _counts(library, album)
    )


def _counts(library: Library, album: Album) -> dict[str, object]:
    photos = library.tables.read("faces", album["album_id"], ["faces"])["faces"]
    found = [len(faces or ()) for faces in photos]
    return {"faces": sum(found), "photos with faces": sum(map(bool, found))}
