"""The versions by which Dagster tells what is synced: of data, of the code that made it, of inputs.

Dagster puts them on the one event that a step has for an asset. Where a step reports an event for
each album only the step knows them, and these tags are the one way to hand them over.
"""

import hashlib

import dagster as dg

from pipeline.library.library import Library
from pipeline.library.schemas import SCHEMAS

CATALOGUE_VERSION = dg.DataVersion("INITIAL")
"""The version of each catalogue of albums, whatever it holds.

A catalogue has one version for all of its albums: as a digest it would have every album unsynced
whenever one comes or goes. What it says of an album shows in the rows of ``raw_images``, whose
versions are of one album each. This is what Dagster itself takes for the version of what was never
materialised, so that a source which is set up later changes nothing for the albums of the others.
"""

_DATA_VERSION = "dagster/data_version"
_CODE_VERSION = "dagster/code_version"
_INPUT_VERSION = "dagster/input_data_version"  # /<asset>
_INPUT_EVENT = "dagster/input_event_pointer"  # /<asset>

_LEFT_OUT = frozenset(
    # when and how a row was made, not what it holds
    {"attempts", "retryable", "created_at", "run_id", "downloaded_at"}
    # where and since when a photo has lain there; how often it was looked at
    | {"path", "mtime_ns", "ctime_ns", "last_update", "views"}
    # what follows from sha256 and producer, and is large
    | {"embedding", "raw"}
)
_ROWS_AT_ONCE = 1024


def data_version(library: Library, table: str, album_id: str) -> str:
    """Return a digest of what a table holds of an album; the same for the same photos and models.

    However often the rows were made, and in how many goes.
    """
    columns = [name for name in SCHEMAS[table].names if name not in _LEFT_OUT]
    rows = library.tables.read(table, album_id, columns).combine_chunks()
    digest = hashlib.sha256()
    for batch in rows.to_batches(max_chunksize=_ROWS_AT_ONCE):
        digest.update(batch.serialize())
    return digest.hexdigest()


def version_tags(
    context: dg.AssetExecutionContext, library: Library, table: str, album_id: str
) -> dict[str, str]:
    """Return the tags of an album's materialisation: its versions, and those it was made from."""
    tags = {
        _DATA_VERSION: data_version(library, table, album_id),
        _CODE_VERSION: library.stages[table].producer,
    }
    for dep in context.assets_def.get_asset_spec(context.asset_key).deps:
        of_album = dg.AssetRecordsFilter(dep.asset_key, asset_partitions=[album_id])
        events = context.instance.fetch_materializations(of_album, limit=1).records
        version, pointer = CATALOGUE_VERSION.value, "NULL"  # catalogues have no events of albums
        if events and events[0].asset_materialization:
            made = events[0].asset_materialization.tags or {}
            version, pointer = made.get(_DATA_VERSION, version), str(events[0].storage_id)
        name = dep.asset_key.to_user_string()
        tags |= {f"{_INPUT_VERSION}/{name}": version, f"{_INPUT_EVENT}/{name}": pointer}
    return tags
