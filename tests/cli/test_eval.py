"""The error report of `ner eval`."""

import json

import pytest

from ner.data.schemes import Span
from ner.data.sentence import Sentence
from ner.inference.evaluate import gold_scores
from tests.cli.helpers import fails, records, write

GOLD = """-DOCSTART- -X- O

Awa NNP B-PER
Badjie NNP I-PER
left VBD O

ZIGUINCHOR NNP B-LOC
zzz NNP B-LOC
"""
PREDICTED = """Awa B-PER B-PER
Badjie I-PER O

Bonn B-LOC B-PER

Rome O S-LOC
"""
TRAIN = "Bonn B-LOC\n\nBonn B-LOC\n\nBonn B-PER\n"


def test_errors_of_a_model_are_a_page_and_lines(run, tiny_model):
    name = write("x.conll", GOLD)
    code, out, err = run("eval", tiny_model, name, "--html", "x.html", "--errors", "x.jsonl")
    assert (code, err) == (0, "")
    report = json.loads(run("eval", tiny_model, name, "--json")[1])
    with open("x.html", encoding="utf-8") as file:
        page = file.read()
    assert out.startswith("x.conll: 2 sentences")
    assert "<title>Error report: x.conll</title>" in page
    with open("x.jsonl", encoding="utf-8") as file:
        errors = records(file.read())
    right = round(report["recall"] * 3)
    assert sum(len(error["gold"]) for error in errors) == 3 - right
    assert page.count('<li class="error"') == len(errors)
    assert {error["source"]["path"] for error in errors} == {"x.conll"}
    scored = [span["score"] for error in errors for span in error["predicted"]]
    assert all(0 < score <= 1 for score in scored)


def test_gold_spans_have_the_scores_of_predicted_ones(tiny_tagger):
    tagged = tiny_tagger.tag("Awa Badjie was born in Ziguinchor.")
    assert tagged.entities
    gold = [
        tagged.replace(spans=tagged.prediction.spans, prediction=None),
        Sentence(["Ada"], spans=[Span(0, 1, "unknown")]),
        Sentence([], spans=[]),
    ]
    first, *others = gold_scores(tiny_tagger, gold)
    assert first == pytest.approx(tagged.prediction.scores, abs=1e-5)
    assert others == [(0.0,), ()]


def test_errors_of_a_file_of_predictions_have_no_scores(run):
    name, train = write("x.conll", PREDICTED), write("train.conll", TRAIN)
    options = ["--train", train, "--errors", "x.jsonl", "--html", "x.html"]
    code, _, err = run("eval", "--predictions", name, *options)
    assert (code, err) == (0, "")
    with open("x.jsonl", encoding="utf-8") as file:
        errors = records(file.read())
    assert [(e["class"], e["source"]["line"], e["score"]) for e in errors] == [
        ("boundary", 1, None),
        ("type", 4, None),
        ("spurious", 6, None),
    ]
    assert errors[1]["training"] == {"Bonn": {"labels": {"LOC": 2, "PER": 1}, "outside": 0}}
    with open("x.html", encoding="utf-8") as file:
        assert "Bonn: 2 LOC, 1 PER in training" in file.read()


def test_rows_that_begin_a_document_are_no_errors(run):
    name = write("x.conll", f"-DOCSTART- O O\n\n{PREDICTED}")
    run("eval", "--predictions", name, "--errors", "x.jsonl")
    with open("x.jsonl", encoding="utf-8") as file:
        assert [error["source"]["line"] for error in records(file.read())] == [3, 6, 8]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(["--html", "x.conll"], "--html: must be another file", id="over the data"),
        pytest.param(
            ["--train", "t.conll", "--errors", "t.conll"],
            "--errors: must be another file than the input. Got 't.conll'.",
            id="over training",
        ),
        pytest.param(
            ["--html", "x", "--errors", "x"],
            "ner eval: --html and --errors must name two files. Got 'x'.",
            id="one file twice",
        ),
    ],
)
def test_outputs_that_cannot_be_meant_are_one_line(run, tiny_model, options, words):
    write("t.conll", TRAIN)
    fails(run("eval", tiny_model, write("x.conll", GOLD), *options), 2, words)


def test_training_data_without_a_report_of_errors_are_for_groups_of_names(run, tiny_model):
    name, train = write("x.conll", GOLD), write("t.conll", TRAIN)
    groups = json.loads(run("eval", tiny_model, name, "--train", train, "--json")[1])["breakdowns"]
    assert sum(group["gold"] for group in groups["familiarity"].values()) == 3
    code, out, _ = run("eval", "--predictions", write("p.conll", PREDICTED), "--train", train)
    assert (code, "By what training says" in out) == (0, False)
    shown = run("eval", "--predictions", "p.conll", "--train", train, "--details")[1]
    assert shown.startswith(out.rstrip()) and "By what training says of the surface:" in shown


def test_details_have_intervals_groups_and_the_reliability_of_scores(run, tiny_model):
    name = write("x.conll", GOLD)
    brief, whole = run("eval", tiny_model, name)[1], run("eval", tiny_model, name, "--details")[1]
    assert whole.startswith(brief.rstrip())
    details = whole[len(brief.rstrip()) :]
    for words in ("95 % intervals over", "By tokens of the span:", "Scores of predictions:"):
        assert words in details
    assert "tags of tokens" in details


def test_a_report_that_cannot_be_written_is_one_line(run, tiny_model):
    name = write("x.conll", GOLD)
    fails(run("eval", tiny_model, name, "--html", "none/x.html"), 1, "none")
    fails(run("eval", tiny_model, name, "--train", "none", "--html", "x"), 1, "none: no such file.")
