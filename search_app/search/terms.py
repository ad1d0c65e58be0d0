"""What stands in a query for what the page offers: photos, people, faces."""

from pipeline.snapshot.who_is_who import without_quotes
from search_app.search.parsed import Part


def photo_term(image_id: int, part: Part | None = None) -> str:
    """What stands in a query for a photo of the library, or for a part of it."""
    edges = [f"{edge:.2f}".rstrip("0").rstrip(".") for edge in part or ()]
    return "photo:" + ",".join([str(image_id), *edges])


def person_term(name: str) -> str:
    """What stands in a query for a person of this name."""
    return f'person:"{without_quotes(name)}"'


def face_term(image_id: int, number: int) -> str:
    """What stands in a query for whoever has this face, the first of a photo being 1."""
    return f"face:{image_id},{number}"
