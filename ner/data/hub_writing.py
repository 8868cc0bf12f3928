"""Sentences to a parquet file that `ner.data.hub` and Hugging Face `datasets` read."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from ner.data.hub_rows import TAG_COLUMNS, TOKEN_COLUMNS
from ner.data.lines import replace_surrogates
from ner.data.packed import created
from ner.data.sentence import Sentence
from ner.data.spelling import Spelling, token_columns
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
        DataError: The file cannot be written, or a sentence lacks a column.
        MissingExtraError: `pyarrow` is not installed.
    """
    pyarrow = require("pyarrow", "A parquet file")
    parquet = require("pyarrow.parquet", "A parquet file")
    strings = pyarrow.list_(pyarrow.string())
    names = [TOKEN_COLUMNS[0], *columns, *([TAG_COLUMNS[0]] if tagged else [])]
    kinds = {"id": pyarrow.string(), **dict.fromkeys(names, strings)}
    schema = pyarrow.schema(list(kinds.items()))

    def row(number: int, sentence: Sentence) -> dict[str, object]:
        where = str(sentence.source or f"sentence {number}")
        found = token_columns(sentence, columns, scheme if tagged else None, where)
        lists = zip(names, found, strict=True)
        clean = {name: list(map(replace_surrogates, values)) for name, values in lists}
        return {"id": sentence.id, **clean}

    rows = itertools.starmap(row, enumerate(sentences, 1))
    with created(path) as file, parquet.ParquetWriter(file, schema) as writer:
        while some := list(itertools.islice(rows, ROWS)):
            writer.write_table(pyarrow.Table.from_pylist(some, schema))
