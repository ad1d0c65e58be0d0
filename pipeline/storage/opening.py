"""Which storage the settings name."""

from pipeline.settings import Settings
from pipeline.storage import Storage
from pipeline.storage.bucket import open_bucket
from pipeline.storage.bucket_storage import BucketStorage
from pipeline.storage.disk import DiskStorage


def open_storage(settings: Settings) -> Storage:
    """The storage of the library: DATA_DIR, or LIBRARY_URL. Raises AlbumscopeError."""
    if settings.library_url is None:
        return DiskStorage(settings.library_dir)
    return BucketStorage(open_bucket(settings.library_url), settings.library_dir)
