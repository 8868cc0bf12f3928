"""The bootstrap over units, such as sentences: how far scores vary with the choice of the units."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ner.errors import ConfigError

Ints = NDArray[np.integer]
Floats = NDArray[np.float64]

# Takes sums of the columns of units (B F), of any number of samples, and returns scores (B S).
Statistic = Callable[[Floats], Floats]

RESAMPLES = 10_000
LEVEL = 0.95

# Numbers of weights that memory holds at once: 32 MB.
CELLS = 1 << 22

NORMAL = NormalDist()


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Scores of samples that were drawn with replacement from the units of a corpus.

    Args:
        points: The scores of the corpus itself (S).
        values: The scores of each sample (B S).
        low: The lower end of the interval of each score (S).
        high: The upper end (S).
    """

    points: Floats
    values: Floats
    low: Floats
    high: Floats


def bootstrap(
    rows: Ints, statistic: Statistic, *, resamples: int = RESAMPLES, level: float = LEVEL, seed: int
) -> Bootstrap:
    """Compute scores of samples of units, and the BCa interval of each score.

    Args:
        rows: The numbers that are summed over the units of a sample (U F).
        statistic: Computes scores from these sums.
        resamples: The number of samples. Each has as many units as there are.
        level: The share of such intervals that hold the true score, between 0 and 1.
        seed: The random seed; the result depends on nothing else.

    Raises:
        ConfigError: There are no samples, or the level is no such share.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 14.3.
    """
    check_resamples(resamples)
    check_level(level)
    # Without any unit, scores are those of a unit without items.
    distinct, repeats = distinct_rows(rows if len(rows) else np.zeros((1, rows.shape[1]), int))
    total = rows.sum(axis=0, dtype=np.float64)
    points = statistic(total[None])[0]
    weights = _draw_weights(repeats, resamples, np.random.default_rng(seed))
    values = np.concatenate([statistic(drawn @ distinct) for drawn in weights])
    low, high = bca_interval(points, values, statistic(total - distinct), repeats, level)
    return Bootstrap(points, values, low, high)


def check_resamples(resamples: int) -> None:
    """Refuse a number of samples that is not positive.

    Raises:
        ConfigError: There are no samples.
    """
    if resamples < 1:
        raise ConfigError(f"resamples: must be at least 1. Got {resamples}.")


def check_level(level: float) -> None:
    """Refuse a level that no interval can have.

    Raises:
        ConfigError: The level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ConfigError(f"level: must be between 0 and 1, such as 0.95. Got {level}.")


def distinct_rows(rows: Ints) -> tuple[Floats, NDArray[np.int64]]:
    """Return the different rows (D F), and how often each of them comes (D).

    Most sentences have few entities, so that their counts are one of some dozens. A sample of units
    is then a multinomial sample of some dozens of rows, which is exact, and much faster.
    """
    distinct, repeats = np.unique(rows, axis=0, return_counts=True)
    return distinct.astype(np.float64), repeats


def _draw_weights(
    repeats: NDArray[np.int64], resamples: int, random: np.random.Generator
) -> Iterator[Floats]:
    """Yield how often each distinct row is in each sample, in blocks of samples (B D)."""
    units = int(repeats.sum())
    shares = repeats / max(units, 1)
    size = max(CELLS // max(len(repeats), 1), 1)
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        yield random.multinomial(units, shares, size=count).astype(np.float64)


def bca_interval(
    points: Floats, values: Floats, without: Floats, repeats: Ints, level: float = LEVEL
) -> tuple[Floats, Floats]:
    """Compute intervals that correct bias and skewness of bootstrapped scores.

    Args:
        points: The scores of all units (S).
        values: The scores of samples (B S).
        without: The scores without one unit of each distinct kind (D S).
        repeats: The number of units of each kind (D).
        level: The share of such intervals that hold the true score.

    Returns:
        The lower and the upper ends (S).
    """
    ends = np.empty((2, len(points)))
    tails = (1 - level) / 2, (1 + level) / 2
    for i, point in enumerate(points):
        column = values[:, i]
        # Half of the ties count as less: scores of few units have few values.
        less = float((column < point).mean() + (column == point).mean() / 2)
        least = 0.5 / len(column)
        bias = NORMAL.inv_cdf(min(max(less, least), 1 - least))
        skewness = _acceleration(without[:, i], repeats)
        shares = [_corrected(NORMAL.inv_cdf(tail), bias, skewness) for tail in tails]
        ends[:, i] = np.quantile(column, shares)
    return ends[0], ends[1]


def _corrected(z: float, bias: float, skewness: float) -> float:
    """Return the share of samples below an end of the interval. Source: equation 14.10."""
    moved = bias + z
    return NORMAL.cdf(bias + moved / max(1 - skewness * moved, 1e-9))


def _acceleration(without: Floats, repeats: Ints) -> float:
    """Compute how fast the spread of a score changes with it. Source: equation 14.15."""
    gaps = np.average(without, weights=repeats) - without
    squares = float((repeats * gaps**2).sum())
    if squares < 1e-20:
        return 0.0
    return float((repeats * gaps**3).sum()) / (6 * squares**1.5)


def f1_scores(counts: Floats) -> Floats:
    """Compute F1 (...) from counts of right, predicted and gold items (... 3); 0 without items."""
    items = counts[..., 1] + counts[..., 2]
    return 2 * counts[..., 0] / np.maximum(items, 1)
