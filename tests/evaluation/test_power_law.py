"""Forecasts of curves whose law is known."""

import math

import numpy as np
import pytest

from ner.evaluation.power_law import PowerLaw, forecast

SIZES = (140, 702, 1404, 3510, 7020, 14041)


def runs_of(law, sizes=SIZES, spread=0.0, runs=1, seed=1):
    random = np.random.default_rng(seed)
    return [(1 - law.error(n) + spread * random.normal(size=runs)).tolist() for n in sizes]


@pytest.mark.parametrize(
    "law",
    [
        pytest.param(PowerLaw(0.05, 2.0, 0.5), id="with a floor"),
        pytest.param(PowerLaw(0.0, 1.5, 0.3), id="without a floor"),
        pytest.param(PowerLaw(0.08, 9.0, 1.1), id="a fast one"),
    ],
)
def test_a_power_law_is_found_again(law):
    found = forecast(SIZES, runs_of(law))
    assert found.law.power == pytest.approx(law.power, abs=0.005)
    assert found.law.floor == pytest.approx(law.floor, abs=2e-3)
    assert found.sentences == 28082
    assert found.score == pytest.approx(1 - law.error(28082), abs=5e-4)
    assert found.gain == pytest.approx(law.error(14041) - law.error(28082), abs=5e-4)
    assert found.checked == pytest.approx(1 - law.error(14041), abs=2e-3)
    assert found.interval is None


def test_the_interval_holds_the_true_gain_and_widens_with_the_spread():
    law = PowerLaw(0.05, 2.0, 0.5)
    true = law.error(14041) - law.error(28082)
    widths = []
    for spread in (0.001, 0.005):
        low, high = forecast(SIZES, runs_of(law, spread=spread, runs=5)).interval
        assert low <= true <= high
        widths.append(high - low)
    assert widths[1] > 2 * widths[0]


def test_a_forecast_depends_on_nothing_but_its_arguments():
    runs = runs_of(PowerLaw(0.1, 2.0, 0.4), spread=0.01, runs=3)
    assert forecast(SIZES, runs) == forecast(SIZES, runs)


def test_a_curve_that_does_not_rise_gains_nothing():
    found = forecast((10, 20, 40), [[0.5], [0.5], [0.5]])
    assert found.gain == pytest.approx(0)
    assert found.score == pytest.approx(0.5)
    found = forecast((10, 20, 40), [[0.7], [0.6], [0.5]])
    assert found.gain == pytest.approx(0)


def test_perfect_scores_are_no_fault():
    found = forecast((10, 20, 40, 80), [[0.9, 0.9], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    assert math.isfinite(found.gain)
    assert found.score <= 1


def test_three_points_are_the_fewest():
    assert forecast((10, 20), [[0.5], [0.6]]) is None
    found = forecast((10, 20, 40), [[0.5], [0.6], [0.68]])
    assert found.checked is None
    assert found.to_dict()["law"] == vars(found.law)
