import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.errors import ConfigError
from ner.evaluation.comparison import compare_counts, holm
from ner.evaluation.intervals import score_intervals, seed_interval
from ner.evaluation.resampling import f1_scores
from ner.evaluation.unit_counts import UnitCounts

FEW = {"resamples": 200}


def counts_of(rows, unit="sentence"):
    return UnitCounts(unit, "f1", ("X",), np.asarray(rows)[:, None])


def system(rate, seed, units=80, runs=1):
    """Runs that find items of the same texts at a rate, from 0 to 1."""
    gold = np.random.default_rng(0).poisson(2, units)
    random = np.random.default_rng(seed)
    found = []
    for _ in range(runs):
        right = random.binomial(gold, rate)
        rows = np.column_stack([right, right + random.poisson(0.3, units), gold])
        found.append(counts_of(rows))
    return found


ROWS = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=5, max_size=5)
RUNS = st.lists(ROWS.map(counts_of), min_size=1, max_size=3)


def test_holm_multiplies_the_smallest_probability_most():
    # By hand: 4 * 0.005, 3 * 0.01, 2 * 0.03, and 0.04, which must not be less than the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_stays_below_one_and_leaves_a_single_probability():
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=6))
def test_holm_keeps_the_order_and_makes_nothing_smaller(values):
    corrected = holm(values)
    assert all(a <= b <= 1 for a, b in zip(values, corrected, strict=True))
    order = sorted(range(len(values)), key=values.__getitem__)
    assert [corrected[i] for i in order] == sorted(corrected)


def test_a_better_system_is_better_in_every_figure():
    found = compare_counts({"old": system(0.6, 1), "new": system(0.9, 2)}, **FEW)
    (pair,) = found.pairs
    assert (pair.first, pair.second) == ("old", "new")
    assert 0 < pair.difference.low < pair.difference.point < pair.difference.high
    assert pair.p_randomisation == pair.p_bootstrap == pytest.approx(1 / 201)
    assert pair.better == 1
    assert pair.effect > 0.5
    old, new = (system.score.point for system in found.systems)
    assert pair.difference.point == pytest.approx(new - old)


@given(RUNS, RUNS)
def test_the_other_order_changes_the_sign_alone(first, second):
    (pair,) = compare_counts({"a": first, "b": second}, **FEW).pairs
    (other,) = compare_counts({"b": second, "a": first}, **FEW).pairs
    assert other.difference.point == pytest.approx(-pair.difference.point)
    assert other.p_randomisation == pytest.approx(pair.p_randomisation)


@given(RUNS)
def test_a_system_is_no_better_than_itself(runs):
    (pair,) = compare_counts({"a": runs, "b": runs}, **FEW).pairs
    assert (pair.difference.low, pair.difference.point, pair.difference.high) == (0, 0, 0)
    assert pair.p_randomisation == pair.p_bootstrap == pair.holm_randomisation == 1
    assert (pair.better, pair.effect) == (0.5, 0)


def test_the_score_of_a_system_is_the_mean_of_its_runs():
    runs = system(0.7, 1, runs=3)
    scores = [float(f1_scores(run.totals.sum(axis=0))) for run in runs]
    (one, other) = compare_counts({"three": runs, "one": system(0.7, 2)}, **FEW).systems
    assert one.runs == pytest.approx(scores)
    assert one.score.point == pytest.approx(np.mean(scores))
    assert one.sd == pytest.approx(np.std(scores, ddof=1))
    assert one.seeds == seed_interval(scores)
    assert (other.sd, other.seeds) == (None, None)


def test_a_single_run_has_the_interval_of_its_report():
    runs = system(0.7, 1)
    (one, _) = compare_counts({"a": runs, "b": runs}, resamples=4000).systems
    alone = score_intervals(runs[0], resamples=4000).score
    assert one.score.point == alone.point
    assert one.score.low == pytest.approx(alone.low, abs=0.005)
    assert one.score.high == pytest.approx(alone.high, abs=0.005)


