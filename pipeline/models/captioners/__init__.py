"""Captioners: models that describe a photo in words."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from PIL import Image

from pipeline.models.encoders import Labels


@dataclass(frozen=True)
class Caption:
    """What a captioner says of one photo; the fields are columns of table ``captions``."""

    caption: str
    tags: list[str] = field(default_factory=list)
    visible_text: str | None = None
    has_people: bool | None = None
    language: str = "en"


@dataclass(frozen=True)
class PhotoContext:
    """What is known of a photo besides its pixels.

    ``exif`` holds the columns of table ``exif``, each of which may be None.
    """

    title: str
    album_title: str
    exif: Mapping[str, Any]


class Captioner(Protocol):
    """Describes photos. ``producer`` is stored with every caption: model name and code version."""

    name: str
    producer: str
    image_size: int
    """Length in pixels that a decoded photo's short side should at least have."""
    in_flight: int
    """How many photos may be described at the same time, each on a thread of its own."""

    def describe(self, image: Image.Image, context: PhotoContext) -> Caption:
        """Describe one upright RGB photo.

        Raises PhotoError if this photo cannot be described, CaptionerError if none can now,
        AlbumscopeError if none ever can.
        """
        ...


@runtime_checkable
class SlowCaptioner(Captioner, Protocol):
    """A captioner that can be listened to, and stopped, while it describes a photo."""

    on_text: Callable[[str], object]
    """Told of the caption as far as it goes, again and again while it grows."""
    stopped: threading.Event
    """Once set, nobody wants what is being described any more."""


@runtime_checkable
class LabelCaptioner(Captioner, Protocol):
    """A captioner that needs no look at a photo of which the embedded encoder has labels."""

    def describe_labels(self, labels: Labels, context: PhotoContext) -> Caption:
        """Describe a photo that shows this."""
        ...
