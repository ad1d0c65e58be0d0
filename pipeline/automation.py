"""Jobs: what runs in one go."""

import dagster as dg

from pipeline.assets.faiss_index import faiss_index
from pipeline.assets.raw_images import raw_images

sync_album = dg.define_asset_job(
    "sync_album",
    selection=dg.AssetSelection.assets(raw_images).downstream()
    | dg.AssetSelection.assets(faiss_index),
    description="One album from its photos on disk to the published snapshot.",
)
find_albums = dg.define_asset_job(
    "find_albums",
    selection=dg.AssetSelection.groups("albums"),
    description="Look for albums in all sources and register them as partitions.",
)
