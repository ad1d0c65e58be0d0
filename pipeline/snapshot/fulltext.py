"""Words for DuckDB's full-text index, which by itself knows no script but a to z.

Texts and queries go through the same ``words``: compatibility forms folded (NFKC), lower case,
accents dropped from Latin letters, English and Russian words cut to their stem (Snowball), and
runs of Chinese, Japanese and Korean characters, which have no spaces, cut to overlapping pairs
(the usual bigram index for these scripts), so that a word is found inside a longer title. An emoji
is a word of its own, whatever its color.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import duckdb
import duckdb_extension_fts
import snowballstemmer

from pipeline import emoji

TABLE = "search_words"
INDEX = f"fts_main_{TABLE}"
"""The schema in which DuckDB keeps the index of that table."""
SEPARATOR = "\x1f"
"""Stands between texts that have nothing to do with each other, such as tags."""
_MARK = " | "  # is looked for by no query
COLUMNS = ("title", "description", "tags", "names", "caption")
"""What of a photo is indexed. ``names`` are of people and places; ``caption`` is all that models
say, their tags and the text that they read in the picture; the rest is what people say."""
BY_PEOPLE = COLUMNS[:-1]
MODELS_WORD = 0.5
"""How much a word that only a model says counts, where one that a person says counts 1."""

_CJK = "\u2e80-\u2fdf\u3005-\u3007\u3031-\u3035\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_CJK += "\U00020000-\U0003ffff"
RUNS = re.compile(rf"{emoji.PATTERN}|[{_CJK}]+|[^\W_{_CJK}]+")
_IS_CJK = re.compile(rf"[{_CJK}]")
_IS_CYRILLIC = re.compile("[\u0400-\u04ff]")
FUNCTION_WORDS = frozenset(
    ["a", "an", "and", "at", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to", "with"]
)
_LATIN_ACCENTS = re.compile("(?<=[a-z])[\u0300-\u036f]+")


def words(text: str | None) -> str:
    """Return the words of a text, separated by spaces, as they are indexed and looked up.

    A ``SEPARATOR`` in the text stays as a mark that no phrase goes across.
    """
    texts = (text or "").split(SEPARATOR)
    return _MARK.join(
        " ".join(word for run in _runs(each) for word in _words_of_run(run)) for each in texts
    )


def _runs(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).lower()
    plain = unicodedata.normalize(
        "NFC", _LATIN_ACCENTS.sub("", unicodedata.normalize("NFD", folded))
    )
    return [emoji.plain(run) for run in RUNS.findall(plain)]


def query_words(text: str) -> str:
    """Like ``words``, but without what would match nearly everything.

    That is English function words next to others, and the single characters of a longer word in
    CJK characters, which stands as its pairs; both are indexed, so that they can be searched alone.
    """
    all_words = words(text).split()
    has_pairs = any(len(word) == 2 and is_cjk(word) for word in all_words)
    telling = [
        word
        for word in all_words
        if word not in FUNCTION_WORDS and not (has_pairs and len(word) == 1 and is_cjk(word))
    ]
    return " ".join(telling or all_words)


def have_words_in_common(text: str, query: str) -> bool:
    """Whether a text has a word that a query asks for."""
    return not set(words(text).split()).isdisjoint(query_words(query).split())


def phrase(text: str) -> list[str]:
    """Return what an indexed text has to contain, each between spaces, to have this phrase.

    That is its words one after the other; of a run of CJK characters, the single characters.
    """
    pieces = []
    for has_no_spaces, runs in groupby(_runs(text), is_cjk):
        if has_no_spaces:
            pieces += [" ".join(run) for run in runs]
        else:
            pieces.append(" ".join(word for run in runs for word in _words_of_run(run)))
    return pieces


def is_cjk(word: str) -> bool:
    """Whether a word is of Chinese, Japanese or Korean characters."""
    return bool(_IS_CJK.match(word))


QUICK_TO_LOAD = {"allow_unsigned_extensions": True, "autoinstall_known_extensions": False}
"""The configuration of a connection that need not check the signature of the extension below.

That would take four fifths of the time of opening a snapshot, each time. The file comes with its
package, like all other code; none is taken from anywhere else.
"""


def load_extension(connection: duckdb.DuckDBPyConnection) -> None:
    """Load DuckDB's full-text extension from the file that its package ships."""
    folder = Path(duckdb_extension_fts.__file__).parent
    file = next(folder.rglob("fts.duckdb_extension"))
    connection.execute(f"LOAD '{file}'")


