"""The albums of each source: for each an asset, `flickr_albums`, `folder_albums` and so on."""

import inspect
from typing import Any

import dagster as dg

from pipeline.assets.materialise import OWNERS, materialise_catalogue
from pipeline.assets.resources import LibraryResource, ListingsResource
from pipeline.assets.versions import CATALOGUE_VERSION
from pipeline.sources import Source
from pipeline.sources.registry import SOURCES


def asset_of(source: str) -> dg.AssetKey:
    """The asset that finds the albums of a source."""
    return dg.AssetKey(f"{source}_albums")


def _albums_asset(kind: type[Source[Any]]) -> dg.AssetsDefinition:
    @dg.asset(
        key=asset_of(kind.name),
        description=f"{(inspect.getdoc(kind) or '').partition(chr(10))[0]}\n\nEach becomes a"
        " partition of `albums`; albums that are not found any more leave the library with the next"
        " snapshot.",
        group_name="albums",
        kinds={"python", "parquet", kind.name},
        owners=OWNERS,
        pool="flickr" if kind.is_remote else None,
    )
    def find_albums(
        context: dg.AssetExecutionContext, library: LibraryResource, listings: ListingsResource
    ) -> dg.MaterializeResult[None]:
        if setting := library.sources[kind.name].missing_setting:
            return dg.MaterializeResult(
                data_version=CATALOGUE_VERSION,
                metadata={"state": f"Not set up: set {setting}"},
            )
        return materialise_catalogue(
            context, library, lambda: listings.get(kind.name) or library.find_albums(kind.name)
        )

    return find_albums


SOURCE_ALBUMS = [_albums_asset(kind) for kind in SOURCES.values()]
