import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.errors import ConfigError, DataError
from ner.evaluation.span_calibration import Decisions
from ner.evaluation.thresholds import Thresholds, fewest, find_thresholds, lower_bound


def decisions(rows, gold):
    """Make predictions of (label, score, whether it is right)."""
    labels, scores, right = zip(*rows, strict=True) if rows else ((), (), ())
    return Decisions(np.array(scores, dtype=float), np.array(right, dtype=bool), labels, gold)


def plain(rows, gold, precision, labels):
    """Find thresholds without a margin for luck."""
    return find_thresholds(decisions(rows, gold), precision, labels, confidence=0.5)


# Of X: right at 0.9 and 0.7, wrong at 0.8 and 0.6. Of Y: all right.
ROWS = [("X", 0.9, 1), ("X", 0.8, 0), ("X", 0.7, 1), ("X", 0.6, 0), ("Y", 0.3, 1), ("Y", 0.2, 1)]
GOLD = {"X": 4, "Y": 2}


@pytest.mark.parametrize(
    ("precision", "threshold", "kept", "recall"),
    [
        pytest.param(1.0, 0.9, 1, 0.25, id="only the first is right"),
        pytest.param(0.6, 0.7, 3, 0.5, id="two of three"),
        pytest.param(0.5, 0.0, 4, 0.5, id="all are right enough"),
    ],
)
def test_the_lowest_score_that_reaches_the_precision_is_taken(precision, threshold, kept, recall):
    found = plain(ROWS, GOLD, precision, ["X", "Y"])
    own = found.labels["X"]
    assert (own.threshold, own.kept, own.recall) == (threshold, kept, recall)
    assert (own.predicted, own.gold, own.full_recall) == (4, 4, 0.5)
    assert own.precision >= precision
    assert found.labels["Y"].threshold == 0.0
    assert found.total.kept == kept + 2
    assert found.total.recall == (recall * 4 + 2) / 6
    assert found.min_score == {"X": threshold, "Y": 0.0}


def test_equal_scores_are_kept_together():
    rows = [("X", 0.9, 1), ("X", 0.9, 0), ("X", 0.9, 1), ("X", 0.1, 0)]
    assert plain(rows, {"X": 2}, 0.66, ["X"]).labels["X"].threshold == 0.9
    assert plain(rows, {"X": 2}, 0.7, ["X"]).labels["X"].threshold is None


def test_a_label_that_never_reaches_the_precision_is_left_out_and_named():
    found = plain([("X", 0.9, 0), ("X", 0.1, 1), ("Y", 0.5, 1)], {"X": 1, "Y": 1}, 0.9, ["X", "Y"])
    assert found.min_score == {"X": None, "Y": 0.0}
    assert (found.labels["X"].kept, found.labels["X"].precision) == (0, None)
    assert found.notes == [
        "X: no score reaches a precision of 0.9, so none of its entities is kept."
    ]
    assert "\nX         none          -    0.00" in str(found)


def test_few_predictions_share_the_threshold_of_all_labels():
    rows = [("X", 0.5 + i / 100, 1) for i in range(40)] + [("X", 0.2, 0)] * 9 + [("Y", 0.3, 1)] * 3
    found = find_thresholds(decisions(rows, {"X": 40, "Y": 3}), 0.95, ["X", "Y", "Z"])
    # 43 are right of those from 0.3 on, and then nine are wrong.
    assert found.min_score == {"X": 0.5, "Y": 0.3, "Z": 0.3}
    assert [each.is_shared for each in found.labels.values()] == [False, True, True]
    assert found.notes[0] == (
        "Y: 3 predictions are too few for a threshold of its own, which needs 14. It has that of "
        "all labels together."
    )
    assert found.total.threshold == 0.3
    assert "0.3000*" in str(found)


def test_a_few_right_predictions_do_not_prove_a_precision():
    rows = [("X", 0.9, 1)] * 13
    found = find_thresholds(decisions(rows, {"X": 13}), 0.95, ["X"])
    assert found.labels["X"].threshold is None
    found = find_thresholds(decisions([*rows, ("X", 0.9, 1)], {"X": 14}), 0.95, ["X"])
    assert found.labels["X"].threshold == 0.0


