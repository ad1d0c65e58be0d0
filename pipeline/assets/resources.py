"""What assets and checks are handed by Dagster."""

from collections.abc import Callable, Mapping, Sequence

import dagster as dg
from dagster_duckdb import DuckDBResource

from pipeline.assets.instance import keep_to_one_library
from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.sources import AlbumListing

LibraryResource = dg.ResourceParam[Library]
"""The annotation of an asset's or check's parameter ``library``."""

Listings = Mapping[str, AlbumListing]
"""By source, the albums that it was just found to have, so that it is not asked once more."""
ListingsResource = dg.ResourceParam[Listings]
"""The annotation of an asset's parameter ``listings``."""

FailedAlbums = dict[str, str]
"""The albums that failed in this run so far, with the reason."""
FailedAlbumsResource = dg.ResourceParam[FailedAlbums]
"""The annotation of an asset's parameter ``failed_albums``."""

Search = Callable[[Settings, Sequence[str]], list[list[int]]]
"""For each text the ids of the photos that the current snapshot has for it, the best first."""
SearchResource = dg.ResourceParam[Search]
"""The annotation of a check's parameter ``search``."""


def resources(library: Library, listings: Listings, search: Search | None) -> dict[str, object]:
    """The library, and an in-memory DuckDB to query its tables with and write snapshots through."""
    return {
        **({"search": search} if search else {}),
        "library": dg.ResourceDefinition(lambda context: _checked(library, context)),
        "listings": listings,
        "duckdb": DuckDBResource(database=":memory:"),
        # made anew for each run
        "failed_albums": dg.ResourceDefinition(lambda _: {}),
    }


def _checked(library: Library, context: dg.InitResourceContext) -> Library:
    """The library, for what runs in an instance of its own. Raises AlbumscopeError in others."""
    if context.instance:
        keep_to_one_library(context.instance, library.settings)
    return library
