"""How far albums are: found out by comparing them with their tables, and remembered."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.library.incremental import Plan
from pipeline.library.stages.raw_images import RawImages
from pipeline.library.stages.stage import Stage
from pipeline.library.tables import Tables
from pipeline.sources import Album, SourcePhoto
from pipeline.storage import sealed
from pipeline.storage.disk import keep_text


class StageStatus(NamedTuple):
    """How far a stage is with an album, in photos.

    ``todo`` are those that have no row, or one made from something else (``missing``), and those
    that failed and are to be tried again. ``changes`` is in how many rows the file differs from
    what it should be. Of a stage that the settings do not ask for all three are 0.
    """

    done: int = 0
    missing: int = 0
    failed: int = 0
    todo: int = 0
    changes: int = 0


class Statuses:
    """Compares an album with its tables once, and not again before one of them changes.

    What was found is kept in the file ``remembered`` of this machine for other processes, as the
    tables of an album are thirteen times as many reads as there is to know.
    """

    def __init__(self, tables: Tables, stages: Mapping[str, Stage[Any]], remembered: Path) -> None:
        self._tables = tables
        self._stages = stages
        self._remembered = remembered

    def of(self, album: Album) -> dict[str, StageStatus]:
        """How far each stage is with an album. Opens no photo and no model, and asks no source.

        Raises AlbumError if its photos cannot be listed.
        """
        raw_images = self._stages[RawImages.table]
        photos = raw_images.wanted(album)  # for which their folder is walked through: once
        state = self._state(album, photos)
        known_state, statuses = self._known.get(album["album_id"], ("", {}))
        if state != known_state:
            statuses = {
                table: _status(
                    stage.plan(album, photos if stage is raw_images else None), stage.active
                )
                for table, stage in self._stages.items()
            }
            self._known[album["album_id"]] = state, statuses
        return statuses

    def last(self, album: Album) -> dict[str, StageStatus]:
        """Like ``of``, as it was last found out, unless the album's tables or the models changed.

        What lies where its photos come from is not looked at again, which takes most of the time.
        """
        known_state, statuses = self._known.get(album["album_id"], ("", {}))
        if known_state.partition(" ")[0] == self._state_of_tables(album):
            return statuses
        return self.of(album)

    def remember(self, albums: Iterable[Album]) -> None:
        """Keep for other processes what was found of these albums."""
        ids = [album["album_id"] for album in albums]
        known = {album_id: self._known[album_id] for album_id in ids if album_id in self._known}
        keep_text(self._remembered, sealed.to_json(known))

    @cached_property
    def _known(self) -> dict[str, tuple[str, dict[str, StageStatus]]]:
        """By album, the state in which it was found, and what was found."""
        try:
            known = sealed.from_json(self._remembered.read_bytes())
            return {
                album_id: (state, {table: StageStatus(*each) for table, each in found.items()})
                for album_id, (state, found) in known.items()
            }
        except (OSError, ValueError, TypeError):  # nothing is lost: it is compared
            return {}

    def _state(self, album: Album, photos: Iterable[SourcePhoto]) -> str:
        """What is another whenever a status may be: its files, the models, its photos as listed."""
        origins = [(each.image_id, *each.origin().values()) for each in photos]
        listed = hashlib.sha256(repr(origins).encode()).hexdigest()
        return f"{self._state_of_tables(album)} {listed}"

    def _state_of_tables(self, album: Album) -> str:
        digest = hashlib.sha256()
        for table, stage in self._stages.items():
            version = self._tables.version(table, album["album_id"])
            digest.update(
                f"{table} {stage.active} {stage.producer} {stage.inputs} {version}\n".encode()
            )
        return digest.hexdigest()


def _status(plan: Plan[Any], is_active: bool) -> StageStatus:
    if not is_active:
        return StageStatus(done=plan.done, failed=plan.failed)
    return StageStatus(
        done=plan.done,
        missing=plan.missing,
        failed=plan.failed,
        todo=len(plan.todo),
        changes=len(plan.todo) + plan.removed + plan.reordered,
    )
