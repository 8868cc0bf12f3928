import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ner.evaluation.precision_recall import MOST_POINTS, Curve, counts_at, curve


def draw(scores, right, gold):
    return curve(np.array(scores, dtype=float), np.array(right, dtype=bool), gold)


def test_a_curve_has_a_point_for_each_different_score():
    # Of four gold items, the first and the last prediction find one each.
    found = draw([0.5, 0.9, 0.5, 0.7], [1, 1, 0, 0], gold=4)
    assert [tuple(point) for point in found.points] == [
        (0.9, 1.0, 0.25),
        (0.7, 0.5, 0.25),
        (0.5, 0.5, 0.5),
    ]
    # 1.0 * 0.25 for the first, and 0.5 * 0.25 for the last.
    assert found.average_precision == pytest.approx(0.375)


@pytest.mark.parametrize(
    ("scores", "right", "gold", "area"),
    [
        pytest.param([], [], 0, None, id="nothing at all"),
        pytest.param([], [], 3, 0.0, id="nothing predicted"),
        pytest.param([0.9, 0.8], [0, 0], 0, None, id="nothing gold"),
        pytest.param([0.9, 0.8], [0, 0], 2, 0.0, id="all wrong"),
        pytest.param([0.9, 0.8], [1, 1], 2, 1.0, id="all right"),
        pytest.param([0.9, 0.9], [1, 0], 1, 0.5, id="equal scores"),
        pytest.param([0.9, 0.8], [0, 1], 1, 0.5, id="the wrong order"),
    ],
)
def test_the_area_is_known_for_simple_curves(scores, right, gold, area):
    assert draw(scores, right, gold).average_precision == area


@given(data=st.data())
def test_points_are_those_of_each_threshold_by_itself(data):
    count = data.draw(st.integers(0, 30))
    levels = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.8, 1.0])
    scores = np.array(data.draw(st.lists(levels, min_size=count, max_size=count)), dtype=float)
    right = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)), bool)
    gold = int(right.sum()) + data.draw(st.integers(0, 5))
    found = curve(scores, right, gold)
    thresholds = sorted(set(scores.tolist()), reverse=True)
    assert [point.threshold for point in found.points] == thresholds
    area = before = 0.0
    for threshold, precision, recall in found.points:
        kept = scores >= threshold
        assert precision == right[kept].sum() / kept.sum()
        assert recall == right[kept].sum() / max(gold, 1)
        area, before = area + precision * (recall - before), recall
    assert found.average_precision == (pytest.approx(area, abs=1e-12) if gold else None)
    assert 0 <= area <= 1


def test_long_curves_keep_some_points_and_their_whole_area():
    random = np.random.default_rng(1)
    scores, right = random.random(5000), random.random(5000) < 0.5
    found = curve(scores, right, 4000)
    assert len(found.points) == MOST_POINTS
    assert found.points[0].threshold == scores.max()
    assert found.points[-1].threshold == scores.min()
    thresholds, kept, num_right = counts_at(scores, right)
    steps = np.diff(num_right / 4000, prepend=0)
    assert found.average_precision == pytest.approx(float((num_right / kept * steps).sum()))
    assert len(thresholds) == 5000


def test_a_curve_goes_through_json():
    found = draw([0.5, 0.9], [1, 1], gold=4)
    assert Curve.from_dict(json.loads(json.dumps(asdict(found)))) == found
