"""Files for a model are read as its training corpus was, unless options say otherwise."""

import json

import pytest

import ner
from ner.data.formats.options import ReadOptions
from ner.errors import DataError
from ner.inference.reading import as_in_training, in_words, options_for, training_options
from tests.cli.helpers import records, write

QUICK = {"words.size": 4, "encoder.size": 4, "affixes.rows": 8, "training.epochs": 1}
NUMBERED = """1 Ada B-PER O
2 met O O
3 Bob B-PER O

1 Rome B-LOC B-ORG
2 is O O
3 large O O
"""
COLUMNS = ("-", "token", "ner", "-")


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """Train on a file whose rows are numbered; returns the model folder."""
    folder = tmp_path_factory.mktemp("numbered")
    write(folder / "a.conll", NUMBERED)
    source = str(folder / "a.conll")
    settings = QUICK | {"data.columns": list(COLUMNS)}
    ner.train(train=source, dev=source, out=folder / "run", progress=False, set=settings)
    return folder / "run" / "model"


def test_a_model_knows_how_its_corpus_was_read(numbered):
    record = ner.load(numbered).record
    assert training_options(record, "conll") == {"columns": list(COLUMNS)}
    assert training_options(record, "csv") == {}
    assert training_options({}, "conll") == {}


def test_an_evaluation_reads_a_file_as_training_did_and_says_so(run, numbered):
    name = write("b.conll", NUMBERED)
    code, out, err = run("eval", numbered, name, "--json")
    assert (code, json.loads(out)["micro"]["support"]) == (0, 3)
    assert "b.conll: read as in training: columns - token ner -.\n" in err
    lines = []
    report = ner.evaluate(ner.load(numbered), name, notify=lines.append)
    assert report.micro.support == 3
    assert lines[0] == "b.conll: read as in training: columns - token ner -."


def test_options_have_priority_over_what_a_model_knows(run, numbered):
    name = write("b.conll", NUMBERED)
    options = ("--columns", "- token - nested", "--tags", "nested", "--json")
    code, out, err = run("eval", numbered, name, *options)
    assert (code, json.loads(out)["micro"]["support"]) == (0, 1)
    assert "as in training" not in err


def test_a_file_with_other_columns_is_refused_with_a_way_out(run, numbered):
    name = write("b.conll", "Ada B-PER\n")
    fails_with = run("eval", numbered, name)
    assert fails_with[0] == 1
    assert "b.conll:1: 2 columns, but 4 are named (- token ner -)." in fails_with[2]
    assert fails_with[2].endswith(" Name those of this file with --columns.\n")


def test_tagging_reads_a_file_as_training_did(run, numbered):
    name = write("b.conll", NUMBERED)
    code, out, err = run("tag", name, "--model", numbered, "--output", "jsonl")
    assert code == 0
    assert [r["text"] for r in records(out)] == ["Ada met Bob", "Rome is large"]
    assert "b.conll: read as in training: columns - token ner -.\n" in err
    code, out, _ = run("tag", name, "--model", numbered)
    assert [line.split()[1:2] for line in out.splitlines()[:2]] == [["Ada"], ["met"]]


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        pytest.param("Ada\nmet\n\nBob\n", ["Ada met", "Bob"], id="tokens alone"),
        pytest.param("1 Ada\n2 met\n\n1 Bob\n", ["Ada met", "Bob"], id="no tags"),
        pytest.param("1 Ada O\n2 met O\n", ["Ada met"], id="no last column"),
    ],
)
def test_a_file_to_tag_may_lack_the_tags(run, numbered, content, texts):
    name = write("b.conll", content)
    code, out, _ = run("tag", name, "--model", numbered, "--output", "jsonl")
    assert (code, [r["text"] for r in records(out)]) == (0, texts)


def test_a_file_to_tag_with_more_columns_is_refused(run, numbered):
    name = write("b.conll", "1 Ada O O O\n")
    fails_with = run("tag", name, "--model", numbered)
    assert (fails_with[0], "--columns" in fails_with[2]) == (1, True)


def test_an_export_reads_its_corpus_as_training_did(run, numbered, tmp_path):
    code, _, err = run("export", numbered, "--dev", write("b.conll", NUMBERED))
    assert (code, err) == (0, "b.conll: read as in training: columns - token ner -.\n")


def test_another_format_is_read_by_its_own_rules(run, numbered):
    name = write("b.csv", "sentence,token,ner\n1,Ada,B-PER\n1,left,O\n")
    code, out, err = run("eval", numbered, name, "--json")
    assert (code, json.loads(out)["tokens"]) == (0, 2)
    assert "as in training" not in err


def test_a_model_that_trains_on_reads_its_corpus_as_before(numbered, tmp_path):
    source = write(tmp_path / "b.conll", NUMBERED)
    out = tmp_path / "run"
    tagger, _ = ner.train(
        train=str(source), dev=str(source), out=out, init=numbered, progress=False,
        set={"training.epochs": 1},
    )  # fmt: skip
    assert tagger.record["data"]["train"]["entities"] == 3
    rows = [ner.Sentence(["Ada", "left"], spans=[(0, 1, "PER")])]
    more, _ = ner.train(
        train=rows, dev=rows, out=tmp_path / "more", init=numbered, progress=False,
        set={"training.epochs": 1},
    )  # fmt: skip
    assert training_options(more.record, "conll") == {}


def test_all_options_of_a_kind_of_file_are_kept_but_not_those_of_one_file():
    options = ReadOptions(
        format="jsonl", encoding="latin-1", columns=("token", "ner"), misaligned="snap", split="dev"
    )
    assert options.to_dict() == {
        "format": "jsonl",
        "columns": ["token", "ner"],
        "misaligned": "snap",
    }


def test_only_what_options_leave_open_is_taken():
    reading = {"format": "conll", "columns": ["token", "x"], "tags": "x", "misaligned": "snap"}
    record = {"data": {"train": {"reading": reading}}}
    taken = as_in_training(record, ReadOptions(format="conll", tags="y"))
    assert taken == {"columns": ("token", "x"), "misaligned": "snap"}
    assert in_words(taken) == "read as in training: columns token x, misaligned snap."
    assert as_in_training(record, ReadOptions(format="jsonl")) == {}


def test_a_list_of_sentences_is_taken_as_it_is(tiny_tagger):
    options = options_for(tiny_tagger, [], ReadOptions(), split="test")
    assert (options.format, options.columns) == (None, None)
    with pytest.raises(DataError, match="no sentences"):
        ner.evaluate(tiny_tagger, [])
