"""What people mark photos with: favourites, tags, hidden photos. The one door for it.

A photo is named by its own bytes, and by its id where no photo has these bytes any more (a file was
edited, Flickr's other size was fetched), so that a mark outlives albums, snapshots and models. The
tags are taken in by publishing (``pipeline/snapshot/marks.py``); all marks count at once for who
searches (``search_app/search/marks.py``).
"""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, get_args

from pydantic import BaseModel

from pipeline.errors import AlbumscopeError
from pipeline.library.journal import Journal

Kind = Literal["favourite", "hidden", "tag"]
LONGEST_TAG = 100  # characters


class Mark(BaseModel):
    """A mark that somebody set on photos, or took off them.

    ``user`` is who did it, "" where nobody has to sign in; a favourite is one of that user alone.
    Of each photo there is the sha256, hexadecimal, and the id.
    """

    is_on: bool
    user: str
    at: datetime
    tag: str = ""
    sha256: Sequence[str]
    image_id: Sequence[int]


JOURNALS: Mapping[Kind, Journal[Mark]] = MappingProxyType(
    {kind: Journal(f"marks/{kind}", Mark) for kind in get_args(Kind)}
)
"""All that was marked; the last word on a photo, and a user or a tag, counts."""
TAGS = JOURNALS["tag"]


def checked_tag(typed: str) -> str:
    """A tag as it is kept. Raises AlbumscopeError if it is none."""
    tag = " ".join(unicodedata.normalize("NFC", typed).split())
    if not plain_tag(tag) or not tag.isprintable() or len(tag) > LONGEST_TAG:
        raise AlbumscopeError(
            "A tag is a word or a few, of up to {most} characters", most=LONGEST_TAG
        )
    return tag


@lru_cache(maxsize=65536)
def plain_tag(tag: str) -> str:
    """A tag without case, width and spaces, by which tags are compared."""
    return unicodedata.normalize("NFKC", tag).casefold().replace(" ", "")
