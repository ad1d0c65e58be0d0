"""A text vector for each caption."""

import dagster as dg

from pipeline.assets.llm_captions import llm_captions
from pipeline.assets.materialise import AlbumEvents, album_asset, materialise_albums
from pipeline.assets.resources import FailedAlbumsResource, LibraryResource


@album_asset(
    pool="gpu",
    deps=[llm_captions],
    group_name="derived",
    kinds={"python", "pytorch", "parquet"},
)
def caption_embeddings(
    context: dg.AssetExecutionContext, library: LibraryResource, failed_albums: FailedAlbumsResource
) -> AlbumEvents:
    """One text vector for each caption, by the model that `TEXT_MODEL` names."""
    yield from materialise_albums(
        context,
        library,
        failed_albums,
        "caption_embeddings",
        lambda album: {"model": library.settings.text_model},
    )
