"""Words are found in any script, also inside longer titles."""

import duckdb
import pytest

from pipeline.snapshot import fulltext

TITLES = [
    "京都の東京駅",
    "Вечер в Москве",
    "Cafés running late",
    "the cat sat",
    "PyCon mini 東海 2025",
    "서울 여행",
    "DSC_1234 ﾃｽﾄ",
    "a novel hello x",
]


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    fulltext.load_extension(connection)
    connection.execute(
        f"CREATE TABLE {fulltext.TABLE} (image_id BIGINT, "
        + ", ".join(f"{column} VARCHAR" for column in fulltext.COLUMNS)
        + ")"
    )
    for row, title in enumerate(TITLES):
        connection.execute(
            f"INSERT INTO {fulltext.TABLE} (image_id, title) VALUES (?, ?)",
            [row, fulltext.words(title)],
        )
    fulltext.create_index(connection)
    return connection


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("東京駅", "京都の東京駅"),
        ("京", "京都の東京駅"),
        ("москва", "Вечер в Москве"),
        ("МОСКВЕ", "Вечер в Москве"),
        ("cafe", "Cafés running late"),
        ("runs", "Cafés running late"),
        ("a cat", "the cat sat"),
        ("the", "the cat sat"),
        ("東海", "PyCon mini 東海 2025"),
        ("서울", "서울 여행"),
        ("テスト", "DSC_1234 ﾃｽﾄ"),
        ("1234", "DSC_1234 ﾃｽﾄ"),
        ("novel", "a novel hello x"),
        ("x", "a novel hello x"),
    ],
)
def test_words_are_found(connection: duckdb.DuckDBPyConnection, query: str, title: str) -> None:
    assert TITLES[matches(connection, query)[0]] == title


@pytest.mark.parametrize("query", ["dog", "a dog on the mat", "大阪", "мост", "", "' \" ;--"])
def test_other_words_are_not(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    assert matches(connection, query) == []


def test_a_long_word_is_not_found_by_one_of_its_characters(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    assert TITLES.index("PyCon mini 東海 2025") not in matches(connection, "東京駅")


@pytest.mark.parametrize(
    ("phrase", "text", "is_in_it"),
    [
        ("paper boats", "A Paper Boat!", True),
        ("paper boat", "a boat of paper", False),
        ("東京駅", "京都の東京駅", True),
        ("東京都", "京都の東京駅", False),  # both its pairs are there, but apart
        ("PyCon mini 東海", "PyCon mini 東海 2025", True),
        ("mini PyCon", "PyCon mini 東海 2025", False),
        ("harbour night", fulltext.SEPARATOR.join(["harbour", "night"]), False),
        ("night market", fulltext.SEPARATOR.join(["harbour", "night market"]), True),
    ],
)
def test_a_phrase_is_words_one_after_the_other(phrase: str, text: str, is_in_it: bool) -> None:
    indexed = f" {fulltext.words(text)} "
    assert all(f" {piece} " in indexed for piece in fulltext.phrase(phrase)) == is_in_it


def matches(connection: duckdb.DuckDBPyConnection, query: str) -> list[int]:
    rows = connection.execute(
        f"SELECT image_id FROM (SELECT image_id, {fulltext.INDEX}.match_bm25(image_id, ?) AS score"
        f" FROM {fulltext.TABLE}) WHERE score IS NOT NULL ORDER BY score DESC",
        [fulltext.query_words(query)],
    ).fetchall()
    return [row for (row,) in rows]
