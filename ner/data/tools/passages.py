"""The texts of a file with their exact places, so that parts of them can be replaced there.

Whatever is not replaced stays as it is, character for character: other fields, the order of fields,
blanks, quotation marks, escapes in strings of JSON, and the ends of lines.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from ner.data.formats.csv_tables import Table, open_table
from ner.data.formats.delimited import DelimitedRow
from ner.data.formats.json_text import dump, line_value, object_fields
from ner.data.formats.options import ReadOptions
from ner.data.lines import checked_lines, short
from ner.data.spans import FieldError
from ner.errors import ConfigError, DataError

# A character in a string of JSON: a pair of escapes, an escape, or itself.
# Source: RFC 8259, section 7
JSON_CHARACTER = re.compile(
    r"\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u[\da-fA-F]{4}|\\.|.", re.DOTALL
)

# A character in a quoted field.
QUOTED_CHARACTER = re.compile(r'""|.', re.DOTALL)
QUOTED = re.compile(r'"((?:[^"]|"")*)"')


class Change(NamedTuple):
    """What replaces a part of a text.

    Args:
        start: Where the part starts, in characters.
        end: Where it ends.
        text: What replaces it.
        literal: The same as part of a string of JSON.
    """

    start: int
    end: int
    text: str
    literal: str


@dataclass
class Passage:
    """A text in a file, and what is around it.

    Args:
        text: The text.
        raw: The text as it is in the file.
        before: What is in the file before it, since the passage before.
        after: What is in the file after it, up to the next passage.
        document: The number of the text or record to which it belongs, from 0.
    """

    text: str
    raw: str
    before: str
    after: str
    document: int

    def literal(self, start: int, end: int) -> str:
        """Return a part of the text as part of a string of JSON."""
        return dump(self.text[start:end])[1:-1]

    def rewritten(self, changes: Iterable[Change]) -> str:
        """Return the passage with what is around it, after changes in the order of the text."""
        return self.before + self._changed(changes) + self.after

    def _changed(self, changes: Iterable[Change]) -> str:
        pieces: list[str] = []
        end = 0
        for change in changes:
            pieces += self._raw_part(end, change.start), self._escaped(change)
            end = change.end
        return "".join(pieces) + self._raw_part(end, len(self.text))

    def _raw_part(self, start: int, end: int) -> str:
        return self.raw[start:end]

    def _escaped(self, change: Change) -> str:
        return change.text


class _EscapedPassage(Passage):
    """A text some of whose characters are escaped in the file."""

    character: re.Pattern[str]

    @cached_property
    def _places(self) -> list[int]:
        """Where each character of the text, and its end, is in the file."""
        return [*(m.start() for m in self.character.finditer(self.raw)), len(self.raw)]

    def _raw_part(self, start: int, end: int) -> str:
        return self.raw[self._places[start] : self._places[end]]


class _JsonPassage(_EscapedPassage):
    character = JSON_CHARACTER

    def literal(self, start: int, end: int) -> str:
        return self._raw_part(start, end)

    def _escaped(self, change: Change) -> str:
        return change.literal


class _QuotedPassage(_EscapedPassage):
    character = QUOTED_CHARACTER

    def _escaped(self, change: Change) -> str:
        return change.text.replace('"', '""')


@dataclass
class _UnquotedPassage(Passage):
    """A field without quotation marks, which gets some if a change makes them necessary."""

    delimiter: str = ","

    def _changed(self, changes: Iterable[Change]) -> str:
        changed = super()._changed(changes)
        # A file with tabs may have fields that begin with a quotation mark, and no quoted ones.
        opens = self.delimiter != "\t" and changed.startswith('"')
        if opens or any(character in changed for character in f"{self.delimiter}\r\n"):
            return '"{}"'.format(changed.replace('"', '""'))
        return changed


def text_passages(lines: Iterable[bytes], name: str, *, is_whole: bool) -> Iterator[Passage]:
    """Yield each line of a file, or the whole file as one text.

    Args:
        lines: The lines of the file in UTF-8, with their ends.
        name: What messages call the file.
        is_whole: Whether the file is one text.

    Raises:
        DataError: A line is not in UTF-8.
    """
    found = (line for _, line in checked_lines(lines, name, keep_ends=True))
    for number, text in enumerate(["".join(found)] if is_whole else found):
        content = text.rstrip("\r\n")
        yield Passage(content, content, "", text[len(content) :], number)


def json_passages(lines: Iterable[bytes], name: str, fields: Sequence[str]) -> Iterator[Passage]:
    """Yield the texts of records, one record a line.

    Args:
        lines: The lines of the file in UTF-8, with their ends.
        name: What messages call the file.
        fields: The names of the fields that hold texts.

    Raises:
        DataError: A line is no object of JSON, or has no such field with a text.
    """
    document = 0
    for number, line in checked_lines(lines, name, keep_ends=True):
        where, end = f"{name}:{number}", 0
        found: list[Passage] = []
        for start, stop, text in _strings(line, where, fields) if line.strip() else ():
            raw = line[start:stop]
            found.append(_JsonPassage(text, raw, line[end:start], "", document))
            end = stop
        yield from _closed(found, line[end:], document)
        document += bool(line.strip())


def table_passages(
    source: str | Path,
    options: ReadOptions,
    delimiter: str,
    fields: Sequence[str] = (),
    notify: Callable[[str], None] = lambda _: None,
) -> Iterator[Passage]:
    """Yield the texts of a table with a header and a text on each row.

    Args:
        source: The file, or "-".
        options: How it is read.
        delimiter: The delimiter that is tried first.
        fields: The names of the columns that hold texts; none for the usual one.
        notify: Called with a line that names the usual one.

    Raises:
        ConfigError: The table has a token on each row.
        DataError: The header lacks a column, or a row has another number of columns.
    """
    named = options.updated(columns=[f"text={fields[0]}"]) if fields else options
    table = open_table(source, named, delimiter)
    if "text" not in table.roles:
        raise ConfigError(f"{table.name}: must have a text on each row. Got a token on each row.")
    if not fields:
        notify(f"{table.name}: the column {table.roles['text']!r} is changed.")
    columns = {table.names.index(table.roles["text"]), *(_column(table, f) for f in fields[1:])}
    yield from _closed([], table.header, 0)
    for document, row in enumerate(table.rows):
        yield from _row_passages(table, row, columns, document)


def _strings(line: str, where: str, fields: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Yield where the texts of a record start and end, without quotation marks, and each text."""
    record = line_value(line, where)
    if not isinstance(record, dict):
        raise DataError(f"{where}: must be an object of JSON. Got {short(record)}.")
    if not any(field in record for field in fields):
        raise DataError(
            f"{where}: must have the field {' or '.join(map(repr, fields))}. Got {short(record)}. "
            "Name the fields with texts: --fields."
        )
    for key, start, end, value in object_fields(line):
        if key in fields and value is not None:
            if not isinstance(value, str):
                raise DataError(f"{where}: {key}: must be a string. Got {short(value)}.")
            yield start + 1, end - 1, value


