"""The albums in the folders that were added."""

import dagster as dg

from pipeline.assets.materialise import OWNERS, materialise_catalogue
from pipeline.assets.resources import LibraryResource


@dg.asset(group_name="albums", kinds={"python", "parquet", "file"}, owners=OWNERS)
def folder_albums(
    context: dg.AssetExecutionContext, library: LibraryResource
) -> dg.MaterializeResult[None]:
    """Albums found in the folders that `albumscope add-folder` registered.

    Each becomes a partition of `albums`; albums whose folder is gone leave the
    library with the next snapshot.
    """
    return materialise_catalogue(context, library, lambda: library.find_albums("folder_albums"))
