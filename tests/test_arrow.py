"""Tables of Arrow in, the same tables with results out."""

import dataclasses
import multiprocessing
import pickle

import pyarrow as pa
import pytest

import ner
from ner.arrow import TagTable
from ner.errors import ConfigError, ModelFolderError, TaskError
from ner.manifest import NETWORK_SECTIONS
from ner.model_folder import save_model
from tests.failing_texts import FAILS, raise_on_mark
from tests.inference.test_loading import TASKS, untrained_parts

RULES = {"rules": [{"name": "nothing", "label": "ORG", "patterns": ["Nothing"]}]}
TEXTS = ["Awa Badjie was born in Ziguinchor.", "", "Nothing happened here."] * 7


@pytest.fixture
def table():
    return pa.table({"id": range(len(TEXTS)), "text": TEXTS})


def untrained(name, folder):
    """Save an untrained model of a task."""
    model = untrained_parts(TASKS[name])
    network = {name: model.network[name] for name in NETWORK_SECTIONS}
    save_model(folder, dataclasses.replace(model, network=network))
    return folder


def entities(doc):
    return [
        {"start": e.start, "end": e.end, "label": e.label, "score": e.score} for e in doc.entities
    ]


def test_a_table_gets_the_entities_that_the_tagger_finds(tiny_model, tiny_tagger, table):
    found = TagTable(tiny_model)(table)
    assert found.select(["id", "text"]) == table
    expected = [entities(doc) for doc in tiny_tagger(TEXTS)]
    assert any(expected)
    assert found["entities"].to_pylist() == expected
    assert found["error"].to_pylist() == [None] * len(TEXTS)
    assert found["entities"].to_pylist() == [entities(tiny_tagger.tag(text)) for text in TEXTS]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(pa.large_string(), id="large"),
        pytest.param(pa.string_view(), id="view"),
        pytest.param(pa.dictionary(pa.int32(), pa.string()), id="dictionary"),
    ],
)
def test_every_kind_of_string_is_read(tiny_model, table, kind):
    other = table.set_column(1, "text", table["text"].combine_chunks().cast(pa.string()).cast(kind))
    found, expected = (TagTable(tiny_model)(t).drop(["text"]) for t in (other, table))
    assert found == expected


def test_chunks_and_slices_have_the_results_of_their_rows(tiny_model, table):
    tag = TagTable(tiny_model)
    chunked = pa.concat_tables([table.slice(0, 5), table.slice(5, 0), table.slice(5)])
    assert tag(chunked) == tag(table)
    assert tag(table.slice(3, 11)) == tag(table).slice(3, 11)


def test_a_batch_becomes_a_batch(tiny_model, table):
    (batch,) = table.to_batches()
    found = TagTable(tiny_model)(batch)
    assert isinstance(found, pa.RecordBatch)
    assert pa.Table.from_batches([found]) == TagTable(tiny_model)(table)


@pytest.mark.parametrize("kind", [pa.string(), pa.null()], ids=["strings", "nulls"])
def test_an_empty_table_has_the_columns_of_any_other(tiny_model, table, kind):
    empty = pa.table({"text": pa.array([], kind)})
    found = TagTable(tiny_model)(empty)
    full = TagTable(tiny_model)(table)
    assert found.num_rows == 0
    assert [found.field(n) for n in ("entities", "error")] == [
        full.field(n) for n in ("entities", "error")
    ]


def test_a_null_has_neither_entities_nor_an_error(tiny_model):
    found = TagTable(tiny_model)(pa.table({"text": [None, TEXTS[0], None]}))
    assert [e is None for e in found["entities"].to_pylist()] == [True, False, True]
    assert found["error"].to_pylist() == [None] * 3


def test_a_text_that_fails_spoils_no_other(tiny_model, table):
    texts = [FAILS if i in (2, 9) else text for i, text in enumerate(TEXTS)]
    found = TagTable(tiny_model, split=raise_on_mark)(table.set_column(1, "text", [texts]))
    expected = TagTable(tiny_model)(table)
    for i, row in enumerate(found.to_pylist()):
        if i in (2, 9):
            assert (row["entities"], row["error"]) == (None, "RuntimeError: a text with the mark")
        else:
            assert row == expected.slice(i, 1).to_pylist()[0]


def test_a_string_that_is_not_utf8_is_an_error_of_its_row(tiny_model):
    text = pa.array([b"Awa", b"\xff", None], pa.binary()).cast(pa.binary())
    wrong = pa.StringArray.from_buffers(3, text.buffers()[1], text.buffers()[2], text.buffers()[0])
    found = TagTable(tiny_model)(pa.table({"text": wrong}))
    errors = found["error"].to_pylist()
    assert (errors[0], errors[2]) == (None, None)
    assert errors[1].startswith("UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff")
    assert found["entities"].to_pylist()[1] is None


