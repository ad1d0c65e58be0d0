"""The errors that are meant to be read by a person, and the sentences that they say."""


class Message(str):
    """A sentence for people, in English, that remembers what it was made of.

    ``template`` is the sentence with {names} where the ``values`` go, so that the page can say it
    in another language.
    """

    template: str
    values: dict[str, object]

    def __new__(cls, template: str, **values: object) -> "Message":
        """Put the values in. A template without any is the sentence itself."""
        values = {name: _plain(value) for name, value in values.items()}
        message = super().__new__(cls, template.format(**values) if values else template)
        message.template = getattr(template, "template", template)
        message.values = values or getattr(template, "values", {})
        return message


def count(number: int, thing: str) -> str:
    """ "1 album", "2 albums"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _plain(value: object) -> object:
    """A value that holds on to nothing: what an error says, and not the error."""
    if isinstance(value, str | int | float):
        return value
    return value.message if isinstance(value, _ToldError) else str(value)


class _ToldError(Exception):
    """An error with a sentence for people: a template, with values where it has {names}."""

    def __init__(self, template: str, **values: object) -> None:
        self.message = Message(template, **values)
        super().__init__(self.message)


class AlbumscopeError(_ToldError):
    """Something that concerns the whole command or album; its text says what to do.

    The command line prints it on one line and exits with code 1.
    """


class PhotoError(_ToldError):
    """One photo cannot be read, embedded or described; the album goes on without it.

    ``transient`` says that trying again later may help: a network that was down, say, but not
    a file whose bytes are no image.
    """

    def __init__(self, template: str, *, transient: bool = False, **values: object) -> None:
        super().__init__(template, **values)
        self.transient = transient


class QueryError(AlbumscopeError):
    """A search asks for what makes no sense."""


class NotInLibraryError(AlbumscopeError):
    """The library has no such photo, or none that may be shown."""


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
