"""Data sets of Hugging Face `datasets`: read from the hub, a folder or a parquet file.

Rows hold tokens or a text; `ner.data.formats.huggingface_columns` finds out which columns hold
what. The other columns of strings or classes with a value for each token become columns of the
sentence, and so do the raw tags. A row with the one token `-DOCSTART-` begins a document. Rows are
counted from 1.

Sentences are written to a parquet file, a row for each: its id, its tokens, its columns and its
tags, as strings.
"""

import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ner.data.compressed import created
from ner.data.formats.base import (
    IDS,
    SPANS,
    TOKENS,
    Format,
    WriteOptions,
    sentence_name,
)
from ner.data.formats.columns import (
    DOCUMENT_BOUNDARY,
    TAG_LIST_NAMES,
    TOKEN_LIST_NAMES,
    token_columns,
)
from ner.data.formats.huggingface_columns import TokenRows, choose_rows
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import Tokenize, build_sentences
from ner.data.lines import check_file, is_folder, reason, replace_surrogates
from ner.data.sentence import Sentence, Source
from ner.errors import DataError
from ner.extras import require

DEVELOPMENT_SPLITS = ("validation", "dev", "valid")

# The number of sentences in memory at once, while they are written.
WRITTEN_AT_ONCE = 1000


def read_hub(
    source: str | Path,
    split: str,
    tokens: str | None = None,
    tags: str | None = None,
    problems: list[DataError] | None = None,
    target: str | None = None,
    tokenize: Tokenize | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a data set, with the label names that the data set itself states.

    Args:
        source: A parquet file, a folder written by `save_to_disk`, or else a name on the hub. Code
            that comes with a data set is never run.
        split: The split to read, if there are several; "dev" also finds "validation" and "valid".
        tokens: The column of tokens or of texts. By default tokens are "tokens", "words", or the
            only list of strings whose name is not a usual name of labels; else texts are "text",
            "sentence", "review", "content", or the only column of strings.
        tags: The column of tags, or of the labels of texts (a string, a number or a class, or a
            list of them). By default tags are "ner_tags", "tags", or the only list of classes;
            labels are "label", "labels", "class", "category", "sentiment", "target", or the only
            column of classes (if "label" holds numbers without names, "label_text" replaces it).
            If there is no such column, the sentences are not annotated.
        problems: A list for the errors of rows that cannot be read, which are left out; None
            raises the first error.
        target: A column of classes or strings to learn as it is. Then no column is taken for tags
            unless `tags` names it.
        tokenize: Cuts texts into tokens; by default `Tokenizer()`.

    Raises:
        DataError: The data set, its split or a column does not exist, tags are numbers without
            names, or a row is malformed.
        MissingExtraError: `datasets` is not installed.
    """
    options = ReadOptions(
        hub_tokens=tokens, hub_tags=tags, problems=problems, target=target, tokenize=tokenize
    )
    dataset, name = choose_split(_load(source), split, str(source))
    places = (Source(name, number) for number in itertools.count(1))
    yield from dataset_sentences(dataset, name, places, options)


def dataset_sentences(
    dataset: Any, name: str, places: Iterator[Source], options: ReadOptions
) -> Iterator[Sentence]:
    """Yield the sentences of a data set in memory.

    Args:
        dataset: The data set, without splits.
        name: What messages call it.
        places: What messages call its rows.
        options: How it is read.

    Raises:
        DataError: A column does not exist, tags are numbers without names, or a row is malformed.
    """
    kind = choose_rows(
        dataset.features,
        name,
        options.hub_tokens,
        options.hub_tags,
        options.target,
        options.tokenizer,
    )
    columns = dict.fromkeys([*kind.columns, *({"id"} & dataset.features.keys())])
    rows = dataset.select_columns(list(columns)).with_format(None)
    document_names = map(str, itertools.count())
    document: str | None = None

    def build(row: Mapping[str, Any], place: Source) -> Sentence | None:
        nonlocal document
        if isinstance(kind, TokenRows) and row[kind.tokens] == [DOCUMENT_BOUNDARY]:
            document = next(document_names)
            return None
        return kind.sentence(row, place).replace(document=document)

    yield from build_sentences(zip(places, rows, strict=False), build, options.problems)


def write_parquet(sentences: Iterable[Sentence], path: Path, options: WriteOptions) -> None:
    """Write a row for each sentence.

    Raises:
        DataError: The file cannot be written, or a sentence lacks a column.
        MissingExtraError: `pyarrow` is not installed.
    """
    pyarrow = require("pyarrow", "A parquet file")
    parquet = require("pyarrow.parquet", "A parquet file")
    strings = pyarrow.list_(pyarrow.string())
    tags = [TAG_LIST_NAMES[0]] if options.tagged else []
    names = [TOKEN_LIST_NAMES[0], *options.columns, *tags]
    types = {"id": pyarrow.string(), **dict.fromkeys(names, strings)}
    schema = pyarrow.schema(list(types.items()))

    def row(number: int, sentence: Sentence) -> dict[str, object]:
        where = sentence_name(sentence, number)
        columns = token_columns(sentence, options.columns, options.table_scheme, where)
        lists = zip(names, columns, strict=True)
        clean = {name: list(map(replace_surrogates, values)) for name, values in lists}
        return {"id": sentence.id, **clean}

    rows = itertools.starmap(row, enumerate(sentences, 1))
    with created(path) as file, parquet.ParquetWriter(file, schema) as writer:
        while block := list(itertools.islice(rows, WRITTEN_AT_ONCE)):
            writer.write_table(pyarrow.Table.from_pylist(block, schema))


def _load(source: str | Path) -> Any:
    # Without a network, the client of the hub prints a line for each of its attempts.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    datasets = require("datasets", "A data set of Hugging Face")
    parquet = require("pyarrow.parquet", "A data set of Hugging Face")
    path = Path(source)
    is_file = path.suffix == ".parquet"
    if is_file:
        check_file(path)
    if is_folder(path) and not (any(path.glob("dataset_*.json")) or any(path.rglob("*.parquet"))):
        raise DataError(
            f"{source}: a folder must hold what save_to_disk wrote, .parquet files, or .ann files "
            "of brat. Got a folder without any of them."
        )
    # Every failure, from a missing network to a damaged file, is one of many exceptions of several
    # libraries.
    try:
        if is_file:
            return datasets.Dataset(parquet.read_table(path))
        if is_folder(path) and not any(path.glob("dataset_*.json")):
            return datasets.load_dataset("parquet", data_dir=str(path))
        if is_folder(path):
            return datasets.load_from_disk(str(path))
        return datasets.load_dataset(str(source))
    except Exception as error:
        raise DataError(f"{source}: cannot be loaded as a data set. {reason(error)}.") from None


def choose_split(loaded: Any, split: str, name: str) -> tuple[Any, str]:
    """Return the split of a data set, and what messages call it; "dev" also finds "validation".

    Raises:
        DataError: There is no such split.
    """
    if not isinstance(loaded, dict):
        return loaded, name
    wanted = [split, *(DEVELOPMENT_SPLITS if split in DEVELOPMENT_SPLITS else ())]
    for candidate in wanted:
        if candidate in loaded:
            return loaded[candidate], f"{name}[{candidate}]"
    raise DataError(f"{name}: the split must be one of {' '.join(loaded)}. Got {split!r}.")


def _read_hub(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    name: str | Path = source
    split = options.split or "train"
    if str(source).startswith("hub:"):
        name, _, named_split = str(source).removeprefix("hub:").partition(":")
        split = named_split or split
    chosen = (options.hub_tokens, options.hub_tags)
    return read_hub(name, split, *chosen, options.problems, options.target, options.tokenizer)


FORMAT = Format(
    "hub",
    "Hugging Face datasets: hub:NAME, a folder, or .parquet",
    frozenset({SPANS, TOKENS, IDS}),
    _read_hub,
    save=write_parquet,
    columns=None,
    is_table=True,
    endings=(".parquet",),
)
