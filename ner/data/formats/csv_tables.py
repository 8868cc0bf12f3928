"""CSV and TSV with a header: long (a token a row) or wide (a text a row)."""

import csv
import io
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ner.data.formats.base import DEFAULT_TAGS, Reading, Writing, _name
from ner.data.formats.columns import Layout, token_columns
from ner.data.formats.json_text import dump
from ner.data.formats.jsonl import is_span_list, span_items
from ner.data.formats.records import (
    Tokenize,
    build_sentences,
    is_strings,
    note_others,
    text_sentence,
)
from ner.data.lines import checked_lines, read_lines, replace_surrogates, short
from ner.data.schemes import Spelling
from ner.data.sentence import Sentence, Source
from ner.data.spans import FieldError, SpanRules
from ner.errors import DataError

# Names of columns in headers, in any case; the first is the one that is written.
SENTENCE = ("sentence", "sentence_id", "sentence #", "sentence_number", "sent_id")

TOKEN = ("token", "word", "form")

TAG_NAMES = ("ner", "tag", "tags", "ner_tag", "ner_tags", "label")

TEXT = ("text", "sentence", "review", "content")

SPANS = ("spans", "entities")

LABELS = ("label", "labels", "class", "category", "sentiment", "target")

KNOWN = ("id", "document")

Row = tuple[int, list[str]]


def is_long(header: Iterable[str]) -> bool:
    """Whether a header is that of a file with a token a row."""
    return any(name.strip().lower() in TOKEN for name in header)


def read_delimited(
    lines: Iterable[bytes],
    name: str,
    tokenize: Tokenize,
    delimiter: str = ",",
    columns: Sequence[str] | None = None,
    tags: str | None = "ner",
    problems: list[DataError] | None = None,
    rules: SpanRules | None = None,
) -> Iterator[Sentence]:
    """Yield the sentences of a CSV or TSV file; its header says whether it is long or wide.

    A long file has a column "token" (or "word", "form") and one that numbers the sentences
    ("sentence", "sentence_id", "sentence #"), which may be empty where the sentence goes on.
    Tags stand in "ner" (or "tag", "label"), and other columns become columns of the sentence.

    A wide file has a column "text" (or "sentence", "review", "content"), and one of spans in JSON
    ("spans", "entities") as `read_jsonl` reads them, or one of labels ("label", "class",
    "category", "sentiment", "target"): a label, or a JSON list of any number. It may have "id" and
    "document"; what stands in other columns is counted in the notes.

    Commas separate the fields of CSV, which may be quoted as in RFC 4180; TSV has no quotes.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        tokenize: Cuts the texts of a wide file.
        delimiter: What separates fields.
        columns: Names of the columns of a file without header; "-" leaves one out.
        tags: The column of tags in a long file; by default one with a usual name, and None for
            none.
        problems: Where to put the errors of sentences that cannot be read, which are left out;
            None raises the first one.
        rules: What to do with spans that are not whole tokens, or overlap; None refuses them.

    Raises:
        DataError: The header lacks a column, a row has another number of columns, or a sentence
            cannot be read.
    """
    rows = delimited_rows(lines, name, delimiter)
    header = list(columns) if columns else next(rows, (1, []))[1]
    if not header:
        return iter(())
    names = [column.strip().lower() for column in header]
    if is_long(header):
        return _read_long(rows, name, names, tags, problems)
    text = _first(TEXT, names)
    if text is None:
        separated = "commas" if delimiter == "," else "tabs"
        raise DataError(
            f"{name}:1: a header with a column 'token' or 'text', separated by {separated}, is "
            f"needed. Got {short(header)}."
        )
    twice = [column for column, count in Counter(names).items() if count > 1]
    if any(column not in ("", "-") for column in twice):
        raise DataError(f"{name}:1: each column has a name of its own. Got {short(twice)} twice.")
    used = rules or SpanRules()

    def build(fields: list[str], source: Source) -> Sentence:
        return _wide_sentence(_by_name(names, fields), text, tokenize, used, source)

    numbered = ((Source(name, number), fields) for number, fields in rows if fields)
    return build_sentences(numbered, build, problems)


def delimited_rows(lines: Iterable[bytes], name: str, delimiter: str) -> Iterator[Row]:
    """Yield the fields of each row and the line on which it ends."""
    # The limit is one of the whole process; texts may be longer than the 128 KiB it starts with.
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


def _by_name(names: Sequence[str], fields: Sequence[str]) -> dict[str, str]:
    if len(fields) != len(names):
        raise FieldError(_other_count(fields, names))
    return {name: field for name, field in zip(names, fields, strict=True) if name != "-"}


def _other_count(fields: Sequence[str], names: Sequence[str]) -> str:
    count = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
    return f"{count}, but the header has {len(names)}."


def _first(usual: Sequence[str], names: Sequence[str]) -> str | None:
    return next((name for name in usual if name in names), None)


