"""Asset checks: what must hold of the tables and of the snapshot."""

from contextlib import closing

import dagster as dg
from dagster_duckdb import DuckDBResource

from pipeline.assets.exif_metadata import exif_metadata
from pipeline.assets.faces import faces
from pipeline.assets.faiss_index import faiss_index
from pipeline.assets.llm_captions import llm_captions
from pipeline.assets.partitions import albums_of_run
from pipeline.assets.raw_images import raw_images
from pipeline.assets.resources import LibraryResource, SearchResource
from pipeline.assets.siglip_embeddings import siglip_embeddings
from pipeline.assets.visible_text import visible_text
from pipeline.errors import AlbumscopeError
from pipeline.library.stages.stage import readable_photos
from pipeline.snapshot import judged, reading

_SHOWN = 20  # failed photos named in a check's metadata
_TOLERANCE = 1e-3  # by how much a vector's length may differ from 1


def _no_failed_photos(asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    table = asset.key.to_user_string()

    @dg.asset_check(asset=asset)
    def no_failed_photos(library: LibraryResource) -> dg.AssetCheckResult:
        """No photo of any album failed; failed ones are listed with their reason."""
        failed = [
            (album_id, row["image_id"], row["error"])
            for album_id in (album["album_id"] for album in library.albums())
            if library.tables.contents(table, album_id).failed
            for row in library.tables.read(table, album_id, ["image_id", "error"]).to_pylist()
            if row["error"] is not None
        ]
        records = [
            dg.TableRecord({"album": album_id, "photo": str(image_id), "reason": reason})
            for album_id, image_id, reason in failed[:_SHOWN]
        ]
        return dg.AssetCheckResult(
            passed=not failed,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{len(failed)} photos failed" if failed else "no photo failed",
            metadata={
                "photos failed": len(failed),
                **({"failed": dg.MetadataValue.table(records)} if records else {}),
            },
        )

    return no_failed_photos


@dg.asset_check(asset=siglip_embeddings)
def every_photo_embedded(library: LibraryResource) -> dg.AssetCheckResult:
    """Every readable photo of the albums embedded so far has a vector, or a reason why not."""
    missing = {}
    embedded = set(library.tables.partitions("siglip_embeddings"))
    for album_id in embedded.intersection(album["album_id"] for album in library.albums()):
        photos = library.tables.contents("raw_images", album_id)
        embedded_photos = library.tables.contents("siglip_embeddings", album_id).rows
        if embedded_photos == photos.rows - photos.failed:
            continue
        rows = library.tables.read("siglip_embeddings", album_id, ["image_id"])
        wanted = {photo.image_id for photo in readable_photos(library.tables, album_id)}
        if without := len(wanted.difference(rows["image_id"].to_pylist())):
            missing[album_id] = without
    return dg.AssetCheckResult(
        passed=not missing,
        description=f"photos without a vector, by album: {missing}" if missing else None,
        metadata={"photos without a vector": sum(missing.values())},
    )


@dg.asset_check(asset=siglip_embeddings)
def vectors_normalised_and_finite(
    context: dg.AssetCheckExecutionContext, library: LibraryResource, duckdb: DuckDBResource
) -> dg.AssetCheckResult:
    """Every vector of the run's albums has length 1 and no infinite or undefined value."""
    registered = context.instance.get_dynamic_partitions("albums")
    albums = albums_of_run(context.run, registered) or None  # all, if it is run by itself
    with duckdb.get_connection() as connection, closing(connection):  # whatever happens
        connection.register(
            "vectors", library.tables.stream("siglip_embeddings", albums, ["embedding", "error"])
        )
        vectors, wrong = connection.execute(
            """
            SELECT count(*),
                   count(*) FILTER (length IS NULL OR NOT isfinite(length) OR abs(length - 1) > ?)
            FROM (
                SELECT sqrt(list_inner_product(embedding, embedding)) AS length
                FROM vectors WHERE error IS NULL
            )
            """,
            [_TOLERANCE],
        ).fetchall()[0]
    return dg.AssetCheckResult(
        passed=wrong == 0, metadata={"vectors": vectors, "vectors out of shape": wrong}
    )


@dg.asset_check(asset=faiss_index)
def snapshot_opens_and_answers(library: LibraryResource) -> dg.AssetCheckResult:
    """The current snapshot opens as a reader would open it and answers a query."""
    try:
        with closing(reading.open_current(library.settings.library_dir)) as current:
            photos = current.answer_a_query()
    except AlbumscopeError as error:
        return dg.AssetCheckResult(passed=False, description=str(error))
    return dg.AssetCheckResult(passed=True, metadata={"snapshot": current.name, "photos": photos})


@dg.asset_check(asset=faiss_index)
def judged_queries(library: LibraryResource, search: SearchResource) -> dg.AssetCheckResult:
    """The queries of ``DATA_DIR/queries.toml`` bring the photos that they should, each on the first
    page of results. Dagster plots their mean reciprocal rank over time.

    The photos are what a person would get, by the search itself; it is handed in, as assets may not
    look up to it (``pipeline/definitions.py``). Nothing that is wrong here stops a publication.
    """
    try:
        queries = judged.judged_queries(library.storage)
        if not queries:
            where = library.storage.where(judged.KEY)
            return dg.AssetCheckResult(passed=True, description=f"no queries in {where}")
        found = search(library.settings, [query.words for query in queries])
        with closing(reading.open_current(library.settings.library_dir)) as current:
            judgements = [
                judged.judge(current, query, photos)
                for query, photos in zip(queries, found, strict=True)
            ]
    except AlbumscopeError as error:
        return dg.AssetCheckResult(
            passed=False, severity=dg.AssetCheckSeverity.WARN, description=str(error)
        )
    counting = [judgement for judgement in judgements if judgement.counts]
    missed = [judgement.query.words for judgement in counting if judgement.rank is None]
    unknown = [str(name) for judgement in judgements for name in judgement.unknown]
    problems = [
        *([f"without a right photo: {', '.join(missed)}"] if missed else []),
        *([f"not in the library: {', '.join(unknown)}"] if unknown else []),
    ]
    records = [
        dg.TableRecord({"query": judgement.query.words, "first right photo": judgement.rank or 0})
        for judgement in counting
    ]
    return dg.AssetCheckResult(
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(problems) or "every query brings a right photo",
        metadata={
            "snapshot": current.name,
            "queries": len(counting),
            **(
                {
                    "mean reciprocal rank": judged.mean_reciprocal_rank(counting),
                    "queries one by one": dg.MetadataValue.table(records),
                }
                if counting
                else {}
            ),
        },
    )


ASSET_CHECKS = [
    *map(
        _no_failed_photos,
        (raw_images, exif_metadata, llm_captions, visible_text, faces, siglip_embeddings),
    ),
    every_photo_embedded,
    vectors_normalised_and_finite,
    snapshot_opens_and_answers,
]
