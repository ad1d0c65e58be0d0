"""The errors that are meant to be read by a person."""


class AlbumscopeError(Exception):
    """Something that concerns the whole command or album; its text says what to do.

    The command line prints it on one line and exits with code 1.
    """


class PhotoError(Exception):
    """One photo cannot be read, embedded or described; the album goes on without it.

    ``transient`` says that trying again later may help: a network that was down, say, but not
    a file whose bytes are no image.
    """

    def __init__(self, reason: str, *, transient: bool = False) -> None:
        super().__init__(reason)
        self.transient = transient


class AlbumError(AlbumscopeError):
    """Something that concerns one album alone; the others go on."""


class DamagedFileError(AlbumError):
    """A file of the library is not as it was written; the next sync sets it aside."""


class CaptionerError(AlbumscopeError):
    """No photo can be described now; captions stay pending, and everything else goes on."""


class AwayError(AlbumError):
    """The photos of an album cannot be seen, and nobody has said that they are gone."""


class SourceError(AlbumscopeError):
    """Something that concerns one source of albums; what it brought before, and others, go on."""
