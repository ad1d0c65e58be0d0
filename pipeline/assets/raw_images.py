"""The photos of each album, on disk."""

import base64
import io
from collections.abc import Mapping
from typing import Any

import dagster as dg
from PIL import Image, ImageOps

from pipeline.assets._albums import OWNERS, materialise_albums
from pipeline.assets.flickr_albums import flickr_albums
from pipeline.assets.folder_albums import folder_albums
from pipeline.errors import PhotoError
from pipeline.incremental import Row
from pipeline.library import Library
from pipeline.partitions import albums, many_albums_a_run
from pipeline.photos import open_photo
from pipeline.resources import LibraryResource
from pipeline.stages import readable_photos

_STRIP_PHOTOS, _STRIP_SIDE = 10, 80  # thumbnails, and their side in pixels


@dg.asset(
    partitions_def=albums,
    backfill_policy=many_albums_a_run,
    deps=[
        dg.AssetDep(flickr_albums),
        dg.AssetDep(folder_albums),
    ],
    group_name="photos",
    kinds={"python", "parquet", "image"},
    owners=OWNERS,
)
def raw_images(
    context: dg.AssetExecutionContext, library: LibraryResource
) -> dg.MaterializeResult[None]:
    """The album's photos on disk, one row each: path, format, size in pixels, SHA-256.

    Photos of folder albums are indexed where they lie. A file that is no photo is a row too, with
    the reason.
    """
    return materialise_albums(
        context, library, "raw_images", lambda album: _thumbnails(library, album)
    )


def _thumbnails(library: Library, album: Row) -> Mapping[str, Any]:
    """A strip of the album's first photos, as a picture that Dagster's UI shows."""
    photos = readable_photos(library.store, album["album_id"])[:_STRIP_PHOTOS]
    strip = Image.new("RGB", (_STRIP_SIDE * max(len(photos), 1), _STRIP_SIDE), "white")
    for number, photo in enumerate(photos):
        try:
            image = open_photo(photo.path, _STRIP_SIDE)
        except PhotoError:  # its row will say so when it is embedded
            continue
        strip.paste(ImageOps.fit(image, (_STRIP_SIDE, _STRIP_SIDE)), (_STRIP_SIDE * number, 0))
    file = io.BytesIO()
    strip.save(file, "JPEG", quality=70)
    encoded = base64.b64encode(file.getvalue()).decode()
    return {"thumbnails": dg.MetadataValue.md(f"![thumbnails](data:image/jpeg;base64,{encoded})")}
