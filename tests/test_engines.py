"""Engines for big data that call a `TagTable`, as docs/engines.md shows."""

import importlib.util
import shutil
import sys

import pyarrow as pa
import pytest

from ner.arrow import TagTable
from tests.bulk.corpora import expected, rows

SCHEMA = """
id long, text string,
entities array<struct<start: long, end: long, label: string, score: double>>, error string
"""


@pytest.fixture
def table():
    """Make a table of a few texts."""
    return pa.Table.from_pylist(rows(8))


def test_data_sets_of_hugging_face(tiny_model, table):
    datasets = pytest.importorskip("datasets", reason="needs datasets")
    texts = datasets.Dataset(table).with_format("arrow")
    tagged = texts.map(TagTable(tiny_model), batched=True, batch_size=3, new_fingerprint="tiny")
    assert tagged.with_format(None).to_list() == expected(tiny_model, rows(8))


def test_daft(tiny_model, table):
    daft = pytest.importorskip("daft", reason="needs Daft")
    tag, types = TagTable(tiny_model), daft.DataType
    number, string = types.int64(), types.string()
    entity = {"start": number, "end": number, "label": string, "score": types.float64()}
    entities = types.list(types.struct(entity))

    @daft.func.batch(return_dtype=types.struct({"entities": entities, "error": string}))
    def find(texts):
        found = tag(pa.table({"text": texts.to_arrow()}))
        return found.select(["entities", "error"]).to_struct_array()

    frame = daft.from_arrow(table)
    found = frame.select("id", "text", find(frame["text"]).alias("found"))
    unnested = found.select("id", "text", daft.col("found").unnest())
    assert unnested.to_pylist() == expected(tiny_model, rows(8))


@pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="needs Spark")
@pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")
@pytest.mark.filterwarnings("ignore")
def test_spark(tiny_model, monkeypatch):
    from pyspark.sql import SparkSession

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    tag = TagTable(tiny_model)
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = builder.getOrCreate()
    try:
        given = [(row["id"], row["text"]) for row in rows(8)]
        frame = session.createDataFrame(given, "id long, text string")
        found = frame.mapInArrow(lambda batches: map(tag, batches), SCHEMA).collect()
        assert [row.asDict(recursive=True) for row in found] == expected(tiny_model, rows(8))
    finally:
        session.stop()
