"""The rows of a unit of work, block after block; never all of a file in memory."""

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, TypeVar

from ner.arrow import python_texts, text_column
from ner.bulk.json_columns import as_table, column_types, json_ready
from ner.bulk.places import EXTRA, PURPOSE, Place
from ner.bulk.sources import SourceFile
from ner.bulk.units import Unit, open_parquet
from ner.data.formats.json_text import line_value
from ner.data.lines import decode_lines, decoded_lines, lines_of_part
from ner.errors import DataError, reason
from ner.extras import require

# Rows of a block: as many as `ner.Predictor.pipe` reads ahead.
BLOCK_ROWS = 1024
Item = TypeVar("Item")


@dataclass
class Block:
    """Some rows.

    Args:
        texts: The text of each row; None where there is none.
        errors: Why a row cannot be read; None where it can.
        places: What messages call each row.
        table: Other columns as a table; None where they are records.
        records: Other fields of each row as records; empty where they are a table.
    """

    texts: list[str | None]
    errors: list[str | None]
    places: Sequence[str]
    table: Any = None
    records: list[dict[str, Any]] = field(default_factory=list)

    def as_table(self, types: dict[str, Any]) -> Any:
        """Return the columns to keep; `types` are those of records, see `record_types`."""
        return as_table(self.records, types) if self.table is None else self.table

    def as_records(self) -> list[dict[str, Any]]:
        """Return the fields to keep, row by row."""
        if self.table is None:
            return self.records
        return [json_ready(record) for record in self.table.to_pylist()]


def read_blocks(unit: Unit, text: str, keep: Sequence[str] | None) -> Iterator[Block]:
    """Yield the rows of a unit in order; an empty block if there are none.

    Args:
        unit: The unit.
        text: The column of texts. A file of lines has no other columns.
        keep: The columns that results have, too; None for all.

    Raises:
        DataError: The file cannot be read.
    """
    readers = {"parquet": _parquet_blocks, "jsonl": _json_blocks, "text": _text_blocks}
    return readers[unit.source.kind](unit, text, keep)


def record_types(unit: Unit, text: str, keep: Sequence[str] | None) -> dict[str, Any]:
    """Read a unit of records once to find the type of each field; {} for a unit of a table."""
    if unit.source.kind == "parquet":
        return {}
    if unit.source.kind == "text":
        string = require("pyarrow", PURPOSE, EXTRA).string()
        return {text: string} if keep is None or text in keep else {}
    blocks = read_blocks(unit, text, keep)
    if unit.part is not None:  # what the file begins with, all parts of it have
        blocks = chain(islice(read_blocks(Unit.of(unit.source), text, keep), 1), blocks)
    return column_types(block.records for block in blocks)


def _parquet_blocks(unit: Unit, text: str, keep: Sequence[str] | None) -> Iterator[Block]:
    first, stop = unit.part or (0, 0)
    number = unit.first
    pa = require("pyarrow", PURPOSE, EXTRA)
    with open_parquet(unit.source) as opened:
        kept = list(opened.schema_arrow.names if keep is None else keep)
        columns = list(dict.fromkeys((text, *kept)))
        batches = opened.iter_batches(BLOCK_ROWS, row_groups=range(first, stop), columns=columns)
        while (batch := _next(batches, unit.source)) is not None:
            texts, errors = python_texts(text_column(batch, text))
            places = [f"{unit.source.name}: row {number + i + 1}" for i in range(len(texts))]
            number += len(texts)
            yield Block(texts, errors, places, pa.Table.from_batches([batch]).select(kept))
        if number == unit.first:
            yield Block([], [], [], opened.schema_arrow.empty_table().select(kept))


def _next(batches: Iterator[Any], source: SourceFile) -> Any:
    try:
        return next(batches, None)
    except (OSError, ValueError) as error:
        raise DataError(f"{source.name}: must be a whole parquet file. {reason(error)}.") from None


