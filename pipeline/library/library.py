"""The library that the settings name: its albums, photos and stages."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import AlbumError, AlbumscopeError, Message, SourceError
from pipeline.library import files
from pipeline.library.corrections import PEOPLE
from pipeline.library.schemas import ALBUM_TABLES, SCHEMAS
from pipeline.library.stages.caption_embeddings import CaptionEmbeddings
from pipeline.library.stages.exif_metadata import ExifMetadata
from pipeline.library.stages.faces import Faces
from pipeline.library.stages.llm_captions import LlmCaptions
from pipeline.library.stages.raw_images import RawImages
from pipeline.library.stages.siglip_embeddings import SiglipEmbeddings
from pipeline.library.stages.stage import Stage
from pipeline.library.stages.visible_text import VisibleText
from pipeline.library.status import StageStatus, Statuses
from pipeline.library.tables import FLAWS, Tables
from pipeline.library.under_way import UnderWay
from pipeline.models.encoders.loading import embed_producer
from pipeline.models.encoders.text_loading import text_producer
from pipeline.rows import Row
from pipeline.settings import Settings
from pipeline.sources import Album, AlbumListing, Source
from pipeline.storage import DAMAGED, sealed
from pipeline.storage.opening import open_storage

Progress = Callable[[str, Album, int], object]
"""Told of photos as they are done: of which table and album, and how many of it by now."""


_CUT = Message("a part of the picture is missing: the file is not whole (the rest is shown)")
_NOT_TAKEN = {"film": "video_count", "document": "document_count", "other file": "other_count"}
"""The kinds of files that are no photos, by the column of table ``albums`` that counts them."""


class AlbumState(NamedTuple):
    """Whether an album is "new", "changed" at its source, "incomplete" or "complete".

    ``new`` is how many of its photos are to be brought in; None where that is not known.
    """

    state: str
    new: int | None


class Library:
    """The albums, photos and stages of one DATA_DIR or LIBRARY_URL."""

    def __init__(self, settings: Settings, on_progress: Progress = lambda *done: None) -> None:
        self.on_progress = on_progress
        self.settings = settings
        self._albums: tuple[list[tuple[str, str]], list[Album]] = [], []  # as last read
        producers = {
            SiglipEmbeddings.table: embed_producer(settings.embed_model),
            CaptionEmbeddings.table: text_producer(settings.text_model),
        }
        self.storage = open_storage(settings)
        self.under_way = UnderWay(self.storage)
        self.tables = Tables(self.storage, producers, settings.library_dir / "files.json")

    @property
    def raw_images(self) -> RawImages:
        """The first stage."""
        stage = self.stages["raw_images"]
        assert isinstance(stage, RawImages)
        return stage

    @property
    def sources(self) -> dict[str, Source[Any]]:
        """Where albums come from, by name."""
        return self.raw_images.sources

    def find_albums(self, source: str) -> AlbumListing:
        """Ask a source for its albums. Raises SourceError."""
        known = [album for album in self.albums() if album["source"] == source]
        return self.sources[source].find_albums(known)

    def ask_sources(self) -> tuple[dict[str, AlbumListing], dict[str, str]]:
        """Ask all sources that are set up for their albums.

        Returns what each has, and the reason of each that cannot be asked, both by its name.
        """
        listings, failed = {}, {}
        for name, source in self.sources.items():
            if source.missing_setting:
                continue
            try:
                listings[name] = self.find_albums(name)
            except SourceError as error:
                failed[name] = str(error)
        return listings, failed

    def forget(self, album_id: str) -> Album:
        """Take the album that is away out of the catalogue; the next publication drops its rows.

        Returns it. Raises AlbumscopeError for one that is not away.
        """
        album = self.album(album_id)
        if not album.get("is_away"):
            raise AlbumscopeError(
                "{album} ({album_id}) is not away: delete it where it is, leave it out by a file"
                " .albumignore, or `albumscope remove-folder`",
                album=album["title"],
                album_id=album_id,
            )
        for partition in self.tables.partitions("albums"):
            rows: list[Album] = self.tables.read("albums", partition).to_pylist()
            kept = [row for row in rows if row["album_id"] != album_id]
            if len(kept) < len(rows):
                self.catalogue(AlbumListing(partition, kept))
        return album

    def forget_faces(self) -> None:
        """Delete all faces that were found, and all that people said of them."""
        self.storage.delete_folder(f"tables/{Faces.table}")
        PEOPLE.forget(self.storage)

    def is_catalogued(self, listing: AlbumListing) -> bool:
        """Whether table ``albums`` says the same as a source."""
        columns = SCHEMAS["albums"].names
        listed = [{name: album.get(name) for name in columns} for album in listing.albums]
        catalogued: list[Row] = self.tables.read("albums", listing.partition).to_pylist()
        return listed == catalogued

    def catalogue(self, listing: AlbumListing) -> None:
        """Write what a source says into table ``albums``; each album is whose listed it last."""
        listed = {album["album_id"] for album in listing.albums}
        for partition in self.tables.partitions("albums"):
            rows: list[Album] = self.tables.read("albums", partition).to_pylist()
            others = [row for row in rows if row["album_id"] not in listed]
            if partition != listing.partition and len(others) < len(rows):
                self.tables.write("albums", partition, _album_table(others))
        self.tables.write("albums", listing.partition, _album_table(listing.albums))

    @cached_property
    def stages(self) -> dict[str, Stage[Any]]:
        """The stages by table, in the order in which a run goes through them."""
        kinds = (
            *(RawImages, ExifMetadata, LlmCaptions, VisibleText, Faces),
            *(SiglipEmbeddings, CaptionEmbeddings),
        )
        return {kind.table: kind(self.tables, self.settings) for kind in kinds}

    def tables_of(self, *, slow: bool) -> list[str]:
        """The tables that come after a first snapshot, or those that come before it."""
        return [
            table
            for table, stage in self.stages.items()
            if (stage.active and stage.is_slow) == slow
        ]

    def albums(self) -> list[Album]:
        """The rows of table ``albums``, in the order in which they were found."""
        version = [
            (source, self.tables.version("albums", source))
            for source in self.tables.partitions("albums")
        ]
        if self._albums[0] != version:
            self._albums = version, self.tables.read_all("albums").to_pylist()
        return list(self._albums[1])

    def not_taken(self) -> dict[str, int]:
        """How many files beside the photos are none, by kind: film, document, other file."""
        rows: list[Row] = list(self.albums())
        return {
            kind: sum(row.get(column) or 0 for row in rows) for kind, column in _NOT_TAKEN.items()
        }

    def album(self, album_id: str) -> Album:
        """One row of table ``albums``. Raises AlbumscopeError for an unknown id."""
        for row in self.albums():
            if row["album_id"] == album_id:
                return row
        raise AlbumscopeError(
            "No album {album_id!r}: `albumscope albums` lists the ids", album_id=album_id
        )

    def set_aside_damaged(self) -> list[str]:
        """Set aside what is not as it was written; returns a warning for each file.

        What was in it is work for the next sync, as if it had never been there.
        """
        damaged = self.tables.set_aside_damaged()
        for key in files.small_files(self.storage):
            if not sealed.is_as_written(self.storage.local(key)):
                self.storage.set_aside(key)
                damaged.append(key)
        return [
            f"{self.storage.where(key)} was damaged: it is set aside as {Path(key).name}{DAMAGED}"
            for key in damaged
        ]

    def drop_what_left(self) -> None:
        """Delete the files of albums that left the catalogue, and of photos that left an album.

        This waits until a snapshot is published, so that albums and photos that merely moved find
        their rows and pictures again; and as long as a catalogue lies aside, from which the albums
        may be missing.
        """
        if any(name.endswith(DAMAGED) for name in self.storage.names("tables/albums")):
            return
        albums = self.albums()
        for album in albums:
            if source := self.sources.get(album["source"]):
                source.drop_unlisted(album)
        catalogued = {album["album_id"] for album in albums}
        for table in ALBUM_TABLES:
            for album_id in self.tables.partitions(table):
                if album_id not in catalogued:
                    self.tables.drop_album(album_id)
                    for source in self.sources.values():
                        source.drop_album(album_id)

    def work_left(self, album: Album) -> dict[str, int]:
        """By table, in how many rows its file differs from what it should be; 0 is left out.

        Opens no photo and no model, and asks no source; ``listing`` says that one has to be asked.
        Raises AlbumError if its photos cannot be listed.
        """
        work = {"listing": int(self.raw_images.needs_listing(album))}
        work |= {table: status.changes for table, status in self._statuses.of(album).items()}
        return {what: rows for what, rows in work.items() if rows}

    def tell(self, table: str, album: Album, photos: int) -> None:
        """Tell whoever looks that so many photos of an album have their rows in a table by now."""
        self.under_way.done(table, album, photos)
        self.on_progress(table, album, photos)

    def try_again(self, album: Album) -> None:
        """Make the photos of an album that failed work once more, however often they did."""
        album_id = album["album_id"]
        for table in self.stages:
            if self.tables.contents(table, album_id).failed:
                rows = self.tables.read(table, album_id)
                self.tables.write(table, album_id, rows.filter(pc.is_null(rows["error"])))

    def remember(self) -> None:
        """Keep for other processes what was found: how far albums are, what files hold.

        Where the disk does not let it nothing is lost but time.
        """
        with suppress(AlbumscopeError):
            self.tables.remember_contents()
            self._statuses.remember(self.albums())

    @cached_property
    def _statuses(self) -> Statuses:
        return Statuses(self.tables, self.stages, self.settings.data_dir / "status.json")

    def status(self, album: Album) -> dict[str, dict[str, int]]:
        """By table, how many photos of an album are done, missing and failed."""
        return self._status(album, self._statuses.of)

    def last_status(self, album: Album) -> dict[str, dict[str, int]]:
        """Like ``status``, as it was when an album was last looked at, or its tables changed."""
        return self._status(album, self._statuses.last)

    def _status(
        self, album: Album, find: Callable[[Album], dict[str, StageStatus]]
    ) -> dict[str, dict[str, int]]:
        try:
            statuses = find(album)
        except AlbumError:  # its folder is away: what is known is what was there
            found = {table: self.tables.contents(table, album["album_id"]) for table in self.stages}
            statuses = {
                table: StageStatus(done=file.rows - file.failed, failed=file.failed)
                for table, file in found.items()
            }
        return {
            table: {"done": each.done, "missing": each.missing, "failed": each.failed}
            for table, each in statuses.items()
        }

    def failures(self, album: Album) -> list[dict[str, Any]]:
        """The photos of an album that failed: where, at which stage, why, how often tried.

        Among them are those of which a part is missing, or a sidecar cannot be read, though they
        are shown.
        """
        album_id = album["album_id"]
        errors = list(self._errors(album_id))
        flawed = [each for each in FLAWS if self.tables.contents(each, album_id).flawed]
        if not errors and not flawed:
            return []
        columns = ["image_id", "relative_path", "page_url", "title", "file_title"]
        photos = {
            row["image_id"]: row
            for row in self.tables.read("raw_images", album_id, columns).to_pylist()
        }

        def name(image_id: int) -> dict[str, Any]:
            photo = photos.get(image_id, {})
            where = photo.get("relative_path") or photo.get("page_url") or str(image_id)
            title = photo.get("title") or photo.get("file_title")
            return {"image_id": image_id, "photo": where, "title": title}

        return [
            {**name(row["image_id"]), "stage": table, "reason": _reason(row[column]), "attempts": 1}
            for table in flawed
            for column in [FLAWS[table]]
            for row in self.tables.read(table, album_id, ["image_id", column]).to_pylist()
            if row[column]
        ] + [
            {
                **name(row["image_id"]),
                "stage": table,
                "reason": row["error"],
                "attempts": row["attempts"],
            }
            for table, row in errors
        ]

    def failed(self, album: Album) -> int:
        """How many photos of an album failed, at whichever stages."""
        return len({row["image_id"] for _, row in self._errors(album["album_id"])})

    def _errors(self, album_id: str) -> Iterator[tuple[str, Row]]:
        columns = ["image_id", "error", "attempts"]
        for table in ALBUM_TABLES:
            if self.tables.contents(table, album_id).failed:
                rows = self.tables.read(table, album_id, columns).to_pylist()
                yield from ((table, row) for row in rows if row["error"] is not None)

    def state(self, album: Album) -> AlbumState:
        """What is to be brought in of an album that a source has found, as far as its row says.

        Raises AlbumError if its photos cannot be listed.
        """
        is_new = not self.tables.contents("raw_images", album["album_id"]).rows
        if self.raw_images.needs_listing(album):
            if is_new:
                return AlbumState("new", album["photo_count"])
            return AlbumState("changed", None)  # by how much only its source can tell
        statuses = self._statuses.of(album)
        if not any(status.changes for status in statuses.values()):
            return AlbumState("complete", 0)
        return AlbumState("new" if is_new else "incomplete", statuses["raw_images"].todo)

    def work(self, album: Album, *, afresh: bool = False) -> dict[str, Any]:
        """What a sync would do for an album, in photos. Opens no photo.

        The source is asked what the album holds if that is not known, or ``afresh``.
        """
        if afresh or self.raw_images.needs_listing(album):
            raw = self.raw_images.plan_now(album)
        else:
            raw = self.raw_images.plan(album)
        downloads, size = self.raw_images.downloads(album, raw)

        def to_make(table: str) -> int:
            stage = self.stages[table]
            # photos that are new to raw_images are new to this table too
            return len(raw.todo) + len(stage.plan(album).todo) if stage.active else 0

        return {
            "album_id": album["album_id"],
            "title": album["title"],
            "new": len(raw.todo),
            "kept": len(raw.kept),
            "removed": raw.removed,
            "to_download": downloads,
            "megabytes": round(size / 1e6, 1),
            "to_describe": to_make("llm_captions"),
            "to_embed": to_make("siglip_embeddings"),
        }

    def synced(self, album_id: str) -> int:
        """How many photos of an album can be found by what they show."""
        embedded = self.tables.contents("siglip_embeddings", album_id)
        return embedded.rows - embedded.failed


def _reason(flaw: bool | list[str]) -> str:
    if isinstance(flaw, list):
        return Message(
            "{names} beside it cannot be read: damaged, or no permission (the photo is shown)",
            names=", ".join(flaw),
        )
    return _CUT


def _album_table(albums: Sequence[Album]) -> pa.Table:
    return pa.Table.from_pylist(list(albums), schema=SCHEMAS["albums"])
