"""Sentences to a parquet file that `ner.data.hub` and Hugging Face `datasets` read."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from ner.data.hub_rows import TAG_COLUMNS, TOKEN_COLUMNS
from ner.data.lines import replace_surrogates
from ner.data.packed import created
from ner.data.sentence import Sentence
from ner.data.spelling import Spelling, sentence_tags
from ner.extras import require

# Sentences that are held in memory at once.
ROWS = 1000


def write_parquet(
    sentences: Iterable[Sentence],
    path: Path,
    scheme: Spelling = "BIO",
    columns: Sequence[str] = (),
    tagged: bool = True,
) -> None:
    """Write a row for each sentence: its id, its tokens, its columns and its tags, as strings.

    Raises:
        DataError: The file cannot be written.
        MissingExtraError: `pyarrow` is not installed.
    """
    pyarrow = require("pyarrow", "A parquet file")
    parquet = require("pyarrow.parquet", "A parquet file")
    strings = pyarrow.list_(pyarrow.string())
    kinds = {"id": pyarrow.string(), TOKEN_COLUMNS[0]: strings, **dict.fromkeys(columns, strings)}
    if tagged:
        kinds[TAG_COLUMNS[0]] = strings
    schema = pyarrow.schema(list(kinds.items()))

    def row(sentence: Sentence) -> dict[str, object]:
        lists: dict[str, Sequence[str]] = {TOKEN_COLUMNS[0]: sentence.tokens}
        lists.update({name: sentence.columns[name] for name in columns})
        if tagged:
            lists[TAG_COLUMNS[0]] = sentence_tags(sentence, scheme)
        clean = {name: list(map(replace_surrogates, values)) for name, values in lists.items()}
        return {"id": sentence.id, **clean}

    rows = map(row, sentences)
    with created(path) as file, parquet.ParquetWriter(file, schema) as writer:
        while some := list(itertools.islice(rows, ROWS)):
            writer.write_table(pyarrow.Table.from_pylist(some, schema))