def _closed(found: list[Passage], rest: str, document: int) -> list[Passage]:
    """Return the passages of a line, the last of which has the rest of the line after it."""
    if not found:
        return [Passage("", "", rest, "", document)]
    found[-1].after = rest
    return found


def _column(table: Table, field: str) -> int:
    name = field.strip().lower()
    if name not in table.names:
        raise DataError(
            f"{table.name}:1: the header must have the column {field!r}. "
            f"Got {short(list(table.names))}."
        )
    return table.names.index(name)


def _row_passages(
    table: Table, row: DelimitedRow, columns: set[int], document: int
) -> list[Passage]:
    found: list[Passage] = []
    end = 0
    line, fields, raw = row
    if fields:
        try:
            table.cut(row)
        except FieldError as error:
            raise DataError(f"{table.name}:{line}: {error}") from None
        for index, (start, stop, is_quoted) in enumerate(_cells(fields, raw)):
            if index in columns:
                cell = fields[index], raw[start:stop], raw[end:start], "", document
                passage = (
                    _QuotedPassage(*cell)
                    if is_quoted
                    else _UnquotedPassage(*cell, delimiter=table.delimiter)
                )
                found.append(passage)
                end = stop
    return _closed(found, raw[end:], document)


def _cells(fields: Sequence[str], raw: str) -> Iterator[tuple[int, int, bool]]:
    """Yield where the fields of a row start and end, and whether each is in quotation marks."""
    place = 0
    for field in fields:
        quoted = QUOTED.match(raw, place)
        # A file without quoted fields may have fields that begin and end with a quotation mark.
        is_quoted = quoted is not None and quoted[1].replace('""', '"') == field
        start, end = quoted.span(1) if quoted and is_quoted else (place, place + len(field))
        yield start, end, is_quoted
        place = end + is_quoted + 1  # the mark, and the delimiter
