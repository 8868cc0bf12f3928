"""Rows of parquet files, read piece by piece, without a copy of the files anywhere."""

import glob
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ner.errors import DataError, reason
from ner.extras import require

PURPOSE = "A parquet file"
EXTRA = "datasets"

# The number of rows in memory at once.
ROWS_AT_ONCE = 1000


class ParquetRows:
    """The rows of files, with as much of a `datasets.Dataset` as reading needs.

    Args:
        paths: The files, at least one; all have the columns of the first.
        columns: The columns to read; None reads all.

    Raises:
        DataError: A file is damaged, or lacks a column.
        MissingExtraError: `pyarrow` or `datasets` is not installed.
    """

    def __init__(self, paths: Sequence[Path], columns: Sequence[str] | None = None) -> None:
        self.paths = paths
        self.columns = columns
        # Classes and their names are in the metadata of a schema.
        arrow_schema = self._opened(paths[0]).schema_arrow
        self.features: Mapping[str, Any] = require(
            "datasets", PURPOSE, EXTRA
        ).Features.from_arrow_schema(arrow_schema)

    def select_columns(self, columns: Sequence[str]) -> "ParquetRows":
        """Return the same rows with some of their columns."""
        return ParquetRows(self.paths, columns)

    def with_format(self, _: None) -> "ParquetRows":
        """Return the rows as they are: as Python's own objects."""
        return self

    def __len__(self) -> int:
        return sum(self._opened(path).metadata.num_rows for path in self.paths)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        columns = list(self.columns or self.features)
        for path in self.paths:
            file = self._opened(path)
            if lacking := [c for c in columns if c not in file.schema_arrow.names]:
                raise DataError(f"{path}: must have the column {lacking[0]!r} of {self.paths[0]}.")
            yield from self._rows(path, file, columns)

    def _rows(self, path: Path, file: Any, columns: list[str]) -> Iterator[dict[str, Any]]:
        batches = file.iter_batches(ROWS_AT_ONCE, columns=columns)
        while True:
            try:
                batch = next(batches, None)
            except Exception as error:
                raise _damaged(path, error) from None
            if batch is None:
                return
            yield from batch.to_pylist()

    def _opened(self, path: Path) -> Any:
        parquet = require("pyarrow.parquet", PURPOSE, EXTRA)
        try:
            return parquet.ParquetFile(path)
        except Exception as error:
            raise _damaged(path, error) from None


def parquet_splits(folder: Path) -> dict[str, ParquetRows]:
    """Find the splits of a folder of parquet files, whose names tell them as on the hub.

    Raises:
        DataError: A file is damaged.
        MissingExtraError: `pyarrow` or `datasets` is not installed.
    """
    data_files = require("datasets.data_files", PURPOSE, EXTRA)
    base = glob.escape(folder.resolve().as_posix())
    patterns = data_files.get_data_patterns(base)
    found = data_files.DataFilesDict.from_patterns(
        patterns, base_path=base, allowed_extensions=[".parquet"]
    )
    return {split: ParquetRows([Path(f) for f in files]) for split, files in found.items() if files}


def _damaged(path: Path, error: Exception) -> DataError:
    """Word an error of `pyarrow`, which has many kinds of them."""
    return DataError(f"{path}: cannot be loaded as a data set. {reason(error)}.")
