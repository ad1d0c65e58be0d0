"""Parts of photos: what somebody drew a rectangle around."""

import math

from PIL import Image

from pipeline.photos.decoding import open_photo
from search_app.search.parsed import Part


def cut_out(path: str, part: Part) -> Image.Image:
    """The part of a photo in the file's own resolution, at least a pixel. Raises PhotoError."""
    photo = open_photo(path)
    width, height = photo.size
    left = min(math.floor(part.left * width / 100), width - 1)
    top = min(math.floor(part.top * height / 100), height - 1)
    right = max(math.ceil(part.right * width / 100), left + 1)
    bottom = max(math.ceil(part.bottom * height / 100), top + 1)
    return photo.crop((left, top, min(right, width), min(bottom, height)))
