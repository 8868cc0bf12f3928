"""CSV and TSV files with a header, in two shapes.

A long file has a token on each row: a column of tokens, and one that numbers the sentences, which
may be empty where a sentence continues. Tags are in "ner" (or "tag", "label"), and the other
columns become columns of the sentence.

A wide file has a text on each row: a column "text" (or "sentence", "review", "content"), and one of
spans in JSON ("spans", "entities") as in JSON lines, or one of labels ("label", "class",
"category", "sentiment", "stars"): a label, or a JSON list of labels. An empty cell is no label. It
may have "id" and "document". A label may also be what Label Studio exports: spans or choices in
JSON. The values of other columns are counted in the notes.

`ner.data.formats.columns` lists the usual names of columns, and the option `columns` may say what
the columns of a file hold. A guess is noted. Commas, semicolons or tabs separate the fields; the
header decides.
"""

import csv
import functools
import io
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ner.data.formats.base import (
    BLANK_TOKENS,
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
    Row,
    count_columns,
    guess_of,
    plain_name,
    token_columns,
)
from ner.data.formats.delimited import DelimitedRow, delimited_rows, split_line
from ner.data.formats.json_text import cell_value, dump
from ner.data.formats.options import DEFAULT_TAGS, ReadOptions
from ner.data.formats.records import (
    build_sentences,
    is_span_list,
    is_strings,
    label_list,
    list_spans,
    note_unknown,
    text_sentence,
)
from ner.data.lines import decode_lines, input_name, read_lines, short
from ner.data.sentence import Sentence, Source
from ner.data.spans import CharSpan, FieldError, Notes
from ner.errors import ConfigError, DataError

# What messages call the delimiters that a file may have.
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}

# The usual names of columns by what they hold, in files with a token or a text on each row.
LONG_ROLES = {"token": TOKEN_NAMES, "sentence": SENTENCE_NAMES, "tags": TAG_NAMES}
WIDE_ROLES = {
    "text": TEXT_NAMES,
    "spans": SPAN_NAMES,
    "label": LABEL_NAMES,
    "id": ("id",),
    "document": ("document",),
}

EMPTY_ROW: DelimitedRow = (0, [], "")


@dataclass
class Table:
    """A file whose header is read.

    Args:
        name: What messages call the file.
        names: The names of its columns in small letters; "-" leaves one out.
        roles: The names of those that are read, by what they hold.
        header: Its header as it is in the file, which is empty if it has none.
        rows: The rows after the header.
    """

    name: str
    names: Sequence[str]
    roles: Mapping[str, str]
    header: str
    rows: Iterator[DelimitedRow]

    def cut(self, row: DelimitedRow) -> dict[str, str]:
        """Return the fields of a row by the names of their columns.

        Raises:
            FieldError: The row has more or fewer fields than the header.
        """
        if len(row[1]) != len(self.names):
            raise FieldError(self.other_count(row))
        pairs = zip(self.names, row[1], strict=True)
        return {name: field for name, field in pairs if name != "-"}

    def other_count(self, row: DelimitedRow) -> str:
        """Return the message about a row with more or fewer fields than the header."""
        return f"{count_columns(row[1])}, but the header has {len(self.names)}."


def open_table(source: str | Path, options: ReadOptions, delimiter: str) -> Table:
    """Read the header of a file, and find out what its columns hold.

    Args:
        source: The file, or "-".
        options: How it is read. Guesses are added to its notes.
        delimiter: The delimiter that is tried first.

    Raises:
        ConfigError: The columns that the options name cannot be those of a table.
        DataError: The header lacks a column or repeats one.
    """
    name = input_name(source)
    lines = iter(read_lines(source, options.encoding))
    first = list(itertools.islice(lines, 1))
    header = next((line for _, line, _ in decode_lines(first, name)), "")
    given = delimiter
    candidates = (given, *(other for other in DELIMITERS if other != given))
    fits = (d for d in candidates if _fits(split_line(header, d), options))
    delimiter = next(fits, given)
    rows = delimited_rows(itertools.chain(first, lines), name, delimiter)
    if options.names is None:
        row = next(rows, EMPTY_ROW)
        names = [_column_name(field) for field in row[1]]
    else:
        names = [_column_name(column) for column in options.names]
        row, rows = _without_header(rows, names, options.rules.notes)
    repeated = [column for column, count in Counter(names).items() if count > 1 and column != "-"]
    if repeated:
        raise DataError(f"{name}:1: no name of a column may be repeated. Got {short(repeated)}.")
    roles = _find_roles(names, options, f"{name}:1", DELIMITERS[delimiter]) if names else {}
    return Table(name, names, roles, row[2], rows)


