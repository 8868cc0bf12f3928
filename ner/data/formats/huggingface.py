"""Data sets of Hugging Face `datasets`: read from the hub, a folder or a parquet file.

Rows hold tokens or a text; `ner.data.formats.huggingface_columns` finds out which columns hold
what. The other columns of strings or classes with a value for each token become columns of the
sentence, and so do the raw tags. A row with the one token `-DOCSTART-` begins a document. Rows are
counted from 1.

Sentences are written to a parquet file, a row for each: its id, its tokens, its columns and its
tags, as strings.
"""

import itertools
import logging
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ner.data.compressed import created
from ner.data.formats.base import (
    BLANK_TOKENS,
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
    guess_of,
    token_columns,
)
from ner.data.formats.huggingface_columns import (
    NamedColumns,
    TextRows,
    TokenRows,
    choose_rows,
)
from ner.data.formats.options import ReadOptions
from ner.data.formats.parquet import ParquetRows, parquet_splits
from ner.data.formats.records import Tokenize, build_sentences
from ner.data.lines import check_file, is_folder, replace_surrogates
from ner.data.sentence import Sentence, Source
from ner.data.spans import Notes, SpanRules
from ner.data.tokenizer import Tokenizer
from ner.errors import DataError, NerError, reason
from ner.extras import require
from ner.messages import logger

DEVELOPMENT_SPLITS = ("validation", "dev", "valid")

# The number of rows that show which lists have an item for each token.
PROBED_ROWS = 100

# The number of sentences in memory at once, while they are written.
WRITTEN_AT_ONCE = 1000


