"""A vector for each photo."""

import dagster as dg

from pipeline.assets.exif_metadata import exif_metadata
from pipeline.assets.materialise import AlbumEvents, album_asset, materialise_albums
from pipeline.assets.resources import FailedAlbumsResource, LibraryResource


@album_asset(
    pool="gpu",
    priority=1,  # the embedded captioner needs no look at what was embedded
    deps=[exif_metadata],
    group_name="derived",
    kinds={"python", "pytorch", "parquet"},
)
def siglip_embeddings(
    context: dg.AssetExecutionContext, library: LibraryResource, failed_albums: FailedAlbumsResource
) -> AlbumEvents:
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
