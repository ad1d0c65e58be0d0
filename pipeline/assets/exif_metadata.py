"""What the camera wrote into each photo."""

import dagster as dg

from pipeline.assets._albums import OWNERS, materialise_albums
from pipeline.assets.raw_images import raw_images
from pipeline.partitions import albums, many_albums_a_run
from pipeline.resources import LibraryResource


@dg.asset(
    partitions_def=albums,
    backfill_policy=many_albums_a_run,
    deps=[raw_images],
    group_name="photos",
    kinds={"python", "parquet"},
    owners=OWNERS,
)
def exif_metadata(
    context: dg.AssetExecutionContext, library: LibraryResource
) -> dg.MaterializeResult[None]:
    """Camera, lens, exposure, time, place and orientation of each photo, read by ExifRead."""
    return materialise_albums(context, library, "exif_metadata")
