"""The albums of a Flickr user."""

import dagster as dg

from pipeline.assets.materialise import OWNERS, materialise_catalogue
from pipeline.assets.resources import LibraryResource
from pipeline.assets.versions import CATALOGUE_VERSION


@dg.asset(group_name="albums", kinds={"python", "parquet", "flickr"}, owners=OWNERS, pool="flickr")
def flickr_albums(
    context: dg.AssetExecutionContext, library: LibraryResource
) -> dg.MaterializeResult[None]:
    """Albums of the Flickr user that `FLICKR_USER_ID` names; without a key those known so far.

    Each becomes a partition of `albums`; albums that Flickr lists no more leave the library with
    the next snapshot.
    """
    if not library.flickr.is_set_up:
        return dg.MaterializeResult(
            data_version=CATALOGUE_VERSION,
            metadata={"state": "Flickr is not set up: set FLICKR_API_KEY"},
        )
    return materialise_catalogue(context, library, lambda: library.find_albums("flickr_albums"))
