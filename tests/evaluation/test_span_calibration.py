import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.schemes import Span
from ner.data.sentence import Prediction, Sentence
from ner.evaluation.calibration import calibration_error
from ner.evaluation.span_calibration import (
    Bin,
    Decisions,
    Reliability,
    SpanCalibration,
    entity_decisions,
    label_decisions,
    reliability,
    span_calibration,
    tag_decisions,
)

# Gold entities, predicted ones with their scores, and the scores of all tags.
GOLD = [
    Sentence(["Ada", "saw", "New", "York"], spans=[Span(0, 1, "PER"), Span(2, 4, "LOC")]),
    Sentence(["Rome", "won"], spans=[Span(0, 1, "ORG")]),
    Sentence([], spans=[]),
]
FOUND = [
    GOLD[0].predicted(Prediction([Span(0, 1, "PER"), Span(3, 4, "LOC")], [0.9, 0.3])),
    GOLD[1].predicted(Prediction([Span(0, 1, "LOC")], [0.6])),
    GOLD[2].predicted(Prediction([], [])),
]
TAG_SCORES = [(0.9, 1.0, 0.5, 0.4), (0.6, 0.9), ()]


def decisions(scores, right, labels=None, gold=None):
    return Decisions(
        np.array(scores, dtype=float),
        np.array(right, dtype=bool),
        tuple(labels or ["X"] * len(scores)),
        gold or {"X": sum(right)},
    )


def test_an_entity_is_right_with_borders_and_label():
    found = entity_decisions(GOLD, FOUND)
    assert found.scores.tolist() == [0.9, 0.3, 0.6]
    assert found.right.tolist() == [True, False, False]
    assert found.labels == ("PER", "LOC", "LOC")
    assert (dict(found.gold), found.num_gold) == ({"PER": 1, "LOC": 1, "ORG": 1}, 3)
    assert found.known_labels == ["LOC", "ORG", "PER"]
    own = found.of("LOC")
    assert (own.scores.tolist(), own.right.tolist(), own.num_gold) == ([0.3, 0.6], [False] * 2, 1)


@pytest.mark.parametrize(
    ("scheme", "right"),
    [("BIO", [1, 1, 0, 0, 0, 1]), ("BIOES", [1, 1, 0, 0, 0, 1])],
    ids=["BIO", "BIOES"],
)
def test_tags_of_tokens_are_right_one_by_one(scheme, right):
    found = tag_decisions(GOLD, FOUND, TAG_SCORES, scheme)
    assert found.scores.tolist() == [0.9, 1.0, 0.5, 0.4, 0.6, 0.9]
    assert found.right.tolist() == [bool(each) for each in right]
    assert found.labels[1] == "O"


def test_a_tag_may_be_right_in_one_scheme_alone():
    gold = [Sentence(["a", "b"], spans=[Span(0, 2, "X")])]
    found = [gold[0].predicted(Prediction([Span(0, 1, "X")], [0.5]))]
    assert tag_decisions(gold, found, [(0.5, 0.5)], "BIO").right.tolist() == [True, False]
    assert tag_decisions(gold, found, [(0.5, 0.5)], "BIOES").right.tolist() == [False, False]


def test_labels_of_a_column_are_right_one_by_one():
    gold = [Sentence(["a", "b"], columns={"upos": ("NOUN", "VERB")})]
    prediction = Prediction(columns={"upos": ("NOUN", "NOUN")}, column_scores={"upos": (0.9, 0.2)})
    found = label_decisions(gold, [gold[0].predicted(prediction)], "upos")
    assert (found.scores.tolist(), found.right.tolist()) == ([0.9, 0.2], [True, False])
    assert found.gold == {"NOUN": 1, "VERB": 1}


