"""The albums in the folders that were added."""

import dagster as dg

from pipeline.assets._albums import OWNERS
from pipeline.partitions import match_catalogue
from pipeline.resources import LibraryResource
from pipeline.sources import folder


@dg.asset(group_name="albums", kinds={"python", "parquet", "file"}, owners=OWNERS)
def folder_albums(
    context: dg.AssetExecutionContext, library: LibraryResource
) -> dg.MaterializeResult[None]:
    """Albums found in the folders that `albumscope add-folder` registered.

    Each becomes a partition of `albums`; albums whose folder is gone leave the
    library with the next snapshot.
    """
    albums, warnings = folder.find_albums(library.store)
    for warning in warnings:
        context.log.warning(warning)
    library.replace_albums(folder.CATALOGUE, albums)
    added, dropped = match_catalogue(context.instance, library)
    return dg.MaterializeResult(
        metadata={
            "albums": albums.num_rows,
            "albums new": added,
            "albums removed": dropped,
            "photos": sum(albums["photo_count"].to_pylist()),
            "warnings": warnings,
            "dagster/row_count": albums.num_rows,
        }
    )
