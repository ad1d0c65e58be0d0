"""Addresses of pictures on Flickr's servers, which differ in a letter for the size."""

import re
from urllib.parse import urlsplit

# Pixels of the longer side. Larger pictures have a secret of their own, and cannot be told.
_SIDES = {"m": 240, "n": 320, "w": 400, "": 500, "z": 640, "c": 800, "b": 1024}
_PICTURE = re.compile(r"(/\d+_[0-9a-f]+)(?:_([mnwzcb]))?\.jpg")


def secret_of(url: str) -> str | None:
    """The photo's secret, which is a part of the address of its picture unless that is large."""
    picture = _PICTURE.search(urlsplit(url).path)
    return picture[1].partition("_")[2] if picture else None


def picture_of_size(url: str, side: int) -> str | None:
    """The address of the smallest picture of a photo with at least ``side`` pixels on its longer
    side, which follows from the address of another one, ``url``; None if it does not.

    Of a small photo there are no larger pictures than the one that is known.
    """
    parts = urlsplit(url)
    folder, slash, name = parts.path.rpartition("/")
    picture = _PICTURE.fullmatch(slash + name)
    if picture is None:
        return None
    known = picture[2] or ""
    letter = next(each for each in _SIDES if each == known or _SIDES[each] >= side)
    path = f"{folder}{picture[1]}{letter and f'_{letter}'}.jpg"
    return parts._replace(path=path).geturl()