def test_bins_hold_the_mean_score_and_the_share_that_is_right():
    found = reliability(decisions([0.0, 0.5, 0.4, 0.9, 1.0], [0, 1, 0, 1, 1]), bins=2)
    # 0.5 is in the first of two bins, which are open to the left.
    assert [(b.low, b.high, b.count) for b in found.bins] == [(0.0, 0.5, 3), (0.5, 1.0, 2)]
    assert [b.score for b in found.bins] == pytest.approx([0.3, 0.95])
    assert [b.right for b in found.bins] == pytest.approx([1 / 3, 1])
    # |0.9 - 1| of the first bin and |1.9 - 2| of the second, over five predictions.
    assert found.ece == pytest.approx((0.1 + 0.1) / 5)
    assert found.brier == pytest.approx((0 + 0.25 + 0.16 + 0.01 + 0) / 5)
    assert (found.count, found.score, found.right) == (5, pytest.approx(0.56), 0.6)


def test_bins_without_predictions_are_left_out():
    assert [b.high for b in reliability(decisions([0.05, 1.0], [1, 1]), bins=10).bins] == [0.1, 1]


def test_without_predictions_there_is_no_figure():
    assert reliability(decisions([], [])) == Reliability(0, None, None, None, None, ())


@given(data=st.data())
def test_bins_add_up_to_the_calibration_error(data):
    count = data.draw(st.integers(1, 40))
    scores = data.draw(st.lists(st.floats(0, 1), min_size=count, max_size=count))
    right = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    found = reliability(decisions(scores, right))
    gaps = (abs(b.score - b.right) * b.count for b in found.bins)
    assert found.ece == pytest.approx(sum(gaps) / count, abs=1e-12)
    assert found.ece == calibration_error(np.array(scores), np.array(right))
    assert 0 <= found.ece <= 1 and 0 <= found.brier <= 1
    assert sum(b.count for b in found.bins) == count
    assert all(b.low <= b.score <= b.high + 1e-12 for b in found.bins)


def test_a_report_has_all_of_it_and_goes_through_json():
    found = span_calibration(GOLD, FOUND, TAG_SCORES, "BIO")
    assert found.entities.count == 3
    assert {label: each.count for label, each in found.per_label.items()} == {
        "LOC": 2,
        "ORG": 0,
        "PER": 1,
    }
    assert found.tags.count == 6
    # A third of the gold entities is found, with the highest score.
    assert found.curve.average_precision == pytest.approx(1 / 3)
    assert found.curves["ORG"].average_precision == 0
    assert SpanCalibration.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert hash(found) == hash(span_calibration(GOLD, FOUND, TAG_SCORES, "BIO"))


def test_a_report_prints_tables():
    assert str(span_calibration(GOLD[:2], FOUND[:2], TAG_SCORES[:2])) == (
        """\
Scores of predictions:
                predicted  mean score   right     ECE   Brier      AP
LOC                     2      0.4500  0.0000  0.4500  0.2250  0.0000
ORG                     0           -       -       -       -  0.0000
PER                     1      0.9000  1.0000  0.1000  0.0100  1.0000
all entities            3      0.6000  0.3333  0.3333  0.1533  0.3333
tags of tokens          6      0.7167  0.5000  0.2833  0.1317

Entities by score:
score         predicted  mean score   right
0.27 to 0.33          1      0.3000  0.0000
0.53 to 0.60          1      0.6000  0.0000
0.87 to 0.93          1      0.9000  1.0000"""
    )


def test_sentences_without_entities_have_a_report_too():
    gold = [Sentence(["a"], spans=[])]
    found = span_calibration(gold, [gold[0].predicted(Prediction([], []))])
    assert (found.entities.count, found.per_label, found.tags) == (0, {}, None)
    assert found.curve.average_precision is None
    assert "all entities          0           -      -    -      -   -" in str(found)
    assert SpanCalibration.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_bins_are_compared_by_value():
    assert Bin(0.0, 0.5, 0.3, 1.0, 2) == Bin(0.0, 0.5, 0.3, 1.0, 2)
