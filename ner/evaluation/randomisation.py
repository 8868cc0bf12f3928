"""The paired randomisation test: how likely a difference is between two names of one system.

If two systems were the same, it would not matter which of the two outputs for a unit, such as a
sentence, belongs to which of them. The test swaps the outputs of some units and counts how often
the difference of the scores is then at least as large as it was, in either direction.

Source: Noreen, "Computer-Intensive Methods for Testing Hypotheses", 1989, chapter 2; Yeh, "More
Accurate Tests for the Statistical Significance of Result Differences", COLING 2000, section 3.3.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ner.errors import ConfigError
from ner.evaluation.resampling import (
    CELLS,
    RESAMPLES,
    Floats,
    Ints,
    check_resamples,
    distinct_rows,
    f1_scores,
)

# As many swaps as 16 units have that all differ in another way.
MOST_SWAPS = 1 << 16

# Differences that are equal but for rounding count as equal.
ROUNDING = 1e-12


class RandomisationTest(NamedTuple):
    """The probability of a difference by chance, and whether all swaps were counted for it."""

    p: float
    exact: bool


def randomisation_test(
    first: Sequence[Ints],
    second: Sequence[Ints],
    *,
    resamples: int = RESAMPLES,
    seed: int = 1,
    exact: bool | None = None,
) -> RandomisationTest:
    """Test whether the mean F1 of two systems differs by more than chance.

    A system may have several runs. On a unit that is swapped, each run of the first system trades
    its output with each run of the second one: the score of a system is then the mean over all
    pairs of runs, so that neither the order of runs matters nor whether there are as many.

    Args:
        first: For each run of the first system, counts of right, predicted and gold items in each
            unit (U 3).
        second: The same of the second system, for the same units.
        resamples: The number of random swaps.
        seed: The random seed of these swaps.
        exact: Whether to count all swaps instead; by default where there are at most 65,536. Units
            with equal counts are alike, so that these may be many more than 16 units.

    Returns:
        The probability; of random swaps it is (1 + n) / (1 + resamples), where n of them have a
        difference at least as large.

    Raises:
        ConfigError: There are no swaps to draw, or too many to count.
        ValueError: A system has no run, or units differ.

    >>> same, better = np.array([[1, 1, 1]] * 4), np.array([[1, 1, 1]] * 3 + [[0, 1, 1]])
    >>> randomisation_test([same], [better])
    RandomisationTest(p=1.0, exact=True)
    """
    check_resamples(resamples)
    runs = [*first, *second]
    if not first or not second or len({counts.shape for counts in runs}) > 1:
        raise ValueError("first, second: must be runs with counts of the same units")
    differ = _differ(first, second)
    distinct, repeats = distinct_rows(np.column_stack([counts[differ] for counts in runs]))
    totals = np.array([counts.sum(axis=0) for counts in runs], dtype=np.float64)

    def difference(swapped: Floats) -> Floats:
        """Return the difference after swaps of so many units of each distinct kind (B D)."""
        moved = (swapped @ distinct).reshape(len(swapped), len(runs), 3)
        kept = totals - moved
        own, others = moved[:, : len(first), None], moved[:, None, len(first) :]
        old = f1_scores(kept[:, : len(first), None] + others)
        new = f1_scores(kept[:, None, len(first) :] + own)
        return (new - old).mean(axis=(1, 2))

    least = abs(difference(np.zeros((1, len(repeats))))[0]) - ROUNDING
    count = math.prod(int(n) + 1 for n in repeats)
    if exact and count > MOST_SWAPS:
        raise ConfigError(
            f"exact: needs at most {MOST_SWAPS} different swaps. Got {int(repeats.sum())} units "
            "that differ; leave it out to draw some of their swaps."
        )
    cells = max(len(repeats), 3 * len(first) * len(second))
    size = max(CELLS // cells, 1)
    if exact or (exact is None and count <= MOST_SWAPS):
        return RandomisationTest(_share_of_all(repeats, count, size, difference, least), True)
    random = np.random.default_rng(seed)
    large = 0
    for start in range(0, resamples, size):
        shape = min(size, resamples - start), len(repeats)
        swapped = random.binomial(repeats, 0.5, size=shape).astype(np.float64)
        large += int((abs(difference(swapped)) >= least).sum())
    return RandomisationTest((1 + large) / (1 + resamples), False)


def _differ(first: Sequence[Ints], second: Sequence[Ints]) -> NDArray[np.bool_]:
    """Say on which units a swap changes anything (U)."""
    changes = [(a != b).any(axis=1) for a in first for b in second]
    return np.logical_or.reduce(changes)


def _share_of_all(
    repeats: NDArray[np.int64],
    count: int,
    size: int,
    difference: Callable[[Floats], Floats],
    least: float,
) -> float:
    """Return the share of all swaps whose difference is large.

    Args:
        repeats: The number of units of each distinct kind (D).
        count: The number of different choices of how many of each kind are swapped.
        size: How many of them to compute at once.
        difference: Returns the difference after each of some choices.
        least: The least difference that is large.
    """
    ways = [_shares_of_ways(n) for n in repeats.tolist()]
    share = 0.0
    for start in range(0, count, size):
        numbers = np.arange(start, min(start + size, count))
        # One unit of no kind, so that there is an axis where no unit differs.
        swapped = np.array(np.unravel_index(numbers, (1, *(repeats + 1))))[1:].T
        weights = np.ones(len(numbers))
        for kind, chosen in zip(ways, swapped.T, strict=True):
            weights *= kind[chosen]
        share += float(weights[abs(difference(swapped.astype(np.float64))) >= least].sum())
    return min(share, 1.0)


def _shares_of_ways(units: int) -> Floats:
    """Return the share of all choices of units that choose none, one and so on of them."""
    ways, shares = 1, []
    for k in range(units + 1):
        shares.append(ways / (1 << units))  # integers have no largest value
        ways = ways * (units - k) // (k + 1)
    return np.array(shares)
