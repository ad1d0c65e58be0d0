"""What the camera wrote into each photo."""

import dagster as dg

from pipeline.assets.materialise import OWNERS, OfAlbums, materialise_albums
from pipeline.assets.partitions import albums, many_albums_a_run
from pipeline.assets.raw_images import raw_images
from pipeline.assets.resources import FailedAlbumsResource, LibraryResource


@dg.asset(
    partitions_def=albums,
    backfill_policy=many_albums_a_run,
    deps=[raw_images],
    group_name="photos",
    kinds={"python", "parquet"},
    owners=OWNERS,
)
def exif_metadata(
    context: dg.AssetExecutionContext, library: LibraryResource, failed_albums: FailedAlbumsResource
) -> OfAlbums:
    """Camera, lens, exposure, time, place and orientation of each photo, read by ExifRead."""
    yield from materialise_albums(context, library, failed_albums, "exif_metadata")
