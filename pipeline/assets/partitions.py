"""The partitions: one for each album, found at run time; and how many of them a run takes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import dagster as dg

from pipeline.library.library import Library
from pipeline.rows import Row

albums = dg.DynamicPartitionsDefinition(name="albums")

ALBUMS_A_RUN = 25
"""How many albums one run of a backfill takes, so that it loads each model once for all."""

many_albums_a_run = dg.BackfillPolicy.multi_run(ALBUMS_A_RUN)

TITLE_TAG = "albumscope/album"
SLOW_STEP_SECONDS = 120
"""How long a step after the first snapshot makes rows, until others have their turn."""
SECONDS_TAG = "albumscope/seconds"
"""The tag of a run whose steps each make rows for so many seconds at the most."""
# Dagster's tags of a run that takes one partition, or a range of them.
_PARTITION_TAG = "dagster/partition"
_RANGE_START_TAG = "dagster/asset_partition_range_start"
_RANGE_END_TAG = "dagster/asset_partition_range_end"
_TAG_LENGTH = 200


def matches_catalogue(instance: dg.DagsterInstance, library: Library) -> bool:
    """Whether the partitions are the albums of the catalogue."""
    return not any(_differences(instance, library))


def match_catalogue(instance: dg.DagsterInstance, library: Library) -> tuple[int, int]:
    """Register the albums of the catalogue as partitions; delete those that are gone.

    Returns how many were added and deleted. Safe to repeat after a crash at any point.
    """
    new, gone = _differences(instance, library)
    instance.add_dynamic_partitions("albums", new)
    for album_id in gone:
        instance.delete_dynamic_partition("albums", album_id)
    return len(new), len(gone)


def partition_requests(
    instance: dg.DagsterInstance, library: Library
) -> Sequence[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest]:
    """The same as a sensor asks for it."""
    new, gone = _differences(instance, library)
    return [
        *([albums.build_add_request(new)] if new else []),
        *([albums.build_delete_request(gone)] if gone else []),
    ]


def groups(partitions: Iterable[str], pending: Iterable[str]) -> Iterator[list[str]]:
    """Cut albums into ranges of neighbouring partitions, which is what one run can take."""
    wanted = set(pending)
    group: list[str] = []
    for album_id in partitions:
        if group and (album_id not in wanted or len(group) == ALBUMS_A_RUN):
            yield group
            group = []
        if album_id in wanted:
            group.append(album_id)
    if group:
        yield group


def run_tags(group: Sequence[str], albums: Mapping[str, Row]) -> dict[str, str]:
    """The tags of a run that takes these albums: which they are, for Dagster and for people."""
    if len(group) == 1:
        which = {_PARTITION_TAG: group[0]}
    else:
        which = {
            _RANGE_START_TAG: group[0],
            _RANGE_END_TAG: group[-1],
        }
    return which | _title_tag(group, albums)


def albums_of_run(run: dg.DagsterRun, partitions: Sequence[str]) -> list[str]:
    """The albums that a run takes; none for one that knows no partitions."""
    if _PARTITION_TAG in run.tags:
        return [run.tags[_PARTITION_TAG]]
    ends = [
        run.tags.get(_RANGE_START_TAG),
        run.tags.get(_RANGE_END_TAG),
    ]
    if not all(end in partitions for end in ends):
        return []
    first, last = sorted(partitions.index(str(end)) for end in ends)
    return list(partitions[first : last + 1])


def tag_run(instance: dg.DagsterInstance, run: dg.DagsterRun, albums: Mapping[str, Row]) -> None:
    """Put the albums' titles on a run that was started from the UI."""
    if TITLE_TAG not in run.tags:
        group = albums_of_run(run, instance.get_dynamic_partitions("albums"))
        instance.add_run_tags(run.run_id, _title_tag(group, albums))


def _title_tag(group: Sequence[str], albums: Mapping[str, Row]) -> dict[str, str]:
    titles = ", ".join(albums[album_id]["title"] for album_id in group if album_id in albums)
    return {TITLE_TAG: titles[:_TAG_LENGTH] or "–"}


def _differences(instance: dg.DagsterInstance, library: Library) -> tuple[list[str], list[str]]:
    """The albums that are no partition yet, and the partitions that are no album any more."""
    catalogued = [album["album_id"] for album in library.albums()]
    registered = instance.get_dynamic_partitions("albums")
    new = [album_id for album_id in catalogued if album_id not in set(registered)]
    return new, sorted(set(registered) - set(catalogued))
