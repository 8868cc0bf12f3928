"""Tables of Apache Arrow: texts in, the same table with entities out.

`TagTable("runs/sample/model")` is a function from tables to tables, which any engine for big data
can call.
"""

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

from ner.choices import Precision, RuntimeName
from ner.data.min_score import MinScore
from ner.data.sentence_splitter import FindStarts
from ner.errors import ConfigError
from ner.extras import require
from ner.inference.rows import RowResults, RowTagger, error_text, portable_name
from ner.rules.rules import Rules
from ner.tasks import Task

require("pyarrow", "ner.arrow", extra="bulk")

import pyarrow as pa  # noqa: E402 - what is missing is told first

Table = TypeVar("Table", pa.Table, pa.RecordBatch)

# The column of what was wrong with a text.
ERROR = "error"

# The types of the fields of a result.
TYPES = {
    "start": pa.int64(),
    "end": pa.int64(),
    "label": pa.string(),
    "score": pa.float64(),
}

# Rows that are Python's own objects at the same time.
ROWS_AT_ONCE = 1 << 13


@dataclass(frozen=True)
class TagTable:
    """Adds what a model finds in a column of texts to a table.

    A `Tagger` adds a column `entities`, whose values are lists of structs with `start`, `end`,
    `label` and `score`. A `TokenTagger` adds such a column `labels`, with an item for each token. A
    `TextClassifier` adds a column `labels` of lists of structs with `label` and `score`. Offsets
    count code points of the text.

    The column `error` says why a text failed, and is null elsewhere. A text that fails, or is null,
    has null in place of a list.

    It goes to other processes as its arguments, and each process opens the model once.

    Args:
        model: A model folder, or any other name that `ner.load` takes.
        text: The column of texts.
        keep: The columns of the table that the result has, too; by default all.
        min_score: Entities with a lower score are left out, from 0 to 1; or a score for each label.
        split: Finds the sentences of a text, such as a `ner.SentenceSplitter`: each is tagged by
            itself. By default, a text is tagged as one.
        rules: Words and patterns that the model obeys, such as `ner.Rules.load("names.toml")`. They
            go to other processes as a whole.
        runtime: As for `ner.load`, like the following ones.
        precision: See there.
        device: See there.
        threads: Number of threads of the network. Engines run a process on each core.

    Raises:
        ModelFolderError: `model` is a single word, but neither an installed model nor a folder.
    """

    model: str | Path
    text: str = "text"
    _: KW_ONLY
    keep: Sequence[str] | None = None
    min_score: MinScore = 0.0
    split: FindStarts | None = None
    rules: Rules | None = None
    runtime: RuntimeName = "auto"
    precision: Precision = "fp32"
    device: str = "cpu"
    threads: int | None = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", portable_name(self.model))

    def __call__(self, table: Table) -> Table:
        """Return a table, or a batch of rows, with the columns of the results.

        Raises:
            ConfigError: The table lacks a column, has one of the new ones already, or its column of
                texts holds something else; or `rules` have labels that the model lacks.
            ModelFolderError: The model cannot be read.
            TaskError: There are `rules`, a `split` or a `min_score` that the model cannot use.
        """
        texts = text_column(table, self.text)
        kept = table.select(list(table.schema.names if self.keep is None else self._kept(table)))
        task = self.rows.predictor.task
        for name in (task.results, ERROR):
            if name in kept.schema.names:
                raise ConfigError(
                    f"table: must have no column {name!r}, which is for results. Got one. Rename "
                    "it, or leave it out with keep."
                )
        results = RowResults()
        for start in range(0, len(texts), ROWS_AT_ONCE):
            self._extend(results, texts.slice(start, ROWS_AT_ONCE))
        for name, array in result_arrays(task, results).items():
            kept = kept.append_column(name, array)
        return kept

    @cached_property
    def rows(self) -> RowTagger:
        """What tags the texts."""
        return RowTagger(
            str(self.model),
            min_score=self.min_score,
            split=self.split,
            rules=self.rules,
            runtime=self.runtime,
            precision=self.precision,
            device=self.device,
            threads=self.threads,
        )

    def _kept(self, table: pa.Table | pa.RecordBatch) -> Iterable[str]:
        for name in self.keep or ():
            check_column(table.schema, name, "keep")
        return self.keep or ()

    def _extend(self, results: RowResults, texts: Any) -> None:
        values, wrong = python_texts(texts)
        found = self.rows(values)
        found.errors = [own or other for own, other in zip(wrong, found.errors, strict=True)]
        results.extend(found)


def text_column(table: pa.Table | pa.RecordBatch, name: str) -> Any:
    """Return the column of texts.

    Raises:
        ConfigError: There is no such column, or it holds something else.
    """
    check_column(table.schema, name, "text")
    column = table.column(name)
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_null(kind)
    ):
        raise ConfigError(f"text: the column {name!r} must hold strings. Got {column.type}.")
    return column


def check_column(schema: pa.Schema, name: str, where: str) -> None:
    """Refuse the name of a column that a table lacks, or has twice.

    Raises:
        ConfigError: That is so.
    """
    if schema.names.count(name) != 1:
        shown = ", ".join(map(str, schema.names)) or "no columns"
        raise ConfigError(f"{where}: must be one column of the table. Got {name!r}, of: {shown}.")


def python_texts(texts: Any) -> tuple[list[str | None], list[str | None]]:
    """Return the values of a column, None where there is none, and what is wrong with each.

    Arrow does not check that its strings are UTF-8.
    """
    try:
        return texts.to_pylist(), [None] * len(texts)
    except UnicodeDecodeError:
        values: list[str | None] = []
        wrong: list[str | None] = []
        for value in texts:
            text, error = None, None
            try:
                text = value.as_py()
            except UnicodeDecodeError as found:
                error = error_text(found)
            values.append(text)
            wrong.append(error)
        return values, wrong


def result_arrays(task: Task, results: RowResults) -> dict[str, Any]:
    """Return results as columns: the one of the task, and `error`."""
    rows = [row for found in results.found for row in found or ()]
    columns = list(zip(*rows, strict=True)) or [()] * len(task.result_fields)
    fields = [
        pa.array(column, TYPES[name])
        for name, column in zip(task.result_fields, columns, strict=True)
    ]
    values = pa.StructArray.from_arrays(fields, list(task.result_fields))
    ends = list(accumulate((len(found or ()) for found in results.found), initial=0))
    # A list that begins nowhere is null.
    starts = [
        None if found is None else start
        for found, start in zip(results.found, ends[:-1], strict=True)
    ]
    offsets = pa.array([*starts, ends[-1]], pa.int32())
    lists = pa.ListArray.from_arrays(offsets, values)
    return {task.results: lists, ERROR: pa.array(results.errors, pa.string())}