def test_nothing_predicted_has_no_threshold():
    found = find_thresholds(decisions([], {"X": 2}), 0.9, ["X"])
    own = found.labels["X"]
    assert (own.threshold, own.kept, own.precision, own.recall) == (None, 0, None, 0.0)
    assert find_thresholds(decisions([], {}), 0.9, ["X"]).labels["X"].recall is None


@pytest.mark.parametrize(
    "precision", [0, -0.5, 1.01, math.nan], ids=["zero", "negative", "large", "nan"]
)
def test_a_precision_is_a_share_above_zero(precision):
    with pytest.raises(ConfigError) as error:
        find_thresholds(decisions([], {}), precision, ["X"])
    assert str(error.value) == f"precision: must be above 0 and up to 1. Got {precision}."


@pytest.mark.parametrize("confidence", [0.4, 1, math.nan], ids=["small", "one", "nan"])
def test_a_confidence_is_at_least_one_half(confidence):
    with pytest.raises(ConfigError, match=r"confidence: must be from 0\.5 to below 1\. Got"):
        find_thresholds(decisions([], {}), 0.9, ["X"], confidence=confidence)


# Source of the first: Wilson's interval for 8 of 10 at 95 % on both sides is 0.4902 to 0.9433,
# Brown, Cai and DasGupta, Statistical Science 16(2), 2001.
@pytest.mark.parametrize(
    ("right", "count", "confidence", "bound"),
    [
        pytest.param(8, 10, 0.975, 0.4902, id="eight of ten"),
        pytest.param(0, 10, 0.975, 0.0, id="none"),
        pytest.param(3, 4, 0.5, 0.75, id="no margin"),
    ],
)
def test_the_lower_bound_is_that_of_wilson(right, count, confidence, bound):
    assert lower_bound(right, count, confidence) == pytest.approx(bound, abs=5e-5)


@given(precision=st.floats(0.01, 0.999), confidence=st.floats(0.5, 0.99))
def test_the_fewest_predictions_are_just_enough(precision, confidence):
    count = fewest(precision, confidence)
    assert lower_bound(count, count, confidence) >= precision - 1e-9
    if count > 1:
        assert lower_bound(count - 1, count - 1, confidence) < precision + 1e-9


@given(data=st.data())
def test_no_lower_score_reaches_the_precision(data):
    count = data.draw(st.integers(1, 30))
    row = st.tuples(st.just("X"), st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), st.booleans())
    rows = data.draw(st.lists(row, min_size=count, max_size=count))
    precision = data.draw(st.floats(0.05, 1))
    confidence = data.draw(st.sampled_from([0.5, 0.8]))
    given_ = decisions(rows, {"X": count})
    lowest = find_thresholds(given_, precision, ["X"], confidence=confidence).min_score["X"]
    reached = []
    for threshold in sorted({score for _, score, _ in rows}):
        kept = [right for _, score, right in rows if score >= threshold]
        if lower_bound(sum(kept), len(kept), confidence) >= precision:
            reached.append(threshold)
    scores = [score for _, score, _ in rows]
    expected = min(reached, default=None)
    assert lowest == (0.0 if expected == min(scores) else expected)


def test_thresholds_go_through_json():
    found = find_thresholds(decisions(ROWS, GOLD), 0.5, ["X", "Y"], model="m", data="d")
    again = Thresholds.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    assert str(again) == str(found)


def test_a_table_says_what_is_kept():
    assert str(plain(ROWS, GOLD, 0.6, ["X", "Y"])) == (
        """\
Thresholds: lowest scores for a precision of 0.6, reached with a confidence of 0.5

     threshold  precision  recall  recall of all  kept  predicted  gold
X       0.7000      66.67   50.00          50.00     3          4     4
Y       0.0000     100.00  100.00         100.00     2          2     2
all                 80.00   66.67          66.67     5          6     6"""
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param([], "t.json must be settings by name. Got [].", id="a list"),
        pytest.param({}, "t.json: precision must be there. Got no such key.", id="nothing"),
        pytest.param({"PER": 0.5}, "t.json: precision must be there.", id="another file"),
    ],
)
def test_other_files_are_refused_in_one_line(content, message):
    with pytest.raises(DataError) as error:
        Thresholds.from_dict(content, "t.json")
    assert str(error.value).startswith(message)
    assert str(error.value).endswith("Write the file with ner thresholds.")
