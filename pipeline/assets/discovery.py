"""Asking all sources for their albums, and telling which sources changed."""

from dataclasses import dataclass, field

import dagster as dg

from pipeline.assets.partitions import matches_catalogue
from pipeline.errors import SourceError
from pipeline.library.library import Library
from pipeline.sources import Found


@dataclass
class Discovery:
    """What asking all sources brought.

    ``found`` are the albums of each source, by its asset; ``changed`` names the assets whose albums
    are not as the catalogue says; ``failed`` gives the reason for each that cannot be asked.
    """

    found: dict[str, Found] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def discover(library: Library, instance: dg.DagsterInstance) -> Discovery:
    """Ask all sources, and compare with the catalogue as it is now. Changes nothing."""
    library.storage.refresh()
    discovery = Discovery()
    for asset, find in library.sources.items():
        try:
            found = find()
        except SourceError as error:
            discovery.failed[asset] = str(error)
            continue
        discovery.found[asset] = found
        discovery.warnings += found.warnings
        if not found.albums.equals(library.tables.read("albums", found.partition)):
            discovery.changed.append(asset)
    if not matches_catalogue(instance, library):
        discovery.changed = [asset for asset in library.sources if asset not in discovery.failed]
    return discovery