def read_table(source: str | Path, options: ReadOptions, *, delimiter: str) -> Iterator[Sentence]:
    """Yield the sentences of a file; its header tells a long file from a wide one.

    Raises:
        ConfigError: The columns that the options name cannot be those of a table.
        DataError: The header lacks a column, a row has another number of columns, or a sentence
            cannot be read.
    """
    table = open_table(source, options, delimiter)
    if "token" in table.roles:
        return _read_long(table, options)

    def build(row: DelimitedRow, place: Source) -> Sentence:
        return _wide_sentence(table.cut(row), table.roles, place, options)

    numbered = ((Source(table.name, row[0]), row) for row in table.rows if row[1])
    return build_sentences(numbered, build, options.problems)


def kind_of_table(header: str, *, any_header: bool) -> str | None:
    """Tell by its header which format a file has; None if it is no table.

    Args:
        header: The first line of the file.
        any_header: Whether it is a table even if its header has no usual names.
    """
    for delimiter in DELIMITERS:
        names = split_line(header, delimiter)
        kind = "tsv" if delimiter == "\t" else "csv"
        if _has(names, TOKEN_NAMES) and _has(names, SENTENCE_NAMES):
            return f"{kind}-long"
        if _has(names, TEXT_NAMES) and _has(names, (*SPAN_NAMES, *LABEL_NAMES)):
            return kind
    return "csv" if any_header else None


def write_long(
    sentences: Iterable[Sentence], options: WriteOptions, *, delimiter: str
) -> Iterator[str]:
    """Yield the lines of a long file, without newline: the sentence's number and a token each.

    Raises:
        DataError: A sentence lacks a column.
    """
    tags = [TAG_NAMES[0]] if options.tagged else []
    yield _join([SENTENCE_NAMES[0], TOKEN_NAMES[0], *options.columns, *tags], delimiter)
    for number, sentence in enumerate(sentences, 1):
        where = sentence_name(sentence, number)
        fields = token_columns(sentence, options.columns, options.table_scheme, where)
        for values in zip(*fields, strict=True):
            yield _join([str(number), *values], delimiter)


def write_wide(
    sentences: Iterable[Sentence], options: WriteOptions, *, delimiter: str
) -> Iterator[str]:
    """Yield the lines of a wide file, without newline: a text each."""
    columns = ["id", "document", TEXT_NAMES[0], SPAN_NAMES[0], LABEL_NAMES[0]]
    yield _join(columns, delimiter)
    for sentence in sentences:
        spans = [[e.start, e.end, e.label] for e in sentence.found_entities]
        fields = [
            sentence.id or "",
            sentence.document or "",
            sentence.text,
            "" if sentence.found_spans is None else dump(spans),
            _written_labels(sentence.labels),
        ]
        yield _join(fields, delimiter)


def _written_labels(labels: Sequence[str] | None) -> str:
    """Return the cell of labels: one as it is, unless it would be read as something else."""
    if labels is None:
        return ""
    is_plain = len(labels) == 1 and labels[0] == labels[0].strip() and labels[0][:1] not in "[{"
    return labels[0] if is_plain else dump(list(labels))


def _column_name(column: str) -> str:
    """Return the name of a column in small letters; "-" for the unnamed index of pandas."""
    name = column.strip().lower()
    return "-" if not name or name.startswith("unnamed:") else name


def _usual(names: Iterable[str], usual: Sequence[str]) -> str | None:
    """Return the column with the first of the usual names that there is."""
    listed = list(names)
    by_name = {plain_name(name): name for name in listed} | {name: name for name in listed}
    return next((by_name[name] for name in usual if name in by_name), None)


def _has(names: Iterable[str], usual: Sequence[str]) -> bool:
    return _usual(names, usual) is not None


