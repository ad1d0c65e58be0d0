"""A vector for each photo."""

import dagster as dg

from pipeline.assets._albums import OWNERS, materialise_albums
from pipeline.assets.exif_metadata import exif_metadata
from pipeline.partitions import albums, many_albums_a_run
from pipeline.resources import LibraryResource


@dg.asset(
    partitions_def=albums,
    backfill_policy=many_albums_a_run,
    deps=[exif_metadata],
    group_name="derived",
    kinds={"python", "pytorch", "parquet"},
    owners=OWNERS,
)
def siglip_embeddings(
    context: dg.AssetExecutionContext, library: LibraryResource
) -> dg.MaterializeResult[None]:
    """One vector for each photo, by the encoder that `EMBED_MODEL` names.

    Texts are embedded into the same space when somebody searches.
    """
    return materialise_albums(
        context,
        library,
        "siglip_embeddings",
        lambda album: {"model": library.settings.embed_model},
    )
