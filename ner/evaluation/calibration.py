"""Calibration: a temperature that makes probabilities as often right as they say.

Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, sections 2 and 4.2.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ner.errors import DataError

Floats = NDArray[np.floating]

# As many as in Guo et al., section 4.
BINS = 15

# A model without mistakes would get the temperature 0, one that is always wrong infinity.
LEAST, GREATEST = 0.05, 20.0

# Halvings of the interval: from log(400) down to 1e-11.
STEPS = 40

# Sections of the interval, each of which leaves 0.618 of it: from log(400) down to 0.007. A
# temperature that is off by half a percent changes no figure, and each section sums over all paths.
SECTIONS = 14
GOLDEN = (math.sqrt(5) - 1) / 2

# How far 1 / temperature is from 1, before any data are seen: a standard deviation. Of 1, 0.5, 0.25
# and 0.1, it had the lowest calibration error on the rest of CoNLL-2003's development data after a
# fit on 1, 2 and 5 % of its documents; with half of them, all are alike.
PRIOR = 0.25

# So that the logarithm of a probability of 0 is a number.
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class Calibration:
    """A temperature, and its effect on the sentences that it was fitted on.

    Calibration errors are those of the scores of a prediction: of entities, of the labels of
    tokens, or of the labels of texts. Losses are those of gold annotation: of all tags of a
    sentence, or of the labels of a text.

    Args:
        temperature: The number that divides scores before they become probabilities.
        sentences: The number of sentences.
        ece_before: The expected calibration error with the temperature 1, from 0 to 1.
        ece_after: The same with the fitted temperature.
        loss_before: The negative log-likelihood with the temperature 1, in nats a sentence.
        loss_after: The same with the fitted temperature.
        bins: The number of bins of the calibration error.
    """

    temperature: float
    sentences: int
    ece_before: float
    ece_after: float
    loss_before: float
    loss_after: float
    bins: int = BINS

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        return (
            f"Temperature {self.temperature:.3f}, fitted on {self.sentences} sentences; expected "
            f"calibration error ({self.bins} bins) {self.ece_before:.4f} before, "
            f"{self.ece_after:.4f} after; loss {self.loss_before:.4f} before, "
            f"{self.loss_after:.4f} after"
        )


def label_probabilities(
    logits: Floats, *, temperature: float = 1.0, multi_label: bool = False
) -> NDArray[np.float64]:
    """Turn scores (N C) into probabilities (N C): of each class, or of each label by itself.

    Args:
        logits: The scores of a network.
        temperature: The number that divides the scores first.
        multi_label: Whether labels are independent of each other; otherwise each row sums to 1.
    """
    scores = logits.astype(np.float64) / temperature
    if multi_label:
        return 1 / (1 + np.exp(-np.clip(scores, -500, 500)))
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def calibrate(logits: Floats, gold: NDArray[Any]) -> Calibration:
    """Fit the temperature of a classifier on development data, and measure its effect.

    Args:
        logits: The network's scores (N C).
        gold: The class of each text, int64 (N); or, where a text may have several labels, whether
            each label holds, bool (N C).

    Raises:
        DataError: There are no sentences.
    """
    if not len(logits):
        raise DataError("dev: sentences to fit the temperature on. Got none.")
    temperature = fit_temperature(logits, gold)
    before, after = (_probabilities(logits, gold, t) for t in (1.0, temperature))
    return Calibration(
        temperature=temperature,
        sentences=len(logits),
        ece_before=_ece(before, logits, gold),
        ece_after=_ece(after, logits, gold),
        loss_before=_loss(before, gold),
        loss_after=_loss(after, gold),
    )


def fit_temperature(logits: Floats, gold: NDArray[Any]) -> float:
    """Find the temperature, from 0.05 to 20, that makes the gold labels most probable.

    The negative log-likelihood is convex in 1 / temperature, so its derivative crosses zero once,
    which halving the interval finds; at one of its ends where it does not.

    Args:
        logits: The network's scores (N C).
        gold: As for `calibrate`.
    """
    scores = logits.astype(np.float64)
    held = _held(scores, gold)

    def slope(log_temperature: float) -> float:
        """Differentiate the loss by 1 / temperature: scores expected less scores held."""
        expected = _probabilities(scores, gold, float(np.exp(log_temperature)))
        return float(((expected - held) * scores).sum())

    low, high = np.log(LEAST), np.log(GREATEST)
    for _ in range(STEPS):
        middle = (low + high) / 2
        # The loss falls as 1 / temperature grows: the temperature is too high.
        low, high = (low, middle) if slope(middle) <= 0 else (middle, high)
    return float(np.exp((low + high) / 2))


def lowest(loss: Callable[[float], float]) -> float:
    """Find the temperature, from 0.05 to 20, with the lowest loss, where a formula has no slope.

    Before any data are seen, 1 / temperature is taken to be 1, give or take `PRIOR`: few sentences
    move it little, thousands as far as they say.

    Args:
        loss: Returns the negative log-likelihood of all data in nats, which is convex in
            1 / temperature.

    Source of golden sections: Kiefer, "Sequential Minimax Search for a Maximum", Proceedings of the
    AMS 4(3), 1953.
    """

    def penalized(log_temperature: float) -> float:
        temperature = math.exp(log_temperature)
        return loss(temperature) + ((1 / temperature - 1) / PRIOR) ** 2 / 2

    low, high = math.log(LEAST), math.log(GREATEST)
    places = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)]
    losses = [penalized(place) for place in places]
    for _ in range(SECTIONS):
        if losses[0] <= losses[1]:
            high = places[1]
            places = [high - GOLDEN * (high - low), places[0]]
            losses = [penalized(places[0]), losses[0]]
        else:
            low = places[0]
            places = [places[1], low + GOLDEN * (high - low)]
            losses = [losses[1], penalized(places[1])]
    return math.exp((low + high) / 2)


def calibration_error(probabilities: Floats, right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Compute the expected calibration error, from 0 to 1.

    It is the mean distance between probability and frequency. Decisions fall into bins of equal
    width, open to the left, ((m - 1) / bins, m / bins], with 0 in the first; the weight of a bin is
    its number of decisions.

    Args:
        probabilities: The probabilities of decisions (N).
        right: Whether each decision was right (N).
        bins: The number of bins.

    Source: Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian
    Binning", AAAI 2015, section 4.1, with the borders of Guo et al., section 2.

    >>> calibration_error(np.array([0.75, 0.75]), np.array([True, False]))
    0.25
    """
    if not len(probabilities):
        return 0.0
    gaps = np.bincount(which_bins(probabilities, bins), probabilities - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(probabilities))


