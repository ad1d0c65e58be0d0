"""The stages: for each table with one file an album, what its rows are made from, and how.

A stage knows nothing of Dagster: the asset of the same name calls ``refresh``; ``albumscope
status`` and ``sync`` ask ``plan``.
"""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache, partial
from itertools import islice, takewhile
from typing import Any, ClassVar, Generic

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray
from PIL import Image
from typing_extensions import override

from pipeline.errors import AlbumError, CaptionerError, PhotoError
from pipeline.library import incremental
from pipeline.library.incremental import Counts, Item, Plan
from pipeline.library.photo_locations import PhotoLocations
from pipeline.library.tables import Tables
from pipeline.models.captioners import Caption, Captioner, PhotoContext, SlowCaptioner
from pipeline.models.captioners.loading import load_captioner
from pipeline.models.encoders.loading import embed_producer, load_encoder
from pipeline.models.encoders.text_loading import load_text_encoder, text_producer
from pipeline.photos.decoding import open_photo
from pipeline.photos.exif import CODE_VERSION as EXIF_VERSION
from pipeline.photos.exif import read_exif
from pipeline.photos.files import photo_file
from pipeline.photos.look_ahead import map_ahead
from pipeline.rows import Row
from pipeline.settings import Settings
from pipeline.sources import Album, PhotoRow, Source, SourcePhoto
from pipeline.sources.registry import open_sources

_DECODING_THREADS = os.cpu_count() or 2
_TEXTS_AT_ONCE = 256

log = logging.getLogger("pipeline.library.stages")

Made = Iterable[tuple[Item, Row | PhotoError]]
Prepared = NDArray[np.float32] | PhotoError


@dataclass(frozen=True)
class Photo:
    """A photo that raw_images found to be readable; see ``photo_file`` for its ``path``."""

    image_id: int
    sha256: str
    path: bytes
    title: str


@dataclass(frozen=True)
class CaptionText:
    """A caption that is to be embedded, with the photo's title in front."""

    image_id: int
    text: str


def readable_photos(tables: Tables, album_id: str) -> list[Photo]:
    """The photos of an album that raw_images could read, in the album's order."""
    return list(_readable_photos(tables, album_id, tables.version("raw_images", album_id)))


@lru_cache(maxsize=1)  # the stages of one album all ask
def _readable_photos(tables: Tables, album_id: str, version: str) -> list[Photo]:
    """``version`` is that of the file: another one has to be read."""
    columns = ["image_id", "sha256", "path", "title", "error"]
    return [
        Photo(row["image_id"], row["sha256"], row["path"], row["title"])
        for row in tables.read("raw_images", album_id, columns).to_pylist()
        if row["error"] is None
    ]


def _said_of(title: str | None, caption: str) -> str:
    """The text that stands for a photo's caption: with its title, which a person gave it."""
    return f"{title}. {caption}" if title else caption


class Stage(Generic[Item]):
    """One table: which rows an album should have, what they are made from, and how."""

    table: ClassVar[str]

    def __init__(self, tables: Tables, settings: Settings) -> None:
        self.tables = tables
        self.settings = settings

    @property
    def producer(self) -> str:
        """Who makes the rows: model name and code version."""
        return self.table

    @property
    def active(self) -> bool:
        """Whether the settings ask for this table; if not, its files are left as they are."""
        return True

    def wanted(self, album: Album) -> Sequence[Item]:
        """The items that the album should have rows for, in order."""
        raise NotImplementedError

    def origin(self, item: Item) -> Row:
        """The values that this item's row is made from."""
        raise NotImplementedError

    def make(self, album: Album, items: Sequence[Item]) -> Made[Item]:
        """Make the rows of these items, lazily and in order."""
        raise NotImplementedError

    def plan(self, album: Album) -> Plan[Item]:
        """What is to be done for an album, as far as is known without asking anybody."""
        return self._plan(album, self.wanted(album))

    def _plan(self, album: Album, wanted: Sequence[Item]) -> Plan[Item]:
        origin_columns = self.origin(wanted[0]) if wanted else []
        columns = dict.fromkeys(["image_id", *origin_columns, "error", "attempts", "retryable"])
        existing = self.tables.read(self.table, album["album_id"], list(columns))
        return incremental.plan(existing, wanted, self.origin)

    def update_listing(self, album: Album) -> None:
        """Ask what there is to make rows for, where that is not known from other tables."""

    def refresh(
        self,
        album: Album,
        progress: Callable[[int], object] = lambda photos: None,
        run_id: str | None = None,
    ) -> Counts:
        """Bring the album's file up to date; ``progress`` is told of photos as they are done.

        ``run_id`` is the Dagster run that does so, if one does.
        """
        self.update_listing(album)
        return incremental.refresh(
            self.tables,
            self.table,
            album["album_id"],
            self.wanted(album),
            self.origin,
            lambda items: self.make(album, items),
            progress=progress,
            run_id=run_id,
        )


