"""Captioners: models that describe a photo in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from PIL import Image


@dataclass(frozen=True)
class Caption:
    """What a captioner says of one photo; the fields are the columns of table ``captions``."""

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

        Raises PhotoError if this photo cannot be described, AlbumscopeError if none can.
        """
        ...
