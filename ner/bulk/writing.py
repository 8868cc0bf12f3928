"""Rows with their results, as parquet or JSON lines."""

from collections.abc import Iterable
from contextlib import ExitStack
from typing import IO, Any, Protocol

from ner.arrow import ERROR, result_arrays
from ner.bulk.places import EXTRA, PURPOSE
from ner.bulk.reading import Block
from ner.choices import BulkOutput
from ner.data.formats.json_text import dump
from ner.errors import DataError
from ner.extras import require
from ner.inference.rows import RowResults
from ner.tasks import Task

# Digits of a score after the point in JSON.
DIGITS = 6

# Rows of a row group at most, and about how many bytes.
GROUP_ROWS, GROUP_BYTES = 1 << 16, 32 << 20


class Writer(Protocol):
    """Writes blocks of rows."""

    def write(self, block: Block, results: RowResults) -> None:
        """Write rows with their results."""
        ...


def open_writer(
    output: BulkOutput, file: IO[bytes], task: Task, types: dict[str, Any], stack: ExitStack
) -> Writer:
    """Return a writer, which is complete when the stack is closed.

    Args:
        output: The format.
        file: Where to write to.
        task: The task of the model.
        types: The types of the fields of records, see `ner.bulk.reading.record_types`.
        stack: Closes what has to be closed.
    """
    if output == "jsonl":
        return JsonLines(file, task)
    return stack.enter_context(Parquet(file, task, types))


class JsonLines:
    """Writes an object on each line."""

    def __init__(self, file: IO[bytes], task: Task) -> None:
        self.file, self.task = file, task

    def write(self, block: Block, results: RowResults) -> None:
        """Write rows with their results."""
        fields, name = self.task.result_fields, self.task.results
        rows = zip(block.as_records(), results.found, results.errors, block.places, strict=True)
        lines: list[str] = []
        for record, found, error, place in rows:
            check_names(record, (name, ERROR), place)
            listed = found and [_rounded(zip(fields, row, strict=True)) for row in found]
            own = {name: listed} if error is None else {name: None, ERROR: error}
            lines.append(dump({**record, **own}) + "\n")
        self.file.write("".join(lines).encode())


class Parquet:
    """Writes a table, to be used in a `with`."""

    def __init__(self, file: IO[bytes], task: Task, types: dict[str, Any]) -> None:
        self.file, self.task, self.types = file, task, types
        self.writer: Any = None
        self.waiting: list[Any] = []
        check_names(types, (task.results, ERROR), "fields")

    def __enter__(self) -> "Parquet":
        return self

    def __exit__(self, *exception: object) -> None:
        self._flush()
        if self.writer is not None:
            self.writer.close()

    def write(self, block: Block, results: RowResults) -> None:
        """Write rows with their results."""
        table = block.as_table(self.types)
        for name, array in result_arrays(self.task, results).items():
            table = table.append_column(name, array)
        self.waiting.append(table)
        rows, size = (sum(getattr(t, k) for t in self.waiting) for k in ("num_rows", "nbytes"))
        if rows >= GROUP_ROWS or size >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        """Write what waits as a row group."""
        if not self.waiting:
            return
        table = require("pyarrow", PURPOSE, EXTRA).concat_tables(self.waiting)
        self.waiting.clear()
        if self.writer is None:
            parquet = require("pyarrow.parquet", PURPOSE, EXTRA)
            self.writer = parquet.ParquetWriter(self.file, table.schema, compression="zstd")
        self.writer.write_table(table)


def check_names(names: Iterable[str], taken: Iterable[str], where: str) -> None:
    """Refuse a field whose name is that of a result.

    Raises:
        DataError: That is so.
    """
    for name in taken:
        if name in names:
            raise DataError(
                f"{where}: must have no field {name!r}, which is for results. Got one. Name the "
                "fields to keep."
            )


def _rounded(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {n: round(v, DIGITS) if isinstance(v, float) else v for n, v in pairs}
