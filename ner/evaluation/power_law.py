"""How an error falls with the number of training sentences, and what more of them are worth.

Source of the law: Cortes et al., "Learning Curves: Asymptotic Values and Rate of Convergence", NIPS
1993. Viering and Loog, "The Shape of Learning Curves: a Review", IEEE TPAMI 2023, section 4, show
where it holds and where not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

# The powers that are tried. A learning curve of words falls with one between 0.1 and 0.5, mostly.
POWERS = np.linspace(0.01, 2.0, 400)

# The law has three numbers, which three points fix.
FEWEST_POINTS = 3

# Errors below this one count as this one in relative differences.
SMALLEST = 1e-4

# Other sets of runs that are drawn, and the share of their results that an interval holds.
RESAMPLES, SHARE = 1000, 0.95


@dataclass(frozen=True)
class PowerLaw:
    """The law `error = floor + factor * sentences ** -power`."""

    floor: float
    factor: float
    power: float

    def error(self, sentences: float) -> float:
        """Compute the error for a number of training sentences."""
        return self.floor + self.factor * sentences**-self.power


@dataclass(frozen=True)
class Forecast:
    """What twice the sentences are worth, if the error goes on to fall as it did.

    Args:
        law: The law that fits the mean errors best.
        sentences: Twice the sentences of the largest sample.
        score: The score with so many sentences, by the law.
        gain: How much that is more than the law's score for the largest sample.
        interval: The middle 95 % of this gain when runs are drawn anew; None for one run a sample.
        checked: The score of the largest sample by a law that was fitted without it, which shows
            how far to trust the forecast; None with fewer than four samples.
    """

    law: PowerLaw
    sentences: int
    score: float
    gain: float
    interval: tuple[float, float] | None
    checked: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as JSON can hold it; scores are between 0 and 1."""
        return {
            "law": vars(self.law),
            "sentences": self.sentences,
            "score": self.score,
            "gain": self.gain,
            "interval": None if self.interval is None else list(self.interval),
            "checked": self.checked,
        }


def forecast(
    sentences: Sequence[int], scores: Sequence[Sequence[float]], seed: int = 0
) -> Forecast | None:
    """Fit a power law to the errors of samples of a corpus, and forecast twice its sentences.

    Args:
        sentences: The sizes of the samples, ascending.
        scores: The scores of the runs with each sample, between 0 and 1; the error is what lacks
            to 1.
        seed: Random seed of the interval.

    Returns:
        The forecast; None with fewer than three samples.
    """
    if len(sentences) < FEWEST_POINTS:
        return None
    sizes = np.array(sentences, dtype=np.float64)
    means = np.array([[1 - float(np.mean(runs)) for runs in scores]], dtype=np.float64)
    law = PowerLaw(*_fit(sizes, means)[0])
    last, twice = sentences[-1], 2 * sentences[-1]
    checked = None
    if len(sentences) > FEWEST_POINTS:
        checked = 1 - PowerLaw(*_fit(sizes[:-1], means[:, :-1])[0]).error(last)
    gain = law.error(last) - law.error(twice)
    interval = None
    if min(map(len, scores)) > 1:
        interval = _gain_interval(sizes, scores, seed)
    return Forecast(law, twice, 1 - law.error(twice), gain, interval, checked)


def _gain_interval(
    sizes: Numbers, scores: Sequence[Sequence[float]], seed: int
) -> tuple[float, float]:
    """Compute the middle of the gains of resampled runs (percentile bootstrap over runs)."""
    random = np.random.default_rng(seed)
    drawn = [random.choice(runs, (RESAMPLES, len(runs))).mean(axis=1) for runs in scores]
    errors = 1 - np.stack(drawn, axis=1).astype(np.float64)
    _, factors, powers = _fit(sizes, errors).T
    last = sizes[-1]
    gains = factors * (last**-powers - (2 * last) ** -powers)
    low, high = np.quantile(gains, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return float(low), float(high)


def _fit(sizes: Numbers, errors: Numbers) -> Numbers:
    """Fit laws by least squares of relative differences; no number of them is negative.

    For a given power, the two other numbers are those of a weighted linear regression.

    Args:
        sizes: The sizes of the samples (K).
        errors: Sets of errors (N K).

    Returns:
        Floor, factor and power of each set (N 3).
    """
    # Axes: power (P), set (N, one at a time), sample (K).
    curves = (sizes / sizes[0]) ** -POWERS[:, None]
    return np.array([_fit_one(curves, sizes[0], each) for each in errors])


def _fit_one(curves: Numbers, first: float, errors: Numbers) -> tuple[float, float, float]:
    weights = 1 / np.maximum(errors, SMALLEST) ** 2
    total = weights.sum()
    mean_x, mean_y = curves @ weights / total, weights @ errors / total
    centred = curves - mean_x[:, None]
    slopes = np.maximum(centred @ (weights * errors) / (centred**2 @ weights), 0)
    floors = mean_y - slopes * mean_x
    through_zero = np.maximum(curves @ (weights * errors) / (curves**2 @ weights), 0)
    slopes = np.where(floors < 0, through_zero, slopes)
    floors = np.maximum(floors, 0)
    residuals = (floors[:, None] + slopes[:, None] * curves - errors) ** 2 @ weights
    best = int(np.argmin(residuals))
    power = float(POWERS[best])
    return float(floors[best]), float(slopes[best] * first**power), power
