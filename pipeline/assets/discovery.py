"""Asking all sources for their albums, and telling which sources changed."""

from dataclasses import dataclass

import dagster as dg

from pipeline.assets.partitions import matches_catalogue
from pipeline.library.library import Library
from pipeline.sources import AlbumListing


@dataclass
class Discovery:
    """What asking all sources brought, each by its name.

    ``changed`` are the sources whose albums are not as the catalogue says; ``failed`` gives the
    reason for each that cannot be asked.
    """

    listings: dict[str, AlbumListing]
    changed: list[str]
    warnings: list[str]
    failed: dict[str, str]


def discover(library: Library, instance: dg.DagsterInstance) -> Discovery:
    """Ask all sources that are set up, and compare with the catalogue as it is.

    Changes nothing, but what is damaged is set aside.
    """
    library.storage.refresh()
    damaged = library.set_aside_damaged()
    listings, failed = library.ask_sources()
    changed = [name for name, listing in listings.items() if not library.is_catalogued(listing)]
    if not matches_catalogue(instance, library):
        changed = list(listings)
    warnings = damaged + [warning for listing in listings.values() for warning in listing.warnings]
    return Discovery(listings, changed, warnings, failed)