def read_hub(
    source: str | Path,
    split: str,
    named: NamedColumns | None = None,
    problems: list[DataError] | None = None,
    tokenize: Tokenize | None = None,
    rules: SpanRules | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a data set, with the label names that the data set itself states.

    Args:
        source: A parquet file, a folder written by `save_to_disk`, or else a name on the hub. Code
            that comes with a data set is never run.
        split: The split to read, if there are several; "dev" also finds "validation" and "valid".
        named: What some of the columns hold. By default tokens are "tokens", "words", or the only
            list of strings whose name is not a usual name of labels; else texts are "text",
            "sentence", "review" or another usual name, or the only column of strings. Tags are
            "ner_tags", "tags", or the only list of classes. Spans of texts are "spans", "entities",
            or the only list of structures with a start, an end and a label. Labels are "label",
            "labels" or another usual name, or the only column of classes (if "label" holds numbers
            without names, "label_text" replaces it). If there is no such column, the sentences are
            not annotated.
        problems: A list for the errors of rows that cannot be read, which are left out; None
            raises the first error.
        tokenize: Cuts texts into tokens; by default `Tokenizer()`.
        rules: What to do with spans of texts that are not whole tokens, or overlap. Its notes get
            the columns that are not read; None refuses such spans.

    Raises:
        DataError: The data set, its split or a column does not exist, tags are numbers without
            names, or a row is malformed.
        MissingExtraError: `datasets` is not installed.
    """
    named, rules = named or NamedColumns(), rules or SpanRules()
    dataset, name = choose_split(_load(source), split, str(source))
    places = (Source(name, number) for number in itertools.count(1))
    tokenize = tokenize or Tokenizer()
    yield from dataset_sentences(dataset, name, places, named, problems, tokenize, rules)


def dataset_sentences(
    dataset: Any,
    name: str,
    places: Iterator[Source],
    named: NamedColumns,
    problems: list[DataError] | None,
    tokenize: Tokenize,
    rules: SpanRules,
) -> Iterator[Sentence]:
    """Yield the sentences of a data set that is loaded.

    Args:
        dataset: The data set, without splits.
        name: What messages call it.
        places: What messages call each of its rows.
        named: As for `read_hub`, like the following ones.
        problems: See there.
        tokenize: See there.
        rules: See there.

    Raises:
        DataError: A column does not exist, tags are numbers without names, or a row is malformed.
    """
    kind = choose_rows(dataset.features, name, named, tokenize, rules)
    if isinstance(kind, TokenRows):
        head = dataset.select_columns(list(dict.fromkeys(kind.columns))).with_format(None)
        kind = kind.fitting(list(itertools.islice(head, PROBED_ROWS)), named.target)
    columns = dict.fromkeys([*kind.columns, *({"id"} & dataset.features.keys())])
    _note_columns(kind, dataset, columns, named, rules.notes)
    rows = dataset.select_columns(list(columns)).with_format(None)
    document_names = map(str, itertools.count())
    document: str | None = None

    def build(row: Mapping[str, Any], place: Source) -> Sentence | None:
        nonlocal document
        if isinstance(kind, TokenRows) and row[kind.tokens] == [DOCUMENT_BOUNDARY]:
            document = next(document_names)
            return None
        return kind.sentence(row, place).replace(document=document)

    yield from build_sentences(zip(places, rows, strict=False), build, problems)


def _note_columns(
    kind: TokenRows | TextRows,
    dataset: Any,
    read: Collection[str],
    named: NamedColumns,
    notes: Notes,
) -> None:
    """Note what the columns are taken for, and those that are not read."""
    asked = vars(named).values()
    known = [role for role, column in kind.roles.items() if column in asked]
    for line in guess_of(kind.roles, known, [c for c in dataset.features if c != "id"]):
        notes.guess(line)
    for column in dataset.features.keys() - read:
        notes.ignored[f"fields {column!r}"] += len(dataset)


def write_parquet(sentences: Iterable[Sentence], path: Path, options: WriteOptions) -> None:
    """Write a row for each sentence.

    Raises:
        DataError: The file cannot be written, or a sentence lacks a column or would be read as the
            start of a document.
        MissingExtraError: `pyarrow` is not installed.
    """
    pyarrow = require("pyarrow", "A parquet file", "datasets")
    parquet = require("pyarrow.parquet", "A parquet file", "datasets")
    strings = pyarrow.list_(pyarrow.string())
    tags = [TAG_LIST_NAMES[0]] if options.tagged else []
    names = [TOKEN_LIST_NAMES[0], *options.columns, *tags]
    types = {"id": pyarrow.string(), **dict.fromkeys(names, strings)}
    schema = pyarrow.schema(list(types.items()))

    def row(number: int, sentence: Sentence) -> dict[str, object]:
        where = sentence_name(sentence, number)
        if list(sentence.tokens) == [DOCUMENT_BOUNDARY]:
            raise DataError(
                f"{where}: in a data set, a token must not be alone if it begins documents. "
                f"Got {DOCUMENT_BOUNDARY!r}."
            )
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
    if not (sys.stderr.isatty() and logger.isEnabledFor(logging.INFO)):
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    datasets = require("datasets", "A data set of Hugging Face", "datasets")
    path = Path(source)
    if path.suffix == ".parquet":
        check_file(path)
        return ParquetRows([path])
    if is_folder(path) and not (any(path.glob("dataset_*.json")) or any(path.rglob("*.parquet"))):
        raise DataError(
            f"{source}: a folder must hold what save_to_disk wrote, .parquet files, or .ann files "
            "of brat. Got a folder without any of them."
        )
    # Every failure, from a missing network to a damaged file, is one of many exceptions of several
    # libraries.
    try:
        if is_folder(path) and not any(path.glob("dataset_*.json")):
            return parquet_splits(path)
        if is_folder(path):
            return datasets.load_from_disk(str(path))
        return datasets.load_dataset(str(source))
    except NerError:
        raise
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
    named = named_columns(options)
    return read_hub(name, split, named, options.problems, options.tokenizer, options.rules)


def named_columns(options: ReadOptions) -> NamedColumns:
    """Return what options say about the columns of a data set."""
    roles = options.roles
    return NamedColumns(
        options.hub_tokens or roles.get("tokens", roles.get("text")),
        options.hub_tags or options.tags or roles.get("tags"),
        roles.get("label"),
        roles.get("spans"),
        options.target,
    )


FORMAT = Format(
    "hub",
    "Hugging Face datasets: hub:NAME, a folder, or .parquet",
    frozenset({SPANS, TOKENS, BLANK_TOKENS, IDS}),
    _read_hub,
    save=write_parquet,
    columns=None,
    is_table=True,
    endings=(".parquet",),
    options=frozenset({"tags", "offsets"}),
    roles=frozenset({"tokens", "text", "tags", "label", "spans"}),
)
