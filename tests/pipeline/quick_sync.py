"""Syncs without Dagster's runs, in less than half of the time, for tests of something else."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

import dagster as dg
import duckdb
import pytest

from pipeline.assets import sync
from pipeline.assets.partitions import match_catalogue
from pipeline.assets.source_albums import asset_of
from pipeline.errors import AlbumError, SourceError
from pipeline.library.incremental import Counts
from pipeline.library.library import Library
from pipeline.snapshot.publishing import Published, publish
from pipeline.sources import Album, AlbumListing


def bring_in(library: Library) -> Published:
    """Bring in all albums and publish, whatever there is to do; one that is away is an error."""
    for listing in library.ask_sources()[0].values():
        library.catalogue(listing)
    for album in library.albums():
        for stage in library.stages.values():
            stage.refresh(album)
    return publish(library, duckdb.connect, run_id="test")


@dataclass(frozen=True)
class QuickRun:
    """A run that a sync started: of which assets and albums, and how many rows it made anew."""

    assets: Sequence[str]
    albums: Sequence[str]
    new: Counter[str] = field(default_factory=Counter)


def use_quick_runs(patch: pytest.MonkeyPatch) -> list[QuickRun]:
    """Have syncs do themselves what the assets of their runs do; returns the runs, as they come."""
    runs: list[QuickRun] = []

    def run(
        library: Library,
        instance: dg.DagsterInstance,
        job: str,
        assets: Sequence[str],
        group: Sequence[str] = (),
        albums: Mapping[str, Album] = MappingProxyType({}),
        listings: Mapping[str, AlbumListing] = MappingProxyType({}),
        **_: object,
    ) -> sync._Outcome:
        this = QuickRun(assets, group)
        runs.append(this)
        failed: dict[str, str] = {}
        for asset in assets:
            if asset == "faiss_index":
                publish(library, duckdb.connect, run_id="test")
            elif stage := library.stages.get(asset):
                counts = Counts()
                for album_id in [each for each in group if each not in failed]:
                    progress = partial(library.tell, asset, albums[album_id])
                    try:
                        counts = stage.refresh(
                            albums[album_id], progress, unavailable=counts.unavailable
                        )
                    except (AlbumError, SourceError) as error:
                        failed[album_id] = str(error)
                    else:
                        this.new[asset] += counts.new
        for source, listing in listings.items():
            if asset_of(source).to_user_string() in assets:
                library.catalogue(listing)
                match_catalogue(instance, library)
        return sync._Outcome(set(group).difference(failed), failed)

    patch.setattr(sync, "_run", run)
    return runs
