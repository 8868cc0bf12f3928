"""Data sets of Hugging Face `datasets`: from the hub, from a folder, from a parquet file."""

import itertools
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ner.data.columns import DOCUMENT_BOUNDARY
from ner.data.lines import check_file, is_folder, short
from ner.data.schemes import normalize_tag, spans_from_tags
from ner.data.sentence import Sentence, Source
from ner.errors import DataError
from ner.extras import require

TOKEN_COLUMNS = ("tokens", "words")
TAG_COLUMNS = ("ner_tags", "tags")
DEVELOPMENT_SPLITS = ("validation", "dev", "valid")


def read_hub(
    source: str | Path,
    split: str,
    tokens: str | None = None,
    tags: str | None = None,
    problems: list[DataError] | None = None,
    target: str | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a data set, with the label names that it states itself.

    The other columns of strings or classes, one a token, become columns of the sentence, and so do
    the raw tags. Rows of the one token `-DOCSTART-` begin a document. Rows are counted from 1.

    Args:
        source: A parquet file, a folder written by `save_to_disk`, or else a name on the hub. Code
            that comes with a data set is never run.
        split: Which part of it, where it has parts; "dev" also finds "validation" and "valid".
        tokens: The column of tokens; by default "tokens", "words", or the only list of strings.
        tags: The column of tags; by default "ner_tags", "tags", or the only list of classes. Where
            there is no such column, the sentences are not annotated.
        problems: Where to put the errors of rows that cannot be read, which are left out; None
            raises the first one.
        target: A column of classes or strings that is to be learnt as it is; no column is taken
            for tags unless `tags` names one.

    Raises:
        DataError: The data set, its split or a column is not there, tags are numbers without names,
            or a row is malformed.
        MissingExtraError: `datasets` is not installed.
    """
    dataset, name = _choose_split(_load(source), split, str(source))
    features = {column: _token_feature(feature) for column, feature in dataset.features.items()}
    token_column = _choose_column(
        tokens, TOKEN_COLUMNS, features, [c for c in features if features[c] == "strings"], name
    )
    if token_column is None or features[token_column] != "strings":
        raise DataError(
            f"{name}: a column of tokens, lists of strings, must be named. "
            f"Its columns are {' '.join(features)}."
        )
    classes = [column for column, kind in features.items() if isinstance(kind, list)]
    tag_column = None
    if target is None or tags is not None:
        tag_column = _choose_column(tags, TAG_COLUMNS, features, classes, name)
    if tag_column is not None and features[tag_column] is None:
        raise DataError(
            f"{name}: tags must be strings, or classes (ClassLabel) that state their names. "
            f"Got {dataset.features[tag_column]} in {tag_column!r}."
        )
    others = [c for c, kind in features.items() if kind is not None and c != token_column]
    known = [c for c in ("id",) if c in dataset.features and c not in others]
    document_names = map(str, itertools.count())
    document: str | None = None
    rows = dataset.select_columns([token_column, *others, *known]).with_format(None)
    for number, row in enumerate(rows, 1):
        if row[token_column] == [DOCUMENT_BOUNDARY]:
            document = next(document_names)
            continue
        try:
            words = _strings(row[token_column], "strings", token_column)
            if "" in words:
                raise ValueError(f"{token_column}: tokens must not be empty. Got one that is.")
            columns = {c: _strings(row[c], features[c], c, len(words)) for c in others}
            spans = None
            if tag_column is not None:
                spans = spans_from_tags([_normalize(tag) for tag in columns[tag_column]])
        except ValueError as error:
            problem = DataError(f"{name}:{number}: {error}")
            if problems is None:
                raise problem from None
            problems.append(problem)
            continue
        yield Sentence(
            words,
            columns=columns,
            spans=spans,
            id=None if row.get("id") is None else str(row["id"]),
            document=document,
            source=Source(name, number),
        )


def _load(source: str | Path) -> Any:
    # Without a network, the hub's client would print a line for each of its attempts.
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    datasets = require("datasets", "A data set of Hugging Face")
    parquet = require("pyarrow.parquet", "A data set of Hugging Face")
    path = Path(source)
    is_file = path.suffix == ".parquet"
    if is_file:
        check_file(path)
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


def _token_feature(feature: Any) -> Any:
    """What a column gives each token: "strings", a list of class names, or None for neither."""
    element = getattr(feature, "feature", None)  # only a list has one
    if getattr(element, "dtype", None) in ("string", "large_string"):
        return "strings"
    return getattr(element, "names", None)


def _choose_column(
    named: str | None,
    usual: Sequence[str],
    features: Mapping[str, Any],
    fitting: Collection[str],
    name: str,
) -> str | None:
    """Take the column that was named, else one with a usual name, else the only one that fits."""
    if named is not None:
        if named not in features:
            raise DataError(f"{name}: its columns are {' '.join(features)}. Got {named!r}.")
        return named
    for column in usual:
        if column in features:
            return column
    return next(iter(fitting)) if len(fitting) == 1 else None


def _strings(
    values: Any, kind: str | list[str], column: str, length: int | None = None
) -> tuple[str, ...]:
    """Check a row's values, and give classes their names.

    Raises:
        ValueError: It is no list, of another length, or holds what is neither string nor class.
    """
    if not isinstance(values, list) or (length is not None and len(values) != length):
        expected = "a list" if length is None else f"a list of {length}, one a token"
        raise ValueError(f"{column}: {expected}. Got {short(values)}.")
    if isinstance(kind, list):
        for value in values:
            # A negative number, by which some mark what to ignore, is no name from the end.
            if value is None or not 0 <= value < len(kind):
                raise ValueError(f"{column}: classes from 0 to {len(kind) - 1}. Got {value}.")
        return tuple(kind[value] for value in values)
    if not all(isinstance(value, str) for value in values) or (length is None and "" in values):
        raise ValueError(f"{column}: strings, and no empty token. Got {short(values)}.")
    return tuple(values)


def _normalize(tag: str) -> str:
    try:
        return normalize_tag(tag)
    except ValueError as error:
        raise ValueError(f"{error}. Got {tag!r}.") from None
