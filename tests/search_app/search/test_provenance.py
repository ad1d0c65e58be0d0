"""A hit can be followed back to the album, the page and the runs that it comes from."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import pytest

from pipeline.assets.instance import open_instance
from pipeline.errors import AlbumscopeError
from pipeline.library.schemas import ALBUM_TABLES
from pipeline.settings import Settings
from pipeline.snapshot import reading
from search_app.search.provenance import provenance
from search_app.search.queries import Query
from tests.search_app.searching import searcher_of

DAGSTER = "http://127.0.0.1:3000"


def test_a_hit_is_followed_back_to_its_runs(demo_library: Path) -> None:
    settings = Settings(data_dir=demo_library)
    searcher = searcher_of(demo_library)
    hit = searcher.search(Query(text="a kite", k=1))[0]
    found = provenance(searcher.snapshot, hit.image_id, DAGSTER)
    assert [album.title for album in found.albums] == [hit.album_title]
    assert (found.page_url, found.snapshot) == (None, searcher.snapshot.name)
    assert found.versions["albumscope"]
    assert [origin.asset for origin in found.origins] == [*ALBUM_TABLES, "faiss_index"]
    models = {origin.asset: origin.model_name for origin in found.origins}
    assert models["siglip_embeddings"] == models["llm_captions"] == "embedded"
    producers = {origin.asset: origin.producer for origin in found.origins}
    assert str(producers["exif_metadata"]).startswith("exif:")
    with open_instance(settings) as instance:
        for origin in found.origins:
            run = instance.get_run_by_id(origin.run_id or "")
            assert run
            assert origin.run_url == f"{DAGSTER}/runs/{run.run_id}"
            link = urlsplit(origin.asset_url)
            assert link.path == f"/assets/{origin.asset}"
            events = instance.fetch_materializations(
                dg.AssetRecordsFilter(
                    dg.AssetKey(origin.asset),
                    asset_partitions=parse_qs(link.query).get("partition"),
                ),
                limit=10,
            )
            assert run.run_id in {event.run_id for event in events.records}


def test_a_photo_that_is_not_there(demo_library: Path) -> None:
    opened = reading.open_current(demo_library)
    with pytest.raises(AlbumscopeError, match="No photo 1 in the library"):
        provenance(opened, 1, DAGSTER)
    opened.close()
