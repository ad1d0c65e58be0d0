"""What people get for their words, for Dagster's check of the queries that they judged."""

from collections.abc import Sequence
from contextlib import closing

from pipeline.errors import AlbumscopeError
from pipeline.settings import Settings
from pipeline.snapshot import reading
from search_app.search.queries import Query
from search_app.search.searcher import Searcher


def found_by_words(settings: Settings, texts: Sequence[str]) -> list[list[int]]:
    """For each text the ids of the photos on the first page of results, the best first.

    They are those of the current snapshot, with MIN_PROBABILITY. Raises AlbumscopeError.
    """
    found = []
    with closing(Searcher(reading.open_current(settings.library_dir), settings)) as searcher:
        for text in texts:
            try:
                hits = searcher.search(Query(text, min_probability=settings.min_probability))
            except AlbumscopeError as error:
                raise AlbumscopeError("{text!r}: {reason}", text=text, reason=error) from error
            found.append([hit.image_id for hit in hits])
    return found
