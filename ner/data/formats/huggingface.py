"""Data sets of Hugging Face `datasets`: from the hub, from a folder, from a parquet file."""

import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ner.choices import Spelling
from ner.data.compressed import created
from ner.data.formats.base import Writing
from ner.data.formats.columns import DOCUMENT_BOUNDARY, token_columns
from ner.data.formats.huggingface_columns import TAG_COLUMNS, TOKEN_COLUMNS, TokenRows, choose_rows
from ner.data.formats.options import ReadOptions
from ner.data.formats.records import Tokenize, build_sentences
from ner.data.lines import check_file, is_folder, replace_surrogates
from ner.data.sentence import Sentence, Source
from ner.data.tokenizer import Tokenizer
from ner.errors import DataError
from ner.extras import require

DEVELOPMENT_SPLITS = ("validation", "dev", "valid")


def read_hub(
    source: str | Path,
    split: str,
    tokens: str | None = None,
    tags: str | None = None,
    problems: list[DataError] | None = None,
    target: str | None = None,
    tokenize: Tokenize | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a data set, with the label names that it states itself.

    Rows hold tokens or a text. The other columns of strings or classes, one a token, become
    columns of the sentence, and so do the raw tags. Rows of the one token `-DOCSTART-` begin a
    document. Rows are counted from 1.

    Args:
        source: A parquet file, a folder written by `save_to_disk`, or else a name on the hub. Code
            that comes with a data set is never run.
        split: Which part of it, where it has parts; "dev" also finds "validation" and "valid".
        tokens: The column of tokens or of texts; by default "tokens", "words", or the only list
            of strings that is not called like labels; else "text", "sentence", "review",
            "content", or the only strings.
        tags: The column of tags, or of labels of texts (a string, a number or a class, or a list
            of such). By default tags are "ner_tags", "tags", or the only list of classes, and
            labels are "label", "labels", "class", "category", "sentiment", "target" (in place of
            numbers without names the strings in "label_text"), or the only classes. Where there
            is no such column, the sentences are not annotated.
        problems: Where to put the errors of rows that cannot be read, which are left out; None
            raises the first one.
        target: A column of classes or strings that is to be learnt as it is; no column is taken
            for tags unless `tags` names one.
        tokenize: What cuts texts; by default `Tokenizer()`.

    Raises:
        DataError: The data set, its split or a column is not there, tags are numbers without names,
            or a row is malformed.
        MissingExtraError: `datasets` is not installed.
    """
    dataset, name = _choose_split(_load(source), split, str(source))
    kind = choose_rows(dataset.features, name, tokens, tags, target, tokenize or Tokenizer())
    chosen = dict.fromkeys([*kind.columns, *({"id"} & dataset.features.keys())])
    rows = dataset.select_columns(list(chosen)).with_format(None)
    document_names = map(str, itertools.count())
    document: str | None = None

    def build(row: Mapping[str, Any], source: Source) -> Sentence | None:
        nonlocal document
        if isinstance(kind, TokenRows) and row[kind.tokens] == [DOCUMENT_BOUNDARY]:
            document = next(document_names)
            return None
        return kind.sentence(row, source).replace(document=document)

    records = ((Source(name, number), row) for number, row in enumerate(rows, 1))
    yield from build_sentences(records, build, problems)


def _load(source: str | Path) -> Any:
    # Without a network, the hub's client would print a line for each of its attempts.
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
            f"{source}: a folder with what save_to_disk wrote, with .parquet files, or with brat's "
            ".ann files. Got one with none of them."
        )
    # Whatever goes wrong in there, from a missing network to a damaged file, comes as one of many
    # types of exceptions of several libraries.
    try:
        if is_file:
            return datasets.Dataset(parquet.read_table(path))
        if is_folder(path) and not any(path.glob("dataset_*.json")):
            return datasets.load_dataset("parquet", data_dir=str(path))
        if is_folder(path):
            return datasets.load_from_disk(str(path))
        return datasets.load_dataset(str(source))
    except Exception as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise DataError(
            f"{source}: cannot be loaded as a data set. {reason or type(error).__name__}."
        ) from None


def _choose_split(loaded: Any, split: str, name: str) -> tuple[Any, str]:
    if not isinstance(loaded, dict):
        return loaded, name
    wanted = [split, *(DEVELOPMENT_SPLITS if split in DEVELOPMENT_SPLITS else ())]
    for candidate in wanted:
        if candidate in loaded:
            return loaded[candidate], f"{name}[{candidate}]"
    raise DataError(f"{name}: its splits are {' '.join(loaded)}. Got {split!r}.")


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


def _read_hub(source: str | Path, options: ReadOptions) -> Iterator[Sentence]:
    name: str | Path = source
    split = options.split or "train"
    if str(source).startswith("hub:"):
        name, _, part = str(source).removeprefix("hub:").partition(":")
        split = part or split
    chosen = (options.hub_tokens, options.hub_tags)
    return read_hub(name, split, *chosen, options.problems, options.target, options.tokenizer)


def _save_hub(sentences: Iterable[Sentence], path: Path, how: Writing) -> None:
    write_parquet(sentences, path, how.scheme, how.columns, how.tagged)