def _fits(fields: Sequence[str], options: ReadOptions) -> bool:
    """Whether the first row, cut at some delimiter, is that of a file with these options."""
    if options.names is not None:
        return len(fields) == len(options.names) > 1
    named = options.roles.get("token", options.roles.get("text"))
    wanted = (*TOKEN_NAMES, *TEXT_NAMES) if named is None else (plain_name(named),)
    return _has(fields, wanted)


def _without_header(
    rows: Iterator[DelimitedRow], names: Sequence[str], notes: Notes
) -> tuple[DelimitedRow, Iterator[DelimitedRow]]:
    """Return the header of a file whose columns are named nevertheless, and the other rows."""
    row = next(rows, EMPTY_ROW)
    usual = {**LONG_ROLES, **WIDE_ROLES, "ner": TAG_NAMES, "labels": LABEL_NAMES}
    pairs = zip(names, map(plain_name, row[1]), strict=False)
    if len(row[1]) == len(names) and any(
        field in (plain_name(name), *usual.get(name, ())) for name, field in pairs if field
    ):
        notes.guess(f"the first row, {short(row[1])}, is read as a header.")
        return row, rows
    return EMPTY_ROW, itertools.chain([row], rows)


def _find_roles(
    names: Sequence[str], options: ReadOptions, where: str, delimiters: str
) -> dict[str, str]:
    """Find out what the columns hold, by the options or else by their names."""
    given = dict(options.roles)
    roles = {
        role: _usual(names, [column.lower(), plain_name(column)]) for role, column in given.items()
    }
    missing = [given[role] for role, column in roles.items() if column is None]
    if missing:
        raise DataError(
            f"{where}: the header must have the column {missing[0]!r}, separated by "
            f"{delimiters}. Got {short(list(names))}."
        )
    is_long = "token" in given or ("text" not in given and _has(names, TOKEN_NAMES))
    shape = LONG_ROLES if is_long else WIDE_ROLES
    if foreign := [role for role in given if role not in shape]:
        raise ConfigError(
            f"columns: a table with a {'token' if is_long else 'text'} per row has columns for "
            f"{' '.join(shape)}. Got {foreign[0]!r}."
        )
    if options.tags is not None and not is_long:
        raise ConfigError(
            f"tags: must not be set for a table with a text per row. Got {options.tags!r}."
        )
    for role, usual in shape.items():
        if role not in roles:
            roles[role] = _usual([n for n in names if n not in roles.values()], usual)
    if is_long and "tags" not in given:
        roles["tags"] = _tag_column(names, roles["tags"], options, where)
    found = {role: column for role, column in roles.items() if column is not None}
    needed = "sentence" if is_long else "text"
    if needed not in found:
        what = "that numbers the sentences" if is_long else "or 'token'"
        raise DataError(
            f"{where}: the header must have a column {needed!r} {what}, separated by "
            f"{delimiters}, or --columns must name it, as in {needed}=NAME. "
            f"Got {short(list(names))}."
        )
    named = [*given, *(["tags"] if options.tags else [])]
    for line in guess_of(found, named, [n for n in names if n != "-"]):
        options.rules.notes.guess(line)
    return found


def _tag_column(
    names: Sequence[str], usual: str | None, options: ReadOptions, where: str
) -> str | None:
    """Return the column of tags of a long file: the one that was named, or a usual one."""
    if options.tag_column is None:
        return None
    wanted = options.tag_column.strip().lower()
    if wanted in names:
        return wanted
    if wanted != DEFAULT_TAGS:
        raise DataError(
            f"{where}: the header must have the column of tags {options.tags!r}. "
            f"Got {short(list(names))}."
        )
    return usual


def _wide_sentence(
    record: Mapping[str, str], roles: Mapping[str, str], source: Source, options: ReadOptions
) -> Sentence:
    notes = options.rules.notes
    cells = {role: record[column] for role, column in roles.items()}
    spans, labels = _label_cell(cells.get("label", "").strip(), "spans" in roles, options)
    if cell := cells.get("spans"):
        items = cell_value(cell)
        if not is_span_list(items):
            raise FieldError(f"{roles['spans']}: must be a JSON list of spans. Got {short(cell)}.")
        spans = list(list_spans(items, notes))
    note_unknown(record, list(roles.values()), notes)
    return text_sentence(
        cells["text"],
        spans,
        source,
        options.tokenizer,
        options.rules,
        labels=labels,
        id=cells.get("id") or None,
        document=cells.get("document") or None,
    )


