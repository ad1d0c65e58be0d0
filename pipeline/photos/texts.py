"""What is written in plain texts: the chunks of a PNG, the comments of a JPEG, a GIF and EXIF."""

from collections.abc import Mapping

from pipeline.photos.dates import read_date
from pipeline.photos.words import Said, by_people, decoded, line, said

KEYWORDS = frozenset({"Title", "Description", "Comment", "Author", "Copyright", "Creation Time"})
"""Those that say something of a photo; a file may have any number of others, as long as it is."""


def read_texts(texts: Mapping[str, bytes], user_comment: str | None = None) -> Said:
    """Take the texts for what they say, by the keywords of the PNG specification (11.3.3.2)."""
    written = (texts.get("Description"), user_comment, texts.get("Comment"))
    return said(
        title=line(texts.get("Title")),
        description=next(by_people(written), None),
        creator=line(texts.get("Author")),
        rights=line(texts.get("Copyright")),
        taken=read_date(decoded(texts.get("Creation Time", b"")).strip()),
    )
