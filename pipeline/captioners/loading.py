"""Choosing a captioner by its name."""

from pipeline.captioners import Captioner
from pipeline.errors import AlbumscopeError


def load_captioner(name: str) -> Captioner | None:
    """Return the captioner of that name, the setting CAPTION_MODEL; None for "none".

    Raises AlbumscopeError if there is no captioner of that name.
    """
    match name:
        case "embedded":
            from pipeline.captioners.embedded import EmbeddedCaptioner

            return EmbeddedCaptioner()
        case "none":
            return None
        case _:
            raise AlbumscopeError(f"CAPTION_MODEL is {name!r}: set it to 'embedded' or 'none'")
