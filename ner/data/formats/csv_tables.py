"""CSV and TSV files with a header, in two shapes.

A long file has a token on each row: a column of tokens, and one that numbers the sentences, which
may be empty where a sentence continues. Tags are in "ner" (or "tag", "label"), and the other
columns become columns of the sentence.

A wide file has a text on each row: a column "text" (or "sentence", "review", "content"), and one of
spans in JSON ("spans", "entities") as in JSON lines, or one of labels ("label", "class",
"category", "sentiment", "target"): a label, or a JSON list of labels. It may have "id" and
"document". The values of other columns are counted in the notes.

Commas separate the fields of CSV, which may be quoted as in RFC 4180. Tabs separate the fields of
TSV, which has no quotes.
"""

import csv
import functools
import io
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ner.data.formats.base import (
    DOCUMENTS,
    IDS,
    PARTIAL,
    SPANS,
    TEXT_CONTENT,
    TOKENS,
    Format,
    WriteOptions,
    sentence_name,
)
from ner.data.formats.columns import (
    LABEL_NAMES,
    SENTENCE_NAMES,
    SPAN_NAMES,
    TAG_NAMES,
    TEXT_NAMES,
    TOKEN_NAMES,
    Layout,
    count_columns,
    token_columns,
)
from ner.data.formats.json_text import dump
from ner.data.formats.options import DEFAULT_TAGS, ReadOptions
from ner.data.formats.records import (
    build_sentences,
    is_span_list,
    is_strings,
    list_spans,
    note_unknown,
    text_sentence,
)
from ner.data.lines import checked_lines, input_name, read_lines, replace_surrogates, short
from ner.data.sentence import Sentence, Source
from ner.data.spans import FieldError
from ner.errors import DataError

# What messages call the delimiters.
SEPARATORS = {",": "commas", "\t": "tabs"}

# Columns of a wide file that become fields of the sentence with the same name.
FIELD_NAMES = ("id", "document")

# The number of the last line of a row, and the fields of the row.
NumberedRow = tuple[int, list[str]]


def read_table(source: str | Path, options: ReadOptions, *, delimiter: str) -> Iterator[Sentence]:
    """Yield the sentences of a file; its header tells a long file from a wide one.

    Raises:
        DataError: The header lacks a column, a row has another number of columns, or a sentence
            cannot be read.
    """
    name = input_name(source)
    rows = delimited_rows(read_lines(source, options.encoding), name, delimiter)
    header = list(options.columns) if options.columns else next(rows, (1, []))[1]
    if not header:
        return iter(())
    names = [column.strip().lower() for column in header]
    if _first(TOKEN_NAMES, names) is not None:
        return _read_long(rows, name, names, options)
    text = _first(TEXT_NAMES, names)
    if text is None:
        raise DataError(
            f"{name}:1: the header must have a column 'token' or 'text', separated by "
            f"{SEPARATORS[delimiter]}. Got {short(header)}."
        )
    repeated = [column for column, count in Counter(names).items() if count > 1]
    if any(column not in ("", "-") for column in repeated):
        raise DataError(f"{name}:1: no name of a column may be repeated. Got {short(repeated)}.")

    def build(fields: list[str], place: Source) -> Sentence:
        return _wide_sentence(_by_name(names, fields), text, place, options)

    numbered = ((Source(name, number), fields) for number, fields in rows if fields)
    return build_sentences(numbered, build, options.problems)


def delimited_rows(lines: Iterable[bytes], name: str, delimiter: str) -> Iterator[NumberedRow]:
    """Yield the fields of each row and the line on which it ends."""
    # The limit applies to the whole process; texts may exceed its default of 128 KiB.
    csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))

    numbered = checked_lines(lines, name, keep_ends=True)
    if delimiter != ",":
        for number, line in numbered:
            row = line.rstrip("\r\n")
            yield number, row.split(delimiter) if row else []
        return
    reader = csv.reader((line for _, line in numbered), strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"{name}:{reader.line_num}: not CSV: {error}.") from None


def write_long(
    sentences: Iterable[Sentence], options: WriteOptions, *, delimiter: str
) -> Iterator[str]:
    """Yield the lines of a long file, without newline: the sentence's number and a token each.

    Raises:
        DataError: A TSV file cannot hold a field, or a sentence lacks a column.
    """
    join = _joiner(delimiter)
    tags = [TAG_NAMES[0]] if options.tagged else []
    yield join([SENTENCE_NAMES[0], TOKEN_NAMES[0], *options.columns, *tags], "header")
    for number, sentence in enumerate(sentences, 1):
        where = sentence_name(sentence, number)
        fields = token_columns(sentence, options.columns, options.table_scheme, where)
        for values in zip(*fields, strict=True):
            yield join([str(number), *values], where)


def write_wide(
    sentences: Iterable[Sentence], options: WriteOptions, *, delimiter: str
) -> Iterator[str]:
    """Yield the lines of a wide file, without newline: a text each.

    Raises:
        DataError: A TSV file cannot hold a field.
    """
    join = _joiner(delimiter)
    yield join([*FIELD_NAMES, TEXT_NAMES[0], SPAN_NAMES[0], LABEL_NAMES[0]], "header")
    for number, sentence in enumerate(sentences, 1):
        is_annotated = sentence.found_spans is not None
        spans = [[e.start, e.end, e.label] for e in sentence.found_entities]
        labels = list(sentence.labels or [])
        label = "" if sentence.labels is None else dump(labels)
        if len(labels) == 1 and not labels[0].startswith("["):
            label = labels[0]
        fields = [
            sentence.id or "",
            sentence.document or "",
            sentence.text,
            dump(spans) if is_annotated else "",
            label,
        ]
        yield join(fields, sentence_name(sentence, number))