class RawImages(Stage[SourcePhoto]):
    """The album's photos, where they can be opened."""

    table = "raw_images"

    def __init__(self, tables: Tables, settings: Settings) -> None:
        super().__init__(tables, settings)
        self.sources = open_sources(tables.storage, settings)
        self._locations = PhotoLocations(tables)

    @override
    def wanted(self, album: Album) -> Sequence[SourcePhoto]:
        return self.source_of(album).photos(album)

    @override
    def origin(self, item: SourcePhoto) -> Row:
        return item.origin()

    @override
    def make(self, album: Album, items: Sequence[SourcePhoto]) -> Made[SourcePhoto]:
        source = self.source_of(album)
        for item, row in source.fetch(album, items, partial(self._known_rows, source)):
            yield item, row if isinstance(row, PhotoError) else {**row, "source": source.name}

    @override
    def refresh(
        self,
        album: Album,
        progress: Callable[[int], object] = lambda photos: None,
        run_id: str | None = None,
    ) -> Counts:
        try:
            return super().refresh(album, progress, run_id)
        finally:
            self._locations.take_up(album["album_id"])

    def source_of(self, album: Album) -> Source[Any]:
        """Where an album comes from. Raises AlbumError if there is no such source any more."""
        try:
            return self.sources[album["source"]]
        except KeyError:
            raise AlbumError(
                f"Album {album['title']!r} comes from {album['source']!r}, which is not among the"
                f" sources of photos: {', '.join(self.sources)}"
            ) from None

    def needs_listing(self, album: Album) -> bool:
        """Whether the source has to be asked before anyone can say what there is to do."""
        return self.source_of(album).needs_listing(album)

    @override
    def update_listing(self, album: Album) -> None:
        """Ask the source what the album holds now. Photos that it refused get another chance."""
        source = self.source_of(album)
        source.update_listing(album)
        if not source.is_remote:
            return
        rows = self.tables.read(self.table, album["album_id"])
        given_up = pc.or_kleene(
            pc.equal(rows["retryable"], False),
            pc.greater_equal(rows["attempts"], incremental.MAX_ATTEMPTS),
        )
        refused = pc.and_kleene(pc.is_valid(rows["error"]), given_up)
        kept = rows.filter(pc.invert(refused))
        if kept.num_rows < rows.num_rows:
            self.tables.write(self.table, album["album_id"], kept)

    def plan_now(self, album: Album) -> Plan[SourcePhoto]:
        """What would be to do if the source were asked now; remembers nothing of it."""
        return self._plan(album, self.source_of(album).photos_now(album))

    def downloads(self, album: Album, plan: Plan[SourcePhoto]) -> tuple[int, int]:
        """How many pictures a plan has downloaded, and about how many bytes that is.

        Sources tell no sizes: those of the pictures that are here already are taken as typical.
        """
        source = self.source_of(album)
        pictures = source.downloads(plan.todo, partial(self._known_rows, source))
        each = self._mean_bytes.get(source.name) or source.typical_bytes if pictures else 0
        return pictures, round(pictures * each)

    def _known_rows(self, source: Source[Any], image_ids: Collection[int]) -> list[PhotoRow]:
        rows = self._locations.rows_of(image_ids)
        return [row for row in rows if row["source"] == source.name and row["error"] is None]

    @cached_property
    def _mean_bytes(self) -> dict[str, float]:
        """By source, the mean size of its photos' files; None where none has one."""
        rows = self.tables.read_all(self.table, ["source", "file_size_bytes"])
        means = rows.group_by("source").aggregate([("file_size_bytes", "mean")])
        return {row["source"]: row["file_size_bytes_mean"] for row in means.to_pylist()}


