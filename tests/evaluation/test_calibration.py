import itertools
import math

import numpy as np
import pytest

from ner.errors import DataError
from ner.evaluation.calibration import (
    GREATEST,
    LEAST,
    calibrate,
    calibration_error,
    fit_temperature,
)
from ner.tasks.texts import TextTask

ONE, SEVERAL = TextTask(("A", "B", "C")), TextTask(("A", "B", "C"), multi_label=True)
TASKS = pytest.mark.parametrize("task", [ONE, SEVERAL], ids=["one", "several"])


def draw(task, temperature, count=40_000, seed=1):
    """Draw scores, and gold labels with the probabilities that they have at a temperature."""
    random = np.random.default_rng(seed)
    logits = random.normal(scale=3, size=(count, 3))
    cool = logits / temperature
    if task.multi_label:
        return logits, random.random(logits.shape) < 1 / (1 + np.exp(-cool))
    shares = np.exp(cool) / np.exp(cool).sum(axis=1, keepdims=True)
    # The first class whose share, added to those before it, is more than a number in [0, 1).
    return logits, (shares.cumsum(axis=1) > random.random((count, 1))).argmax(axis=1)


def loss_by_hand(task, logits, gold, temperature):
    total = 0.0
    for row, own in zip((logits / temperature).tolist(), gold.tolist(), strict=True):
        if task.multi_label:
            signs = [-1 if held else 1 for held in own]
            total += sum(math.log1p(math.exp(s * x)) for s, x in zip(signs, row, strict=True))
        else:
            total += math.log(sum(map(math.exp, row))) - row[own]
    return total / len(logits)


def error_by_hand(probabilities, right, bins):
    """Sort decisions into bins one by one, and weigh the gap of each bin."""
    total = 0.0
    for m in range(1, bins + 1):
        own = [
            (p, r)
            for p, r in zip(probabilities, right, strict=True)
            if (m - 1) / bins < p <= m / bins or (p == 0 and m == 1)
        ]
        if own:
            sure = sum(p for p, _ in own) / len(own)
            often = sum(r for _, r in own) / len(own)
            total += len(own) / len(right) * abs(sure - often)
    return total


@TASKS
@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_made_the_labels_is_found(task, temperature):
    found = fit_temperature(*draw(task, temperature))
    assert found == pytest.approx(temperature, rel=0.03)


@TASKS
def test_no_other_temperature_makes_gold_labels_more_probable(task):
    logits, gold = draw(task, 1.7, count=60)
    found = fit_temperature(logits, gold)
    grid = np.exp(np.linspace(np.log(LEAST), np.log(GREATEST), 2000))
    losses = [loss_by_hand(task, logits, gold, t) for t in grid]
    assert found == pytest.approx(grid[int(np.argmin(losses))], rel=0.01)
    best = loss_by_hand(task, logits, gold, found)
    assert best <= min(losses)
    for factor in (1 - 1e-4, 1 + 1e-4):
        assert best < loss_by_hand(task, logits, gold, found * factor)


@TASKS
def test_what_is_always_or_never_right_ends_at_a_border(task):
    gold = np.array([0, 1, 2])
    if task.multi_label:
        gold = np.eye(3, dtype=bool)
    logits = 2 * np.eye(3) - 1
    assert fit_temperature(logits, gold) == pytest.approx(LEAST, rel=1e-6)
    assert fit_temperature(-logits, gold) == pytest.approx(GREATEST, rel=1e-6)


@TASKS
def test_scores_of_a_thousand_do_no_harm(task):
    logits, gold = draw(task, 1.0, count=50)
    found = calibrate((1000 * logits).astype(np.float32), gold)
    assert all(math.isfinite(value) for value in found.to_dict().values())
    assert found.temperature == pytest.approx(GREATEST)


@TASKS
def test_a_calibration_says_what_it_changed(task):
    logits, gold = draw(task, 3.0, count=500)
    found = calibrate(logits.astype(np.float32), gold)
    assert found.sentences == 500
    for temperature, error, loss in (
        (1.0, found.ece_before, found.loss_before),
        (found.temperature, found.ece_after, found.loss_after),
    ):
        scores = logits.astype(np.float32).astype(np.float64) / temperature
        if task.multi_label:
            probabilities = (1 / (1 + np.exp(-scores))).ravel()
            right = gold.ravel()
        else:
            shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            probabilities, right = shares.max(axis=1), shares.argmax(axis=1) == gold
        assert error == pytest.approx(error_by_hand(probabilities, right, 15), abs=1e-9)
        assert loss == pytest.approx(loss_by_hand(task, logits, gold, temperature), rel=1e-5)
    assert found.ece_after < found.ece_before / 2
    assert found.loss_after < found.loss_before
    assert str(found) == (
        f"Temperature {found.temperature:.3f}, fitted on 500 sentences; expected calibration error "
        f"(15 bins) {found.ece_before:.4f} before, {found.ece_after:.4f} after; loss "
        f"{found.loss_before:.4f} before, {found.loss_after:.4f} after"
    )


def test_nothing_cannot_be_calibrated_on():
    with pytest.raises(DataError) as error:
        calibrate(np.zeros((0, 3)), np.zeros(0, dtype=np.int64))
    assert str(error.value) == "dev: sentences to fit the temperature on. Got none."


@pytest.mark.parametrize("bins", [1, 2, 15])
def test_the_error_is_that_of_bins_filled_one_by_one(bins):
    random = np.random.default_rng(2)
    probabilities, right = random.random(300), random.random(300) < 0.4
    found = calibration_error(probabilities, right, bins)
    assert found == pytest.approx(error_by_hand(probabilities, right, bins), rel=1e-12)


def test_a_probability_on_a_border_belongs_to_the_bin_below_it():
    # In one bin with the other, the two would cancel out; apart, each is 0.2 off.
    for m in range(1, 15):
        border = m / 15
        pair = np.array([border, border + 1e-9])
        gaps = [abs(p - r) for p, r in zip(pair, (True, False), strict=True)]
        assert calibration_error(pair, np.array([True, False])) == pytest.approx(np.mean(gaps))
        below = np.array([border - 1e-9, border])
        together = abs(below.mean() - 0.5)
        assert calibration_error(below, np.array([True, False])) == pytest.approx(together)


def test_certain_decisions_fall_into_the_outer_bins():
    for probabilities in itertools.product((0.0, 1.0), repeat=3):
        sure = np.array(probabilities)
        assert calibration_error(sure, sure == 1) == 0
        assert calibration_error(sure, sure == 0) == 1


def test_no_decision_is_not_off():
    assert calibration_error(np.zeros(0), np.zeros(0, dtype=bool)) == 0