def _label_cell(
    cell: str, has_spans: bool, options: ReadOptions
) -> tuple[list[CharSpan] | None, tuple[str, ...] | None]:
    """Read a cell of labels: one, several, or what Label Studio exports.

    An empty list says that there are no spans either, unless these have a column of their own.
    """
    if not cell:
        return None, None
    value: Any = cell_value(cell) if cell[0] in "[{" else None
    if isinstance(value, dict) and set(value) == {"choices"}:
        value = value["choices"]
    if value == []:
        return None if has_spans else [], ()
    if is_strings(value):
        return None, tuple(value)
    if is_span_list(value) and not has_spans:
        return list(list_spans(value, options.rules.notes)), None
    if isinstance(value, list):
        return None, label_list(value, "label")
    if options.label_separator is not None:
        parts = (part.strip() for part in cell.split(options.label_separator))
        return None, tuple(part for part in parts if part)
    return None, (cell,)


def _read_long(table: Table, options: ReadOptions) -> Iterator[Sentence]:
    replaced = {table.roles["token"]: "token", table.roles["sentence"]: "-"}
    layout = Layout([replaced.get(n, n) for n in table.names], table.roles.get("tags"))
    layout.settle("\t")

    def checked(row: DelimitedRow) -> Row:
        line, fields, _ = row
        where = f"{table.name}:{line}"
        if len(fields) != len(table.names):
            raise DataError(f"{where}: {table.other_count(row)}")
        return layout.check_row(fields, where, "\t".join(fields))

    def build(block: list[DelimitedRow], place: Source) -> Sentence:
        read = layout.check_plain_rows([fields for _, fields, _ in block])
        return layout.sentence(read or list(map(checked, block)), source=place)

    blocks = _by_number(table.rows, table.names.index(table.roles["sentence"]))
    return build_sentences(
        ((Source(table.name, block[0][0]), block) for block in blocks), build, options.problems
    )


def _by_number(rows: Iterable[DelimitedRow], column: int) -> Iterator[list[DelimitedRow]]:
    """Yield the rows of each sentence; a sentence continues while its number is equal or empty."""
    group, key = 0, None

    def group_of(row: DelimitedRow) -> int:
        nonlocal group, key
        fields = row[1]
        number = fields[column] if column < len(fields) else ""
        if key is None or (number and number != key):
            key, group = number, group + 1
        return group

    filled = (row for row in rows if any(row[1]))
    return (list(block) for _, block in itertools.groupby(filled, group_of))


def _join(fields: Sequence[str], delimiter: str) -> str:
    """Write a row as pandas and Excel do: fields are quoted that need it."""
    line = io.StringIO()
    # Because a line ends with "\r\n" here, a field with either character is quoted.
    csv.writer(line, delimiter=delimiter, lineterminator="\r\n").writerow(fields)
    return line.getvalue().removesuffix("\r\n")


def _wide(name: str, delimiter: str) -> Format:
    return Format(
        name,
        f"a table with {DELIMITERS[delimiter]} and a header, a text per row",
        TEXT_CONTENT | {IDS, DOCUMENTS},
        functools.partial(read_table, delimiter=delimiter),
        functools.partial(write_wide, delimiter=delimiter),
        options=READ_OPTIONS,
        roles=READ_ROLES,
    )


def _long(name: str, delimiter: str) -> Format:
    return Format(
        name,
        f"a table with {DELIMITERS[delimiter]} and a header, a token per row",
        frozenset({SPANS, PARTIAL, TOKENS, BLANK_TOKENS}),
        functools.partial(read_table, delimiter=delimiter),
        functools.partial(write_long, delimiter=delimiter),
        columns=None,
        is_table=True,
        options=READ_OPTIONS,
        roles=READ_ROLES,
    )


READ_OPTIONS = frozenset({"columns", "tags", "label_separator", "offsets"})
READ_ROLES = frozenset((*LONG_ROLES, *WIDE_ROLES))
FORMATS = (_wide("csv", ","), _wide("tsv", "\t"), _long("csv-long", ","), _long("tsv-long", "\t"))
