"""Asking all sources for their albums, and telling which sources changed."""

from dataclasses import dataclass, field

import dagster as dg

from pipeline.assets.partitions import matches_catalogue
from pipeline.errors import SourceError
from pipeline.library.library import Library
from pipeline.sources import AlbumListing


@dataclass
class Discovery:
    """What asking all sources brought, each by its name.

    ``changed`` are the sources whose albums are not as the catalogue says; ``failed`` gives the
    reason for each that cannot be asked.
    """

    listings: dict[str, AlbumListing] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def discover(library: Library, instance: dg.DagsterInstance) -> Discovery:
    """Ask all sources that are set up, and compare with the catalogue as it is. Changes nothing."""
    library.storage.refresh()
    discovery = Discovery()
    for name, source in library.sources.items():
        if source.missing_setting:
            continue
        try:
            listing = library.find_albums(name)
        except SourceError as error:
            discovery.failed[name] = str(error)
            continue
        discovery.listings[name] = listing
        discovery.warnings += listing.warnings
        if not library.is_catalogued(listing):
            discovery.changed.append(name)
    if not matches_catalogue(instance, library):
        discovery.changed = list(discovery.listings)
    return discovery