def test_all_pairs_are_compared_and_corrected_together():
    rates = {"a": 0.6, "b": 0.7, "c": 0.9}
    systems = {name: system(rate, seed) for seed, (name, rate) in enumerate(rates.items())}
    pairs = compare_counts(systems, **FEW).pairs
    assert [(p.first, p.second) for p in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    for kind in ("randomisation", "bootstrap"):
        p_values = [getattr(pair, f"p_{kind}") for pair in pairs]
        assert [getattr(pair, f"holm_{kind}") for pair in pairs] == holm(p_values)


def test_the_effect_does_not_grow_with_the_corpus():
    old, new = (np.concatenate([c.counts[:, 0] for c in system(r, 1)]) for r in (0.6, 0.9))
    effects = [
        compare_counts(
            {"a": [counts_of(np.tile(old, (n, 1)))], "b": [counts_of(np.tile(new, (n, 1)))]},
            resamples=4000,
        )
        .pairs[0]
        .effect
        for n in (1, 9)
    ]
    assert effects[0] == pytest.approx(effects[1], rel=0.1)


def test_a_corpus_without_any_item_has_defined_figures():
    empty = [counts_of(np.zeros((4, 3), int))]
    found = compare_counts({"a": empty, "b": empty}, **FEW)
    assert [s.score.point for s in found.systems] == [0, 0]
    assert found.pairs[0].p_randomisation == 1


def test_the_interval_of_a_difference_holds_the_true_one():
    # Both systems find right items at the same rate: the true difference is 0.
    held = 0
    for seed in range(300):
        systems = {"a": system(0.8, 2 * seed + 1), "b": system(0.8, 2 * seed + 2)}
        difference = compare_counts(systems, resamples=300, exact=False).pairs[0].difference
        held += difference.low <= 0 <= difference.high
    assert 0.91 <= held / 300 <= 0.99


def test_the_table_names_systems_pairs_and_methods():
    systems = {"a": system(0.7, 1, runs=2), "b": system(0.7, 2)}
    shown = str(compare_counts(systems, name="test.conll", **FEW)).splitlines()
    assert shown[0] == "test.conll: F1 of 2 systems, 80 sentences"
    assert shown[2].split() == ["F1", "from", "to", "runs", "sd", "from", "to"]
    assert [line.split()[0] for line in shown[3:5]] == ["a", "b"]
    assert shown[7].startswith("b - a ")
    assert "the 95 % t interval of the mean" in " ".join(shown)
    assert "p: paired approximate randomisation (200 samples, seed 1)" in " ".join(shown)


def test_runs_are_not_in_the_table_where_there_is_one_of_each():
    shown = str(compare_counts({"a": system(0.7, 1), "b": system(0.7, 2)}, **FEW))
    assert "sd" not in shown
    assert "t interval" not in shown


def test_a_comparison_is_json():
    found = compare_counts({"a": system(0.7, 1, runs=2), "b": system(0.7, 2)}, **FEW)
    facts = json.loads(json.dumps(found.to_dict()))
    assert [s["name"] for s in facts["systems"]] == ["a", "b"]
    assert facts["systems"][0]["sd"] == found.systems[0].sd
    assert facts["pairs"][0]["difference"]["point"] == found.pairs[0].difference.point


def test_one_system_is_refused():
    with pytest.raises(ConfigError, match=r"^systems: must be at least two. Got 1\."):
        compare_counts({"a": system(0.7, 1)})


@pytest.mark.parametrize(
    "runs",
    [[], system(0.7, 1, units=3)],
    ids=["no run", "other units"],
)
def test_systems_that_do_not_fit_are_a_mistake(runs):
    with pytest.raises(ValueError, match="must have runs, all with the same score and units"):
        compare_counts({"a": system(0.7, 1), "b": runs})
