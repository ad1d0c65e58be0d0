"""The published snapshot."""

import dagster as dg
from dagster_duckdb import DuckDBResource

from pipeline.assets.caption_embeddings import caption_embeddings
from pipeline.assets.faces import faces
from pipeline.assets.materialise import OWNERS
from pipeline.assets.resources import LibraryResource
from pipeline.assets.siglip_embeddings import siglip_embeddings
from pipeline.assets.visible_text import visible_text
from pipeline.errors import AlbumscopeError
from pipeline.snapshot import publishing


@dg.asset(
    deps=[visible_text, faces, siglip_embeddings, caption_embeddings],
    group_name="search",
    kinds={"duckdb", "faiss"},
    owners=OWNERS,
)
def faiss_index(
    context: dg.AssetExecutionContext, library: LibraryResource, duckdb: DuckDBResource
) -> dg.MaterializeResult[None]:
    """One published snapshot, DuckDB and FAISS, that the search page opens.

    If nothing changed since the newest snapshot, nothing is written.
    """
    try:
        with library.under_way.working(on="faiss_index"):
            published = publishing.publish(library, duckdb.get_connection, context.run.run_id)
    except AlbumscopeError as error:
        raise dg.Failure(str(error)) from error
    manifest = published.manifest
    images = manifest["indexes"]["images.faiss"]
    return dg.MaterializeResult(
        data_version=dg.DataVersion(published.name),  # a snapshot never changes
        metadata={
            "snapshot": published.name,
            "published now": published.is_new,
            "photos": manifest["tables"]["images"],
            "vectors": manifest["tables"]["image_embeddings"],
            "index": images["kind"],
            "recall@20 against exact search": images["recall"],
            "size (MB)": round(sum(f["bytes"] for f in manifest["files"].values()) / 1e6, 2),
            "tables": manifest["tables"],
            "models": manifest["models"],
            "dagster/row_count": manifest["tables"]["images"],
        },
    )
