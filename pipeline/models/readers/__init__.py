"""Readers: models that find text in photos and read it."""

from typing import Protocol, TypedDict

from PIL import Image


class Line(TypedDict):
    """A line of text in a photo.

    ``score`` says how sure the reader is, 0 to 1. ``corners`` are x and y of its four corners, in
    percent of the width and height of the photo as it is shown, clockwise from that where the text
    begins.
    """

    text: str
    score: float
    corners: list[float]


class Reader(Protocol):
    """Reads photos. ``producer`` is stored with what it read: model name and code version."""

    name: str
    producer: str
    image_size: int
    """Length in pixels that a decoded photo's short side should at least have."""

    def read(self, image: Image.Image) -> list[Line]:
        """The lines in one upright RGB photo, from top to bottom. Thread-safe, on one core."""
        ...
