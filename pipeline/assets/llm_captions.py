"""A description of each photo."""

from typing import Any

import dagster as dg

from pipeline.assets.exif_metadata import exif_metadata
from pipeline.assets.materialise import AlbumEvents, album_asset, materialise_albums
from pipeline.assets.resources import FailedAlbumsResource, LibraryResource
from pipeline.library.library import Library
from pipeline.library.stages.stage import readable_photos
from pipeline.sources import Album

_SAMPLE = 5  # captions shown in the metadata


@album_asset(
    pool="captioner",
    deps=[exif_metadata],
    group_name="derived",
    kinds={"python", "parquet", "ollama"},
)
def llm_captions(
    context: dg.AssetExecutionContext, library: LibraryResource, failed_albums: FailedAlbumsResource
) -> AlbumEvents:
    """A description and tags for each photo, by the captioner that `CAPTION_MODEL` names.

    A captioner that is not there holds up nothing: what it leaves is work for a later run.
    """
    yield from materialise_albums(
        context,
        library,
        failed_albums,
        "llm_captions",
        lambda album: _sample_captions(library, album),
    )


def _sample_captions(library: Library, album: Album) -> dict[str, Any]:
    captions = library.tables.read("llm_captions", album["album_id"], ["image_id", "caption"])
    titles = {
        photo.image_id: photo.title for photo in readable_photos(library.tables, album["album_id"])
    }
    records = [
        dg.TableRecord({"photo": titles[row["image_id"]], "caption": row["caption"]})
        for row in captions.to_pylist()
        if row["caption"] and row["image_id"] in titles
    ][:_SAMPLE]
    return {"sample of captions": dg.MetadataValue.table(records)} if records else {}
