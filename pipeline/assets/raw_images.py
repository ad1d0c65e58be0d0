"""The photos of each album, on disk."""

import base64
import io
from collections import Counter
from typing import Any

import dagster as dg
from PIL import Image, ImageOps

from pipeline.assets.materialise import AlbumEvents, album_asset, materialise_albums
from pipeline.assets.resources import FailedAlbumsResource, LibraryResource
from pipeline.assets.source_albums import SOURCE_ALBUMS
from pipeline.errors import PhotoError
from pipeline.library.library import Library
from pipeline.library.stages.stage import readable_photos
from pipeline.photos.decoding import open_photo
from pipeline.photos.files import photo_file
from pipeline.sources import Album

_STRIP_PHOTOS, _STRIP_SIDE = 10, 80  # thumbnails, and their side in pixels


@album_asset(
    pool="flickr",
    deps=SOURCE_ALBUMS,
    group_name="photos",
    kinds={"python", "parquet", "image"},
)
def raw_images(
    context: dg.AssetExecutionContext, library: LibraryResource, failed_albums: FailedAlbumsResource
) -> AlbumEvents:
    """The album's photos on disk, one row each: path, format, size in pixels, SHA-256.

    Its source is asked what the album holds. New and replaced pictures are downloaded, from Flickr
    say; photos that are files on this machine are indexed where they lie. A photo that cannot be
    had is a row too, with the reason.
    """
    yield from materialise_albums(
        context,
        library,
        failed_albums,
        "raw_images",
        lambda album: _failed(library, album) | _thumbnails(library, album),
    )


def _failed(library: Library, album: Album) -> dict[str, Any]:
    """How many photos there are for each reason why one cannot be had, and how many videos."""
    rows = library.tables.read("raw_images", album["album_id"], ["error"])
    reasons = Counter(reason for reason in rows["error"].to_pylist() if reason)
    return {"videos skipped": album["video_count"] or 0, "photos failed, by reason": dict(reasons)}


def _thumbnails(library: Library, album: Album) -> dict[str, Any]:
    """A strip of the album's first photos, as a picture that Dagster's UI shows."""
    photos = readable_photos(library.tables, album["album_id"])[:_STRIP_PHOTOS]
    strip = Image.new("RGB", (_STRIP_SIDE * max(len(photos), 1), _STRIP_SIDE), "white")
    for number, photo in enumerate(photos):
        try:
            path = photo_file(library.storage, photo.path, photo.sha256)
            image = open_photo(path, _STRIP_SIDE)
        except PhotoError:  # its row will say so when it is embedded
            continue
        strip.paste(ImageOps.fit(image, (_STRIP_SIDE, _STRIP_SIDE)), (_STRIP_SIDE * number, 0))
    file = io.BytesIO()
    strip.save(file, "JPEG", quality=70)
    encoded = base64.b64encode(file.getvalue()).decode()
    return {"thumbnails": dg.MetadataValue.md(f"![thumbnails](data:image/jpeg;base64,{encoded})")}
