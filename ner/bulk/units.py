"""Units of work: a file, or a part of one, each of which becomes a file of results."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any

from ner.bulk.places import EXTRA, PURPOSE, Place
from ner.bulk.sources import SourceFile
from ner.data.lines import PEEKED, is_cut_anywhere, line_starts
from ner.errors import ConfigError, DataError, reason
from ner.extras import require
from ner.files import sha256

# Bytes of texts in a unit of several row groups, or of a part of a file of lines: half a minute of
# work, or so.
UNIT_BYTES = 16 << 20

# Bytes that are read at a time to find where lines begin.
CHUNK = 1 << 20

# Footers of files that are read at a time.
READERS = 16


@dataclass(frozen=True)
class Unit:
    """A part of the work.

    Args:
        source: The file.
        part: The numbers of the first row group and of the one after the last; or those of bytes in
            a large file of lines; None for all of a file.
        first: The number of rows or lines before it in the file.
        name: What its results are called, without an ending: digests of the source and of the part.
    """

    source: SourceFile
    part: tuple[int, int] | None
    first: int
    name: str

    @classmethod
    def of(
        cls,
        source: SourceFile,
        part: tuple[int, int] | None = None,
        first: int = 0,
        number: int = 0,
    ) -> "Unit":
        """Name a unit; names of one source are in its order."""
        facts = json.dumps([source.size, source.modified, part])
        name = f"{source_digest(source.name)}-{number:05}-{sha256([facts.encode()])[:8]}"
        return cls(source, part, first, name)


def source_digest(name: str) -> str:
    """Return what the names of all results of a source begin with."""
    return sha256([name.encode("utf-8", "surrogatepass")])[:16]


def plan_units(
    files: Sequence[SourceFile], text: str, keep: Sequence[str] | None, taken: Sequence[str]
) -> list[Unit]:
    """Cut files into units, in order.

    Args:
        files: The files.
        text: The column of texts.
        keep: The columns that results have, too; None for all.
        taken: Names of columns of results, which no column that is kept may have.

    Raises:
        ConfigError: A file lacks a column, or has one whose name is taken.
        DataError: A file cannot be read.
    """

    def units(file: SourceFile) -> list[Unit]:
        if file.kind != "parquet":
            return _ranges(file)
        return _groups(file, text, keep, taken)

    with ThreadPoolExecutor(READERS) as pool:
        return [unit for found in pool.map(units, files) for unit in found]


def _groups(
    file: SourceFile, text: str, keep: Sequence[str] | None, taken: Sequence[str]
) -> list[Unit]:
    with open_parquet(file) as opened:
        _check_columns(file, opened.schema_arrow, text, keep, taken)
        metadata = opened.metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    units: list[Unit] = []
    start = first = rows = size = 0
    for i, group in enumerate(groups):
        own = _text_bytes(group, text)
        if size and size + own > UNIT_BYTES:
            units.append(Unit.of(file, (start, i), first, len(units)))
            start, first, size = i, rows, 0
        size += own
        rows += group.num_rows
    return [*units, Unit.of(file, (start, len(groups)), first, len(units))]


def _ranges(file: SourceFile) -> list[Unit]:
    """Cut a large file of lines where lines begin; one that is packed stays whole.

    It is read once, so that each part knows the number of its first line.
    """
    if file.is_packed or file.size is None or file.size <= UNIT_BYTES:
        return [Unit.of(file)]
    try:
        cuts, end = _cuts(Place.find(file.name))
    except OSError:  # the attempt at the unit tells why
        cuts, end = [], 0
    if len(cuts) < 2:
        return [Unit.of(file)]
    ends = [*(begin for begin, _ in cuts[1:]), end]
    return [
        Unit.of(file, (begin, stop), first, number)
        for number, ((begin, first), stop) in enumerate(zip(cuts, ends, strict=True))
    ]


def _cuts(place: Place) -> tuple[list[tuple[int, int]], int]:
    """Return the bytes and lines before each part of a file, and the number of all bytes."""
    with place.system.open_input_file(place.path) as stream:
        start = stream.read(PEEKED)
        if not is_cut_anywhere(start):
            return [], 0
        chunks = chain([start], iter(lambda: stream.read(CHUNK), b""))
        cuts = [(0, 0), *line_starts(chunks, UNIT_BYTES)]
        end = stream.tell()
    return [cut for cut in cuts if cut[0] < end], end


def _text_bytes(group: Any, text: str) -> int:
    columns = (group.column(i) for i in range(group.num_columns))
    return sum(c.total_uncompressed_size for c in columns if c.path_in_schema == text)


def open_parquet(file: SourceFile) -> Any:
    """Open a parquet file, to be used in a `with`.

    Raises:
        DataError: It cannot be read.
    """
    parquet = require("pyarrow.parquet", PURPOSE, EXTRA)
    place = Place.find(file.name)
    try:
        return parquet.ParquetFile(place.system.open_input_file(place.path), pre_buffer=False)
    except (OSError, ValueError) as error:  # pyarrow's errors are of these kinds
        raise DataError(f"{file.name}: must be a parquet file. {reason(error)}.") from None


def _check_columns(
    file: SourceFile, schema: Any, text: str, keep: Sequence[str] | None, taken: Sequence[str]
) -> None:
    """Refuse a file without the columns that are asked for.

    Raises:
        ConfigError: That is so.
    """
    for name in (text, *(keep or ())):
        if schema.names.count(name) != 1:
            shown = ", ".join(schema.names)
            raise ConfigError(f"{file.name}: must have one column {name!r}. Got {shown}.")
    for name in taken:
        if name in (schema.names if keep is None else keep):
            raise ConfigError(
                f"{file.name}: must have no column {name!r}, which is for results. Got one. Name "
                "the columns to keep."
            )
