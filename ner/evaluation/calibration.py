"""Probabilities that are as often right as they say: a temperature, and how far off they are.

Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, sections 2 and 4.2.
"""

import dataclasses
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.errors import DataError
from ner.targets.classes import ClassTarget

Floats = NDArray[np.floating]
# As many as in Guo et al., section 4.
BINS = 15
# Data on which a model never errs would have it sure of everything (0), others of nothing (inf).
LEAST, GREATEST = 0.05, 20.0
# Halvings of the interval: from log(400) down to 1e-11.
STEPS = 40
# So that the logarithm of a probability of 0 is a number.
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Calibration:
    """What a temperature was fitted on, and what it changed.

    Args:
        temperature: What scores are divided by before they become probabilities.
        sentences: How many it was fitted on.
        error_before: Expected calibration error with the temperature 1, from 0 to 1.
        error_after: With the fitted one. Both are of the sentences it was fitted on.
        loss_before: Negative log-likelihood with the temperature 1, in nats a sentence.
        loss_after: With the fitted one.
        bins: Of the calibration error.
    """

    temperature: float
    sentences: int
    error_before: float
    error_after: float
    loss_before: float
    loss_after: float
    bins: int = BINS

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON can hold it."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        return (
            f"Temperature {self.temperature:.3f}, fitted on {self.sentences} sentences; expected "
            f"calibration error ({self.bins} bins) {self.error_before:.4f} before, "
            f"{self.error_after:.4f} after; loss {self.loss_before:.4f} before, "
            f"{self.loss_after:.4f} after"
        )


def calibrate(target: ClassTarget, logits: Floats, gold: NDArray[Any]) -> Calibration:
    """Fit the temperature of a classifier on development data, and say what it changes.

    Args:
        target: What is predicted; its own temperature is not looked at.
        logits: The network's scores (N C).
        gold: As `target.gold` gives `classes`: int64 (N), or bool (N C) with several labels.

    Raises:
        DataError: There is nothing to fit it on.
    """
    if not len(logits):
        raise DataError("dev: sentences to fit the temperature on. Got none.")
    temperature = fit_temperature(target, logits, gold)
    before, after = (replace(target, temperature=t) for t in (1.0, temperature))
    return Calibration(
        temperature=temperature,
        sentences=len(logits),
        error_before=_error(before, logits, gold),
        error_after=_error(after, logits, gold),
        loss_before=_loss(before, logits, gold),
        loss_after=_loss(after, logits, gold),
    )


def fit_temperature(target: ClassTarget, logits: Floats, gold: NDArray[Any]) -> float:
    """Find the temperature under which gold labels are most probable, from 0.05 to 20.

    The negative log-likelihood is convex in 1 / temperature, so its derivative crosses zero once,
    which halving the interval finds; at one of its ends where it does not.

    Args:
        target: As for `calibrate`, as are the others.
        logits: (N C).
        gold: (N) or (N C).
    """
    scores = logits.astype(np.float64)
    held = _held(scores, gold)

    def slope(log_temperature: float) -> float:
        """Differentiate the loss by 1 / temperature: scores expected less scores held."""
        cooled = replace(target, temperature=float(np.exp(log_temperature)))
        return float(((cooled.probabilities(scores) - held) * scores).sum())

    low, high = np.log(LEAST), np.log(GREATEST)
    for _ in range(STEPS):
        middle = (low + high) / 2
        # The loss falls as 1 / temperature grows: the temperature is too high.
        low, high = (low, middle) if slope(middle) <= 0 else (middle, high)
    return float(np.exp((low + high) / 2))


def calibration_error(probabilities: Floats, right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Compute the expected calibration error, from 0 to 1.

    The mean distance between probability and frequency: decisions fall into bins of equal width,
    open to the left, ((m - 1) / bins, m / bins], with 0 in the first; each bin counts as much as
    it has decisions.

    Args:
        probabilities: Of decisions (N).
        right: Which of them were right (N).
        bins: Their number.

    Source: Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian
    Binning", AAAI 2015, section 4.1, with the borders of Guo et al., section 2.

    >>> calibration_error(np.array([0.75, 0.75]), np.array([True, False]))
    0.25
    """
    if not len(probabilities):
        return 0.0
    # Borders as numbers that compare equal to probabilities of just that value.
    borders = np.arange(1, bins) / bins
    which = np.searchsorted(borders, probabilities, side="left")
    gaps = np.bincount(which, probabilities - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(probabilities))


def _held(scores: Floats, gold: NDArray[Any]) -> NDArray[np.bool_]:
    """Say which labels hold (N C)."""
    return gold if gold.ndim == 2 else np.arange(scores.shape[1]) == gold[:, None]


def _error(target: ClassTarget, logits: Floats, gold: NDArray[Any]) -> float:
    """Compute the error of the most probable classes, or of all labels, one by one."""
    probabilities = target.probabilities(logits)
    if target.multi_label:
        return calibration_error(probabilities.ravel(), gold.ravel())
    return calibration_error(probabilities.max(axis=1), logits.argmax(axis=1) == gold)


def _loss(target: ClassTarget, logits: Floats, gold: NDArray[Any]) -> float:
    probabilities = target.probabilities(logits)
    held = _held(logits, gold)
    if target.multi_label:
        likely = np.where(held, probabilities, 1 - probabilities)
    else:
        likely = probabilities[held]
    return float(-np.log(np.maximum(likely, TINY)).sum() / len(logits))
