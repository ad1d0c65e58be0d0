"""Looking for albums in all sources, and telling what is new."""

from dataclasses import dataclass, field

import dagster as dg

from pipeline.assets.partitions import matches_catalogue
from pipeline.errors import SourceError
from pipeline.library.library import Library
from pipeline.sources import Found


@dataclass
class News:
    """What a look into all sources brought.

    ``found`` are the albums of each source, by its asset; ``assets`` name those whose albums are
    not as the catalogue says; ``failed`` gives the reason for each that cannot be asked.
    """

    found: dict[str, Found] = field(default_factory=dict)
    assets: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def look(library: Library, instance: dg.DagsterInstance) -> News:
    """Ask all sources, and compare with the catalogue as it is now. Changes nothing."""
    library.store.look_again()
    news = News()
    for asset, find in library.sources.items():
        try:
            found = find()
        except SourceError as error:
            news.failed[asset] = str(error)
            continue
        news.found[asset] = found
        news.warnings += found.warnings
        if not found.albums.equals(library.store.read("albums", found.part)):
            news.assets.append(asset)
    if not matches_catalogue(instance, library):
        news.assets = [asset for asset in library.sources if asset not in news.failed]
    return news
