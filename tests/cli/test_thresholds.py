"""`ner calibrate`, `ner thresholds`, and the lowest scores of other commands."""

import json
from functools import partial
from pathlib import Path

import pytest

import ner
from tests.cli.helpers import fails, write

TEXT = "Awa Badjie met Ada Lovelace in Dakar."


@pytest.fixture
def tag(run, tiny_model):
    return partial(run, "tag", TEXT, "--output", "jsonl", "--model", tiny_model)


def found(result):
    """List the labels and scores of the entities that a command printed."""
    code, out, _ = result
    assert code == 0
    return [(span["label"], span["score"]) for span in json.loads(out)["spans"]]


def thresholds(run, model, *options):
    return run("thresholds", model, "sample:dev", *options)


def test_thresholds_are_printed_and_written(run, tiny_model):
    code, out, _ = thresholds(run, tiny_model, "--precision", "0.5", "-o", "t.json")
    assert code == 0 and "PER" in out and "lowest scores for a precision of 0.5" in out
    content = json.loads(Path("t.json").read_text())
    assert content["model"] == ner.load(tiny_model).origin.digest
    printed = thresholds(run, tiny_model, "--precision", "0.5", "--json")[1]
    assert json.loads(printed) == content
    kept = content["total"]
    assert kept["kept"] <= kept["predicted"]
    assert ner.Thresholds.from_dict(content).total.precision == kept["precision"]


def test_tagging_applies_a_file_of_thresholds(run, tag, tiny_model):
    thresholds(run, tiny_model, "--precision", "0.5", "-o", "t.json")
    content = json.loads(Path("t.json").read_text())
    label = found(tag())[0][0]
    for lowest in (0.0, 0.3, None):
        content["labels"][label]["threshold"] = lowest
        Path("t.json").write_text(json.dumps(content))
        min_score = ner.Thresholds.from_dict(content).min_score
        expected = ner.load(tiny_model).tag(TEXT, min_score=min_score).entities
        shown = [(entity.label, round(entity.score, 6)) for entity in expected]
        assert found(tag("--min-score", "t.json")) == shown
    assert label not in dict(found(tag("--min-score", "t.json")))


def test_a_file_of_thresholds_says_what_tagging_then_reaches(run, tiny_model):
    found = ner.find_thresholds(ner.load(tiny_model), "sample:dev", 0.5)
    sentences = ner.read_sentences("sample:dev")
    kept = ner.load(tiny_model)(sentences, min_score=found.min_score)
    spans = [span for s in kept for span in s.prediction.spans]
    assert len(spans) == found.total.kept
    right = sum(span in s.spans for s in kept for span in s.prediction.spans)
    assert right / len(spans) == found.total.precision


@pytest.mark.parametrize(
    ("given", "keeps"),
    [
        ("0", lambda label, score: True),
        ("0.5", lambda label, score: score >= 0.5),
        ("PER=0.5", lambda label, score: label != "PER" or score >= 0.5),
        ("PER=1,LOC=1", lambda label, score: label not in ("PER", "LOC") or score >= 1),
    ],
    ids=["zero", "a number", "a label", "two labels"],
)
def test_a_lowest_score_is_one_for_all_or_for_labels(tag, given, keeps):
    everything = found(tag())
    assert found(tag("--min-score", given)) == [each for each in everything if keeps(*each)]


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ("PRE=0.5", 2, "--min-score: must name labels of the model: LOC, MISC, ORG, PER. Got"),
        ("PER=x", 2, "--min-score: must be a number from 0 to 1, labels with numbers such as"),
        ("PER=2", 2, "--min-score: PER: must be from 0 to 1. Got 2.0."),
        ("PER=0.1,PER=0.2", 2, "--min-score: PER must get one number. Got two."),
        ("none.json", 2, "or a file of ner thresholds. Got 'none.json'."),
        ("text.txt", 1, "text.txt: must be a file of ner thresholds. Got no JSON"),
        ("list.json", 1, "list.json must be settings by name. Got []. Write the file with"),
    ],
    ids=["unknown", "no number", "large", "twice", "no file", "a text", "another file"],
)
def test_any_other_lowest_score_is_one_line(tag, given, code, message):
    write("text.txt", "0.5 or so")
    write("list.json", "[]")
    fails(tag("--min-score", given), code, message)


def test_thresholds_of_another_model_are_refused(run, tag, tiny_model):
    thresholds(run, "en", "--precision", "0.5", "-o", "t.json")
    fails(tag("--min-score", "t.json"), 2, "t.json: must be of this model. Got thresholds of")
    redact = ("redact", TEXT, "--format", "lines", "--model", tiny_model)
    fails(run(*redact, "--min-score", "t.json"), 2, "t.json: must be of this model.")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--precision", "0"], "precision: must be above 0 and up to 1. Got 0.0."),
        (["--precision", "1.5"], "precision: must be above 0 and up to 1. Got 1.5."),
        (["--precision", "0.9", "--confidence", "1"], "confidence: must be from 0.5 to below 1."),
        ([], "Missing option '--precision'"),
    ],
    ids=["zero", "large", "too sure", "none"],
)
def test_a_precision_that_cannot_be_is_one_line(run, tiny_model, options, message):
    fails(thresholds(run, tiny_model, *options), 2, message)


def test_thresholds_do_not_replace_the_file_that_they_are_found_on(run, tiny_model):
    path = write("dev.conll", "Awa B-PER\n")
    fails(run("thresholds", tiny_model, path, "--precision", "0.5", "-o", path), 2, "OUT: must be")


def test_a_model_is_copied_with_another_temperature(run, tiny_model):
    code, out, _ = run("calibrate", tiny_model, "sample:dev", "-o", "new")
    assert code == 0
    assert out.startswith("new: Temperature ")
    model = ner.load("new")
    assert model.record["calibration"]["sentences"] == len(ner.read_sentences("sample:dev"))
    info = json.loads(run("info", "new", "--json")[1])
    assert info["temperature"] == info["calibration"]["temperature"] == model.task.temperature
    fails(run("calibrate", tiny_model, "sample:dev", "-o", "new"), 2, "new: must be a new or empty")


def test_both_warn_of_training_data(run, tiny_run, tiny_model):
    train = [s for s in ner.read_sentences("sample:train") if s.spans][:20]
    lines = ["\n".join(map(" ".join, zip(s.tokens, s.tags(), strict=True))) for s in train]
    path = write("train.conll", "\n\n".join(lines) + "\n")
    for command in (
        ("thresholds", tiny_model, path, "--precision", "0.5"),
        ("calibrate", tiny_model, path, "-o", "new"),
    ):
        assert "Warning: train.conll: " in run(*command)[2]
