"""Data in memory: lists, generators, data sets of Hugging Face and tables become sentences.

An item of a list or of a generator is one of these:

* a `Sentence`;
* a pair `(tokens, tags)`, with tags in any scheme, or `(tokens, label)` for a whole text;
* a list of tuples `(token, tag)`, as corpora of nltk have them;
* a pair `(text, label)`, `(text, labels)`, or `(text, spans)` with spans `(start, end, label)` that
  count characters; the second may also be a dictionary of fields, such as `{"entities": spans}`;
* a record with the fields of JSON lines, see `ner.data.formats.jsonl`.

A table, such as a DataFrame of pandas, has a record on each row, or a token on each row and a
column that numbers the sentences. The source of a sentence is the place of its item, such as
`train[3]`, counted from 0 as Python does. A `Sentence` keeps its own source; without any, it gets
one where the split has a name.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ner.data.formats.columns import (
    LABEL_NAMES,
    SENTENCE_NAMES,
    SPAN_NAMES,
    TAG_LIST_NAMES,
    TAG_NAMES,
    TEXT_NAMES,
    TOKEN_LIST_NAMES,
    TOKEN_NAMES,
    plain_name,
)
from ner.data.formats.jsonl import read_records
from ner.data.formats.options import DEFAULT_TAGS, ReadOptions
from ner.data.formats.records import build_sentences, is_integers, is_span_list, is_strings
from ner.data.lines import short
from ner.data.partial import NormalizedTags, annotation_from_tags
from ner.data.sentence import Sentence, Source
from ner.data.spans import FieldError
from ner.errors import DataError

Row = Mapping[str, Any]

# What a column of a table with a sentence on each row may hold, and its usual names.
ROLES = {
    "text": TEXT_NAMES,
    "tokens": TOKEN_LIST_NAMES,
    "tags": TAG_LIST_NAMES,
    "spans": SPAN_NAMES,
    "label": LABEL_NAMES,
    "id": ("id",),
    "document": ("document",),
}


def read_objects(source: Any, options: ReadOptions) -> Iterator[Sentence]:
    """Yield the sentences of data in memory.

    Args:
        source: A list or another iterable, a data set, or a table.
        options: How they are read. `split` is what messages call the data.

    Raises:
        DataError: It is none of these, or an item is something else; the message names the item.
    """
    name = options.split or "sentences"
    splits = list(source.values()) if isinstance(source, Mapping) else [source]
    if splits and all(_has_features(split) for split in splits):
        from ner.data.formats.huggingface import choose_split, dataset_sentences, named_columns

        dataset, name = choose_split(source, options.split or "train", name)
        named, others = named_columns(options), (options.problems, options.tokenizer, options.rules)
        return dataset_sentences(dataset, name, _places(name), named, *others)
    rows = _table_rows(source)
    if rows is None and (isinstance(source, Mapping) or not hasattr(source, "__iter__")):
        raise DataError(
            f"{name}: must be a file, a list, a generator, a data set of Hugging Face or a table. "
            f"Got {short(source)}."
        )
    if rows is None:
        return _read_items(source, name, options)
    token = _token_column(rows[0], options) if rows else None
    if token is not None:
        return _read_tokens(rows, token, name, options)
    records = [_record_of(row, options.roles) for row in rows]
    if records and not any("text" in record or "tokens" in record for record in records):
        raise DataError(
            f"{name}: a table must have a column of texts, such as 'text', or of lists of tokens, "
            f"such as 'tokens'. Got the columns {short(list(rows[0]))}."
        )
    return _read_items(records, name, options.updated(columns=None))


def _has_features(source: Any) -> bool:
    return isinstance(getattr(source, "features", None), Mapping)


def _places(name: str) -> Iterator[Source]:
    """Name the items of a list, from 0."""
    return (Source(f"{name}[{i}]") for i in itertools.count())


def _read_items(items: Iterable[Any], name: str, options: ReadOptions) -> Iterator[Sentence]:
    # A pair has no fields that the caller could name.
    plain = options.updated(columns=None, tags=None)

    def build(item: Any, place: Source) -> Sentence | None:
        if isinstance(item, Sentence):
            is_placed = item.source is not None or options.split is None
            return item if is_placed else item.located(place)
        if isinstance(item, Mapping):
            return next(read_records([(place, _plain(item))], options), None)
        return next(read_records([(place, _record(item, options.target))], plain), None)

    return build_sentences(zip(_places(name), items, strict=False), build, options.problems)


def _record(item: Any, target: str | None) -> dict[str, Any]:
    """Return a pair as a record of JSON lines.

    Raises:
        FieldError: It is no pair.
    """
    if isinstance(item, list) and item and all(map(_is_row, item)):
        return _token_record([row[0] for row in item], [row[-1] for row in item], target)
    is_pair = isinstance(item, tuple | list) and len(item) == 2
    if is_pair and isinstance(item[0], str) and isinstance(item, tuple):
        return _text_record(item[0], _plain(item[1]))
    if is_pair and not isinstance(item[0], str):
        tokens = _plain(item[0])
        if is_strings(tokens) and "" not in tokens:
            return _token_record(tokens, _plain(item[1]), target)
    raise FieldError(
        "must be a Sentence, a pair (tokens, tags) or (text, label), or a record such as "
        f"{{'tokens': [...], 'ner_tags': [...]}}. Got {short(item)}."
    )


def _is_row(value: Any) -> bool:
    """Whether a value is a tuple of a token, its tag, and maybe other strings between them."""
    return isinstance(value, tuple) and len(value) > 1 and is_strings([*value]) and value[0] != ""


def _text_record(text: str, known: Any) -> dict[str, Any]:
    """Return what is known about a text: fields, spans, or labels."""
    if isinstance(known, Mapping):
        return {"text": text, **known}
    is_spans = bool(known) and is_span_list(known)
    return {"text": text, "spans" if is_spans else "label": known}


def _token_record(tokens: list[str], known: Any, target: str | None) -> dict[str, Any]:
    """Return what is known about tokens: a tag or a label for each, or a label of them all."""
    if known is None or isinstance(known, str) or is_integers(known):
        return {"tokens": tokens, "label": known}
    if not is_strings(known):
        raise FieldError(f"tags: must be a list of strings. Got {short(known)}.")
    if len(known) != len(tokens):
        raise FieldError(
            f"tags: must be one for each of {len(tokens)} tokens. Got {len(known)}. "
            "Labels of the whole text go into Sentence(tokens, labels=...)."
        )
    if target is not None:
        return {"tokens": tokens, "columns": {target: known}}
    return {"tokens": tokens, TAG_LIST_NAMES[0]: known}


def _plain(value: Any) -> Any:
    """Return tuples and arrays as lists, and numbers of numpy as those of Python."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    return value