class _OfPhotos(Stage[Photo]):
    """A table with a row for each readable photo, made from its bytes by a producer."""

    @override
    def wanted(self, album: Album) -> Sequence[Photo]:
        return readable_photos(self.tables, album["album_id"])

    @override
    def origin(self, item: Photo) -> Row:
        return {"sha256": item.sha256, "producer": self.producer}

    def file(self, photo: Photo) -> str:
        """The photo's file on this disk. Raises PhotoError."""
        return photo_file(self.tables.storage, photo.path, photo.sha256)


class ExifMetadata(_OfPhotos):
    """What the camera wrote into the file."""

    table = "exif_metadata"
    producer = f"exif:{EXIF_VERSION}"

    @override
    def make(self, album: Album, items: Sequence[Photo]) -> Made[Photo]:
        return map_ahead(
            lambda photo: read_exif(self.file(photo)),
            items,
            threads=_DECODING_THREADS,
            look_ahead=64,
        )


class LlmCaptions(_OfPhotos):
    """A description and tags."""

    table = "llm_captions"

    def __init__(self, tables: Tables, settings: Settings) -> None:
        super().__init__(tables, settings)
        self.unavailable: CaptionerError | None = None
        """Why no more captions can be had. Whoever starts another run takes it away again."""
        self._has_warned = False

    @property
    @override
    def active(self) -> bool:
        return self.settings.caption_model != "none"

    @cached_property
    @override
    def producer(self) -> str:
        captioner = self._captioner()
        return captioner.producer if captioner else ""

    @override
    def refresh(
        self,
        album: Album,
        progress: Callable[[int], object] = lambda photos: None,
        run_id: str | None = None,
    ) -> Counts:
        """Bring the album's file up to date, as far as the captioner is there.

        If it is not, ``unavailable`` says why, and what is missing stays work.
        """
        started = time.perf_counter()
        before = self.plan(album)
        done = 0

        def count(photos: int) -> None:
            nonlocal done
            done += photos
            progress(photos)

        try:
            return super().refresh(album, count, run_id)
        except CaptionerError as error:
            if not self._has_warned:
                log.warning("Captions stay pending: %s. A later sync makes them.", error)
                self._has_warned = True
            return Counts(
                new=done - len(before.kept),
                kept=len(before.kept),
                removed=before.removed,
                failed=self.plan(album).failed,
                seconds=time.perf_counter() - started,
            )

    @override
    def make(self, album: Album, items: Sequence[Photo]) -> Made[Photo]:
        captioner = self._captioner()
        if captioner is None:
            return
        if self.unavailable:
            raise self.unavailable
        known = self._known_of_photos(album["album_id"])

        def describe(decoded: tuple[Photo, Image.Image | PhotoError]) -> Caption | None:
            photo, image = decoded
            if isinstance(image, PhotoError):
                raise image
            if self.unavailable:
                return None
            context = PhotoContext(photo.title, album["title"], known.get(photo.image_id, {}))
            try:
                return captioner.describe(image, context)
            except CaptionerError as error:
                self.unavailable = error
                return None

        decoded = map_ahead(
            lambda photo: open_photo(self.file(photo), captioner.image_size),
            takewhile(lambda _: not self.unavailable, items),
            threads=_DECODING_THREADS,
            look_ahead=2 * _DECODING_THREADS,
        )
        described = map_ahead(
            describe,
            decoded,
            threads=captioner.in_flight,
            look_ahead=captioner.in_flight,
            stop=captioner.stopped if isinstance(captioner, SlowCaptioner) else None,
        )
        for (photo, _), caption in described:
            if isinstance(caption, PhotoError):
                yield photo, caption
            elif caption:
                yield photo, {"model_name": captioner.name, **asdict(caption)}
        # Only now, so that what others had under way when it was found out is kept.
        if self.unavailable:
            raise self.unavailable

    def _captioner(self) -> Captioner | None:
        settings = self.settings
        return load_captioner(
            settings.caption_model, settings.ollama_host, settings.caption_language
        )

    def _known_of_photos(self, album_id: str) -> dict[int, Row]:
        """What the cameras wrote; when and where as Flickr knows it where they did not."""
        columns = ["image_id", "taken_at", "latitude", "longitude"]
        known: dict[int, Row] = {
            row.pop("image_id"): row
            for row in self.tables.read("raw_images", album_id, columns).to_pylist()
        }
        for exif in self.tables.read("exif_metadata", album_id).to_pylist():
            said = known.get(exif["image_id"], {})
            has_place = exif["latitude"] is not None and exif["longitude"] is not None
            place = exif if has_place else said
            known[exif["image_id"]] = {
                **exif,
                "taken_at": exif["taken_at"] or said.get("taken_at"),
                "latitude": place.get("latitude"),
                "longitude": place.get("longitude"),
            }
        return known