def create_index(connection: duckdb.DuckDBPyConnection) -> None:
    """Index the table ``search_words``: image_id and ``COLUMNS``.

    All that has a word lies together, so that looking for one reads little of the table.
    """
    columns = ", ".join(f"'{column}'" for column in COLUMNS)
    connection.execute(
        f"PRAGMA create_fts_index('{TABLE}', 'image_id', {columns}, stemmer='none',"
        " stopwords='none', ignore='(\\s)+', strip_accents=0, lower=0, overwrite=1)"
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE {INDEX}.terms AS FROM {INDEX}.terms ORDER BY termid, docid"
    )


def update_index(connection: duckdb.DuckDBPyConnection, photos: str) -> None:
    """Index the words of some photos anew, whose ids are in the table ``photos``.

    The extension only knows how to index everything. Its tables are those of any inverted index:
    documents with their length, terms with how many documents have them (df), and which has which.
    """
    tokens = " UNION ALL ".join(
        f"SELECT image_id, {number} AS fieldid, unnest(string_split({column}, ' ')) AS term"
        f" FROM {TABLE} SEMI JOIN {photos} USING (image_id)"
        for number, column in enumerate(COLUMNS)
    )
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE memory.removed_documents AS
        SELECT docid FROM {INDEX}.docs WHERE name IN (SELECT image_id FROM {photos});

        CREATE OR REPLACE TABLE memory.removed_terms AS
        SELECT termid, count(DISTINCT docid) AS documents
        FROM {INDEX}.terms SEMI JOIN memory.removed_documents USING (docid) GROUP BY ALL;

        DELETE FROM {INDEX}.terms WHERE docid IN (SELECT docid FROM memory.removed_documents);
        DELETE FROM {INDEX}.docs WHERE docid IN (SELECT docid FROM memory.removed_documents);

        CREATE OR REPLACE TABLE memory.new_tokens AS FROM ({tokens}) WHERE term <> '';

        INSERT INTO {INDEX}.docs
        SELECT row_number() OVER () + (SELECT coalesce(max(docid), -1) FROM {INDEX}.docs),
               image_id, count(term)
        FROM {TABLE} SEMI JOIN {photos} USING (image_id)
        LEFT JOIN memory.new_tokens USING (image_id)
        GROUP BY image_id ORDER BY image_id;

        INSERT INTO {INDEX}.dict
        SELECT row_number() OVER () + (SELECT coalesce(max(termid), -1) FROM {INDEX}.dict), term, 0
        FROM (SELECT DISTINCT term FROM memory.new_tokens ANTI JOIN {INDEX}.dict USING (term))
        ORDER BY term;

        CREATE OR REPLACE TABLE memory.new_terms AS
        SELECT docid, fieldid, termid
        FROM memory.new_tokens JOIN {INDEX}.docs ON name = image_id JOIN {INDEX}.dict USING (term);

        INSERT INTO {INDEX}.terms FROM memory.new_terms;

        UPDATE {INDEX}.dict SET df = df + more FROM (
            SELECT termid, sum(documents) AS more FROM (
                SELECT termid, -documents AS documents FROM memory.removed_terms UNION ALL
                SELECT termid, count(DISTINCT docid) FROM memory.new_terms GROUP BY ALL
            ) GROUP BY ALL
        ) changed WHERE changed.termid = dict.termid;
        DELETE FROM {INDEX}.dict WHERE df = 0;

        UPDATE {INDEX}.stats SET num_docs = (SELECT count(*) FROM {INDEX}.docs),
                                 avgdl = (SELECT avg(len) FROM {INDEX}.docs);
        """
    )


@lru_cache(maxsize=1)
def _stemmers() -> tuple[snowballstemmer.stemmer, snowballstemmer.stemmer]:
    return snowballstemmer.stemmer("english"), snowballstemmer.stemmer("russian")


@lru_cache(maxsize=65536)
def _words_of_run(run: str) -> tuple[str, ...]:
    if is_cjk(run):
        return (*run, *(run[at : at + 2] for at in range(len(run) - 1)))
    english, russian = _stemmers()
    if run.isascii():
        return (english.stemWord(run),)
    return (russian.stemWord(run),) if _IS_CYRILLIC.search(run) else (run,)