def _json_blocks(unit: Unit, text: str, keep: Sequence[str] | None) -> Iterator[Block]:
    rows = (
        (f"{unit.source.name}:{number}", line, problem)
        for number, line, problem in _lines(unit)
        if line.strip()
    )
    for chunk in _chunks(rows):
        block = Block([], [], [place for place, _, _ in chunk])
        for place, line, problem in chunk:
            record: Any = {}
            found, error = None, problem
            try:
                record = {} if problem else line_value(line, place)
                found = None if problem else _text_of(record, text, place)
            except DataError as wrong:
                error = wrong
            record = record if isinstance(record, dict) else {}
            block.texts.append(found)
            block.errors.append(None if error is None else str(error))
            block.records.append(
                record if keep is None else {n: record[n] for n in keep if n in record}
            )
        yield block


def _text_of(record: Any, text: str, place: str) -> str | None:
    """Return the text of a record; None where it is null.

    Raises:
        DataError: There is no such field, or it holds something else.
    """
    if not isinstance(record, dict) or text not in record:
        got = ", ".join(record) or "no fields" if isinstance(record, dict) else "no object"
        raise DataError(f"{place}: must be an object with the field {text!r}. Got {got}.")
    found = record[text]
    if found is not None and not isinstance(found, str):
        raise DataError(f"{place}: {text} must be a text. Got {type(found).__name__}.")
    return found


def _text_blocks(unit: Unit, text: str, keep: Sequence[str] | None) -> Iterator[Block]:
    lines = _lines(unit)
    for chunk in _chunks(lines):
        texts = [line if problem is None else None for _, line, problem in chunk]
        kept = keep is None or text in keep
        yield Block(
            texts,
            [None if problem is None else str(problem) for _, _, problem in chunk],
            [f"{unit.source.name}:{number}" for number, _, _ in chunk],
            records=[{text: found} if kept else {} for found in texts],
        )


def _chunks(rows: Iterator[Item]) -> Iterator[list[Item]]:
    """Cut rows into chunks; there is always one."""
    chunk = list(islice(rows, BLOCK_ROWS))
    yield chunk
    while chunk := list(islice(rows, BLOCK_ROWS)):
        yield chunk


def _lines(unit: Unit) -> Iterator[tuple[int, str, DataError | None]]:
    """Yield the lines of a unit, whose file may be packed, see `decode_lines`.

    Raises:
        DataError: The file cannot be read to its end.
    """
    name = unit.source.name
    first = unit.first + 1
    try:
        with ExitStack() as stack:
            stream = stack.enter_context(closing(_Readable(Place.find(name), unit.part)))
            file = stack.enter_context(io.BufferedReader(stream, 1 << 16))
            if unit.part is None:
                yield from decode_lines(decoded_lines(file, name, "utf-8"), name)
            else:
                lines = lines_of_part(file, name, first)
                yield from decode_lines(lines, name, first=first, offset=unit.part[0])
    except (OSError, EOFError) as error:
        raise DataError(f"{name}: must be readable to its end. Got: {reason(error)}.") from None


class _Readable(io.RawIOBase):
    """A stream of pyarrow as one of Python.

    Args:
        place: The file; the ending of its name tells how it is packed.
        part: Numbers of its bytes, see `Unit`; None for all of it.
    """

    def __init__(self, place: Place, part: tuple[int, int] | None) -> None:
        self._remaining = None
        if part is None:
            self._stream = place.system.open_input_stream(place.path, compression="detect")
        else:
            self._stream = place.system.open_input_file(place.path)
            self._stream.seek(part[0])
            self._remaining = part[1] - part[0]

    def readable(self) -> bool:
        """Return True: the content can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`, and return the number of bytes."""
        if self._remaining is None:
            return self._stream.readinto(buffer)
        count = self._stream.readinto(memoryview(buffer)[: self._remaining])
        self._remaining -= count
        return count

    def close(self) -> None:
        """Close the stream."""
        if not self.closed:
            self._stream.close()
        super().close()
