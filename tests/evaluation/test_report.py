import copy
import json
import pickle
from dataclasses import replace

import pytest

from ner.data.schemes import Span
from ner.data.sentence import Prediction, Sentence
from ner.evaluation.calibration import Calibration
from ner.evaluation.intervals import score_intervals
from ner.evaluation.report import (
    LabelReport,
    MultiLabelReport,
    SingleLabelReport,
    SpanReport,
    TokenReport,
)
from ner.evaluation.scores import Scores
from ner.evaluation.span_metrics import evaluate_sentences, evaluate_tags
from ner.evaluation.surfaces import SurfaceCounts
from ner.tasks import SpanTask

GOLD = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O"]]
PREDICTED = [["B-PER", "I-PER", "O", "B-PER"], ["O", "B-LOC"]]
ILLEGAL = [["I-PER", "I-PER", "O", "B-PER"], ["O", "B-LOC"]]

# Counted by hand: one of three gold spans is found, and three of six tags are right.
TABLE = """\
dev: 2 sentences, 6 tokens
seqeval in default mode (equal to conlleval); strict mode (scheme BIO) gives the same

          precision  recall     F1  support
LOC            0.00    0.00   0.00        2
PER           50.00  100.00  66.67        1
micro         33.33   33.33  33.33        3
macro         25.00   50.00  33.33        3
weighted      16.67   33.33  22.22        3

Token accuracy: 50.00

Scoring conventions:
                 precision  recall     F1  correct  incorrect  partial  missed  spurious
seqeval default      33.33   33.33  33.33
seqeval strict       33.33   33.33  33.33
MUC strict           33.33   33.33  33.33        1          1        0       1         1
MUC exact            66.67   66.67  66.67        2          0        0       1         1
MUC partial          66.67   66.67  66.67        2          0        0       1         1
MUC type             33.33   33.33  33.33        1          1        0       1         1

Spans by gold label (row) and predicted label:
            LOC  PER  (missed)
LOC           0    1         1
PER           0    1         0
(spurious)    1    0         0"""


def test_a_report_prints_as_an_aligned_table():
    default, _ = evaluate_tags(GOLD, PREDICTED, "BIO", "dev")
    assert str(default) == TABLE


def test_a_difference_between_the_modes_is_shown():
    default, strict = evaluate_tags(GOLD, ILLEGAL, "BIO", "dev")
    assert (
        "seqeval in default mode (equal to conlleval); strict mode (scheme BIO) differs: "
        "precision 0.00, recall 0.00, F1 0.00" in str(default)
    )
    assert "dev: 2 sentences, 6 tokens\nseqeval in strict mode (scheme BIO)\n" in str(strict)


def test_a_report_without_a_name_or_any_span_prints():
    default, _ = evaluate_tags([["O"]], [["O"]], "BIO")
    assert str(default).startswith("Evaluation: 1 sentences, 1 tokens")
    assert "Spans by gold label" not in str(default)


def test_a_report_as_json_holds_fractions_and_all_counts():
    default, _ = evaluate_tags(GOLD, PREDICTED, "BIO", "dev")
    restored = json.loads(json.dumps(default.to_dict()))
    assert restored == default.to_dict()
    assert restored["f1"] == restored["micro"]["f1"] == 1 / 3
    assert restored["per_label"]["PER"] == {
        "precision": 0.5,
        "recall": 1.0,
        "f1": 2 / 3,
        "support": 1,
    }
    assert restored["confusion"]["LOC"] == {"LOC": 0, "PER": 1, "(missed)": 1}
    assert restored["strict_equals_default"] is True
    assert (restored["mode"], restored["scheme"]) == ("default", "BIO")


def reports():
    """Make a report of each kind."""
    scores = Scores(0.5, 0.25, 1 / 3, 4)
    averages = {"per_label": {"PER": scores}, "micro": scores, "macro": scores, "weighted": scores}
    spans = SpanReport(
        "dev",
        2,
        9,
        **averages,
        accuracy=0.75,
        confusion={"PER": {"PER": 1}},
        scheme="BIO",
        mode="default",
        strict=scores,
    )
    labels = {"name": "", "sentences": 3, **averages, "accuracy": 2 / 3, "ece": 0.1}
    one = SingleLabelReport(
        **labels, confusion={"a": {"a": 1}}, calibration=Calibration(0.9, 3, 0.2, 0.1, 2.0, 1.0)
    )
    several = MultiLabelReport(**labels, labels=2, hamming_loss=0.5)
    tokens = TokenReport(
        **labels,
        tokens=9,
        sentence_accuracy=0.5,
        unseen=None,
        unseen_accuracy=None,
        confusion={"a": {"a": 1, "b": 2}},
    )
    gold = [Sentence(["Ada", "met", "Bob"], spans=[Span(0, 1, "PER")], document="d")]
    found = [gold[0].predicted(Prediction((Span(0, 1, "PER"), Span(2, 3, "PER")), (0.9, 0.5)))]
    whole = replace(
        evaluate_sentences(gold, found, "dev", SurfaceCounts(gold)),
        intervals=score_intervals(SpanTask(["O"], "BIO").count_units(gold, found), resamples=9),
    )
    return {
        "spans": spans,
        "spans with all parts": whole,
        "one label": one,
        "several labels": several,
        "tokens": tokens,
    }


REPORTS = reports()


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_a_report_comes_back_from_wherever_it_went(report):
    facts = json.loads(json.dumps(report.to_dict()))
    assert facts == report.to_dict()
    base = SpanReport if isinstance(report, SpanReport) else LabelReport
    for back in (
        pickle.loads(pickle.dumps(report)),
        copy.deepcopy(report),
        type(report).from_dict(facts),
        base.from_dict(facts),
    ):
        assert (back, type(back), hash(back)) == (report, type(report), hash(report))
        assert str(back) == str(report)


def test_a_report_from_before_a_part_was_known_is_read():
    facts = REPORTS["spans with all parts"].to_dict()
    for part in ("conventions", "breakdowns", "intervals"):
        del facts[part]
    back = SpanReport.from_dict(facts)
    assert (back.conventions, back.intervals, back.f1) == (None, None, 2 / 3)


def test_a_report_is_shown_in_a_line():
    assert repr(REPORTS["spans"]) == "<SpanReport dev: f1 33.33, 2 sentences>"
    assert repr(REPORTS["one label"]) == "<SingleLabelReport: accuracy 66.67, 3 sentences>"