def which_bins(probabilities: Floats, bins: int) -> NDArray[np.int64]:
    """Find the bin of each probability (N), as `calibration_error` has them."""
    # Borders as numbers that compare equal to probabilities of just that value.
    borders = np.arange(1, bins) / bins
    return np.searchsorted(borders, probabilities, side="left")


def _held(scores: Floats, gold: NDArray[Any]) -> NDArray[np.bool_]:
    """Say which labels hold (N C)."""
    return gold if gold.ndim == 2 else np.arange(scores.shape[1]) == gold[:, None]


def _probabilities(logits: Floats, gold: NDArray[Any], temperature: float) -> NDArray[np.float64]:
    return label_probabilities(logits, temperature=temperature, multi_label=gold.ndim == 2)


def _ece(probabilities: Floats, logits: Floats, gold: NDArray[Any]) -> float:
    """Compute the error of the most probable classes, or of all labels, one by one."""
    if gold.ndim == 2:
        return calibration_error(probabilities.ravel(), gold.ravel())
    return calibration_error(probabilities.max(axis=1), logits.argmax(axis=1) == gold)


def _loss(probabilities: Floats, gold: NDArray[Any]) -> float:
    held = _held(probabilities, gold)
    likely = (
        probabilities[held] if gold.ndim == 1 else np.where(held, probabilities, 1 - probabilities)
    )
    return float(-np.log(np.maximum(likely, TINY)).sum() / len(probabilities))