class SiglipEmbeddings(_OfPhotos):
    """One vector for each photo, in the space that queries are embedded into too."""

    table = "siglip_embeddings"

    @cached_property
    @override
    def producer(self) -> str:
        return embed_producer(self.settings.embed_model)

    @override
    def make(
        self, album: Album, items: Sequence[Photo]
    ) -> Iterator[tuple[Photo, Row | PhotoError]]:
        encoder = load_encoder(self.settings.embed_model, self.settings.device)
        size = self.settings.batch_size or encoder.batch_size

        def embed(batch: list[tuple[Photo, Prepared]]) -> list[tuple[Photo, Row | PhotoError]]:
            good = [pixels for _, pixels in batch if not isinstance(pixels, PhotoError)]
            vectors = iter(encoder.encode_prepared(good) if good else ())
            return [
                (photo, pixels)
                if isinstance(pixels, PhotoError)
                else (photo, {"model_name": encoder.name, "embedding": next(vectors)})
                for photo, pixels in batch
            ]

        prepared = map_ahead(
            lambda photo: encoder.prepare(open_photo(self.file(photo), encoder.image_size)),
            items,
            threads=_DECODING_THREADS,
            look_ahead=size + _DECODING_THREADS,
        )
        batches = iter(lambda: list(islice(prepared, size)), [])
        at_once = encoder.in_flight
        for _, rows in map_ahead(embed, batches, threads=at_once, look_ahead=2 * at_once):
            assert not isinstance(rows, PhotoError)
            yield from rows


class CaptionEmbeddings(Stage[CaptionText]):
    """One text vector for each caption, together with the photo's title."""

    table = "caption_embeddings"

    @cached_property
    @override
    def producer(self) -> str:
        return text_producer(self.settings.text_model)

    @override
    def wanted(self, album: Album) -> Sequence[CaptionText]:
        titles = {
            photo.image_id: photo.title for photo in readable_photos(self.tables, album["album_id"])
        }
        rows = self.tables.read("llm_captions", album["album_id"], ["image_id", "caption"])
        return [
            CaptionText(row["image_id"], _said_of(titles[row["image_id"]], row["caption"]))
            for row in rows.to_pylist()
            if row["caption"] and row["image_id"] in titles
        ]

    @override
    def origin(self, item: CaptionText) -> Row:
        digest = hashlib.sha256(item.text.encode()).hexdigest()
        return {"caption_sha256": digest, "producer": self.producer}

    @override
    def make(self, album: Album, items: Sequence[CaptionText]) -> Made[CaptionText]:
        encoder = load_text_encoder(self.settings.text_model, self.settings.device)
        for start in range(0, len(items), _TEXTS_AT_ONCE):
            batch = items[start : start + _TEXTS_AT_ONCE]
            vectors = encoder.encode_texts([item.text for item in batch])
            for item, vector in zip(batch, vectors, strict=True):
                yield item, {"model_name": encoder.name, "embedding": vector}
