"""What assets and checks are handed by Dagster."""

import dagster as dg
from dagster_duckdb import DuckDBResource

from pipeline.library.library import Library

LibraryResource = dg.ResourceParam[Library]
"""The annotation of an asset's or check's parameter ``library``."""

FailedAlbums = dict[str, str]
"""The albums that failed in this run so far, with the reason."""
FailedAlbumsResource = dg.ResourceParam[FailedAlbums]
"""The annotation of an asset's parameter ``failed_albums``."""


def resources(library: Library) -> dict[str, object]:
    """The library, and an in-memory DuckDB to query its tables with and write snapshots through."""
    return {
        "library": library,
        "duckdb": DuckDBResource(database=":memory:"),
        # made anew for each run
        "failed_albums": dg.ResourceDefinition(lambda _: {}),
    }
