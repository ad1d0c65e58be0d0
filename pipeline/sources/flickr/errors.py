"""What goes wrong with Flickr; each text is one line that says what to do."""

from pipeline.errors import AlbumError, SourceError


class FlickrError(SourceError):
    """Something that concerns all albums on Flickr: a wrong key, an unknown user."""


class FlickrUnavailable(FlickrError):  # noqa: N818  # a state, like AlbumGone
    """Flickr could not be reached, or stayed busy to the end of the retries; it passes."""


class FlickrUnreachable(FlickrUnavailable):
    """No server was there at all: asking for something else is of no use."""


class FlickrCodeError(FlickrError):
    """Flickr answered a call with an error; ``code`` is Flickr's number for it."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


class AlbumGone(AlbumError):  # noqa: N818
    """Flickr knows this album no more, or no longer shows it to everyone."""
