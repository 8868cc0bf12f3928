"""Data sets of Ray Data: texts in, the same rows with entities out.

`tag_dataset(ray.data.read_parquet("news"), "runs/sample/model")` adds the columns of
`ner.arrow.TagTable`. `ner.tag_files` with `engine="ray"` is faster, and loses no row if a worker is
killed.
"""

import os
from pathlib import Path
from typing import Any

from ner.extras import require
from ner.installed import DEFAULT

# Ray would tell its makers how it is used.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
require("ray.data", "ner.ray", extra="ray")

import pyarrow as pa  # noqa: E402 - what is missing is told first
from ray.data import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    ActorPoolStrategy,
    Dataset,
)

from ner.arrow import TagTable  # noqa: E402

# Rows of a batch: as many as `ner.Predictor.pipe` groups by length.
BATCH_ROWS = 1024


def tag_dataset(
    dataset: Dataset,
    model: str | Path | TagTable = DEFAULT,
    *,
    workers: int | None = None,
    batch_size: int = BATCH_ROWS,
) -> Dataset:
    """Add what a model finds in a column of texts to a data set of Ray.

    Args:
        dataset: Rows with texts, in a column `text` unless `model` names another one.
        model: A model folder, or any other name that `ner.load` takes; or a `TagTable`, which has
            more options. All machines of a cluster need the model under this name.
        workers: The number of actors at most, each with one core; by default Ray starts one at
            first, and more while there is work for them.
        batch_size: Rows that an actor tags at a time.

    Returns:
        A data set that tags the rows when it is read. It has the columns of `TagTable`.

    Raises:
        ModelFolderError: `model` is a single word, but neither an installed model nor a folder.
    """
    tag = model if isinstance(model, TagTable) else TagTable(model)
    actors = ActorPoolStrategy(min_size=1, max_size=workers)
    return dataset.map_batches(
        _Actor,
        fn_constructor_args=(tag,),
        batch_format="pyarrow",
        batch_size=batch_size,
        num_cpus=1,
        compute=actors,
    )


class _Actor:
    """Tags tables, with a model that it opens once."""

    def __init__(self, tag: TagTable) -> None:
        self.tag = tag
        _ = tag.rows.predictor

    def __call__(self, table: pa.Table) -> Any:
        return self.tag(table)
