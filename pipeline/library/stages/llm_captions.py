"""A description and tags for each photo."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import takewhile

import duckdb
from PIL import Image
from typing_extensions import override

from pipeline.errors import CaptionerError, PhotoError
from pipeline.library.imported import IMPORTED, Imported
from pipeline.library.precedence import TIME_AND_PLACE
from pipeline.library.stages.stage import DECODING_THREADS, Made, Photo, StageOfPhotos
from pipeline.library.tables import Tables
from pipeline.models.captioners import (
    Caption,
    Captioner,
    LabelCaptioner,
    PhotoContext,
    SlowCaptioner,
)
from pipeline.models.captioners.loading import is_slow, load_captioner
from pipeline.models.encoders import Labels
from pipeline.models.encoders.embedded import EmbeddedEncoder
from pipeline.photos.decoding import open_photo
from pipeline.photos.look_ahead import map_ahead
from pipeline.rows import Row
from pipeline.settings import Settings
from pipeline.sources import Album

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ToDescribe(Photo):
    """A photo, and who describes it."""

    producer: str


class LlmCaptions(StageOfPhotos):
    """A description and tags. Those that were imported are kept, whatever the captioner."""

    table = "llm_captions"

    def __init__(self, tables: Tables, settings: Settings) -> None:
        super().__init__(tables, settings)
        self._has_warned = False
        self._imported = Imported(tables.storage)

    @property
    @override
    def active(self) -> bool:
        return self.settings.caption_model != "none" or bool(self.inputs)

    @property
    @override
    def inputs(self) -> str:
        return self._imported.version

    @property
    @override
    def is_slow(self) -> bool:
        return is_slow(self.settings.caption_model)

    @cached_property
    @override
    def producer(self) -> str:
        captioner = self._captioner()
        return captioner.producer if captioner else ""

    @override
    def wanted(self, album: Album) -> Sequence[ToDescribe]:
        """Without a captioner the captions that are there stay as they are."""
        photos = super().wanted(album)
        imported = self._imported.captions
        others = dict.fromkeys((photo.image_id for photo in photos), self.producer)
        if not self.producer:
            columns = ["image_id", "sha256", "producer", "error"]
            rows = self.tables.read(self.table, album["album_id"], columns).to_pylist()
            pictures = {photo.image_id: photo.sha256 for photo in photos}
            others = {
                row["image_id"]: row["producer"]
                for row in rows
                if row["error"] is None and row["sha256"] == pictures.get(row["image_id"])
            }
        makers = (
            (photo, IMPORTED if photo.sha256 in imported else others.get(photo.image_id))
            for photo in photos
        )
        return [ToDescribe(**vars(photo), producer=maker) for photo, maker in makers if maker]

    @override
    def origin(self, item: Photo) -> Row:
        assert isinstance(item, ToDescribe)
        return {"sha256": item.sha256, "producer": item.producer}

    @override
    def make(self, album: Album, items: Sequence[Photo]) -> Made[Photo]:
        """Raises CaptionerError if the captioner cannot be had, after what it was doing."""
        imported = self._imported.captions
        for photo in items:
            if caption := imported.get(photo.sha256):
                yield photo, {"model_name": IMPORTED, "caption": caption, "tags": []}
        yield from self._describe(album, [photo for photo in items if photo.sha256 not in imported])

    def _describe(self, album: Album, items: Sequence[Photo]) -> Made[Photo]:
        captioner = self._captioner() if items else None
        if captioner is None:
            return
        exif = self._exif(album["album_id"])
        by_labels = captioner if isinstance(captioner, LabelCaptioner) else None
        labels = self._labels(album["album_id"]) if by_labels else {}
        unavailable: CaptionerError | None = None

        def look(photo: Photo) -> Image.Image | None:
            known = photo.sha256 in labels
            return None if known else open_photo(self.file(photo), captioner.image_size)

        def describe(looked: tuple[Photo, Image.Image | PhotoError | None]) -> Caption | None:
            nonlocal unavailable
            photo, image = looked
            if isinstance(image, PhotoError):
                raise image
            if unavailable:
                return None
            context = PhotoContext(photo.title, album["title"], exif.get(photo.image_id, {}))
            if by_labels and image is None:
                return by_labels.describe_labels(labels[photo.sha256], context)
            assert image
            try:
                return captioner.describe(image, context)
            except CaptionerError as error:
                unavailable = error
                return None

        looked = map_ahead(
            look,
            takewhile(lambda _: not unavailable, items),
            threads=DECODING_THREADS,
            look_ahead=2 * DECODING_THREADS,
        )
        described = map_ahead(
            describe,
            looked,
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
        if unavailable:
            if not self._has_warned:
                log.warning("Captions stay pending: %s. A later sync makes them.", unavailable)
                self._has_warned = True
            raise unavailable

    def _captioner(self) -> Captioner | None:
        settings = self.settings
        return load_captioner(
            settings.caption_model, settings.ollama_host, settings.caption_language
        )

    def _labels(self, album_id: str) -> dict[str, Labels]:
        """What the embedded encoder has seen in photos of an album, by their sha256."""
        columns = ["sha256", "producer", "labels", "label_probabilities"]
        return {
            row["sha256"]: dict(zip(row["labels"], row["label_probabilities"], strict=True))
            for row in self.tables.read("siglip_embeddings", album_id, columns).to_pylist()
            if row["producer"] == EmbeddedEncoder.producer and row["labels"] is not None
        }

    def _exif(self, album_id: str) -> dict[int, Row]:
        """What is known of each photo, in the columns of table ``exif``."""
        columns = ["image_id", "taken_at", "taken_precision", "latitude", "longitude"]
        with duckdb.connect() as connection:
            connection.register("photo", self.tables.read("raw_images", album_id, columns))
            connection.register("exif", self.tables.read("exif_metadata", album_id))
            rows = connection.execute(
                f"""
                SELECT exif.* REPLACE (photo.image_id AS image_id, {TIME_AND_PLACE})
                FROM photo LEFT JOIN exif USING (image_id)
                """
            ).to_arrow_table()
        return {row["image_id"]: row for row in rows.to_pylist()}
