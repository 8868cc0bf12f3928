"""Tables of numbers in CSV files, with or without a header."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ner.data.formats.delimited import delimited_rows
from ner.data.lines import read_lines, short
from ner.errors import ConfigError, DataError

Header = Literal["auto", "yes", "no"]


@dataclass(frozen=True)
class Table:
    """The cells of a file. They are converted to numbers when columns are read.

    Args:
        where: The name of the file in messages.
        names: The names of the columns in the header, or their numbers from 1.
        rows: The cells of each row.
        lines: The line on which each row ends, from 1.
    """

    where: str
    names: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]

    def index(self, name: str) -> int:
        """Find a column by its name, or by its number from 1; -1 is the last column.

        Raises:
            DataError: There is no such column.
        """
        if name in self.names:
            return self.names.index(name)
        count = len(self.names)
        if name.removeprefix("-").isdecimal() and 1 <= abs(int(name)) <= count:
            number = int(name)
            return number - 1 if number > 0 else count + number
        raise DataError(
            f"{self.where}: a column must be one of {', '.join(self.names)}. Got {name!r}."
        )

    def numbers(self, columns: Sequence[int]) -> NDArray[np.float64]:
        """Read columns as numbers (N D).

        Raises:
            DataError: A cell is blank, or is not a finite number.
        """
        return np.array(
            [
                [self._number(line, row[i], i) for i in columns]
                for line, row in zip(self.lines, self.rows, strict=True)
            ]
        )

    def has_numbers(self, column: int) -> bool:
        """Tell whether the first row has a number in a column."""
        return is_number(self.rows[0][column])

    def _number(self, line: int, cell: str, column: int) -> float:
        if not is_number(cell):
            got = short(cell) if cell.strip() else "a blank cell"
            raise DataError(
                f"{self.where}:{line}: column {self.names[column]!r} must hold a finite number. "
                f"Got {got}."
            )
        return float(cell)


def is_number(cell: str) -> bool:
    """Tell whether a cell is a finite number.

    >>> [is_number(cell) for cell in ("-1.5e3", " 7 ", "", "1949-01", "nan", "1_000")]
    [True, True, False, False, False, False]
    """
    try:
        return math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False


def read_table(path: str | Path, header: Header = "auto", delimiter: str = ",") -> Table:
    """Read a CSV file, or one with other delimiters and without quotes.

    Args:
        path: The file. It may be packed (.gz, .bz2, .xz, .zst).
        header: Whether the first row names the columns. With `auto`, it does if none of its cells
            is a number.
        delimiter: The character between cells.

    Raises:
        ConfigError: The delimiter is not one character.
        DataError: The file does not exist or has no rows, a blank line between rows, or rows of
            different lengths.
    """
    if len(delimiter) != 1:
        raise ConfigError(f"delimiter: must be one character. Got {delimiter!r}.")
    where = str(path)
    rows: list[list[str]] = []
    lines: list[int] = []
    blank: int | None = None
    for line, row, _ in delimited_rows(read_lines(path), where, delimiter):
        if not any(cell.strip() for cell in row):
            blank = blank or line
            continue
        if blank is not None:
            raise DataError(f"{where}:{blank}: a row of numbers is needed. Got a blank line.")
        if rows and len(row) != len(rows[0]):
            raise DataError(
                f"{where}:{line}: {_columns(len(row))}, but the first row has {len(rows[0])}."
            )
        rows.append(row)
        lines.append(line)
    named = header == "yes" or (header == "auto" and not any(map(is_number, (*rows, [])[0])))
    names = tuple(cell.strip() for cell in rows[0]) if rows and named else ()
    if len(rows) <= len(names[:1]):
        raise DataError(f"{where}: at least one row of numbers is needed. Got none.")
    if len(set(names)) < len(names):
        raise DataError(f"{where}: columns need different names. Got {', '.join(names)}.")
    if not names:
        return Table(where, tuple(str(i + 1) for i in range(len(rows[0]))), rows, lines)
    return Table(where, names, rows[1:], lines[1:])


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"
