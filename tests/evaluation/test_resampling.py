import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipy_bootstrap

from ner.errors import ConfigError
from ner.evaluation.resampling import bootstrap, f1_scores

COUNTS = st.tuples(*[st.integers(0, 4)] * 3)
UNITS = st.lists(COUNTS, min_size=1, max_size=12).map(np.array)


def corpus(units, seed):
    """Counts of right, predicted and gold items of made-up sentences; two thirds are right."""
    random = np.random.default_rng(seed)
    gold = random.poisson(1.7, units)
    right = random.binomial(gold, 0.66)
    return np.column_stack([right, right + random.poisson(0.4, units), gold])


def means(sums):
    """The mean of each column over 3 units."""
    return sums / 3


def test_samples_are_drawn_as_if_units_were_drawn_one_by_one():
    rows = np.array([[0.0], [1.0], [1.0]])
    values = bootstrap(rows, means, resamples=40_000, seed=1).values[:, 0]
    drawn = [sum(sample) / 3 for sample in itertools.product((0, 1, 1), repeat=3)]
    for value in set(drawn):
        assert np.isclose(values, value).mean() == pytest.approx(drawn.count(value) / 27, abs=0.01)


@pytest.mark.parametrize(("units", "level"), [(40, 0.9), (300, 0.95), (300, 0.5)])
def test_the_interval_is_that_of_scipy(units, level):
    rows = corpus(units, seed=units)
    ours = bootstrap(rows, f1_scores_of_all, resamples=20_000, level=level, seed=1)
    theirs = scipy_bootstrap(
        (np.arange(units),),
        lambda chosen, axis: f1_scores(rows[chosen].sum(axis=axis - 1)),
        n_resamples=20_000,
        confidence_level=level,
        method="BCa",
        vectorized=True,
        batch=1000,
        rng=np.random.default_rng(2),
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low[0] == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high[0] == pytest.approx(theirs.high, abs=0.03 * width)


def f1_scores_of_all(sums):
    return f1_scores(sums.reshape(len(sums), -1, 3))


def test_the_same_seed_draws_the_same_samples():
    rows = corpus(50, seed=1)
    first, again, other = (
        bootstrap(rows, f1_scores_of_all, resamples=100, seed=seed) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.values, again.values)
    assert not np.array_equal(first.values, other.values)


def test_blocks_of_samples_change_nothing(monkeypatch):
    rows = corpus(50, seed=1)
    whole = bootstrap(rows, f1_scores_of_all, resamples=100, seed=1)
    monkeypatch.setattr("ner.evaluation.resampling.CELLS", 70)
    assert np.array_equal(bootstrap(rows, f1_scores_of_all, resamples=100, seed=1).low, whole.low)


@given(UNITS)
def test_ends_of_intervals_are_in_order_and_among_the_samples(rows):
    found = bootstrap(rows, f1_scores_of_all, resamples=50, seed=1)
    assert found.values.min() <= found.low[0] <= found.high[0] <= found.values.max()


@given(UNITS)
def test_the_order_of_units_does_not_matter(rows):
    found = bootstrap(rows, f1_scores_of_all, resamples=50, seed=1)
    assert np.array_equal(
        found.values, bootstrap(rows[::-1], f1_scores_of_all, resamples=50, seed=1).values
    )


@pytest.mark.parametrize(
    ("rows", "point"),
    [
        pytest.param(np.zeros((0, 3), int), 0.0, id="no unit"),
        pytest.param(np.zeros((5, 3), int), 0.0, id="no items"),
        pytest.param(np.ones((5, 3), int), 1.0, id="all right"),
        pytest.param(np.array([[1, 2, 2]]), 0.5, id="one unit"),
    ],
)
def test_scores_that_no_sample_changes_have_an_interval_without_width(rows, point):
    found = bootstrap(rows, f1_scores_of_all, resamples=20, seed=1)
    assert (found.points[0], found.low[0], found.high[0]) == (point, point, point)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_that_is_no_share_is_refused(level):
    with pytest.raises(ConfigError, match=r"^level: must be between 0 and 1, such as 0.95. Got"):
        bootstrap(np.ones((2, 3)), f1_scores_of_all, level=level, seed=1)


def test_no_samples_are_refused():
    with pytest.raises(ConfigError, match=r"^resamples: must be at least 1. Got 0"):
        bootstrap(np.ones((2, 3)), f1_scores_of_all, resamples=0, seed=1)
