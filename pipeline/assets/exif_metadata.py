"""What the camera wrote into each photo."""

import dagster as dg

from pipeline.assets.materialise import AlbumEvents, album_asset, materialise_albums
from pipeline.assets.raw_images import raw_images
from pipeline.assets.resources import FailedAlbumsResource, LibraryResource


@album_asset(
    deps=[raw_images],
    group_name="photos",
    kinds={"python", "parquet"},
)
def exif_metadata(
    context: dg.AssetExecutionContext, library: LibraryResource, failed_albums: FailedAlbumsResource
) -> AlbumEvents:
    """Camera, lens, exposure, time, place and orientation of each photo, read by ExifRead."""
    yield from materialise_albums(context, library, failed_albums, "exif_metadata")
