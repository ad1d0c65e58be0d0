"""A vector for each photo."""

import dagster as dg

from pipeline.assets.exif_metadata import exif_metadata
from pipeline.assets.materialise import OWNERS, OfAlbums, materialise_albums
from pipeline.assets.partitions import albums, many_albums_a_run
from pipeline.assets.resources import FailedAlbumsResource, LibraryResource


@dg.asset(
    partitions_def=albums,
    backfill_policy=many_albums_a_run,
    pool="gpu",
    deps=[exif_metadata],
    group_name="derived",
    kinds={"python", "pytorch", "parquet"},
    owners=OWNERS,
)
def siglip_embeddings(
    context: dg.AssetExecutionContext, library: LibraryResource, failed_albums: FailedAlbumsResource
) -> OfAlbums:
    """One vector for each photo, by the encoder that `EMBED_MODEL` names.

    Texts are embedded into the same space when somebody searches.
    """
    yield from materialise_albums(
        context,
        library,
        failed_albums,
        "siglip_embeddings",
        lambda album: {"model": library.settings.embed_model},
    )