def test_columns_and_scores_are_chosen(tiny_model, tiny_tagger, table):
    found = TagTable(tiny_model, keep=["id"], min_score=0.9)(table)
    assert found.column_names == ["id", "entities", "error"]
    expected = [entities(doc.at_least(0.9)) for doc in tiny_tagger(TEXTS)]
    assert found["entities"].to_pylist() == expected
    each = TagTable(tiny_model, keep=[], min_score={"PER": 1.0, "LOC": 0.0})(table)
    assert each["entities"].to_pylist() == [
        entities(doc.at_least({"PER": 1.0, "LOC": 0.0})) for doc in tiny_tagger(TEXTS)
    ]
    assert TagTable(tiny_model, keep=[])(table).column_names == ["entities", "error"]


def test_rules_bind_the_model(tiny_model, tiny_tagger, table):
    rules = ner.Rules.from_dict(RULES)
    tag = pickle.loads(pickle.dumps(TagTable(tiny_model, rules=rules)))
    expected = [entities(doc) for doc in tiny_tagger.pipe(TEXTS, rules=rules)]
    assert expected[2] == [{"start": 0, "end": 7, "label": "ORG", "score": 1.0}]
    assert tag(table)["entities"].to_pylist() == expected


def test_metadata_of_a_table_stay(tiny_model, table):
    named = table.replace_schema_metadata({"origin": "here"})
    assert TagTable(tiny_model)(named).schema.metadata == {b"origin": b"here"}


@pytest.mark.parametrize("task", TASKS)
def test_each_task_has_its_column(tmp_path, task, table):
    folder = untrained(task, tmp_path / "model")
    model = ner.load(folder)
    found = TagTable(folder)(table)
    name = model.task.results
    fields = model.task.result_fields
    expected = [
        [dict(zip(fields, row, strict=True)) for row in model.task.rows(doc)]
        for doc in model(TEXTS)
    ]
    assert found[name].to_pylist() == expected
    assert found.column_names == ["id", "text", name, "error"]


def test_labels_of_tokens_and_texts_are_those_of_the_results(tmp_path):
    tagger = ner.load(untrained("tokens", tmp_path / "model"))
    doc = tagger.tag("The old engine.")
    rows = list(tagger.task.rows(doc))
    assert [(doc.text[start:end], label) for start, end, label, _ in rows] == list(
        zip(doc.tokens, doc.column(tagger.column), strict=True)
    )
    assert tuple(score for *_, score in rows) == doc.prediction.column_scores[tagger.column]
    classifier = ner.load(untrained("texts", tmp_path / "classifier"))
    found = classifier.classify("The old engine.")
    expected = [(label, found.probabilities[label]) for label in found.labels]
    assert list(classifier.task.rows(found.sentence)) == expected


def test_it_pickles_as_its_arguments(tiny_model, table, monkeypatch):
    monkeypatch.chdir(tiny_model.parent)
    tag = TagTable(tiny_model.name)
    expected = tag(table)
    sent = pickle.dumps(tag)
    assert len(sent) < 1000
    monkeypatch.chdir("/")
    assert pickle.loads(sent)(table) == expected


def test_other_processes_tag_tables(tiny_model, table):
    tag = TagTable(tiny_model)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(tag, [table.slice(0, 4)]) == [tag(table.slice(0, 4))]


def test_a_process_opens_a_model_once(tiny_model):
    assert TagTable(tiny_model).rows.predictor is TagTable(str(tiny_model)).rows.predictor


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        pytest.param(
            {"body": ["a"]},
            {},
            "text: must be one column of the table. Got 'text', of: body.",
            id="no text",
        ),
        pytest.param(
            {"text": ["a"]},
            {"keep": ["id"]},
            "keep: must be one column of the table. Got 'id', of: text.",
            id="nothing to keep",
        ),
        pytest.param(
            {"text": [1]},
            {},
            "text: the column 'text' must hold strings. Got int64.",
            id="numbers",
        ),
        pytest.param(
            {"text": ["a"], "error": [1]},
            {},
            "table: must have no column 'error', which is for results. Got one. Rename it, or "
            "leave it out with keep.",
            id="taken",
        ),
        pytest.param(
            {"text": ["a"]},
            {"min_score": 2},
            "min_score: must be from 0 to 1. Got 2.",
            id="score",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tiny_model, columns, options, message):
    with pytest.raises(ConfigError) as error:
        TagTable(tiny_model, **options)(pa.table(columns))
    assert str(error.value) == message


def test_a_model_that_does_not_fit_is_refused(tmp_path, table):
    with pytest.raises(ModelFolderError, match="nothing: no such folder"):
        TagTable("nothing")
    folder = untrained("texts", tmp_path / "classifier")
    with pytest.raises(TaskError):
        TagTable(folder, split=raise_on_mark)(table)
    with pytest.raises(TaskError, match="min_score"):
        TagTable(folder, min_score=0.5)(table)
