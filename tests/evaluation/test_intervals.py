import json
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.data.schemes import Span
from ner.data.sentence import Prediction, Sentence
from ner.errors import ConfigError
from ner.evaluation.intervals import ScoreIntervals, score_intervals, seed_interval
from ner.evaluation.span_metrics import evaluate_sentences
from ner.evaluation.unit_counts import UnitCounts, count_units

CORPORA = 1000
# Of 1,000 intervals that hold the truth with the probability 0.95, so many do with the
# probability 0.997: 950 plus or minus three standard deviations of 6.9.
FEWEST, MOST = 930, 970


def as_counts(rows, unit="sentence"):
    """Counts of units with a single label."""
    return UnitCounts(unit, "f1", ("X",), rows[:, None])


def sentences(units, random):
    """Counts of sentences of which some are harder than others."""
    gold = random.poisson(1.7, units)
    right = random.binomial(gold, random.beta(5.4, 0.6, units))
    return np.column_stack([right, right + random.poisson(0.08 * gold + 0.02), gold])


def documents(units, random):
    """Counts of documents whose sizes differ a lot."""
    gold = random.poisson(random.gamma(2, 12, units))
    right = random.binomial(gold, random.beta(18, 2, units))
    return np.column_stack([right, right + random.poisson(0.08 * gold), gold])


@pytest.mark.parametrize(
    ("draw", "units"),
    [
        pytest.param(sentences, 150, id="sentences"),
        pytest.param(documents, 60, id="documents"),
    ],
)
def test_95_of_100_intervals_hold_the_true_f1(draw, units):
    # F1 of all texts there are comes from the expected counts: 0.9 of 1.7 or of 24 gold items are
    # right, and 0.08 of that number are predicted without being gold.
    gold, extra = (1.7, 0.02) if draw is sentences else (24, 0)
    truth = 2 * 0.9 * gold / (0.98 * gold + extra + gold)
    held = 0
    for seed in range(CORPORA):
        rows = draw(units, np.random.default_rng(seed))
        interval = score_intervals(as_counts(rows), resamples=1000, seed=seed).score
        held += interval.low <= truth <= interval.high
    assert FEWEST <= held <= MOST


def test_the_scores_are_those_of_the_report():
    gold = [Sentence([*"abcd"], spans=[(0, 1, "LOC"), (2, 3, "PER")]), Sentence(["a"], spans=[])]
    found = [[Span(0, 1, "LOC"), Span(1, 3, "PER")], [Span(0, 1, "MISC")]]
    predicted = [
        s.predicted(Prediction(spans, (1.0,) * len(spans)))
        for s, spans in zip(gold, found, strict=True)
    ]
    report = evaluate_sentences(gold, predicted)
    intervals = score_intervals(count_units([s.spans for s in gold], found), resamples=10)
    assert intervals.score.point == report.f1
    assert intervals.macro.point == pytest.approx(report.macro.f1)
    assert {label: it.point for label, it in intervals.per_label.items()} == {
        label: scores.f1 for label, scores in report.per_label.items()
    }


def test_a_sample_without_a_label_has_the_mean_over_the_others():
    # Half of the samples of two units lack one label; what they have is right.
    counts = count_units([[(0, "X")], [(0, "Y")]], [[(0, "X")], [(0, "Y")]])
    intervals = score_intervals(counts, resamples=200)
    assert (intervals.macro.low, intervals.macro.high) == (1.0, 1.0)
    assert (intervals.per_label["X"].low, intervals.per_label["X"].high) == (0.0, 1.0)


def test_a_corpus_without_any_item_has_defined_figures():
    intervals = score_intervals(count_units([[], []], [[], []]), resamples=10)
    assert (intervals.score.low, intervals.score.high, intervals.per_label) == (0.0, 0.0, {})
    assert "micro  0.00  0.00  0.00" in str(intervals)


def test_intervals_are_the_same_after_a_way_through_json():
    intervals = score_intervals(as_counts(sentences(20, np.random.default_rng(1))), resamples=50)
    facts = json.loads(json.dumps(intervals.to_dict()))
    assert ScoreIntervals.from_dict(facts) == intervals
    assert hash(ScoreIntervals.from_dict(facts)) == hash(intervals)


def test_the_table_says_what_was_drawn():
    rows = documents(20, np.random.default_rng(1))
    shown = str(score_intervals(as_counts(rows, "document"), resamples=50, level=0.9))
    first, _, header, *_ = shown.splitlines()
    assert first == "90 % intervals over 20 documents (BCa bootstrap, 50 samples, seed 1):"
    assert header.split() == ["F1", "from", "to"]


def test_the_interval_of_a_mean_is_that_of_the_t_distribution():
    # 12.706 and 4.303 are the quantiles 0.975 of Student's t with 1 and 2 degrees of freedom.
    two, three = seed_interval([0.8, 0.9]), seed_interval([0.8, 0.85, 0.9])
    assert two.point == pytest.approx(0.85)
    assert two.high - two.point == pytest.approx(12.706 * 0.05, rel=1e-4)
    assert three.point - three.low == pytest.approx(4.303 * 0.05 / 3**0.5, rel=1e-4)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6))
def test_the_interval_of_a_mean_lies_around_it(scores):
    found = seed_interval(scores)
    assert found.low <= found.point <= found.high
    assert found.point == pytest.approx(statistics.mean(scores))


def test_one_seed_has_no_interval():
    with pytest.raises(ValueError, match=r"scores: must be at least two. Got 1\."):
        seed_interval([0.5])


def test_a_level_in_percent_is_refused():
    with pytest.raises(ConfigError, match=r"^level: must be between 0 and 1"):
        seed_interval([0.5, 0.6], level=95)