def _wide_sentence(
    record: Mapping[str, str], text: str, tokenize: Tokenize, rules: SpanRules, source: Source
) -> Sentence:
    names = [name for name in record if name != text]
    span_column, label_column = _first(SPANS, names), _first(LABELS, names)
    spans = None
    if span_column is not None and record[span_column]:
        given = _json(record[span_column])
        if not is_span_list(given):
            raise FieldError(
                f"{span_column}: a JSON list of spans. Got {short(record[span_column])}."
            )
        spans = [span for item in given for span in span_items(item)]
    labels: tuple[str, ...] | None = None
    if label_column is not None and (cell := record[label_column]):
        several = _json(cell) if cell.startswith("[") else None
        labels = tuple(several) if several is not None and is_strings(several) else (cell,)
    note_others(record, (text, span_column or "", label_column or "", *KNOWN), rules.notes)
    known: dict[str, Any] = {name: record[name] or None for name in KNOWN if name in names}
    return text_sentence(record[text], spans, source, tokenize, rules, labels=labels, **known)


def _json(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return None


def _read_long(
    rows: Iterator[Row],
    name: str,
    names: Sequence[str],
    tags: str | None,
    problems: list[DataError] | None,
) -> Iterator[Sentence]:
    number_column = _first(SENTENCE, names)
    if number_column is None:
        raise DataError(
            f"{name}:1: a column {SENTENCE[0]!r} that numbers the sentences is needed. "
            f"Got {short(list(names))}."
        )
    wanted = None if tags is None else tags.strip().lower()
    if wanted not in (None, TAG_NAMES[0], *names):
        raise DataError(f"{name}:1: a column {tags!r} of tags is needed. Got {short(list(names))}.")
    usual = wanted if wanted is None or wanted in names else _first(TAG_NAMES, names)
    token = _first(TOKEN, names)
    layout = Layout(
        ["token" if n == token else "-" if n == number_column else n for n in names], usual
    )
    layout.settle("\t")
    at = list(names).index(number_column)
    group, key = 0, None

    def sentence_of(row: Row) -> int:
        nonlocal group, key
        found = row[1][at] if at < len(row[1]) else ""
        if key is None or (found and found != key):
            key, group = found, group + 1
        return group

    def build(block: list[Row], source: Source) -> Sentence:
        read: list[tuple[list[str], str]] = []
        for number, fields in block:
            if len(fields) != len(names):
                raise DataError(f"{name}:{number}: {_other_count(fields, names)}")
            read.append(layout.check_row(fields, f"{name}:{number}", "\t".join(fields)))
        return layout.sentence(read, source=source)

    blocks = (
        list(block) for _, block in itertools.groupby((r for r in rows if any(r[1])), sentence_of)
    )
    return build_sentences(
        ((Source(name, block[0][0]), block) for block in blocks), build, problems
    )


def write_long(
    sentences: Iterable[Sentence],
    scheme: Spelling = "BIO",
    delimiter: str = ",",
    columns: Sequence[str] = (),
    tagged: bool = True,
) -> Iterator[str]:
    """Yield the lines of a long file, without newline: a token a row, and the sentence's number.

    Args:
        sentences: What to write.
        scheme: How the tags are spelt.
        delimiter: What separates fields.
        columns: Further columns of the sentences.
        tagged: Whether there is a column of tags.

    Raises:
        DataError: A TSV file cannot hold a field, or a sentence lacks a column.
    """
    cell = _cells(delimiter)
    yield cell([SENTENCE[0], TOKEN[0], *columns, *([TAG_NAMES[0]] if tagged else [])], "header")
    for number, sentence in enumerate(sentences, 1):
        where = str(sentence.source or f"sentence {number}")
        fields = token_columns(sentence, columns, scheme if tagged else None, where)
        for values in zip(*fields, strict=True):
            yield cell([str(number), *values], where)


def write_wide(sentences: Iterable[Sentence], delimiter: str = ",") -> Iterator[str]:
    """Yield the lines of a wide file, without newline: a text a row.

    Raises:
        DataError: A TSV file cannot hold a field.
    """
    cell = _cells(delimiter)
    yield cell([*KNOWN, TEXT[0], SPANS[0], LABELS[0]], "header")
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
        yield cell(fields, str(sentence.source or f"sentence {number}"))


def _cells(delimiter: str) -> Callable[[Sequence[str], str], str]:
    """Give what puts fields together to a line."""

    def tabbed(fields: Sequence[str], where: str) -> str:
        row = delimiter.join(map(replace_surrogates, fields))
        if row.count(delimiter) != len(fields) - 1 or "\n" in row or row.endswith("\r"):
            raise DataError(
                f"{where}: in a TSV file, no field holds a tab or a newline; CSV can hold them. "
                f"Got {short(list(fields))}."
            )
        return row

    def quoted(fields: Sequence[str], where: str) -> str:
        line = io.StringIO()
        # With "\r\n" at its end, a field with either of them is quoted.
        csv.writer(line, lineterminator="\r\n").writerow(fields)
        return line.getvalue().removesuffix("\r\n")

    return tabbed if delimiter != "," else quoted


def _read_delimited(source: str | Path, how: Reading, *, delimiter: str) -> Iterator[Sentence]:
    lines = read_lines(source, how.encoding)
    tags = None if how.target else how.tags or DEFAULT_TAGS
    return read_delimited(
        lines, _name(source), how.tokenize, delimiter, how.columns, tags, how.problems, how.rules
    )


def _lines_long(sentences: Iterable[Sentence], how: Writing, *, delimiter: str) -> Iterator[str]:
    return write_long(sentences, how.scheme, delimiter, how.columns, how.tagged)


def _lines_wide(sentences: Iterable[Sentence], how: Writing, *, delimiter: str) -> Iterator[str]:
    return write_wide(sentences, delimiter)
