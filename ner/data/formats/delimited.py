"""Rows of files whose fields are separated by commas, semicolons or tabs, quoted or not.

Fields of CSV may be quoted as in RFC 4180. Files with tabs come in two kinds: pandas, Excel and
`ner data convert` quote them like CSV, and others have no quotes, so that a quotation mark is a
character like any other. The first field that begins with one tells the kinds apart.
"""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from ner.data.lines import checked_lines
from ner.errors import DataError

# The number of lines that decide whether a file with tabs is quoted.
PROBED_LINES = 1000
OPENING_QUOTE = re.compile(r'(?:^|\t)"')
WHOLE_QUOTED = re.compile(r'"(?:[^"]|"")*"')

NumberedLine = tuple[int, str]


# A row: the number of the line on which it ends, its fields (none if the line is blank), and its
# lines as they are in the file, with their ends.
DelimitedRow = tuple[int, list[str], str]


def delimited_rows(lines: Iterable[bytes], name: str, delimiter: str) -> Iterator[DelimitedRow]:
    """Yield the rows of a file.

    Args:
        lines: The lines of the file, undecoded.
        name: What messages call the file.
        delimiter: The character between two fields.

    Raises:
        DataError: A line is not in UTF-8, or quotes do not match.
    """
    # The limit applies to the whole process; texts may exceed its default of 128 KiB.
    csv.field_size_limit(max(csv.field_size_limit(), 2**31 - 1))
    numbered = checked_lines(lines, name, keep_ends=True)
    return _tab_rows(numbered, name) if delimiter == "\t" else _quoted(numbered, name, delimiter)


def split_line(line: str, delimiter: str) -> list[str]:
    """Return the fields of a line, such as a header, which is a row of its own."""
    is_quoted = delimiter != "\t" or _is_quoted([line], None)
    try:
        return next(csv.reader([line], delimiter=delimiter)) if is_quoted else line.split("\t")
    except (csv.Error, StopIteration):
        return line.split(delimiter)


def _quoted(numbered: Iterable[NumberedLine], name: str, delimiter: str) -> Iterator[DelimitedRow]:
    lines = iter(numbered)
    for line in lines:
        row = line[1].rstrip("\r\n")
        if '"' in row or "\r" in row:
            yield _quoted_row(line, lines, name, delimiter)
        else:
            yield line[0], row.split(delimiter) if row else [], line[1]


def _quoted_row(
    first: NumberedLine, rest: Iterator[NumberedLine], name: str, delimiter: str
) -> DelimitedRow:
    """Read a row with quotation marks. A quoted field may go over several lines."""
    read: list[NumberedLine] = []

    def texts() -> Iterator[str]:
        for line in itertools.chain([first], rest):
            read.append(line)
            yield line[1]

    try:
        fields = next(csv.reader(texts(), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(f"{name}:{read[-1][0]}: not CSV: {error}.") from None
    return read[-1][0], fields, "".join(text for _, text in read)


def _tab_rows(numbered: Iterator[NumberedLine], name: str) -> Iterator[DelimitedRow]:
    width: int | None = None
    for line in numbered:
        if OPENING_QUOTE.search(line[1]):
            head = [line, *itertools.islice(numbered, PROBED_LINES)]
            rest = itertools.chain(head, numbered)
            quoted = _is_quoted([text for _, text in head], width)
            yield from _quoted(rest, name, "\t") if quoted else map(_tab_row, rest)
            return
        row = _tab_row(line)
        width = width or len(row[1])
        yield row


def _tab_row(line: NumberedLine) -> DelimitedRow:
    row = line[1].rstrip("\r\n")
    return line[0], row.split("\t") if row else [], line[1]


def _is_quoted(lines: Sequence[str], width: int | None) -> bool:
    """Whether lines are quoted, the first of which has a field that begins with a quotation mark.

    They are if each such field is a quoted one as a whole, or else if more rows have the expected
    number of fields when they are read with quotes.

    Args:
        lines: The lines, with their ends.
        width: The number of fields in the rows before; None if there are none.
    """
    rows = [line.rstrip("\r\n").split("\t") for line in lines]
    opened = [field for row in rows for field in row if field.startswith('"')]
    if all(WHOLE_QUOTED.fullmatch(field) for field in opened):
        return True
    quoted: list[list[str]] = []
    reader = csv.reader(lines, delimiter="\t", strict=True)
    try:
        quoted.extend(reader)
    except csv.Error:
        if reader.line_num < len(lines) or len(lines) <= PROBED_LINES:
            return False  # otherwise, the last row is cut off
    expected = width or len(rows[0])
    return _share(quoted, expected) > _share(rows, expected)


def _share(rows: Sequence[Sequence[str]], width: int) -> float:
    """Return the share of the rows with a number of fields, between 0 and 1."""
    return sum(len(row) == width for row in rows) / max(1, len(rows))
