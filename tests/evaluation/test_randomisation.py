import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ner.errors import ConfigError
from ner.evaluation.randomisation import randomisation_test
from ner.evaluation.resampling import f1_scores

COUNTS = st.tuples(*[st.integers(0, 3)] * 3)


def runs_of(units, count):
    """Counts of some runs (U 3)."""
    return st.lists(
        st.lists(COUNTS, min_size=units, max_size=units).map(np.array), min_size=1, max_size=count
    )


def pairs(count=1):
    """Runs of two systems on the same units."""
    return st.integers(1, 6).flatmap(lambda u: st.tuples(runs_of(u, count), runs_of(u, count)))


def difference(first, second, swapped):
    """The difference of two systems, each pair of whose runs trades its outputs on some units."""
    found = []
    for one, other in itertools.product(first, second):
        old = np.where(swapped[:, None], other, one).sum(axis=0)
        new = np.where(swapped[:, None], one, other).sum(axis=0)
        found.append(f1_scores(new) - f1_scores(old))
    return np.mean(found)


def enumerated(first, second):
    """Try every choice of units to swap, one by one."""
    choices = itertools.product([False, True], repeat=len(first[0]))
    found = [abs(difference(first, second, np.array(chosen))) for chosen in choices]
    return np.mean(np.array(found) >= found[0] - 1e-9)


@settings(max_examples=60)
@given(pairs(3))
def test_the_exact_probability_is_that_of_enumeration(systems):
    test = randomisation_test(*systems, exact=True)
    assert test.exact
    assert test.p == pytest.approx(enumerated(*systems))


def test_the_probability_is_known_where_one_system_is_right_and_the_other_wrong():
    # Of 2^6 ways to swap, only none and all of them make the difference as large.
    first, second = np.array([[0, 1, 1]] * 6), np.array([[1, 1, 1]] * 6)
    assert randomisation_test([first], [second]).p == pytest.approx(2 / 2**6)


def test_the_sign_test_is_a_special_case():
    # With one item each, swaps of 8 better and 2 worse units are throws of 10 coins. At most 2 or
    # at least 8 of them are heads in 112 of 1,024 cases.
    first = np.array([[0, 1, 1]] * 8 + [[1, 1, 1]] * 2)
    second = np.array([[1, 1, 1]] * 8 + [[0, 1, 1]] * 2)
    assert randomisation_test([first], [second]).p == pytest.approx(112 / 1024)


@settings(max_examples=20)
@given(pairs(2))
def test_random_swaps_agree_with_all_swaps(systems):
    drawn = randomisation_test(*systems, resamples=4000, exact=False)
    assert not drawn.exact
    assert drawn.p == pytest.approx(randomisation_test(*systems, exact=True).p, abs=0.04)


def test_many_units_are_drawn_and_few_kinds_of_units_are_counted():
    random = np.random.default_rng(1)
    first, second = random.integers(0, 4, (2, 60, 3))
    assert not randomisation_test([first], [second], resamples=10).exact
    same = np.array([[0, 1, 1]] * 500)
    assert randomisation_test([same], [same + np.array([1, 0, 0])]) == (2 / 2**500, True)


@given(pairs(2))
def test_the_order_of_systems_and_of_runs_does_not_matter(systems):
    first, second = systems
    p = randomisation_test(first, second, exact=True).p
    assert randomisation_test(second, first, exact=True).p == pytest.approx(p)
    assert randomisation_test(first[::-1], second, exact=True).p == pytest.approx(p)


@given(pairs(2))
def test_the_same_runs_again_change_nothing(systems):
    first, second = systems
    p = randomisation_test(first, second, exact=True).p
    assert randomisation_test([*first, *first], second, exact=True).p == pytest.approx(p)


@given(pairs(2), st.booleans())
def test_a_system_does_not_differ_from_itself(systems, exact):
    assert randomisation_test(systems[0], systems[0], exact=exact, resamples=20).p == 1


def test_chance_is_as_frequent_as_the_test_says():
    # Both systems are the same, so that 30 of 600 tests have p <= 0.05, with a standard deviation
    # of 5.3. Four of them are 21.
    random = np.random.default_rng(1)
    rejected = 0
    for seed in range(600):
        gold = random.poisson(2, 80)
        runs = []
        for _ in range(2):
            right = random.binomial(gold, 0.8)
            runs.append(np.column_stack([right, right + random.poisson(0.3, 80), gold]))
        p = randomisation_test(runs[:1], runs[1:], resamples=199, seed=seed, exact=False).p
        rejected += p <= 0.05
    assert 9 <= rejected <= 51


def test_the_same_seed_draws_the_same_swaps():
    random = np.random.default_rng(1)
    first, second = random.integers(0, 3, (2, 50, 3))
    tests = [
        randomisation_test([first], [second], resamples=50, seed=seed, exact=False).p
        for seed in (1, 1, 2)
    ]
    assert tests[0] == tests[1]


def test_too_many_swaps_to_count_are_refused():
    first, second = np.random.default_rng(1).integers(0, 9, (2, 17, 3))
    with pytest.raises(ConfigError, match=r"^exact: needs at most 65536 different swaps. Got 17 "):
        randomisation_test([first], [second], exact=True)


def test_no_swaps_to_draw_are_refused():
    with pytest.raises(ConfigError, match=r"^resamples: must be at least 1. Got 0"):
        randomisation_test([np.ones((1, 3))], [np.ones((1, 3))], resamples=0)


@pytest.mark.parametrize("units", [(), (2,)], ids=["no run", "other units"])
def test_runs_that_do_not_fit_are_a_mistake(units):
    second = [np.ones((count, 3)) for count in units]
    with pytest.raises(ValueError, match="must be runs with counts of the same units"):
        randomisation_test([np.ones((1, 3))], second)