def _first(usual: Sequence[str], names: Sequence[str]) -> str | None:
    return next((name for name in usual if name in names), None)


def _other_count(fields: Sequence[str], names: Sequence[str]) -> str:
    return f"{count_columns(fields)}, but the header has {len(names)}."


def _by_name(names: Sequence[str], fields: Sequence[str]) -> dict[str, str]:
    if len(fields) != len(names):
        raise FieldError(_other_count(fields, names))
    return {name: field for name, field in zip(names, fields, strict=True) if name != "-"}


def _wide_sentence(
    record: Mapping[str, str], text: str, source: Source, options: ReadOptions
) -> Sentence:
    names = [name for name in record if name != text]
    span_column, label_column = _first(SPAN_NAMES, names), _first(LABEL_NAMES, names)
    spans = None
    if span_column is not None and (cell := record[span_column]):
        items = _json(cell)
        if not is_span_list(items):
            raise FieldError(f"{span_column}: must be a JSON list of spans. Got {short(cell)}.")
        spans = list(list_spans(items))
    labels: tuple[str, ...] | None = None
    if label_column is not None and (cell := record[label_column]):
        several = _json(cell) if cell.startswith("[") else None
        labels = tuple(several) if several is not None and is_strings(several) else (cell,)
    read_names = (text, span_column or "", label_column or "", *FIELD_NAMES)
    note_unknown(record, read_names, options.rules.notes)
    fields: dict[str, Any] = {name: record[name] or None for name in FIELD_NAMES if name in names}
    return text_sentence(
        record[text], spans, source, options.tokenizer, options.rules, labels=labels, **fields
    )


def _json(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return None


def _read_long(
    rows: Iterator[NumberedRow], name: str, names: Sequence[str], options: ReadOptions
) -> Iterator[Sentence]:
    number_column = _first(SENTENCE_NAMES, names)
    if number_column is None:
        raise DataError(
            f"{name}:1: the header must have a column {SENTENCE_NAMES[0]!r} that numbers the "
            f"sentences. Got {short(list(names))}."
        )
    token = _first(TOKEN_NAMES, names)
    layout = Layout(
        ["token" if n == token else "-" if n == number_column else n for n in names],
        _tag_column(name, names, options),
    )
    layout.settle("\t")

    def build(block: list[NumberedRow], place: Source) -> Sentence:
        read: list[tuple[list[str], str]] = []
        for number, fields in block:
            where = f"{name}:{number}"
            if len(fields) != len(names):
                raise DataError(f"{where}: {_other_count(fields, names)}")
            read.append(layout.check_row(fields, where, "\t".join(fields)))
        return layout.sentence(read, source=place)

    blocks = _by_number(rows, names.index(number_column))
    return build_sentences(
        ((Source(name, block[0][0]), block) for block in blocks), build, options.problems
    )


def _tag_column(name: str, names: Sequence[str], options: ReadOptions) -> str | None:
    """Return the column of tags of a long file: the one that was named, or a usual one."""
    if options.tag_column is None:
        return None
    wanted = options.tag_column.strip().lower()
    if wanted in names:
        return wanted
    if wanted != DEFAULT_TAGS:
        raise DataError(
            f"{name}:1: the header must have the column of tags {options.tags!r}. "
            f"Got {short(list(names))}."
        )
    return _first(TAG_NAMES, names)


def _by_number(rows: Iterable[NumberedRow], column: int) -> Iterator[list[NumberedRow]]:
    """Yield the rows of each sentence; a sentence continues while its number is equal or empty."""
    group, key = 0, None

    def group_of(row: NumberedRow) -> int:
        nonlocal group, key
        number = row[1][column] if column < len(row[1]) else ""
        if key is None or (number and number != key):
            key, group = number, group + 1
        return group

    filled = (row for row in rows if any(row[1]))
    return (list(block) for _, block in itertools.groupby(filled, group_of))


def _joiner(delimiter: str) -> Callable[[Sequence[str], str], str]:
    """Return the function that joins fields to a line; messages call the line as it is told."""

    def join_with_tabs(fields: Sequence[str], where: str) -> str:
        row = delimiter.join(map(replace_surrogates, fields))
        if row.count(delimiter) != len(fields) - 1 or "\n" in row or row.endswith("\r"):
            raise DataError(
                f"{where}: a field of a TSV file must not hold a tab or a newline; CSV can hold "
                f"them. Got {short(list(fields))}."
            )
        return row

    def quote(fields: Sequence[str], where: str) -> str:
        line = io.StringIO()
        # Because a line ends with "\r\n" here, a field with either character is quoted.
        csv.writer(line, lineterminator="\r\n").writerow(fields)
        return line.getvalue().removesuffix("\r\n")

    return join_with_tabs if delimiter != "," else quote


def _wide(name: str, delimiter: str) -> Format:
    return Format(
        name,
        f"a table with {SEPARATORS[delimiter]} and a header, a text per row",
        TEXT_CONTENT | {IDS, DOCUMENTS},
        functools.partial(read_table, delimiter=delimiter),
        functools.partial(write_wide, delimiter=delimiter),
    )


def _long(name: str, delimiter: str) -> Format:
    return Format(
        name,
        f"a table with {SEPARATORS[delimiter]} and a header, a token per row",
        frozenset({SPANS, PARTIAL, TOKENS}),
        functools.partial(read_table, delimiter=delimiter),
        functools.partial(write_long, delimiter=delimiter),
        columns=None,
        is_table=True,
    )


FORMATS = (_wide("csv", ","), _wide("tsv", "\t"), _long("csv-long", ","), _long("tsv-long", "\t"))
