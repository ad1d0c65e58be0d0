"""The queries that people judged themselves, run at each publication."""

from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from pipeline.assets.instance import open_instance
from pipeline.library.corrections import PEOPLE, Correction
from pipeline.library.library import Library
from pipeline.settings import Settings
from pipeline.snapshot import reading
from tests.pipeline.command_line import Run

CHECK = dg.AssetCheckKey(dg.AssetKey("faiss_index"), "judged_queries")


@pytest.fixture
def library(demo_copy: Path) -> Library:
    return Library(Settings(data_dir=demo_copy))


def published(library: Library, run: Run) -> dg.AssetCheckEvaluation:
    """What the check said at a publication that ``albumscope sync`` made."""
    PEOPLE.write(library.storage, Correction(person_id="ada", name="Ada"))  # something is new
    before = reading.current_name(library.settings.data_dir)
    result = run("sync")
    assert result.code == 0, result.err
    assert reading.current_name(library.settings.data_dir) != before
    with open_instance(library.settings) as instance:
        storage = instance.event_log_storage
        (record,) = storage.get_asset_check_execution_history(CHECK, limit=1)
        assert record.event
        evaluation = record.event.dagster_event.event_specific_data
    assert isinstance(evaluation, dg.AssetCheckEvaluation)
    return evaluation


def test_judged_queries_are_run_and_their_mrr_is_kept(library: Library, run: Run) -> None:
    with closing(reading.open_current(library.settings.data_dir)) as snapshot:
        ids = dict(snapshot.cursor().execute("SELECT title, image_id FROM images").fetchall())
    (library.settings.data_dir / "queries.toml").write_text(
        f"""
        [[query]]
        words = "a cat"
        photos = [{ids["cat portrait"]}, "gone.jpg"]

        [[query]]
        words = "a cup of coffee"
        photos = ["Things and places/Espresso.jpg"]

        [[query]]
        words = "temple"
        photos = ["Cat Portrait", "PAGODA"]

        [[query]]
        words = "espresso"
        photos = ["Nature Walks 2018/espresso.jpg"]   # it is elsewhere

        [[query]]
        words = "a cat"
        photos = ["pagoda.jpg"]
        """
    )
    check = published(library, run)

    found = check.metadata["queries one by one"]
    assert isinstance(found, dg.TableMetadataValue)
    assert [record.data["query"] for record in found.records] == [
        *("a cat", "a cup of coffee", "temple", "a cat")
    ]
    assert [record.data["first right photo"] for record in found.records] == [1, 1, 1, 0]
    assert check.metadata["mean reciprocal rank"] == dg.MetadataValue.float(0.75)
    assert not check.passed and check.severity == dg.AssetCheckSeverity.WARN
    assert check.description == (
        "without a right photo: a cat; not in the library: gone.jpg, Nature Walks 2018/espresso.jpg"
    )


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('[[query]]\nwords = "a cat"\nphoto = ["cat"]', "wrong at query.1.photo: no such entry"),
        ('[[queries]]\nwords = "a cat"', "wrong at queries: no such entry; there are [[query]]"),
        ("[[query", "cannot be read"),
        ('[[query]]\nwords = "-"\nphotos = ["drum"]', "'-': Nothing to search for"),
    ],
)
def test_a_file_that_is_wrong_is_warned_of_and_stops_nothing(
    library: Library, run: Run, text: str, wrong: str
) -> None:
    (library.settings.data_dir / "queries.toml").write_text(text)
    check = published(library, run)
    assert not check.passed and check.severity == dg.AssetCheckSeverity.WARN
    assert wrong in str(check.description)


def test_without_a_file_nothing_is_asked(library: Library, run: Run) -> None:
    check = published(library, run)
    assert check.passed and "queries.toml" in str(check.description)