def _table_rows(source: Any) -> list[Row] | None:
    """Return the rows of a table, with None where a value is missing; None if it is no table."""
    if hasattr(source, "notna") and hasattr(source, "columns"):  # a DataFrame of pandas
        rows = source.astype(object).where(source.notna(), None).to_dict("records")
        return [{str(name): value for name, value in row.items()} for row in rows]
    # Those of polars, and tables of pyarrow.
    for method in ("to_dicts", "to_pylist"):
        if hasattr(source, method) and hasattr(source, "columns"):
            return getattr(source, method)()
    return None


def _first(names: Iterable[str], usual: Sequence[str]) -> str | None:
    """Return the name that is first among the usual ones; None if there is none of them."""
    by_name = {plain_name(name): name for name in names}
    return next((by_name[name] for name in usual if name in by_name), None)


def _token_column(row: Row, options: ReadOptions) -> str | None:
    """Return the column with a token on each row; None if a row is a whole sentence."""
    if "token" in options.roles:
        return options.roles["token"]
    found = _first(row, TOKEN_NAMES)
    is_token = found is not None and (row[found] is None or isinstance(row[found], str))
    return found if is_token and not {"text", "tokens"} & options.roles.keys() else None


def _record_of(row: Row, roles: Mapping[str, str]) -> dict[str, Any]:
    """Give the columns of a row the names that fields of JSON lines have."""
    record = {name: value for name, value in row.items() if value is not None}
    for role, usual in ROLES.items():
        column = roles.get(role) or _first(record, usual)
        if column in record:
            record[role] = record.pop(column)
    return record


def _read_tokens(
    rows: Sequence[Row], token: str, name: str, options: ReadOptions
) -> Iterator[Sentence]:
    """Yield the sentences of a table with a token on each row."""
    number = options.roles.get("sentence") or _first(rows[0], SENTENCE_NAMES)
    if number is None:
        raise DataError(
            f"{name}: a table with a token on each row must have a column {SENTENCE_NAMES[0]!r} "
            f"that numbers the sentences. Got {short(list(rows[0]))}."
        )
    tags = _tag_column(rows[0], token, name, options)
    names = [column for column in rows[0] if column not in (token, number)]
    normalized = NormalizedTags()

    def build(group: list[tuple[int, Row]], place: Source) -> Sentence:
        for i, row in group:
            if not isinstance(row[token], str) or not row[token]:
                raise FieldError(
                    f"{token}: must be a string that is not empty. Got {row[token]!r}. pandas "
                    "reads NA and null as missing, unless keep_default_na is False.",
                    f"{name}[{i}]",
                )
        columns = {
            column: tuple("" if row[column] is None else str(row[column]) for _, row in group)
            for column in names
        }
        annotation: dict[str, Any] = {}
        if tags is not None:
            read: list[str] = []
            for (i, _), tag in zip(group, columns[tags], strict=True):
                try:
                    read.append(normalized[tag])
                except ValueError as error:
                    raise FieldError(str(error), f"{name}[{i}]") from None
            annotation = annotation_from_tags(read)
        return Sentence(
            [row[token] for _, row in group], columns=columns, source=place, **annotation
        )

    groups = _by_number(rows, number)
    places = ((Source(f"{name}[{group[0][0]}]"), group) for group in groups)
    return build_sentences(places, build, options.problems)


def _tag_column(row: Row, token: str, name: str, options: ReadOptions) -> str | None:
    """Return the column of tags of a table with a token on each row; None if it has none."""
    if options.tag_column is None:
        return None
    named = options.roles.get("tags", options.tags)
    if named is None or named == DEFAULT_TAGS:
        return _first([column for column in row if column != token], TAG_NAMES)
    if named not in row:
        raise DataError(f"{name}: must have the column {named!r}. Got {short(list(row))}.")
    return named


def _by_number(rows: Sequence[Row], number: str) -> Iterator[list[tuple[int, Row]]]:
    """Yield the rows of each sentence; it continues while its number is equal or missing."""
    group: list[tuple[int, Row]] = []
    key: Any = None
    for i, row in enumerate(rows):
        if group and row[number] is not None and row[number] != key:
            yield group
            group = []
        if row[number] is not None:
            key = row[number]
        group.append((i, row))
    if group:
        yield group
