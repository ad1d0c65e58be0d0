"""The columns of every Parquet table that the assets write.

Times are UTC without a zone, but for ``taken_at``, which is what the camera's clock said. A table
whose rows can fail has the columns of ``_OUTCOME``: a row with an ``error`` has nulls for the rest.
``run_id`` is the Dagster run that made the row; a row that is copied keeps the one that made it.
"""

import pyarrow as pa

_TIME = pa.timestamp("us")
_OUTCOME = [
    ("error", pa.string()),
    ("attempts", pa.int32()),
    ("retryable", pa.bool_()),
    ("created_at", _TIME),
    ("run_id", pa.string()),
]
_OF_PHOTO = [("image_id", pa.int64()), ("sha256", pa.string()), ("producer", pa.string())]

SCHEMAS: dict[str, pa.Schema] = {
    "albums": pa.schema(
        [
            ("album_id", pa.string()),
            ("source", pa.string()),
            ("title", pa.string()),
            ("description", pa.string()),
            ("url", pa.string()),
            ("photo_count", pa.int64()),
            ("event_name", pa.string()),
            ("event_year", pa.int32()),
            ("event_type", pa.string()),
            ("created_at", _TIME),
            ("updated_at", _TIME),
            # Flickr albums: the user's id, and how many videos, which are left out.
            ("owner", pa.string()),
            ("video_count", pa.int64()),
            # Folder albums: where the photos lie, and the registered folder that relative
            # paths start from. Bytes, because a file name need not be text.
            ("folder", pa.binary()),
            ("root", pa.binary()),
        ]
    ),
    "raw_images": pa.schema(
        [
            ("image_id", pa.int64()),
            ("path", pa.binary()),
            ("image_url", pa.string()),
            ("page_url", pa.string()),
            ("relative_path", pa.string()),
            ("local_filename", pa.string()),
            ("source", pa.string()),
            ("flickr_photo_id", pa.string()),
            ("title", pa.string()),
            ("description", pa.string()),
            ("tags", pa.list_(pa.string())),
            ("owner", pa.string()),
            ("license", pa.string()),
            ("image_format", pa.string()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("file_size_bytes", pa.int64()),
            ("mtime_ns", pa.int64()),
            ("ctime_ns", pa.int64()),
            ("sha256", pa.string()),
            ("uploaded_at", _TIME),
            ("downloaded_at", _TIME),
            # Of photos from Flickr: what says that the picture or its data changed, and what
            # Flickr knows that the file may not: when and where (degrees), how often looked at.
            ("secret", pa.string()),
            ("last_update", _TIME),
            ("taken_at", _TIME),
            ("latitude", pa.float64()),
            ("longitude", pa.float64()),
            ("views", pa.int64()),
            *_OUTCOME,
        ]
    ),
    "exif_metadata": pa.schema(
        [
            *_OF_PHOTO,
            ("camera_make", pa.string()),
            ("camera_model", pa.string()),
            ("lens_model", pa.string()),
            ("exposure_time", pa.float64()),
            ("f_number", pa.float64()),
            ("iso", pa.int32()),
            ("focal_length", pa.float64()),
            ("flash", pa.bool_()),
            ("orientation", pa.int8()),
            ("taken_at", _TIME),
            ("taken_at_offset", pa.string()),
            ("latitude", pa.float64()),
            ("longitude", pa.float64()),
            ("altitude", pa.float64()),
            ("direction", pa.float64()),
            ("software", pa.string()),
            ("artist", pa.string()),
            ("copyright", pa.string()),
            ("raw", pa.string()),
            *_OUTCOME,
        ]
    ),
    "llm_captions": pa.schema(
        [
            *_OF_PHOTO,
            ("model_name", pa.string()),
            ("caption", pa.string()),
            ("tags", pa.list_(pa.string())),
            ("visible_text", pa.string()),
            ("has_people", pa.bool_()),
            ("language", pa.string()),
            *_OUTCOME,
        ]
    ),
    "siglip_embeddings": pa.schema(
        [
            *_OF_PHOTO,
            ("model_name", pa.string()),
            ("embedding", pa.list_(pa.float32())),
            *_OUTCOME,
        ]
    ),
    "caption_embeddings": pa.schema(
        [
            ("image_id", pa.int64()),
            ("caption_sha256", pa.string()),
            ("producer", pa.string()),
            ("model_name", pa.string()),
            ("embedding", pa.list_(pa.float32())),
            *_OUTCOME,
        ]
    ),
}

ALBUM_TABLES = tuple(name for name in SCHEMAS if name != "albums")
"""The tables with one file for each album, in the order in which they are made."""

VECTOR_TABLES = ("siglip_embeddings", "caption_embeddings")
"""Those with a vector in each row."""
