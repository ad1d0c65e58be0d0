"""The partitions: one for each album, found at run time."""

import dagster as dg

from pipeline.library import Library

albums = dg.DynamicPartitionsDefinition(name="albums")

ALBUMS_A_RUN = 25
"""How many albums one run of a backfill takes, so that it loads each model once for all."""

many_albums_a_run = dg.BackfillPolicy.multi_run(ALBUMS_A_RUN)


def matches_catalogue(instance: dg.DagsterInstance, library: Library) -> bool:
    """Whether the partitions are the albums of the catalogue."""
    catalogued = {album["album_id"] for album in library.albums()}
    return set(instance.get_dynamic_partitions("albums")) == catalogued


def match_catalogue(instance: dg.DagsterInstance, library: Library) -> tuple[int, int]:
    """Register the albums of the catalogue as partitions; delete those that are gone.

    Returns how many were added and deleted. Safe to repeat after a crash at any point.
    """
    catalogued = [album["album_id"] for album in library.albums()]
    registered = instance.get_dynamic_partitions("albums")
    new = [album_id for album_id in catalogued if album_id not in set(registered)]
    gone = sorted(set(registered) - set(catalogued))
    instance.add_dynamic_partitions("albums", new)
    for album_id in gone:
        instance.delete_dynamic_partition("albums", album_id)
    return len(new), len(gone)
