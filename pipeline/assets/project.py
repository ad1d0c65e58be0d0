"""The Dagster project: all assets, checks, jobs and their resources, over one library."""

from types import MappingProxyType

import dagster as dg

from pipeline.assets.automation import (
    album_changes,
    find_albums,
    folder_changes,
    nightly_sync,
    sync_album,
)
from pipeline.assets.caption_embeddings import caption_embeddings
from pipeline.assets.checks import ASSET_CHECKS, judged_queries
from pipeline.assets.exif_metadata import exif_metadata
from pipeline.assets.faces import faces
from pipeline.assets.faiss_index import faiss_index
from pipeline.assets.llm_captions import llm_captions
from pipeline.assets.night_report import night_report
from pipeline.assets.raw_images import raw_images
from pipeline.assets.resources import Listings, Search, resources
from pipeline.assets.siglip_embeddings import siglip_embeddings
from pipeline.assets.source_albums import SOURCE_ALBUMS
from pipeline.assets.visible_text import visible_text
from pipeline.library.library import Library

_OF_ALBUMS = (
    *(raw_images, exif_metadata, llm_captions, visible_text, faces),
    *(siglip_embeddings, caption_embeddings),
)


def definitions(
    library: Library, listings: Listings = MappingProxyType({}), search: Search | None = None
) -> dg.Definitions:
    """The project over this library.

    ``listings`` are the albums that sources were just found to have, by source. ``search`` is for
    the check that needs it: assets know nothing of searching, so whoever opens the project for
    people (the command line, ``pipeline.definitions``) hands it in.
    """

    def with_producer(spec: dg.AssetSpec) -> dg.AssetSpec:
        """Say which code makes the rows, as the settings have it: model name and version."""
        producer = library.stages[spec.key.to_user_string()].producer
        return spec.replace_attributes(code_version=producer)

    return dg.Definitions(
        assets=[
            *SOURCE_ALBUMS,
            *dg.map_asset_specs(with_producer, _OF_ALBUMS),
            faiss_index,
        ],
        asset_checks=[*ASSET_CHECKS, *([judged_queries] if search else [])],
        jobs=[sync_album, find_albums],
        schedules=[nightly_sync(library.settings)],
        sensors=[kind(library.settings) for kind in (album_changes, folder_changes, night_report)],
        resources=resources(library, listings, search),
        # In one process, so that a model is loaded once for all steps and albums of a run.
        executor=dg.in_process_executor,
    )
